"""What a training came to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cube.training.calibration import Calibration
from cube.training.state import TrainingState

_CONVERGED_OVER = 16  # steps compared at the end of training if an epoch has fewer


@dataclass(frozen=True)
class TrainingResult:
    """Numbers only: the cube itself is returned beside it."""

    steps: int
    best_step: int
    best_validation_mrr: float
    untrained_validation_mrr: float
    steps_per_epoch: int
    loss_convergence: float | None  # relative change of the mean loss, last epoch to the one before
    skipped_steps: int  # undone, as the loss exploded or was not finite
    stages: list[dict[str, Any]]
    calibration: Calibration


def result_of(
    state: TrainingState, steps_per_epoch: int, calibration: Calibration
) -> TrainingResult:
    """Return what a training that is over came to."""
    last_stage = state.stage_ends[-1]["steps"]
    return TrainingResult(
        steps=state.step,
        best_step=state.best["step"],
        best_validation_mrr=state.best["mrr"],
        untrained_validation_mrr=state.history[0]["validation_mrr"],
        steps_per_epoch=steps_per_epoch,
        loss_convergence=loss_convergence(state.losses, steps_per_epoch, last_stage),
        skipped_steps=state.rollbacks,
        stages=state.stage_ends,
        calibration=calibration,
    )


def loss_convergence(
    losses: Sequence[float], steps_per_epoch: int, last_stage_steps: int
) -> float | None:
    """Return |mean of the last epoch - mean of the one before| / the latter.

    None where the last stage is shorter than two epochs, as losses of stages do not compare, or
    where nothing was left to lose before.
    """
    window = max(steps_per_epoch, _CONVERGED_OVER)
    if last_stage_steps < 2 * window:
        return None
    last, before = np.mean(losses[-window:]), np.mean(losses[-2 * window : -window])
    return float(abs(last - before) / before) if before > 0 else None
