"""Maps of the whole lattice at once: baselines, no lattice rules."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cube.lattice.rules.update import WHOLE_EMBEDDING_SCALE, Update
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


class ResidualMLP(nn.Module):
    """x plus a network of one hidden layer over the whole lattice, which says nothing at first.

    It has the largest hidden layer that keeps within `max_parameters`.
    """

    def __init__(self, shape: Shape, max_parameters: int):
        super().__init__()
        cells = math.prod(shape)
        hidden = max(1, (max_parameters - cells) // (2 * cells + 1))
        self.update = Update(cells, cells, hidden / cells, WHOLE_EMBEDDING_SCALE)

    def forward(self, x: Float[Tensor, "batch x y z 1"]) -> Float[Tensor, "batch x y z 1"]:
        """Add what the hidden layer makes of the whole lattice."""
        return x + self.update(x.flatten(1)).reshape(x.shape)
