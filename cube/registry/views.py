"""What `cube models` shows: all versions, one of them, and what tells two apart."""

from dataclasses import asdict
from typing import Any

from cube.differences import differing_settings
from cube.errors import ModelError
from cube.registry.store import Registry


def overview(registry: Registry) -> list[dict[str, Any]]:
    """Return one entry a version, oldest first: `version`, `champion` and its record, if any."""
    champion = registry.champion()
    entries = []
    for version in registry.versions():
        entry = {"version": version, "champion": version == champion}
        try:
            record = registry.record(version)
        except ModelError:  # put there by hand: listed, and `show` says what is wrong
            record = {"published": None, "judgement": None}
        entries.append({**entry, **{key: record[key] for key in ("published", "judgement")}})
    return sorted(entries, key=lambda entry: entry["published"] or "")


def details(registry: Registry, version: str) -> dict[str, Any]:
    """Return the record of a version, its promotions, and whether it may and does serve."""
    folder = registry.path(version)
    promotions = [p for p in registry.history() if folder.name in (p.version, p.previous)]
    return {
        **registry.record(folder.name),
        "path": str(folder),
        "champion": folder.name == registry.champion(),
        "changed_files": registry.changed_files(folder.name),
        "refusal": registry.refusal(folder.name),
        "history": [asdict(promotion) for promotion in promotions],
    }


def difference(registry: Registry, first: str, second: str) -> dict[str, Any]:
    """Return the settings in which two versions differ and their scores on the same questions.

    `compared` is None, with a `note`, where the second's run is gone or the teachers differ.
    """
    names = [registry.path(version).name for version in (first, second)]
    settings = [registry.record(name)["settings"] for name in names]
    compared, note = _compare(registry, *names)
    return {
        "versions": names,
        "settings": differing_settings(settings),
        "compared": compared,
        "note": note,
    }


def _compare(registry: Registry, first: str, second: str) -> tuple[dict[str, Any] | None, str]:
    from cube.evaluation.compare import compare_cubes
    from cube.model import load_model
    from cube.runs import Run

    run_id = registry.record(second)["judgement"]["run"]
    run = Run(registry.home / "runs" / run_id)
    if not (run.folder / "run.json").is_file():
        return None, f"Run {run_id} is gone, and with it the questions of its test part."
    old, new = (load_model(registry.path(version)) for version in (first, second))
    if old.config["fingerprints"] != new.config["fingerprints"]:
        return None, "The two have different teachers: their vectors cannot be compared."
    compared = compare_cubes(run.experiment, old.cube, new.cube, run.config.evaluation)
    splits = [registry.record(version)["settings"]["data"]["splits"] for version in (first, second)]
    note = f"Test questions of run {run_id}."
    if splits[0] != splits[1]:
        note += " The splits differ: the first may have been trained on some of them."
    return compared, note
