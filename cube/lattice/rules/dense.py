"""The dense residual linear map: every cell to every cell. A baseline, not a lattice rule."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cube.lattice.shape import Shape


class DenseResidual(nn.Module):
    """x + W x + b over all cells, W and b zero at first."""

    def __init__(self, shape: Shape):
        super().__init__()
        cells = math.prod(shape)
        self.weight = nn.Parameter(torch.zeros(cells, cells))
        self.bias = nn.Parameter(torch.zeros(cells))

    def forward(self, x: Float[Tensor, "batch x y z 1"]) -> Float[Tensor, "batch x y z 1"]:
        """Add a linear map of the whole lattice."""
        x_BD = x.reshape(x.shape[0], -1)
        return (x_BD + torch.addmm(self.bias, x_BD, self.weight)).reshape(x.shape)
