"""Axis mixing: each sweep mixes the cells of every line along one axis, all lines alike.

The token mixing of MLP-Mixer (Tolstikhin et al. 2021) along three axes: a line of N cells with C
channels is one row of N*C numbers, and one small network is shared by all lines. Three sweeps
connect every cell with every other.
"""

from jaxtyping import Float
from torch import Tensor, nn

from cube.lattice.rules.update import Update
from cube.lattice.shape import Shape


class AxisSweep(nn.Module):
    """One sweep; the identity at first.

    `hidden` is the width of a hidden layer relative to a line, 0 for none.
    """

    def __init__(self, shape: Shape, axis: int, hidden: float, channels: int):
        super().__init__()
        self.axis = axis
        self.update = Update(shape[axis] * channels, shape[axis] * channels, hidden)

    def forward(self, x: Float[Tensor, "batch x y z c"]) -> Float[Tensor, "batch x y z c"]:
        """Add to every line what the shared network makes of it."""
        lines = x.movedim(self.axis + 1, -2)  # (..., N, C)
        update = self.update(lines.flatten(-2)).unflatten(-1, lines.shape[-2:])
        return x + update.movedim(-2, self.axis + 1)
