"""What the settings leave open, decided by trainings that are scored on validation.

A hub and hard negatives help much on some data and hurt on other (docs/LOG.md): a hub where answers
lie far from their questions, hard negatives where what the teacher ranks first is truly wrong.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float

from cube import storage
from cube.config import CoreConfig, TrainingConfig
from cube.training.dataset import TrainingSet
from cube.training.trainer import Trainer
from cube.training.validation import standard_error

logger = logging.getLogger(__name__)

MIN_QUESTIONS = 100  # of validation, or texts to restore; fewer cannot tell
HARD_NEGATIVES, HUB = "training.hard_negatives", "core.hub"
_MINED = 2  # hard negatives of a question
_SMALL_HUB, _LARGE_HUB = 1 / 12, 5 / 12  # units by dimensions: as many weights as the third sweep
_MOST_COMPARED = 2**30  # questions times answers that are ranked for hard negatives


@dataclass(frozen=True)
class Candidate:
    """A value to try for a setting, and by how many standard errors it has to gain."""

    setting: str
    value: int
    errors: float


@dataclass(frozen=True)
class Trial:
    """One value tried.

    Attributes:
        setting: its path in a config.
        value: tried, against what was taken before it.
        gain: of the measure, on validation.
        standard_error: of that gain, over questions or texts.
        taken: whether the value is used.
        measure: what the training is for.
    """

    setting: str
    value: int
    gain: float
    standard_error: float
    taken: bool
    measure: Literal["MRR@10", "restored cosine"] = "MRR@10"


def run_trials(
    core: CoreConfig, training: TrainingConfig, data: TrainingSet, folder: Path | None = None
) -> list[Trial]:
    """Try what the settings leave open, each beside what was taken before it.

    Two trainings of the first stage that answers, without memory and whitening, are equal but for
    the setting. Hard negatives are taken if the questions rank better by one standard error, a
    large hub, which multiplies the parameters, by two. A small hub costs no more than the sweep it
    replaces: it is taken if they rank better at all. A curriculum that never answers is tried by
    its first stage, and by the cosine of restored texts.

    Args:
        core: `hub` is tried if it is "auto" and the rule is planes.
        training: `hard_negatives` are tried if they are "auto" and mining them takes seconds.
        data: to train and to validate on; with fewer than 100 questions there is no trial.
        folder: of the trainings' checkpoints, from which trials that were stopped go on.

    Raises:
        TrainingInterruptedError: with a folder, after SIGTERM or SIGINT in a training.
    """
    if len(data.validation if training.answers else data.validation_texts) < MIN_QUESTIONS:
        return []
    measure = "MRR@10" if training.answers else "restored cosine"
    trials: list[Trial] = []
    candidates = _candidates(core, training, data)
    if not candidates:
        return []
    settings = " and ".join(dict.fromkeys(candidate.setting for candidate in candidates))
    logger.info("%d trainings to decide on %s come first", len(candidates) + 1, settings)
    scores = _scores(*with_trials(core, training, trials), data, folder)
    for candidate in candidates:
        setting, value = candidate.setting, candidate.value
        wanted = Trial(setting, value, 0.0, 0.0, taken=True)
        changed = _scores(*with_trials(core, training, [*trials, wanted]), data, folder)
        gains = changed - scores
        gain, error = float(gains.mean()), standard_error(gains)
        trial = Trial(setting, value, gain, error, gain > candidate.errors * error, measure)
        logger.info(
            "%s = %d gained %+.4f %s on validation (standard error %.4f): %s",
            setting, value, gain, measure, error, "taken" if trial.taken else "left out",
        )  # fmt: skip
        trials.append(trial)
        scores = changed if trial.taken else scores
    return trials


def with_trials(
    core: CoreConfig, training: TrainingConfig, trials: Sequence[Trial]
) -> tuple[CoreConfig, TrainingConfig]:
    """Return settings with nothing left open: what trials took last, else as without trials."""
    taken = {trial.setting: trial.value for trial in trials if trial.taken}
    if core.hub == "auto":
        core = core.model_copy(update={"hub": taken.get(HUB, 0)})
    if training.hard_negatives == "auto":
        found = taken.get(HARD_NEGATIVES, 0)
        training = training.model_copy(update={"hard_negatives": found})
    return core, training


def _candidates(core: CoreConfig, training: TrainingConfig, data: TrainingSet) -> list[Candidate]:
    found = []
    if training.hard_negatives == "auto" and training.answers and can_be_mined(data):
        found.append(Candidate(HARD_NEGATIVES, _MINED, errors=1.0))
    if core.hub == "auto" and core.rule == "planes":
        small, large = (max(1, round(share * data.dimension)) for share in (_SMALL_HUB, _LARGE_HUB))
        found += [Candidate(HUB, small, errors=0.0), Candidate(HUB, large, errors=2.0)]
    return found


def can_be_mined(data: TrainingSet) -> bool:
    """Whether ranking all answers for all questions, to find hard negatives, takes seconds."""
    return len(np.unique(data.questions)) * len(np.unique(data.answers)) <= _MOST_COMPARED


def _scores(
    core: CoreConfig, training: TrainingConfig, data: TrainingSet, folder: Path | None
) -> Float[np.ndarray, " scored"]:
    """Return the reciprocal rank of every validation question after a training.

    Where no stage answers: the cosine of every restored validation text.
    """
    stages = training.dialogue_alone().stages
    stage = next(stage for stage in stages if stage.answers or not training.answers)
    alone = core.model_copy(update={"memory_pairs": 0, "whitening": False})
    settings = training.model_copy(update={"stages": [stage]})
    if folder is not None:
        folder /= storage.digest_of([settings.identity(), alone.model_dump(mode="json")])
    trainer = Trainer(settings, alone, data, folder)
    cube, _ = trainer.train()
    validation = trainer.validation
    if not training.answers:
        return validation.restored_cosines(cube)
    return validation.reciprocal_ranks(cube.apply_to(validation.questions))
