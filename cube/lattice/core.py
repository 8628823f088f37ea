"""The cube: reshaper, core, reshaper. Embedding in, embedding out."""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn
from torch.nn.functional import normalize

from cube.config import CoreConfig
from cube.lattice.memory import Memory
from cube.lattice.reshaper import Reshaper
from cube.lattice.rules import build_rule
from cube.lattice.whitening import Answers, Whitening

_APPLY_ROWS = 8_192  # rows a block when applied to a matrix: bounded memory, no slower
_RECALL_ROWS = 1_024  # where every row is compared with all pairs remembered


class Cube(nn.Module):
    """Maps embeddings to embeddings through the lattice; the identity until it is trained.

    Attributes:
        strength: how far answers follow the core, from 0 (the frozen teacher) to 1.
        memory: training pairs that answers also draw on; none: the core alone.
        whitening: turns answers to what tells those of the index apart; none: they stay.
    """

    strength: Tensor

    def __init__(self, dimension: int, config: CoreConfig, memory: Memory | None = None):
        super().__init__()
        self.config = config
        self.reshaper = Reshaper(dimension, config.shape, config.layout)
        self.core = build_rule(self.reshaper.shape, config)
        self.register_buffer("strength", torch.tensor(1.0))
        self.memory = memory
        self.whitening: Whitening | None = None

    @classmethod
    def from_state(cls, dimension: int, config: CoreConfig, state: dict[str, Tensor]) -> "Cube":
        """Return the cube whose `state_dict` this is.

        Raises:
            RuntimeError: when names or shapes are not those of such a cube.
        """
        prefix = "memory."
        remembered = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
        cube = cls(dimension, config, Memory.like(remembered) if remembered else None)
        if any(name.startswith("whitening.") for name in state):
            cube.whitening = Whitening(dimension)
        cube.load_state_dict(state)
        return cube

    @property
    def dimension(self) -> int:
        """Length of the embeddings."""
        return self.reshaper.dimension

    @property
    def num_parameters(self) -> int:
        """Trained numbers."""
        return sum(parameter.numel() for parameter in self.parameters())

    def forward(self, x_BD: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch dim"]:
        """Send embeddings through the lattice; the length of the output is not normalised."""
        return self.reshaper.flatten(self.core(self.reshaper.fold(x_BD)))

    def answer(self, x_BD: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch dim"]:
        """Move questions to where their answers lie; rows of the result have length 1."""
        y_BD = self.strength * normalize(self(x_BD), dim=-1)
        y_BD = y_BD + (1 - self.strength) * normalize(x_BD, dim=-1)
        if self.memory is not None:
            y_BD = y_BD + self.memory(x_BD)
        if self.whitening is not None:
            y_BD = self.whitening(y_BD)
        return normalize(y_BD, dim=-1)

    def fit_to_index(self, answers: Answers) -> None:
        """Whiten by the answers that will be searched, if the cube whitens at all."""
        if self.whitening is not None:
            self.whitening.fit_to(answers)

    def apply_to(self, vectors: Float[np.ndarray, "rows dim"]) -> Float32[np.ndarray, "rows dim"]:
        """Move a matrix of questions in blocks, see `answer`."""
        return self._in_blocks(
            self.answer, vectors, _APPLY_ROWS if self.memory is None else _RECALL_ROWS
        )

    def restore(self, vectors: Float[np.ndarray, "rows dim"]) -> Float32[np.ndarray, "rows dim"]:
        """Send a matrix of corrupted vectors through the lattice, rows made of length 1."""
        return self._in_blocks(lambda x_BD: normalize(self(x_BD), dim=-1), vectors, _APPLY_ROWS)

    @torch.inference_mode()
    def _in_blocks(
        self, move: Callable[[Tensor], Tensor], vectors: np.ndarray, rows: int
    ) -> np.ndarray:
        device = self.strength.device
        moved = np.empty(vectors.shape, np.float32)
        for start in range(0, len(vectors), rows):
            block = torch.from_numpy(np.array(vectors[start : start + rows], np.float32))
            moved[start : start + len(block)] = move(block.to(device)).cpu().numpy()
        return moved
