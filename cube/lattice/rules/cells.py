"""The cellular automaton: one local rule, shared by all cells, applied again and again.

A cell reads itself and its neighbours, and adds what a small network makes of them to itself (after
Mordvintsev et al. 2020, Growing Neural Cellular Automata). Cells differ by what they hold: their
state channels begin differently in every cell.

Shapes: B batch, X, Y, Z sides, C channels, L = XYZ cells, K = 7 or 27 cells that a cell reads.
"""

import itertools
import math
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cube.lattice.rules.update import Update
from cube.lattice.shape import Shape


def neighbourhoods(shape: Shape, neighbours: int, periodic: bool) -> Int[Tensor, "cells k"]:
    """Return for each cell the cells it reads, itself first; beyond a wall lies cell number L."""
    steps = sorted(itertools.product((-1, 0, 1), repeat=3), key=any)
    if neighbours == 6:
        steps = [step for step in steps if sum(map(abs, step)) <= 1]
    cells = torch.cartesian_prod(*map(torch.arange, shape)).reshape(-1, 1, 3)
    sides = torch.tensor(shape)
    read = cells + torch.tensor(steps)  # (L, K, 3)
    inside = ((read >= 0) & (read < sides)).all(dim=-1)
    x, y, z = (read % sides).unbind(-1)
    flat = (x * shape[1] + y) * shape[2] + z
    return flat if periodic else flat.where(inside, math.prod(shape))


class CellularAutomaton(nn.Module):
    """A residual automaton; its update is zero at first, so it is the identity.

    In training it makes a fixed number of iterations. Without gradients and with a tolerance, each
    row goes on by itself until it settles, so that no row's result depends on its batch.
    """

    read: Tensor

    def __init__(
        self,
        shape: Shape,
        neighbours: Literal[6, 26],
        periodic: bool,
        iterations: int,
        tolerance: float | None = None,
        max_iterations: int = 64,
        hidden: float = 1.0,
        channels: int = 1,
    ):
        """Build the automaton.

        Args:
            shape: of the lattice.
            neighbours: 6 across faces, or 26 with edges and corners.
            periodic: whether opposite walls touch; else zeros lie beyond them.
            iterations: while gradients are taken, or where there is no tolerance.
            tolerance: a row has settled when its update is this share of its length.
            max_iterations: of rows that do not settle.
            hidden: width of the hidden layer relative to a neighbourhood; 0: a linear rule.
            channels: numbers in a cell.
        """
        super().__init__()
        self.iterations, self.tolerance = iterations, tolerance
        self.max_iterations = max_iterations
        read = neighbourhoods(shape, neighbours, periodic)
        self.register_buffer("read", read, persistent=False)
        self.update = Update(read.shape[1] * channels, channels, hidden)

    def forward(self, x: Float[Tensor, "batch x y z c"]) -> Float[Tensor, "batch x y z c"]:
        """Iterate."""
        cells_BLC = x.flatten(1, 3)
        if self.tolerance is None or torch.is_grad_enabled():
            for _ in range(self.iterations):
                cells_BLC = cells_BLC + self._change(cells_BLC)
        else:
            cells_BLC = self._settle(cells_BLC, self.tolerance)
        return cells_BLC.reshape(x.shape)

    def _change(self, cells_BLC: Float[Tensor, "b l c"]) -> Float[Tensor, "b l c"]:
        walled = nn.functional.pad(cells_BLC, (0, 0, 0, 1))  # cell L is zero
        return self.update(walled[:, self.read].flatten(-2))

    def _settle(self, cells_BLC: Float[Tensor, "b l c"], tolerance: float) -> Tensor:
        cells_BLC = cells_BLC.clone()
        moving = torch.arange(len(cells_BLC), device=cells_BLC.device)
        for _ in range(self.max_iterations):
            before = cells_BLC[moving]
            change = self._change(before)
            cells_BLC[moving] = before + change
            length = before.flatten(1).norm(dim=1)
            moving = moving[change.flatten(1).norm(dim=1) > tolerance * length]
            if len(moving) == 0:
                break
        return cells_BLC
