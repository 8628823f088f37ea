"""What the settings leave open, decided by short trainings that answer the validation questions.

A hub and hard negatives help much on some data and hurt on other (docs/LOG.md): a hub where answers
lie far from their questions, hard negatives where what the teacher ranks first is truly wrong.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from cube.config import CoreConfig, TrainingConfig
from cube.evaluation.significance import standard_error
from cube.training.dataset import TrainingSet
from cube.training.trainer import Trainer

logger = logging.getLogger(__name__)

TRIAL_STEPS = 200
MIN_QUESTIONS = 100  # of validation; fewer cannot tell
HARD_NEGATIVES = "training.hard_negatives"
HUB = "core.hub"
_MINED = 2  # hard negatives of a question
_HUB_SHARE = 3  # dimensions by hidden units
_MOST_COMPARED = 2**30  # questions times answers that are ranked for hard negatives
_SURE = {HARD_NEGATIVES: 1, HUB: 2}  # standard errors to gain: a hub multiplies the parameters


@dataclass(frozen=True)
class Trial:
    """One setting tried.

    Attributes:
        setting: its path in a config.
        value: tried, against 0.
        gain: in MRR@10 on validation.
        standard_error: of that gain, over questions.
        taken: whether the value is used.
    """

    setting: str
    value: int
    gain: float
    standard_error: float
    taken: bool


def run_trials(core: CoreConfig, training: TrainingConfig, data: TrainingSet) -> list[Trial]:
    """Try what the settings leave open, each beside what was taken before it.

    Two trainings of the first stage that answers, without memory, are equal but for the setting. It
    is taken if the questions rank better by one standard error (hard negatives) or two (a hub).

    Args:
        core: `hub` is tried if it is "auto" and the rule is planes.
        training: `hard_negatives` are tried if they are "auto" and mining them takes seconds.
        data: to train and to validate on; with fewer than 100 questions there is no trial.
    """
    few = len(data.validation) < MIN_QUESTIONS
    if few or not any(stage.answers for stage in training.stages):
        return []
    values = {}
    if training.hard_negatives == "auto" and _can_be_mined(data):
        values[HARD_NEGATIVES] = _MINED
    if core.hub == "auto" and core.rule == "planes":
        values[HUB] = max(1, data.dimension // _HUB_SHARE)
    trials: list[Trial] = []
    ranks = _ranks(*with_trials(core, training, trials), data) if values else None
    for setting, value in values.items():
        wanted = Trial(setting, value, 0.0, 0.0, taken=True)
        changed = _ranks(*with_trials(core, training, [*trials, wanted]), data)
        gains = changed - ranks
        gain, error = float(gains.mean()), standard_error(gains)
        trial = Trial(setting, value, gain, error, gain > _SURE[setting] * error)
        logger.info(
            "%s = %d gained %+.4f MRR@10 on validation (standard error %.4f): %s",
            setting, value, gain, error, "taken" if trial.taken else "left out",
        )  # fmt: skip
        trials.append(trial)
        ranks = changed if trial.taken else ranks
    return trials


def with_trials(
    core: CoreConfig, training: TrainingConfig, trials: Sequence[Trial]
) -> tuple[CoreConfig, TrainingConfig]:
    """Return settings with nothing left open: what trials took, else 0."""
    taken = {trial.setting: trial.value for trial in trials if trial.taken}
    if core.hub == "auto":
        core = core.model_copy(update={"hub": taken.get(HUB, 0)})
    if training.hard_negatives == "auto":
        found = taken.get(HARD_NEGATIVES, 0)
        training = training.model_copy(update={"hard_negatives": found})
    return core, training


def _can_be_mined(data: TrainingSet) -> bool:
    return len(np.unique(data.questions)) * len(np.unique(data.answers)) <= _MOST_COMPARED


def _ranks(
    core: CoreConfig, training: TrainingConfig, data: TrainingSet
) -> Float[np.ndarray, " questions"]:
    """Return the reciprocal ranks of the validation questions after a short training."""
    stage = next(stage for stage in training.dialogue_alone().stages if stage.answers)
    stage = stage.model_copy(update={"max_steps": min(TRIAL_STEPS, stage.max_steps)})
    alone = core.model_copy(update={"memory_pairs": 0})
    trainer = Trainer(training.model_copy(update={"stages": [stage]}), alone, data)
    cube, _ = trainer.train()
    validation = trainer.validation
    return validation.reciprocal_ranks(cube.apply_to(validation.questions))
