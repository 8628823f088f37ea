"""The low-rank residual map over all cells: a baseline, not a lattice rule."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cube.lattice.shape import Shape


class LowRankResidual(nn.Module):
    """x + (x U) V + b over all cells; V and b are zero at first, U is random.

    The rank is the largest that keeps within `max_parameters`.
    """

    def __init__(self, shape: Shape, max_parameters: int):
        super().__init__()
        cells = math.prod(shape)
        rank = max(1, (max_parameters - cells) // (2 * cells))
        generator = torch.Generator().manual_seed(0)
        self.down = nn.Parameter(torch.randn(cells, rank, generator=generator) / cells**0.5)
        self.up = nn.Parameter(torch.zeros(rank, cells))
        self.bias = nn.Parameter(torch.zeros(cells))

    def forward(self, x: Float[Tensor, "batch x y z 1"]) -> Float[Tensor, "batch x y z 1"]:
        """Add a map of low rank."""
        x_BD = x.reshape(x.shape[0], -1)
        return (x_BD + torch.addmm(self.bias, x_BD @ self.down, self.up)).reshape(x.shape)
