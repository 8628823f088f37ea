"""Plane sweeps: each sweep mixes all cells of every plane orthogonal to one axis.

A sweep along an axis of length N with planes of P cells is a block-diagonal residual map of N
blocks P x P. Two sweeps along different axes connect every cell with every other, at a fraction of
the parameters of a dense map: 62,592 against 147,840 for three sweeps over 8x8x6.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cube.lattice.shape import Shape


class PlaneSweep(nn.Module):
    """One sweep. Zero weights: the identity."""

    def __init__(self, shape: Shape, axis: int):
        super().__init__()
        self.axis = axis
        num_planes = shape[axis]
        plane_cells = shape[0] * shape[1] * shape[2] // num_planes
        self.weight = nn.Parameter(torch.zeros(num_planes, plane_cells, plane_cells))
        self.bias = nn.Parameter(torch.zeros(num_planes, 1, plane_cells))

    def forward(self, x: Float[Tensor, "batch x y z 1"]) -> Float[Tensor, "batch x y z 1"]:
        """Add to every plane N of P cells its own linear map of itself."""
        moved = x.movedim(self.axis + 1, 0)  # (N, B, ...)
        x_NBP = moved.reshape(moved.shape[0], moved.shape[1], -1)
        y_NBP = x_NBP + torch.baddbmm(self.bias, x_NBP, self.weight)
        return y_NBP.reshape(moved.shape).movedim(0, self.axis + 1)


class PlaneSweeps(nn.Sequential):
    """Sweeps along the axes in turn."""

    def __init__(self, shape: Shape, sweeps: int):
        super().__init__(*(PlaneSweep(shape, i % 3) for i in range(sweeps)))
