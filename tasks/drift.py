"""Tasks that watch drift: are the newest questions like those the champion was trained on?"""

import logging
from pathlib import Path
from typing import Any

from prefect.context import TaskRunContext
from prefect.events import emit_event

from cube import storage
from cube.config import Config
from cube.drift.compared import champion_of, name_of_reference, recent_data
from cube.drift.result import not_judged, result_of
from cube.errors import CubeError
from cube.report.numbers import compact
from cube.runs import Run
from tasks.artifacts import publish_facts, publish_link, publish_table
from tasks.common import open_run, step

logger = logging.getLogger(__name__)

FILE, PAGE = "drift.json", "drift.html"
FOUND = "cube.drift.found"  # the event that deployments/automations.yaml waits for


@step(
    "Watch drift",
    "Compare the newest questions with those of the champion (Evidently). Reports, never stops.",
    "Watch drift for {run[id]}",
)
def watch_drift(run: dict[str, str]) -> dict[str, Any]:
    """Return whether drift was judged and found, with a note."""
    opened = open_run(run)
    return _watch(opened.config, opened.folder / "drift", opened)


@step(
    "Monitor drift",
    "Compare the newest questions and answers with the champion's; tell whoever waits for drift.",
    "Monitor drift of {config.name}",
)
def monitor_drift(config: Config) -> dict[str, Any]:
    """Return whether drift was judged and found, with a note; emit an event where it was found."""
    result = _watch(config, config.home / "drift" / config.name / "latest", None)
    if result["drifted"] and TaskRunContext.get():
        payload = {key: result[key] for key in ("note", "reference")}
        emit_event(FOUND, {"prefect.resource.id": f"cube.model.{config.name}"}, payload=payload)
    return result


def _watch(config: Config, folder: Path, run: Run | None) -> dict[str, Any]:
    path = folder / FILE
    if not config.data.recent:
        for name in (FILE, PAGE):
            (folder / name).unlink(missing_ok=True)
        note = "No drift was watched: data.recent names no files."
        logger.info(note)
        return {"judged": False, "drifted": False, "note": note, "reference": ""}
    known = storage.read_json(path) if path.is_file() else None
    try:
        result = _measure(config, folder, run, known)
    except CubeError as error:  # a missing log or a damaged champion is no reason not to train
        result = not_judged(f"Drift is not judged: {error}")
    if result is known:
        logger.info("Measured before on the same questions. %s", result["note"])
    else:
        storage.write_json(path, result)
        if not result["judged"]:  # what was judged another day would stand beside this note
            (folder / PAGE).unlink(missing_ok=True)
        level = logging.WARNING if result["drifted"] else logging.INFO
        logger.log(level, "%s", result["note"])
    _publish(config, folder, result)
    return {key: result[key] for key in ("judged", "drifted", "note", "reference")}


def _measure(
    config: Config, folder: Path, run: Run | None, known: dict[str, Any] | None
) -> dict[str, Any]:
    """Return the content of drift.json, and write the page where drift was judged.

    Args:
        config: names the recent questions and how to judge them.
        folder: where the page goes.
        run: what to compare with while there is no champion.
        known: an earlier result, returned as it is where nothing it depends on changed.

    Raises:
        CubeError: when the recent questions or the champion cannot be used.
    """
    version, note = champion_of(config)
    against = name_of_reference(version, run)
    if not against:
        return not_judged(f"{note}There is nothing to compare with.")
    recent = recent_data(config)
    settings = config.drift.model_dump(mode="json")
    inputs = storage.digest_of([f"recent {recent[1].digest}", against, settings])
    if known is not None and known["inputs"] == inputs:
        return known

    from cube.drift.samples import (
        load_champion,
        part_of,
        quality,
        recent_questions,
        reference_questions,
    )

    champion = load_champion(config, version)
    current = recent_questions(config, *recent)
    known_questions = reference_questions(config, champion, run)
    counts = current.drawn_from, len(known_questions.vectors)
    reference = part_of(known_questions, config.drift.max_rows)
    if min(counts) < config.drift.min_rows:
        result = not_judged(
            f"Drift is not judged: {counts[0]} recent and {counts[1]} reference questions, "
            f"at least {config.drift.min_rows} of each are needed."
        )
    else:
        from tasks.drift_page import compare, show

        judgements = compare(current, reference, config.drift)
        if fall := quality(config, champion, current):
            judgements.append(fall)
        history = show(config, folder / PAGE, judgements, current, reference, against)
        result = {**result_of(judgements), "reference": against, "history": history}
    return {
        **result,
        "inputs": inputs,
        "note": note + result["note"],
        "reference_rows": len(reference.vectors),
        "current_rows": len(current.vectors),
    }


def _publish(config: Config, folder: Path, result: dict[str, Any]) -> None:
    shown = ("judged", "drifted", "reference", "reference_rows", "current_rows", "note")
    publish_facts("drift", {name: result[name] for name in shown}, result["note"])
    rows = [
        {
            "measure": j["method"],
            "score": compact(j["score"]),
            "threshold": compact(j["threshold"]),
            "drift": "YES" if j["drifted"] else "no",
        }
        for j in result["judgements"]
    ]
    if rows:
        publish_table("drift-measures", rows, "Every measure with its threshold")
    page = folder / PAGE
    if page.is_file():
        publish_link("drift-page", page, config.home, "Drift report", "Evidently's report")
