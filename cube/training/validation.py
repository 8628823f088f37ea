"""Validation while training: held-out retrieval and restoring, in bounded time."""

from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float

from cube.config import TrainingConfig
from cube.config.curriculum import Metric
from cube.devices import usable_device
from cube.lattice.core import Cube
from cube.ranking import normalized, search
from cube.training.dataset import TrainingSet
from cube.training.objectives import corrupt
from cube.training.sampler import stream_seed

_NOISE = 3  # a stream of its own, after those of the trainer
_HAIR = 1 + 1e-9
MAX_QUESTIONS, MAX_BANK = 2_000, 8_192  # a validation takes no longer on more data


class Validation:
    """Held-out rows, and what is scored on them: MRR@10 of answers, cosine of restored vectors.

    Attributes:
        task: the questions and the bank they are ranked in.
        questions: their vectors, (Q, dim).
        bank: its vectors, (A, dim), of length 1.
    """

    def __init__(
        self, data: TrainingSet, config: TrainingConfig, max_questions: int = MAX_QUESTIONS
    ):
        self.task = data.validation.sample(max_questions, MAX_BANK, config.seed)
        self.questions = data.gather(self.task.questions)
        self.bank = normalized(data.gather(self.task.bank))
        self._data, self._config = data, config

    def score(self, cube: Cube) -> dict[Metric, Float[np.ndarray, " scored"]]:
        """Return the reciprocal rank of every question and the cosine of every restored text."""
        return {
            "validation_mrr": self.reciprocal_ranks(cube.apply_to(self.questions)),
            "validation_restored_cosine": self.restored_cosines(cube),
        }

    def restored_cosines(self, cube: Cube) -> Float[np.ndarray, " T"]:
        """Return the cosine of every restored text with the clean one."""
        clean, corrupted = self._texts
        return (cube.restore(corrupted) * normalized(clean)).sum(axis=1)

    def reciprocal_ranks(self, predictions: Float[np.ndarray, "Q dim"]) -> Float[np.ndarray, " Q"]:
        """Return 1 / rank of every question's first right answer, 0 beyond rank 10."""
        device = usable_device(self._config.device)
        return search(predictions, self.bank, self.task, device=device).reciprocal_ranks

    @cached_property
    def _texts(self) -> tuple[Float[np.ndarray, "T dim"], Float[np.ndarray, "T dim"]]:
        """Texts as they are and corrupted, the same at every validation."""
        clean = self._data.gather(self._data.validation_texts[:MAX_QUESTIONS])
        generator = torch.Generator().manual_seed(stream_seed(self._config.seed, _NOISE, 0))
        corrupted = corrupt(torch.from_numpy(clean), *self._config.corruption, generator)
        return clean, corrupted.numpy()


def standard_error(values: Float[np.ndarray, " n"]) -> float:
    """Return the standard error of the mean; infinite where one value cannot tell.

    It is a hair too large: where one value alone is not 0, error and mean are the same number, and
    rounding must not decide which is more.
    """
    return float(_HAIR * values.std(ddof=1) / len(values) ** 0.5) if len(values) > 1 else np.inf
