"""How large the core is where its settings leave that open: a short trial on validation decides.

Where answers lie far from their questions, as in the next turn of a dialogue, a hub is worth its
parameters; where they lie near, it only finds more to overfit (docs/LOG.md).
"""

import logging
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from cube.config import CoreConfig, TrainingConfig
from cube.training.dataset import TrainingSet
from cube.training.trainer import Trainer

logger = logging.getLogger(__name__)

TRIAL_STEPS = 200
MIN_PAIRS = 4_000  # with fewer a hub has as many parameters as there are numbers to learn from
HUB_SHARE = 3  # dimensions by hidden units
_SURE = 2  # standard errors


@dataclass(frozen=True)
class Sizing:
    """The settings of the core, complete, and why they are so.

    Attributes:
        core: settings without anything left open.
        gain: of the hub in MRR@10 on validation in the trial; None: there was none.
        standard_error: of that gain, over questions.
    """

    core: CoreConfig
    gain: float | None = None
    standard_error: float | None = None


def size_core(core: CoreConfig, training: TrainingConfig, data: TrainingSet) -> Sizing:
    """Choose what `core` leaves open: whether plane sweeps have a hub beside them.

    Two small trainings without memory, equal but for the hub, answer the validation questions. The
    hub is taken if it ranks better by two standard errors.

    Args:
        core: with `hub` a number: returned as it is.
        training: its first stage that answers is what the trial is made of.
        data: to train and to validate on.
    """
    if core.hub != "auto":
        return Sizing(core)
    small = core.model_copy(update={"hub": 0})
    if core.rule != "planes" or data.num_pairs < MIN_PAIRS or len(data.validation) < 2:
        return Sizing(small)
    large = core.model_copy(update={"hub": max(1, data.dimension // HUB_SHARE)})
    gains = _trial(large, training, data) - _trial(small, training, data)
    gain, error = float(gains.mean()), float(gains.std(ddof=1) / len(gains) ** 0.5)
    chosen = large if gain > _SURE * error else small
    logger.info(
        "a hub of %d units gained %+.4f MRR@10 on validation (standard error %.4f): %s",
        large.hub, gain, error, "taken" if chosen is large else "left out",
    )  # fmt: skip
    return Sizing(chosen, gain, error)


def _trial(
    core: CoreConfig, training: TrainingConfig, data: TrainingSet
) -> Float[np.ndarray, " questions"]:
    """Return the reciprocal ranks of the validation questions after a short training."""
    stages = training.dialogue_alone().stages
    stage = next((stage for stage in stages if stage.answers), stages[-1])
    stage = stage.model_copy(update={"max_steps": min(TRIAL_STEPS, stage.max_steps)})
    alone = core.model_copy(update={"memory_pairs": 0})
    short = training.model_copy(update={"stages": [stage]})
    trainer = Trainer(short, alone, data)
    cube, _ = trainer.train()
    validation = trainer.validation
    return validation.reciprocal_ranks(cube.apply_to(validation.questions))
