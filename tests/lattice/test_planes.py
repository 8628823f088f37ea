"""Plane sweeps with every option: the identity at first, equal to slow code, sizes as promised."""

import itertools
import math

import pytest
import torch

from cube.config import CoreConfig
from cube.lattice.core import Cube
from cube.lattice.rules.planes import PlaneSweep
from tests.lattice.weights import randomised

OPTIONS = [
    {"gated": gated, "hidden": hidden, "channels": channels}
    for gated, hidden, channels in itertools.product((False, True), (0.0, 0.5), (1, 3))
]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("dimension", [1, 7, 48])
def test_untrained_sweeps_are_the_identity_and_keep_the_shape(options, dimension):
    x = torch.randn(3, dimension)
    assert torch.equal(Cube(dimension, CoreConfig(**options))(x), x)


@pytest.mark.parametrize("options", OPTIONS)
def test_every_parameter_learns(options):
    cube = randomised(Cube(48, CoreConfig(**options)))
    (cube(torch.randn(4, 48)) - torch.randn(4, 48)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in cube.parameters())


@pytest.mark.parametrize("options", OPTIONS)
def test_an_untrained_cube_can_leave_the_identity(options):
    cube = Cube(48, CoreConfig(**options))
    (cube(torch.randn(4, 48)) - torch.randn(4, 48)).square().sum().backward()
    weights = [p.grad for name, p in cube.named_parameters() if name.endswith(".weight")]
    assert weights and all(grad.abs().sum() > 0 for grad in weights)


def plain_plane(z, sweep, i):
    """Return what one plane becomes, number by number."""
    inner = z
    if sweep.hidden_weight is not None:
        inner = [
            sum(z[p] * sweep.hidden_weight[i, p, h].item() for p in range(len(z)))
            + sweep.hidden_bias[i, 0, h].item()
            for h in range(sweep.hidden_weight.shape[2])
        ]
        inner = [0.5 * v * (1 + math.erf(v / math.sqrt(2))) for v in inner]
    gate = 1.0
    if sweep.gate is not None:
        opened = sum(z[p] * sweep.gate[i, p, 0].item() for p in range(len(z)))
        gate = 2 / (1 + math.exp(-opened * math.sqrt(len(z))))
    return [
        z[p]
        + gate
        * (
            sum(inner[h] * sweep.weight[i, h, p].item() for h in range(len(inner)))
            + sweep.bias[i, 0, p].item()
        )
        for p in range(len(z))
    ]


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("options", OPTIONS)
def test_a_sweep_equals_plain_loops_over_planes(axis, options):
    shape = (2, 3, 4)
    sweep = randomised(PlaneSweep(shape, axis, **options))
    x = torch.randn(2, *shape, options["channels"])
    expected = torch.empty_like(x)
    for b in range(2):
        for i in range(shape[axis]):
            plane = x[b].select(axis, i)
            moved = plain_plane(plane.flatten().tolist(), sweep, i)
            expected[b].select(axis, i).copy_(torch.tensor(moved).reshape(plane.shape))
    torch.testing.assert_close(sweep(x), expected, atol=1e-4, rtol=1e-4)


def test_a_closed_gate_stops_the_move_and_a_zero_gate_is_none():
    gated = randomised(PlaneSweep((2, 3, 4), 0, gated=True, hidden=0.0, channels=1))
    plain = PlaneSweep((2, 3, 4), 0, gated=False, hidden=0.0, channels=1)
    plain.load_state_dict({k: v for k, v in gated.state_dict().items() if k != "gate"})
    x = torch.rand(2, 2, 3, 4, 1) + 0.5
    with torch.no_grad():
        gated.gate.fill_(-100)
        assert torch.equal(gated(x), x)
        gated.gate.zero_()
        torch.testing.assert_close(gated(x), plain(x))


def test_gates_begin_alike_in_every_process():
    first, second = (Cube(48, CoreConfig(gated=True)) for _ in range(2))
    assert torch.equal(first.core[0].gate, second.core[0].gate)
    assert first.core[0].gate.abs().sum() > 0


@pytest.mark.parametrize(
    ("options", "parameters"),
    [
        ({"gated": True}, 63_744),
        ({}, 62_592),
        ({"sweeps": 6}, 2 * 62_592),
        # two P x P/2 maps and P/2 biases of the hidden layer, for every plane
        ({"hidden": 0.5, "gated": False}, 62_592 + 3 * 384 // 2),
        # maps of 2P x 2P, biases of 2P, lift and state of every cell, read-out
        ({"channels": 2, "gated": False}, 4 * (62_592 - 3 * 384) + 6 * 384 + 2 * 384 + 1),
    ],
)
def test_parameters_at_384_dimensions(options, parameters):
    assert Cube(384, CoreConfig(**options)).num_parameters == parameters


def test_no_rows_are_no_error():
    assert Cube(48, CoreConfig())(torch.empty(0, 48)).shape == (0, 48)
