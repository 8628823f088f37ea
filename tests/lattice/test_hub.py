"""A hub beside a rule: the identity at first, equal to slow code, none until its size is chosen."""

import math

import pytest
import torch

from cube.config import CoreConfig, parse_config
from cube.errors import ConfigError, ModelError
from cube.export.affine import affine_map
from cube.lattice.core import Cube
from cube.lattice.rules.hub import WithHub
from cube.lattice.rules.update import WHOLE_EMBEDDING_SCALE
from tests.lattice.weights import randomised


@pytest.mark.parametrize("rule", ["planes", "cells", "axes"])
@pytest.mark.parametrize("dimension", [1, 7, 48])
def test_an_untrained_hub_changes_nothing_and_every_parameter_learns(rule, dimension):
    cube = Cube(dimension, CoreConfig(rule=rule, hub=5))
    x = torch.randn(3, dimension)
    assert torch.equal(cube(x), x)
    randomised(cube)
    (cube(x) - torch.randn(3, dimension)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in cube.parameters())


def test_a_hub_adds_what_plain_loops_add():
    hub = randomised(WithHub((2, 3, 1), 4, torch.nn.Identity()))
    x = torch.randn(2, 2, 3, 1, 1)
    down, up = hub.hub.down, hub.hub.up
    expected = x.clone().flatten(1)
    for b, row in enumerate(x.flatten(1).tolist()):
        inner = [
            sum(WHOLE_EMBEDDING_SCALE * value * w for value, w in zip(row, weights, strict=True))
            for weights in down.weight.tolist()
        ]
        inner = [value + bias for value, bias in zip(inner, down.bias.tolist(), strict=True)]
        inner = [0.5 * v * (1 + math.erf(v / math.sqrt(2))) for v in inner]
        for cell, weights in enumerate(up.weight.tolist()):
            added = sum(v * w for v, w in zip(inner, weights, strict=True))
            expected[b, cell] += added + up.bias[cell].item()
    torch.testing.assert_close(hub(x).flatten(1), expected, atol=1e-4, rtol=1e-4)


def test_it_has_the_units_it_is_given_and_none_while_they_are_open():
    with_third_sweep = CoreConfig(hub=128, sweeps=3)
    assert Cube(384, with_third_sweep).num_parameters == 62_592 + 2 * 384 * 128 + 128 + 384
    assert Cube(384, CoreConfig()).num_parameters == Cube(384, CoreConfig(hub=0)).num_parameters


def test_a_small_hub_costs_what_the_sweep_it_replaces_did():
    parameters = Cube(384, CoreConfig(hub=32)).num_parameters
    assert parameters == 62_592 * 2 // 3 - 4_096 + 2 * 384 * 32 + 32 + 384
    assert abs(parameters - 62_592) < 100
    assert Cube(384, CoreConfig(hub=32)).core.rule[-1].axis == 1


def test_a_cube_with_a_hub_is_not_one_matrix():
    affine_map(randomised(Cube(48, CoreConfig(hub=0))))
    with pytest.raises(ModelError, match=r"core\.hub=0"):
        affine_map(randomised(Cube(48, CoreConfig(hub=8))))


@pytest.mark.parametrize("hub", [-1, 70_000, "many"])
def test_other_sizes_are_refused(hub):
    with pytest.raises(ConfigError, match=r"core\.hub"):
        parse_config({"core": {"hub": hub}})
