"""Reshaper and core: exact inverse, identity at first, every cell reached, equal to slow code."""

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from cube.config import CoreConfig, parse_config
from cube.errors import ConfigError, ModelError
from cube.export.affine import affine_map
from cube.lattice.core import Cube
from cube.lattice.reshaper import Reshaper
from cube.lattice.rules import RULES
from cube.lattice.rules.channels import Channels
from cube.lattice.rules.whole import DenseResidual, LowRankResidual, ResidualMLP
from tests.lattice.weights import randomised

DIMENSIONS = [1, 7, 48, 384, 769]


def random_cube(dimension: int, rule: str = "planes", **options: Any) -> Cube:
    torch.manual_seed(0)
    cube = Cube(dimension, CoreConfig(rule=rule, **options))
    with torch.no_grad():
        for parameter in cube.parameters():
            parameter.normal_(0, 0.1)
    return cube


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_flatten_undoes_fold_bit_for_bit(dimension):
    reshaper = Reshaper(dimension)
    x = torch.randn(5, dimension)
    assert torch.equal(reshaper.flatten(reshaper.fold(x)), x)


def test_reshaping_lets_gradients_through():
    reshaper = Reshaper(7)
    x = torch.randn(2, 7, requires_grad=True)
    reshaper.flatten(reshaper.fold(x) * 3).sum().backward()
    assert torch.equal(x.grad, torch.full((2, 7), 3.0))


def test_a_lattice_that_is_too_small_is_an_error():
    with pytest.raises(ConfigError, match="2x2x2 has 8 cells, too few for 9"):
        Reshaper(9, (2, 2, 2))


@pytest.mark.parametrize("rule", sorted(RULES))
@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_an_untrained_cube_is_the_identity(rule, dimension):
    x = torch.randn(3, dimension)
    assert torch.equal(Cube(dimension, CoreConfig(rule=rule))(x), x)


@pytest.mark.parametrize("rule", sorted(RULES))
def test_every_parameter_learns(rule):
    cube = random_cube(48, rule)
    loss = (cube(torch.randn(4, 48)) - torch.randn(4, 48)).square().sum()
    loss.backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in cube.parameters())


def test_maps_of_the_whole_lattice_and_channels_equal_their_formulas():
    x = torch.randn(3, 2, 3, 4, 1)
    row = x.flatten(1)
    dense = randomised(DenseResidual((2, 3, 4)))
    expected = row + row @ dense.weight + dense.bias
    torch.testing.assert_close(dense(x).flatten(1), expected)
    low = randomised(LowRankResidual((2, 3, 4), max_parameters=24 + 2 * 24 * 5))
    assert low.down.shape == (24, 5)
    torch.testing.assert_close(low(x).flatten(1), row + row @ low.down @ low.up + low.bias)
    mlp = randomised(ResidualMLP((2, 3, 4), max_parameters=24 + (2 * 24 + 1) * 5))
    assert mlp.update.up.in_features == 5
    torch.testing.assert_close(mlp(x).flatten(1), row + mlp.update(row))
    cells = randomised(Channels((2, 3, 4), 3, torch.nn.Identity()))
    beside = x * cells.lift + cells.state
    expected = x + (beside * cells.read_out.flatten()).sum(dim=-1, keepdim=True)
    torch.testing.assert_close(cells(x), expected)


@pytest.mark.parametrize(("sweeps", "reached"), [(1, False), (2, True), (3, True)])
def test_two_sweeps_connect_every_cell_with_every_other(sweeps, reached):
    cube = random_cube(48, sweeps=sweeps, gated=False)
    jacobian = torch.autograd.functional.jacobian(lambda x: cube(x)[0], torch.randn(1, 48))
    assert bool((jacobian.abs() > 0).all()) == reached


def test_padding_never_leaks():
    cube = random_cube(7)
    assert cube.reshaper.num_cells > 7
    assert cube(torch.randn(3, 7)).shape == (3, 7)


def test_default_has_the_promised_parameters():
    assert Cube(384, CoreConfig()).num_parameters == 62_592
    assert Cube(384, CoreConfig(gated=True)).num_parameters == 63_744
    assert Cube(384, CoreConfig(rule="dense")).num_parameters == 147_840
    assert 64_000 < Cube(384, CoreConfig(rule="low_rank")).num_parameters <= 65_000


def test_apply_in_blocks_equals_one_forward_and_normalises(monkeypatch):
    monkeypatch.setattr("cube.lattice.core._APPLY_ROWS", 3)
    cube = random_cube(48)
    x = np.random.default_rng(0).standard_normal((10, 48)).astype(np.float32)
    moved = cube.apply_to(x)
    expected = torch.nn.functional.normalize(cube(torch.from_numpy(x)), dim=-1).detach().numpy()
    np.testing.assert_allclose(moved, expected, atol=1e-6)
    assert cube.apply_to(x[:0]).shape == (0, 48)


@pytest.mark.parametrize(
    ("name", "advice"), [("plane", "did you mean 'planes'"), ("x", "there are planes, .*mlp")]
)
def test_an_unknown_rule_is_refused_before_anything_is_read(name, advice):
    with pytest.raises(ConfigError, match=f"core.rule = '{name}': no such rule; {advice}"):
        parse_config({"core": {"rule": name}})


def test_linear_sweeps_are_one_matrix():
    cube = random_cube(48)
    weight, bias = affine_map(cube)
    x = torch.randn(5, 48)
    torch.testing.assert_close(x @ weight + bias, cube(x), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("options", [{"gated": True}, {"hidden": 0.5}])
def test_a_cube_that_is_not_linear_has_no_matrix(options):
    with pytest.raises(ModelError, match="not one matrix"):
        affine_map(random_cube(48, **options))


def test_half_strength_lies_half_way():
    cube, x = random_cube(48), torch.randn(5, 48)
    cube.strength.fill_(0.5)
    half_way = normalize(x, dim=-1) + normalize(3 * cube(x), dim=-1)
    torch.testing.assert_close(cube.answer(x), normalize(half_way, dim=-1))
