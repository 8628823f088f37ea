"""The training over its steps: what was asked of it (the curriculum) and what came of it."""

from typing import Any

from cube.config import TrainingConfig
from cube.report.figures.curves import Band, Panel, Point, training_figure
from cube.training.curriculum import StageProgress, plan_step

_MOST_POINTS = 80  # of the learning rate within a stage


def training_section(
    training: dict[str, Any] | None,
    events: list[dict[str, Any]],
    config: TrainingConfig,
    trials: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Return the figures of the learning curves and of the curriculum, and the list of stages.

    Args:
        training: content of training.json, or None.
        events: lines of metrics.jsonl, possibly none.
        config: the schedule the training followed.
        trials: content of trials.json, or None.
    """
    training = training or {}
    stages = training.get("stages", [])
    bands = [Band(stage["name"], stage["last_step"]) for stage in stages]
    best = training.get("best_step")
    return {
        "curves": training_figure("Learning curves", _curves(events, best), bands, best),
        "curriculum": training_figure("The curriculum", _schedule(training, config), bands),
        "stages": stages,
        "rollbacks": [event for event in events if event["event"] == "rollback"],
        "training": training,
        "trials": trials or [],
    }


def _curves(events: list[dict[str, Any]], best: int | None) -> list[Panel]:
    measured = [event for event in events if event["event"] in ("start", "validation")]
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
            marked=best,
            ticks=4,
        ),
        Panel(
            "Restored cosine",
            points(restored),
            reference=at_start("nothing done", restored),
            class_="curve restored",
        ),
    ]


def _schedule(training: dict[str, Any], config: TrainingConfig) -> list[Panel]:
    """Return what the steps taken asked for, from the config's own rule."""
    rates: list[Point] = []
    weights: list[Point] = []
    shares: list[Point] = []
    places = {stage.name: i for i, stage in enumerate(config.stages)}
    start = 0
    for stage in training.get("stages", []):
        name, taken = stage["name"], stage["steps"]
        if name not in places or not taken:
            continue
        every = max(1, taken // _MOST_POINTS)
        for step in sorted({*range(0, taken, every), taken - 1}):
            progress = StageProgress(stage=places[name], step=step)
            plan = plan_step(config, progress, start + step, training["steps_per_epoch"])
            rates.append(Point(plan.step, plan.learning_rate, name))
            weights.append(Point(plan.step, plan.restoring_weight, name))
            shares.append(Point(plan.step, plan.competence, name))
        start += taken
    panels = [
        Panel("Learning rate", rates, 80, "curve rate", False, False, include=(0.0,), ticks=2),
        Panel(
            "Weight of restoring against answering",
            weights,
            60,
            "curve restored",
            dots=False,
            include=(0.0, 1.0),
            ticks=2,
        ),
    ]
    if any(stage.pacing for stage in config.stages):
        panels.append(
            Panel(
                "Share of the pairs shown, easiest first",
                shares,
                60,
                dots=False,
                include=(0.0, 1.0),
                ticks=2,
            )
        )
    return panels
