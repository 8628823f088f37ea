"""Tasks that watch drift: are the newest questions like those the champion was trained on?"""

import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect.context import TaskRunContext
from prefect.events import emit_event

from cube import storage
from cube.config import Config, DriftConfig
from cube.drift.compared import champion_of, name_of_reference, recent_data
from cube.errors import CubeError
from cube.runs import Run
from tasks.artifacts import publish_facts, publish_link, publish_markdown, publish_table
from tasks.common import open_run, step

if TYPE_CHECKING:
    from cube.drift.judgement import Judgement
    from cube.drift.samples import Sample
    from cube.model import SavedCube

logger = logging.getLogger(__name__)

FILE, PAGE = "drift.json", "drift.html"
FOUND = "cube.drift.found"  # the event that deployments/automations.yaml waits for
_SHOWN_HISTORY = 200  # of the trend


@step(
    "Watch drift",
    "Compare the newest questions with those of the champion (Evidently). Reports, never stops.",
    "Watch drift for {run[id]}",
    retry=True,
)
def watch_drift(run: dict[str, str]) -> dict[str, Any]:
    """Return whether drift was judged and found, with a note."""
    opened = open_run(run)
    return _watch(opened.config, opened.folder / "drift", opened)


@step(
    "Monitor drift",
    "Compare the newest questions and answers with the champion's; tell whoever waits for drift.",
    "Monitor drift of {config.name}",
    retry=True,
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
        path.unlink(missing_ok=True)
        note = "No drift was watched: data.recent names no files."
        logger.info(note)
        return {"judged": False, "drifted": False, "note": note, "reference": ""}
    known = storage.read_json(path) if path.is_file() else None
    try:
        result = measure_drift(config, folder, run, known)
    except CubeError as error:  # a missing log or a damaged champion is no reason not to train
        result = _not_judged(f"Not judged: {error}")
    if result is known:
        logger.info("drift: measured before on the same questions: %s", result["note"])
    else:
        storage.write_json(path, result)
        level = logging.WARNING if result["drifted"] else logging.INFO
        logger.log(level, "drift: %s", result["note"])
    _publish(config, folder, result)
    return {key: result[key] for key in ("judged", "drifted", "note", "reference")}


def measure_drift(
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
        return _not_judged(f"{note}There is nothing to compare with.")
    recent = recent_data(config)
    settings = config.drift.model_dump(mode="json")
    inputs = storage.digest_of([f"recent {recent[1].digest}", against, settings])
    if known is not None and known["inputs"] == inputs:
        return known

    from cube.drift.samples import load_champion, recent_questions, reference_questions

    champion = load_champion(config, version)
    reference = reference_questions(config, champion, run)
    current = recent_questions(config, *recent)
    fewest = min(len(current.vectors), len(reference.vectors))
    if fewest >= config.drift.min_rows:
        result = _judge(config, folder, champion, current, reference, against)
    else:
        result = _not_judged(
            f"Not judged: {len(current.vectors)} recent and {len(reference.vectors)} reference "
            f"questions, at least {config.drift.min_rows} of each are needed."
        )
    return {
        **result,
        "inputs": inputs,
        "note": note + result["note"],
        "reference_rows": min(len(reference.vectors), config.drift.max_rows),
        "current_rows": min(len(current.vectors), config.drift.max_rows),
    }


def _judge(
    config: Config,
    folder: Path,
    champion: "SavedCube | None",
    current: "Sample",
    reference: "Sample",
    against: str,
) -> dict[str, Any]:
    from cube.drift.samples import part_of, quality

    current, reference = (part_of(s, config.drift.max_rows) for s in (current, reference))
    judgements = compare(current, reference, config.drift)
    if fall := quality(config, champion, current):
        judgements.append(fall)
    history = _show(config, folder, judgements, current, reference, against)
    return {**_result(judgements), "reference": against, "history": history}


def compare(current: "Sample", reference: "Sample", config: DriftConfig) -> "list[Judgement]":
    """Judge vectors by two methods, and texts where both sides have them."""
    from cube.drift.mmd import judge_mmd
    from cube.drift.properties import judge_properties
    from tasks.drift_page import judge_domain

    vectors = (current.vectors, reference.vectors)
    judgements = [
        judge_mmd(*vectors, config.deviations),
        judge_domain(*vectors, config.splits, config.deviations),
    ]
    if current.texts and reference.texts:
        judgements += judge_properties(current.texts, reference.texts, config.deviations)
    return judgements


def _show(
    config: Config,
    folder: Path,
    judgements: "list[Judgement]",
    current: "Sample",
    reference: "Sample",
    against: str,
) -> list[dict[str, Any]]:
    """Write Evidently's page and add to workspace and history; return the history."""
    from tasks.drift_page import add_to_workspace, save_page, snapshot_of

    home = config.home / "drift" / config.name
    home.mkdir(parents=True, exist_ok=True)
    path = home / "history.jsonl"
    history = storage.read_json_lines(path)[-_SHOWN_HISTORY:]
    at = datetime.now(UTC)
    snapshot = snapshot_of(judgements, current.vectors, reference.vectors, history, at)
    save_page(snapshot, folder / PAGE)
    methods = [judgement.method for judgement in judgements]
    add_to_workspace(config.home / "drift" / "workspace", config.name, snapshot, methods)
    entry = {
        "at": at.isoformat(timespec="seconds"),
        "reference": against,
        "scores": {j.method: j.score / j.threshold for j in judgements},
    }
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry, ensure_ascii=False) + "\n")
    return [*history, entry]


def _result(judgements: "list[Judgement]") -> dict[str, Any]:
    """Return all judgements, and on top the one that is farthest above its threshold."""
    worst = max(judgements, key=lambda j: j.score / j.threshold)
    found = [j for j in judgements if j.drifted]
    what = ", ".join(f"{j.method} {j.score:.3g} (threshold {j.threshold:.3g})" for j in found)
    sentence = f"Drift: {what}." if found else f"No drift by {len(judgements)} measures."
    return {
        "judged": True,
        "drifted": bool(found),
        "score": worst.score,
        "threshold": worst.threshold,
        "metric": worst.method,
        "null_scores": worst.null_scores,
        "judgements": [j.to_json() for j in judgements],
        "note": sentence,
    }


def _not_judged(note: str) -> dict[str, Any]:
    return {
        "inputs": "",
        "judged": False,
        "drifted": False,
        "score": None,
        "threshold": None,
        "metric": "",
        "null_scores": [],
        "judgements": [],
        "reference": "",
        "reference_rows": 0,
        "current_rows": 0,
        "note": note,
        "history": [],
    }


def _publish(config: Config, folder: Path, result: dict[str, Any]) -> None:
    shown = ("judged", "drifted", "reference", "reference_rows", "current_rows", "note")
    publish_facts("drift", {name: result[name] for name in shown}, result["note"])
    rows = [
        {
            "measure": j["method"],
            "score": f"{j['score']:.4g}",
            "threshold": f"{j['threshold']:.4g}",
            "drift": "YES" if j["drifted"] else "no",
        }
        for j in result["judgements"]
    ]
    if rows:
        publish_table("drift-measures", rows, "Every measure with its threshold")
    publish_markdown("drift-note", f"## Drift\n\n{result['note']}\n", "What drift says")
    page = folder / PAGE
    if page.is_file():
        publish_link("drift-page", page, config.home, "Drift report", "Evidently's report")
