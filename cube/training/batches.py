"""What a step reads: vectors of pairs to answer and of texts to restore, drawn by (seed, step)."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from cube.config import TrainingConfig
from cube.training.dataset import TrainingSet
from cube.training.objectives import corrupt, same_answer_mask
from cube.training.sampler import batch_rows, stream_seed

_PAIRS, _TEXTS, _NOISE = range(3)  # independent random streams of one seed


@dataclass(frozen=True)
class PairBatch:
    """Questions and the answers they should land on."""

    questions: Float[Tensor, "batch dim"]
    answers: Float[Tensor, "batch dim"]
    false_negatives: Bool[Tensor, "batch batch"]


@dataclass(frozen=True)
class TextBatch:
    """Corrupted vectors and the clean ones to restore."""

    corrupted: Float[Tensor, "batch dim"]
    clean: Float[Tensor, "batch dim"]


class Batches:
    """The batches of a training, each a pure function of (seed, step)."""

    def __init__(self, data: TrainingSet, config: TrainingConfig):
        self._data, self._config = data, config
        self._device = torch.device(config.device)

    def pairs(self, step: int) -> PairBatch:
        """Return the pairs of a step."""
        positions = self._positions(self._data.num_pairs, _PAIRS, step)
        questions, answers = self._data.questions[positions], self._data.answers[positions]
        mask = same_answer_mask(torch.from_numpy(questions), torch.from_numpy(answers))
        return PairBatch(self._gather(questions), self._gather(answers), mask.to(self._device))

    def texts(self, step: int) -> TextBatch:
        """Return the texts of a step, with their noise."""
        rows = self._data.texts[self._positions(len(self._data.texts), _TEXTS, step)]
        clean = self._gather(rows)
        generator = torch.Generator().manual_seed(stream_seed(self._config.seed, _NOISE, step))
        noise, dropped = self._config.noise, self._config.dropped_dimensions
        return TextBatch(corrupt(clean, noise, dropped, generator), clean)

    def _positions(self, num_rows: int, stream: int, step: int) -> np.ndarray:
        return batch_rows(num_rows, self._config.batch_size, self._config.seed, stream, step)

    def _gather(self, rows: np.ndarray) -> Tensor:
        return torch.from_numpy(self._data.gather(rows)).to(self._device)
