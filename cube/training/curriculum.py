"""The curriculum: stages in order, each with its mode, learning rate, budget and patience."""

import math
from dataclasses import dataclass

from cube.config import StageConfig


def learning_rate(peak: float, step: int, budget: int, warmup_share: float) -> float:
    """Return the rate at a step of a stage: linear warm-up, then half a cosine down to zero.

    Args:
        peak: highest rate.
        step: counted from 0 within the stage.
        budget: steps of the stage.
        warmup_share: share of the budget spent rising.
    """
    warmup = max(1, round(budget * warmup_share))
    if step < warmup:
        return peak * (step + 1) / warmup
    progress = (step - warmup) / max(1, budget - warmup)
    return peak * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


@dataclass
class StageProgress:
    """Where a training is within its curriculum; part of every checkpoint."""

    stage: int = 0
    step: int = 0  # within the stage
    best: float = -math.inf  # score of this stage
    stale: int = 0  # validations since it got better

    def validated(self, score: float) -> None:
        """Take in a validation score of the stage."""
        if score > self.best:
            self.best, self.stale = score, 0
        else:
            self.stale += 1

    def finished(self, stage: StageConfig, budget: int) -> str | None:
        """Return why the stage is over (budget, plateau), or None."""
        if self.step >= budget:
            return "budget"
        if self.stale >= stage.patience:
            return "plateau"
        return None

    def next_stage(self) -> None:
        """Move on."""
        self.stage, self.step, self.best, self.stale = self.stage + 1, 0, -math.inf, 0
