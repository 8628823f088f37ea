"""The residual MLP over all cells: a baseline, not a lattice rule."""

import math

from jaxtyping import Float
from torch import Tensor, nn

from cube.lattice.rules.update import WHOLE_EMBEDDING_SCALE, Update
from cube.lattice.shape import Shape


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
