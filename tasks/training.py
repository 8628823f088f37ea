"""Tasks that open a run and train its cube."""

import logging
import signal
import time
from pathlib import Path
from typing import Any

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.context import TaskRunContext

from cube.config import Config
from cube.data.corpus import Corpus
from cube.errors import TrainingInterruptedError
from tasks.common import open_run, publish_table, step

logger = logging.getLogger(__name__)

_UPDATE_SECONDS = 3.0  # between two updates of the bar: each is a request to the server


@step(
    "Start run",
    "Open the folder of this run, or the one of an earlier attempt with equal data and settings.",
    "Start run on vectors {vectors[digest]}",
)
def start_run(config: Config, corpus: dict[str, Any], vectors: dict[str, Any]) -> dict[str, str]:
    """Return folder and id of the run."""
    from cube import steps
    from cube.teacher.vectors import Vectors

    matrix = Vectors(Path(vectors["folder"]), vectors["hits"], vectors["misses"])
    run = steps.start_run(config, Corpus(Path(corpus["folder"])), matrix)
    return {"folder": str(run.folder), "id": run.run_id}


@step(
    "Train cube",
    "Train through the stages of the curriculum; goes on from the last checkpoint if there is one.",
    "Train {run[id]}",
    retry=True,
)
def train_cube_model(run: dict[str, str]) -> dict[str, Any]:
    """Return steps taken, best step and best validation score."""
    from cube import steps

    opened = open_run(run)
    try:
        result = steps.train(opened, _ProgressBar(steps.training_budget(opened)))
    except TrainingInterruptedError as stopped:
        # Saved. Prefect's own handler decides what the signal means: cancelled, crashed, retried.
        signal.raise_signal(stopped.signal_number)
        raise
    rows = [
        {"stage": stage["name"], "steps": stage["steps"], "ended by": stage["ended_by"]}
        for stage in result["stages"]
    ]
    publish_table("training", rows, f"Stages of the curriculum, {result['steps']} steps in all")
    return {key: result[key] for key in ("steps", "best_step", "best_validation_mrr")}


class _ProgressBar:
    """A progress artifact that follows the events of a training."""

    def __init__(self, total_steps: int):
        self._total = total_steps
        self._artifact: Any = None
        self._updated = 0.0

    def __call__(self, event: dict[str, Any]) -> None:
        if event["event"] == "stage_end":
            logger.info("stage %(name)s: %(steps)d steps, ended by %(ended_by)s", event)
        if not TaskRunContext.get():
            return
        if self._artifact is None:
            self._artifact = create_progress_artifact(
                0.0, key="training-progress", description="Steps of the largest possible number"
            )
        if time.monotonic() - self._updated < _UPDATE_SECONDS:
            return
        step = event.get("step", event.get("last_step", 0))
        update_progress_artifact(self._artifact, progress=min(100.0, 100 * step / self._total))
        self._updated = time.monotonic()
