"""The curriculum: what a step asks for, and when a stage is over."""

import math
from dataclasses import dataclass

from cube.config import StageConfig, TrainingConfig
from cube.config.training import PlateauConfig


@dataclass
class StageProgress:
    """Where a training is within its curriculum; part of every checkpoint."""

    stage: int = 0
    step: int = 0  # within the stage
    score: float = -math.inf  # the last one of this stage
    best: float = -math.inf
    stale: int = 0  # validations since it got better
    rate_scale: float = 1.0  # what plateaus and rollbacks left of the rate
    batch_scale: int = 1

    def validated(self, score: float, stage: StageConfig, plateau: PlateauConfig) -> None:
        """Take in a validation score of the stage."""
        self.score = score
        if score > self.best + stage.min_delta:
            self.best, self.stale = score, 0
            return
        self.stale += 1
        if plateau.patience is not None and self.stale % plateau.patience == 0:
            self.rate_scale *= plateau.rate_factor
            self.batch_scale *= plateau.batch_factor

    def finished(self, stage: StageConfig, budget: int) -> str | None:
        """Return why the stage is over (threshold, budget, plateau), or None."""
        if stage.threshold is not None and self.score >= stage.threshold:
            return "threshold"
        if self.step >= budget:
            return "budget"
        if self.stale >= stage.patience:
            return "plateau"
        return None

    def next_stage(self) -> "StageProgress":
        """Return the beginning of the next stage."""
        return StageProgress(stage=self.stage + 1)


@dataclass(frozen=True)
class StepPlan:
    """What one step asks for: a pure function of the settings and of the progress."""

    step: int  # over the whole training
    stage: int
    learning_rate: float
    restoring_weight: float  # 0: pairs only, 1: texts only
    batch_size: int
    competence: float  # share of the pairs, easiest first, that may be drawn


def plan_step(
    config: TrainingConfig, progress: StageProgress, step: int, steps_per_epoch: int
) -> StepPlan:
    """Return what a step asks for.

    Args:
        config: with the stages.
        progress: before the step.
        step: counted over the whole training.
        steps_per_epoch: which turns epochs of a budget into steps.
    """
    stage = config.stages[progress.stage]
    budget = stage.budget(steps_per_epoch)
    rate = learning_rate(stage.learning_rate, progress.step, budget, config.warmup_share)
    done = progress.step / budget
    return StepPlan(
        step,
        progress.stage,
        rate * progress.rate_scale,
        stage.restoring_weight(done),
        config.batch_size * progress.batch_scale,
        _competence(stage, done),
    )


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


def _competence(stage: StageConfig, done: float) -> float:
    """Return the share of pairs seen, growing with the root of time (Platanios et al. 2019)."""
    pacing = stage.pacing
    if pacing is None or done >= pacing.complete_after:
        return 1.0
    grown = (1 - pacing.start**2) * done / pacing.complete_after
    return math.sqrt(grown + pacing.start**2)
