"""Tasks that open a run and train its cube."""

import functools
import logging
from pathlib import Path
from typing import Any

from cube import steps
from cube.config import Config, dump_config
from cube.data.corpus import Corpus
from cube.errors import DataError
from cube.teacher.vectors import Vectors
from tasks.artifacts import Progress, publish_table
from tasks.common import alone_in, open_run, step
from tasks.memory import with_less_memory

logger = logging.getLogger(__name__)


@step(
    "Start run",
    "Open the folder of this run, or the one of an earlier attempt with equal data and settings.",
    "Start run on vectors {vectors[digest]}",
)
def start_run(config: Config, corpus: dict[str, Any], vectors: dict[str, Any]) -> dict[str, str]:
    """Return folder and id of the run, and its settings for the tasks that follow."""
    matrix = Vectors(Path(vectors["folder"]), vectors["hits"], vectors["misses"])
    run = steps.start_run(config, Corpus(Path(corpus["folder"])), matrix)
    return {"folder": str(run.folder), "id": run.run_id, "config": dump_config(config)}


def require_trained(run: dict[str, str]) -> None:
    """Check that there is a cube to judge.

    Raises:
        DataError: when the run was not trained yet.
    """
    if open_run(run).read("training.json") is None:
        raise DataError(f"Run {run['id']} is not trained yet: run train-cube with these settings.")


@step(
    "Train cube",
    "Train through the stages of the curriculum; goes on from the last checkpoint if there is one.",
    "Train {run[id]}",
    hours=24,
)
def train_cube_model(run: dict[str, str]) -> dict[str, Any]:
    """Return steps taken, best step and best validation score."""
    opened = open_run(run)
    bar = Progress("training-progress", "Steps of the largest possible number")
    budget = functools.cache(steps.training_budget)  # brings torch: asked once there is a step

    def follow(event: dict[str, Any]) -> None:
        if event["event"] == "stage_end":
            logger.info("stage %(name)s: %(steps)d steps, ended by %(ended_by)s", event)
        bar(event.get("step", event.get("last_step", 0)), budget(opened))

    with alone_in(opened):
        result = with_less_memory(opened, lambda run: steps.train(run, follow))
    stages = [
        {"stage": stage["name"], "steps": stage["steps"], "ended by": stage["ended_by"]}
        for stage in result["stages"]
    ]
    publish_table("training", stages, f"Stages of the curriculum, {result['steps']} steps in all")
    return {key: result[key] for key in ("steps", "best_step", "best_validation_mrr")}
