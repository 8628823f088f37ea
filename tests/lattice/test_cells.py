"""The cellular automaton: neighbourhoods and updates equal to slow code, rows settle alone."""

import itertools

import pytest
import torch

from cube.config import CoreConfig
from cube.lattice.core import Cube
from cube.lattice.reshaper import Reshaper
from cube.lattice.rules.cells import CellularAutomaton, neighbourhoods

SHAPE = (2, 3, 4)


def automaton(neighbours=6, periodic=False, iterations=2, scale=0.3, **options):
    rule = CellularAutomaton(SHAPE, neighbours, periodic, iterations, **options)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in rule.parameters():
            parameter.normal_(0, scale, generator=generator)
    return rule


@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize(("neighbours", "reach"), [(6, 1), (26, 3)])
def test_a_neighbourhood_is_what_lies_around_a_cell(neighbours, reach, periodic):
    read = neighbourhoods(SHAPE, neighbours, periodic)
    cells = list(itertools.product(*map(range, SHAPE)))
    for number, cell in enumerate(cells):
        assert read[number, 0] == number
        expected = []
        for step in itertools.product((-1, 0, 1), repeat=3):
            if not 0 < sum(map(abs, step)) <= reach:
                continue
            place = tuple(c + s for c, s in zip(cell, step, strict=True))
            wrapped = tuple(p % side for p, side in zip(place, SHAPE, strict=True))
            inside = place == wrapped
            expected.append(cells.index(wrapped) if inside or periodic else len(cells))
        assert len(expected) == neighbours
        assert sorted(read[number, 1:].tolist()) == sorted(expected)


@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("neighbours", [6, 26])
@pytest.mark.parametrize("hidden", [0.0, 1.0])
def test_iterations_equal_a_loop_over_cells(neighbours, periodic, hidden):
    rule = automaton(neighbours, periodic, iterations=2, channels=2, hidden=hidden, scale=0.1)
    x = torch.randn(2, *SHAPE, 2)
    cells = x.reshape(2, -1, 2)
    read = neighbourhoods(SHAPE, neighbours, periodic)
    for _ in range(2):
        walled = torch.cat([cells, torch.zeros(2, 1, 2)], dim=1)
        moved = [
            cells[:, i] + rule.update(torch.cat([walled[:, j] for j in near.tolist()], dim=-1))
            for i, near in enumerate(read)
        ]
        cells = torch.stack(moved, dim=1)
    torch.testing.assert_close(rule(x), cells.reshape(x.shape), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("options", [{}, {"neighbours": 26, "periodic": True}, {"hidden": 0.0}])
def test_an_untrained_automaton_is_the_identity_and_can_leave_it(options):
    cube = Cube(48, CoreConfig(rule="cells", tolerance=0.01, **options))
    x = torch.randn(3, 48)
    moved = cube(x)
    assert torch.equal(moved, x)
    with torch.no_grad():
        assert torch.equal(cube(x), x)
    (moved - torch.randn(3, 48)).square().sum().backward()
    assert cube.core.rule.update.up.weight.grad.abs().sum() > 0


def halving(tolerance, max_iterations):
    """A rule that takes half of every cell away at each iteration, from a floor of 1."""
    rule = CellularAutomaton(SHAPE, 6, False, 2, tolerance, max_iterations, hidden=0.0)
    with torch.no_grad():
        rule.update.up.weight[0, 0] = -0.5
        rule.update.up.bias.fill_(0.5)
    return rule


def test_rows_settle_each_by_itself():
    rule = halving(tolerance=1e-3, max_iterations=64)
    far = torch.full((1, *SHAPE, 1), 1_000.0)
    near = torch.full((1, *SHAPE, 1), 1.5)
    with torch.no_grad():
        together, alone = rule(torch.cat([far, near])), [rule(far), rule(near)]
        assert torch.equal(together, torch.cat(alone))
        # 1 + 0.5 / 2^n: its change is under a thousandth of it first at the ninth iteration
        torch.testing.assert_close(alone[1], torch.full_like(near, 1 + 0.5 / 2**9))
        capped = halving(tolerance=1e-3, max_iterations=3)(far)
        torch.testing.assert_close(capped, torch.full_like(far, 1 + 999 / 8))
    # With gradients: the fixed number.
    torch.testing.assert_close(rule(far).detach(), torch.full_like(far, 1 + 999 / 4))


@pytest.mark.parametrize("tolerance", [0.2, 0.01, 1e-4])
def test_outside_of_training_a_cube_goes_on_to_its_tolerance(tolerance):
    def halving_cube(**options):
        """Numbers of a cell go half of the way to 1 at each of two iterations in training."""
        config = CoreConfig(rule="cells", iterations=2, channels=1, hidden=0.0, **options)
        rule = Cube(48, config).core
        with torch.no_grad():
            rule.update.up.weight[0, 0] = -0.5
            rule.update.up.bias.fill_(0.5)
        return rule

    x = torch.full((1, *Reshaper(48).shape, 1), 9.0)
    as_in_training = torch.full_like(x, 1 + 8 / 2**2)
    fixed, settling = halving_cube(), halving_cube(tolerance=tolerance)
    for rule in (fixed, settling):
        torch.testing.assert_close(rule(x).detach(), as_in_training)
    with torch.no_grad():
        torch.testing.assert_close(fixed(x), as_in_training)
        # The first iteration whose change is no more than this share of the state is the last one.
        change = next(n for n in range(1, 65) if 8 / 2**n <= tolerance * (1 + 8 / 2 ** (n - 1)))
        torch.testing.assert_close(settling(x), torch.full_like(x, 1 + 8 / 2**change))


def test_an_update_reaches_one_cell_further_at_each_iteration():
    rule = automaton(iterations=2, hidden=1.0)
    x = torch.zeros(1, *SHAPE, 1)
    jacobian = torch.autograd.functional.jacobian(lambda cells: rule(cells)[0, 0, 0, 0, 0], x)
    reached = jacobian[0, ..., 0] != 0
    distance = sum(torch.meshgrid(*map(torch.arange, SHAPE), indexing="ij"))
    assert torch.equal(reached, distance <= 2)


def test_the_automaton_of_a_cube_is_that_of_its_config():
    options = {"neighbours": 26, "periodic": True, "iterations": 3, "tolerance": 0.5}
    rule = Cube(48, CoreConfig(rule="cells", max_iterations=9, **options)).core.rule
    assert isinstance(rule, CellularAutomaton)
    assert (rule.iterations, rule.tolerance, rule.max_iterations) == (3, 0.5, 9)
    assert torch.equal(rule.read, neighbourhoods(Reshaper(48).shape, 26, periodic=True))
