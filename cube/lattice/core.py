"""The cube: reshaper, core, reshaper. Embedding in, embedding out."""

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from cube.config import CoreConfig
from cube.lattice.reshaper import Reshaper
from cube.lattice.rules import build_rule

_APPLY_ROWS = 8_192  # rows a block when applied to a matrix: bounded memory, no slower


class Cube(nn.Module):
    """Maps embeddings to embeddings through the lattice; the identity until it is trained."""

    def __init__(self, dimension: int, config: CoreConfig):
        super().__init__()
        self.config = config
        self.reshaper = Reshaper(dimension, config.shape)
        self.core = build_rule(self.reshaper.shape, config)

    @property
    def dimension(self) -> int:
        """Length of the embeddings."""
        return self.reshaper.dimension

    @property
    def num_parameters(self) -> int:
        """Trained numbers."""
        return sum(parameter.numel() for parameter in self.parameters())

    def forward(self, x_BD: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch dim"]:
        """Move embeddings; the length of the output is not normalised."""
        return self.reshaper.flatten(self.core(self.reshaper.fold(x_BD)))

    @torch.inference_mode()
    def apply_to(self, vectors: Float[np.ndarray, "rows dim"]) -> Float32[np.ndarray, "rows dim"]:
        """Map a matrix in blocks and normalise every row to length 1."""
        device = next(self.parameters()).device
        moved = np.empty(vectors.shape, np.float32)
        for start in range(0, len(vectors), _APPLY_ROWS):
            block = np.array(vectors[start : start + _APPLY_ROWS], np.float32)
            y_BD = self(torch.from_numpy(block).to(device))
            y_BD = torch.nn.functional.normalize(y_BD, dim=-1)
            moved[start : start + len(block)] = y_BD.cpu().numpy()
        return moved
