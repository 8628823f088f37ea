"""The task that watches drift: are the newest questions like those the champion was trained on?"""

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from cube.config import DriftConfig
from cube.errors import CubeError
from tasks.common import open_run, publish_link, publish_markdown, publish_table, step

if TYPE_CHECKING:
    from cube.runs import Run

logger = logging.getLogger(__name__)

METRIC = "domain classifier ROC AUC"
FILE, PAGE = "drift/drift.json", "drift/drift.html"


@step(
    "Watch drift",
    "Compare the newest questions with those of the champion (Evidently). Reports, never stops.",
    "Watch drift for {run[id]}",
)
def watch_drift(run: dict[str, str]) -> dict[str, Any]:
    """Return whether drift was judged and found, with a note."""
    opened = open_run(run)
    for name in (FILE, PAGE):  # of an earlier night with other recent questions
        (opened.folder / name).unlink(missing_ok=True)
    if not opened.config.data.recent:
        note = "No drift was watched: data.recent names no files."
        logger.info(note)
        return {"judged": False, "drifted": False, "note": note}
    result = measure_drift(opened)
    opened.write(FILE, result)
    level = logging.WARNING if result["drifted"] else logging.INFO
    logger.log(level, "drift: %s", result["note"])
    _publish(opened, result)
    return {key: result[key] for key in ("judged", "drifted", "score", "threshold", "note")}


def measure_drift(run: "Run") -> dict[str, Any]:
    """Return the content of drift.json, and write the page where drift was judged."""
    reference, name, note = reference_questions(run)
    try:
        current = recent_questions(run)
    except CubeError as error:  # tonight's log may be missing: that is no reason not to train
        return _not_judged(name, len(reference), 0, f"{note}No recent questions: {error}")
    result = compare(current, reference, run.config.drift, run)
    return {**result, "reference": name, "note": note + result["note"]}


def reference_questions(run: "Run") -> tuple[np.ndarray, str, str]:
    """Return vectors of the champion's training questions, whose they are, and a note.

    Without a champion of the same teacher, these are the training questions of the run itself.
    """
    from cube.data.splits import Split
    from cube.model import REFERENCE_ROWS, load_model
    from cube.registry import Registry
    from cube.teacher.encoder import Teacher

    registry = Registry(run.config.home, run.config.name)
    champion = registry.champion()
    note = "There is no champion yet. "
    if champion is not None:
        saved = load_model(registry.path(champion))
        if saved.config["fingerprints"] == Teacher(run.config.teacher).fingerprints:
            return saved.reference(), f"champion {champion}", ""
        note = f"Champion {champion} has another teacher. "
    experiment = run.experiment
    questions = np.unique(experiment.questions[experiment.splits == Split.TRAIN])
    rows = np.sort(np.random.default_rng(0).permutation(questions)[:REFERENCE_ROWS])
    return experiment.gather(rows), "training questions of this run", note


def recent_questions(run: "Run") -> np.ndarray:
    """Return vectors of the distinct questions in data.recent, shape (rows, dim).

    Raises:
        CubeError: when the files cannot be used.
    """
    from cube import steps

    corpus = steps.ingest(run.config, run.config.data.recent)
    vectors = steps.embed(run.config, corpus)
    rows = np.unique(corpus.questions)
    teacher = run.config.teacher
    if not len(rows) and teacher.query_prompt == teacher.passage_prompt:
        rows = np.arange(corpus.num_texts)  # bare texts: questions nobody has answered yet
    return vectors.rows(rows)


def compare(
    current: np.ndarray, reference: np.ndarray, config: DriftConfig, run: "Run | None" = None
) -> dict[str, Any]:
    """Score current against reference vectors with a threshold calibrated on the reference.

    Args:
        current: new questions, shape (rows, dim).
        reference: known questions, shape (rows, dim).
        config: how many rows and splits.
        run: where to write Evidently's page; None: nowhere.
    """
    from tasks.domain_auc import calibrate, domain_auc, report

    fewest = min(len(current), len(reference))
    if fewest < config.min_rows:
        return _not_judged(
            "", len(reference), len(current),
            f"Not judged: {len(current)} recent and {len(reference)} reference questions, "
            f"at least {config.min_rows} of each are needed.",
        )  # fmt: skip
    current, reference = (_sample(rows, config.max_rows) for rows in (current, reference))
    threshold, null_scores = calibrate(reference, len(current), config.splits, config.quantile)
    if run is None:
        score = domain_auc(current, reference)
    else:
        score = report(current, reference, threshold, null_scores, run.folder / PAGE)
    drifted = score > threshold
    sentence = (
        f"A classifier tells recent from reference questions with ROC AUC {score:.3f}, "
        f"{'above' if drifted else 'not above'} the threshold {threshold:.3f}: "
        f"{'they differ.' if drifted else 'no drift.'}"
    )
    return {
        "judged": True,
        "drifted": drifted,
        "score": score,
        "threshold": threshold,
        "metric": METRIC,
        "reference": "",
        "reference_rows": len(reference),
        "current_rows": len(current),
        "null_scores": null_scores,
        "note": sentence,
    }


def _sample(rows: np.ndarray, most: int) -> np.ndarray:
    keep = np.random.default_rng(0).permutation(len(rows))[:most]
    return rows[np.sort(keep)]


def _not_judged(name: str, reference_rows: int, current_rows: int, note: str) -> dict[str, Any]:
    return {
        "judged": False,
        "drifted": False,
        "score": None,
        "threshold": None,
        "metric": METRIC,
        "reference": name,
        "reference_rows": reference_rows,
        "current_rows": current_rows,
        "null_scores": [],
        "note": note,
    }


def _publish(run: "Run", result: dict[str, Any]) -> None:
    shown = ("judged", "drifted", "score", "threshold", "reference", "reference_rows",
             "current_rows")  # fmt: skip
    rows = [{"what": name.replace("_", " "), "value": str(result[name])} for name in shown]
    publish_table("drift", rows, result["note"])
    publish_markdown("drift-note", f"## Drift\n\n{result['note']}\n", "What drift says")
    page = run.folder / PAGE
    if page.is_file():
        publish_link("drift-page", page, run.config.home, "Drift report", "Evidently's report")
