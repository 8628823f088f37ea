"""The training over its steps: what was asked of it (the curriculum) and what came of it."""

from typing import Any

from cube.config.curriculum import Metric
from cube.report.figures.curves import Band, Panel, Point, training_figure

_METRICS = {"validation_mrr": "MRR@10", "validation_restored_cosine": "the restored cosine"}


def training_section(
    training: dict[str, Any] | None,
    events: list[dict[str, Any]],
    metric: Metric,
    trials: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Return the figures of the learning curves and of the curriculum, and the list of stages.

    Args:
        training: content of training.json, or None.
        events: lines of metrics.jsonl, possibly none.
        metric: what chose the weights that are kept.
        trials: content of trials.json, or None.
    """
    training = training or {}
    stages = training.get("stages", [])
    bands = [Band(stage["name"], stage["last_step"]) for stage in stages]
    best = training.get("best_step")
    return {
        "curves": training_figure("Learning curves", _curves(events, metric, best), bands, best),
        "curriculum": training_figure("The curriculum", _schedule(events), bands),
        "stages": stages,
        "kept": _kept(events, metric, best),
        "rollbacks": [event for event in events if event["event"] == "rollback"],
        "training": training,
        "trials": trials or [],
    }


def _measured(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for event in events if event["event"] in ("start", "validation")]


def _kept(events: list[dict[str, Any]], metric: Metric, best: int | None) -> dict[str, Any] | None:
    """Return what chose the weights that are kept: at their step, before the first, at most."""
    scores = {event["step"]: event[metric] for event in _measured(events)}
    if best not in scores or 0 not in scores:
        return None
    return {
        "metric": _METRICS[metric],
        "score": scores[best],
        "untrained": scores[0],
        "highest": max(scores.values()),
    }


def _curves(events: list[dict[str, Any]], metric: Metric, best: int | None) -> list[Panel]:
    measured = _measured(events)
    first = next((event for event in measured if event["event"] == "start"), {})

    def points(key: str) -> list[Point]:
        return [Point(event["step"], event[key], event["stage"]) for event in measured]

    def at_start(name: str, key: str) -> tuple[str, float] | None:
        value = first.get(key)
        return None if value is None else (name, value)

    mrr, restored = "validation_mrr", "validation_restored_cosine"
    return [
        Panel("Training loss", points("loss"), joined=False, may_be_log=True, class_="curve loss"),
        Panel(
            "Validation MRR@10",
            points(mrr),
            height=150,
            reference=at_start("frozen teacher", mrr),
            marked=best if metric == mrr else None,
            ticks=4,
        ),
        Panel(
            "Restored cosine",
            points(restored),
            reference=at_start("nothing done", restored),
            marked=best if metric == restored else None,
            class_="curve restored",
        ),
    ]


def _schedule(events: list[dict[str, Any]]) -> list[Panel]:
    """Return what was asked of the steps before each validation."""
    asked = [event for event in events if event["event"] == "validation"]

    def points(key: str) -> list[Point]:
        return [Point(event["step"], event[key], event["stage"]) for event in asked]

    def panel(title: str, key: str, height: int, class_: str, *include: float) -> Panel:
        return Panel(title, points(key), height, class_, joined=False, include=include, ticks=3)

    rate = panel("Learning rate", "learning_rate", 80, "curve rate", 0.0)
    weight = panel(
        "Weight of restoring against answering", "restoring_weight", 60, "curve restored", 0.0, 1.0
    )
    if any(event["competence"] < 1 for event in asked):
        shown = "Share of the pairs shown, easiest first"
        return [rate, weight, panel(shown, "competence", 60, "curve", 0.0, 1.0)]
    return [rate, weight]
