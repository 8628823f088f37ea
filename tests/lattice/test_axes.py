"""Axis mixing: equal to a loop over lines, one network for all lines of an axis."""

import pytest
import torch

from cube.config import CoreConfig
from cube.lattice.core import Cube
from cube.lattice.rules.axes import AxisSweep

SHAPE = (2, 3, 4)


@pytest.mark.parametrize("hidden", [0.0, 0.5])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_sweep_equals_a_loop_over_lines(axis, hidden):
    torch.manual_seed(0)
    sweep = AxisSweep(SHAPE, axis, hidden, channels=2)
    with torch.no_grad():
        for parameter in sweep.parameters():
            parameter.normal_(0, 0.3)
    x = torch.randn(2, *SHAPE, 2)
    expected = x.clone()
    first, second = [a for a in range(3) if a != axis]
    for i in range(SHAPE[first]):
        for j in range(SHAPE[second]):
            line = expected.select(second + 1, j).select(first + 1, i)  # (B, N, C)
            line += sweep.update(line.reshape(2, -1)).reshape(line.shape)
    torch.testing.assert_close(sweep(x), expected)


def test_three_sweeps_connect_every_cell_with_every_other():
    torch.manual_seed(0)
    for sweeps, connected in ((2, False), (3, True)):
        cube = Cube(24, CoreConfig(rule="axes", sweeps=sweeps, channels=1))
        with torch.no_grad():
            for parameter in cube.parameters():
                parameter.normal_(0, 0.3)
        x = torch.randn(1, 24, requires_grad=True)
        y = cube(x)[0]
        reached = [torch.autograd.grad(y[i], x, retain_graph=True)[0] != 0 for i in range(24)]
        assert bool(torch.stack(reached).all()) == connected


def test_an_untrained_cube_can_leave_the_identity():
    cube = Cube(48, CoreConfig(rule="axes"))
    assert len(cube.core.rule) == 3
    (cube(torch.randn(4, 48)) - torch.randn(4, 48)).square().sum().backward()
    assert all(sweep.update.up.weight.grad.abs().sum() > 0 for sweep in cube.core.rule)
