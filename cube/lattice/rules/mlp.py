"""The residual MLP over all cells: a baseline, not a lattice rule."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cube.lattice.shape import Shape


class ResidualMLP(nn.Module):
    """x + gelu(x U + c) V + b over all cells; V and b are zero at first, U is random.

    It has the largest hidden layer that keeps within `max_parameters`.
    """

    def __init__(self, shape: Shape, max_parameters: int):
        super().__init__()
        cells = math.prod(shape)
        hidden = max(1, (max_parameters - cells) // (2 * cells + 1))
        generator = torch.Generator().manual_seed(0)
        self.down = nn.Parameter(torch.randn(cells, hidden, generator=generator) / cells**0.5)
        self.down_bias = nn.Parameter(torch.zeros(hidden))
        self.up = nn.Parameter(torch.zeros(hidden, cells))
        self.bias = nn.Parameter(torch.zeros(cells))

    def forward(self, x: Float[Tensor, "batch x y z 1"]) -> Float[Tensor, "batch x y z 1"]:
        """Add what the hidden layer makes of the whole lattice."""
        x_BD = x.reshape(x.shape[0], -1)
        hidden_BH = torch.nn.functional.gelu(torch.addmm(self.down_bias, x_BD, self.down))
        return (x_BD + torch.addmm(self.bias, hidden_BH, self.up)).reshape(x.shape)
