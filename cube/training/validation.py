"""Validation while training: held-out retrieval and restoring, in bounded time."""

import torch

from cube.config import TrainingConfig
from cube.evaluation.metrics import normalized
from cube.evaluation.ranking import first_right_ranks, reciprocal_ranks
from cube.lattice.core import Cube
from cube.training.dataset import TrainingSet
from cube.training.objectives import corrupt
from cube.training.sampler import stream_seed

_NOISE = 3  # a stream of its own, after those of the trainer
MAX_QUESTIONS, MAX_BANK = 2_000, 8_192  # a validation takes no longer on more data


class Validation:
    """Scores a cube on held-out rows: MRR@10 of answers, cosine of restored vectors."""

    def __init__(self, data: TrainingSet, config: TrainingConfig):
        self._task = data.validation.sample(MAX_QUESTIONS, MAX_BANK, config.seed)
        self._questions = data.gather(self._task.questions)
        self._bank = normalized(data.gather(self._task.bank))
        self._clean = data.gather(data.validation_texts[:MAX_QUESTIONS])
        generator = torch.Generator().manual_seed(stream_seed(config.seed, _NOISE, 0))
        noise = (config.noise, config.dropped_dimensions)
        self._corrupted = corrupt(torch.from_numpy(self._clean), *noise, generator).numpy()

    def score(self, cube: Cube) -> tuple[float, float]:
        """Return MRR@10 and the mean cosine of restored vectors."""
        predictions = cube.apply_to(self._questions)
        mrr = reciprocal_ranks(first_right_ranks(predictions, self._bank, self._task)).mean()
        restored = cube.restore(self._corrupted)
        return float(mrr), float((restored * normalized(self._clean)).sum(axis=1).mean())
