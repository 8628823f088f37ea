"""The report of a run: one HTML file that needs nothing but itself."""

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from cube import __version__, storage
from cube.errors import DataError
from cube.registry import Registry
from cube.report.page import render_page
from cube.report.sections.comparison import comparison_section, similarities_section
from cube.report.sections.confidence import confidence_section
from cube.report.sections.data import data_section, drift_section, validation_section
from cube.report.sections.examples import examples_section
from cube.report.sections.groups import groups_section
from cube.report.sections.measurements import measurements_section
from cube.report.sections.outlook import outlook_section
from cube.report.sections.ranks import ranks_section
from cube.report.sections.space import lattice_section, map_section
from cube.report.sections.targets import targets_section
from cube.report.sections.training import training_section
from cube.report.sections.verdict import verdict_section
from cube.runs import Run, read_metrics

REPORT = "report/index.html"
_TITLES = {  # of the sections, in their order; each has a template of its name
    "verdict": "Verdict",
    "baselines": "Against baselines",
    "ranks": "Rank curve",
    "groups": "Parts of the test",
    "targets": "Targets",
    "outlook": "Outlook",
    "training": "Learning curves",
    "similarities": "Similarities",
    "confidence": "Confidence",
    "map": "Map of embeddings",
    "lattice": "The lattice",
    "failures": "Error analysis",
    "examples": "Changed questions",
    "data": "Data",
    "measurements": "Measurements",
    "config": "Config and digests",
}
_ABSENT = {  # what is said in the place of a section that has no numbers
    "ranks": "Rank curve: this evaluation is older than it; evaluate the run again.",
    "groups": "Parts of the test: the questions are all of one source, length and script.",
    "outlook": "Outlook (headroom, learning curve, label and leak checks): not measured.",
    "confidence": "Confidence: too few validation or test questions, or too few answered right or "
    "wrong, to calibrate it.",
    "map": "Map of embeddings: not computed in this evaluation.",
    "lattice": "Movement of the lattice: not computed in this evaluation.",
    "failures": "Error analysis: not made in this evaluation.",
}
_LIBRARIES = ("torch", "sentence-transformers", "transformers", "numpy")


def render_report(run: Run) -> Path:
    """Write `report/index.html` of an evaluated run and return its path.

    What a run has no file for (validation, drift, learning curves) is said to be missing.

    Raises:
        DataError: when the run was not evaluated yet.
    """
    path = run.folder / REPORT
    storage.write_bytes(path, report_html(run).encode())
    return path


def report_html(run: Run) -> str:
    """Return the report of a run as one HTML document."""
    evaluation = run.read("evaluation.json")
    if evaluation is None:
        raise DataError(f"Run {run.run_id} has no evaluation.json yet: evaluate it first.")
    sections = _sections(run, evaluation)
    contents = [(name, title) for name, title in _TITLES.items() if sections[name] is not None]
    return render_page(
        "report.html",
        script="report/report.js",
        name=run.config.name,
        run_id=run.run_id,
        version=run.version,
        created=run.facts["created"],
        confidence_level=run.config.evaluation.confidence,
        contents=contents,
        absent=[why for name, why in _ABSENT.items() if sections[name] is None],
        **sections,
    )


def _sections(run: Run, evaluation: dict[str, Any]) -> dict[str, Any]:
    """Return what each section says, None where the run has no numbers for it."""
    config, vectors = run.config, run.vectors.manifest
    history = Registry(config.home, config.name).history()
    timings = run.read("timings.json") or evaluation.get("timings")
    training = run.read("training.json") or evaluation.get("training")
    return {
        "verdict": verdict_section(evaluation, run.read("published.json"), history),
        "baselines": comparison_section(evaluation, config.evaluation.min_questions),
        "ranks": ranks_section(evaluation),
        "groups": groups_section(evaluation),
        "targets": targets_section(evaluation["targets"]),
        "outlook": outlook_section(evaluation),
        "training": training_section(
            training, read_metrics(run), config.training.selection_metric, run.read("trials.json")
        ),
        "similarities": similarities_section(evaluation),
        "confidence": confidence_section(evaluation),
        "map": map_section(evaluation),
        "lattice": lattice_section(evaluation),
        "failures": evaluation.get("failures"),
        "examples": examples_section(evaluation["examples"]),
        "data": {
            **data_section(run.corpus.manifest, vectors, run.facts, evaluation["splits"]),
            "max_judged": config.evaluation.max_pairs,
            "validation": validation_section(run.folder / "validation"),
            "drift": drift_section(run.folder / "drift"),
        },
        "measurements": measurements_section(evaluation, timings),
        "config": {
            "yaml": (run.folder / "config.yaml").read_text(encoding="utf-8"),
            "digests": _digests(run, vectors),
            "versions": _versions(run),
        },
    }


def _digests(run: Run, vectors: dict[str, Any]) -> list[tuple[str, str]]:
    facts = run.facts
    fingerprints = vectors["fingerprints"]
    return [
        ("run", facts["digest"]),
        ("corpus", facts["corpus"]),
        ("vectors", facts["vectors"]),
        *((f"teacher, {role}", digest) for role, digest in fingerprints.items()),
        *((f"source {s['file']}", s["sha256"]) for s in run.corpus.manifest["sources"]),
    ]


def _versions(run: Run) -> list[tuple[str, str]]:
    """Return the cube's version when the run began, and what this page was written with."""
    found = [
        ("cube, when the run began", run.facts["cube_version"]),
        ("cube, writing this page", __version__),
        ("Python", platform.python_version()),
    ]
    for name in _LIBRARIES:
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            found.append((name, "not installed"))
    return found
