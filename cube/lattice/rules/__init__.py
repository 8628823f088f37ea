"""Rules: how the cells of the lattice act on each other. One interface, registered by name.

A rule is a module with `forward: (B, X, Y, Z, C) -> (B, X, Y, Z, C)` that is the identity at
initialisation, so an untrained cube is the frozen teacher and never worse.
"""

from collections.abc import Callable

from torch import nn

from cube.config import CoreConfig
from cube.lattice.rules.axes import AxisSweep
from cube.lattice.rules.cells import CellularAutomaton
from cube.lattice.rules.channels import with_channels
from cube.lattice.rules.hub import with_hub
from cube.lattice.rules.planes import PlaneSweep
from cube.lattice.rules.whole import DenseResidual, LowRankResidual, ResidualMLP
from cube.lattice.shape import Shape

BuildRule = Callable[[Shape, CoreConfig], nn.Module]

_SHARED_HIDDEN, _SHARED_CHANNELS = 1.0, 8
_SWEEPS, _SWEEPS_BESIDE_HUB = 3, 2  # a hub of a twelfth of the cells costs what the third does


def _planes(shape: Shape, config: CoreConfig) -> nn.Module:
    hidden, channels = config.hidden or 0.0, config.channels or 1
    sweeps = config.sweeps or (_SWEEPS_BESIDE_HUB if _hub_units(config) else _SWEEPS)
    along = (PlaneSweep(shape, i % 3, config.gated, hidden, channels) for i in range(sweeps))
    return with_channels(shape, channels, nn.Sequential(*along))


def _axes(shape: Shape, config: CoreConfig) -> nn.Module:
    hidden, channels = _of_shared_rule(config)
    sweeps = range(config.sweeps or _SWEEPS)
    along = (AxisSweep(shape, i % 3, hidden, channels) for i in sweeps)
    return with_channels(shape, channels, nn.Sequential(*along))


def _cells(shape: Shape, config: CoreConfig) -> nn.Module:
    hidden, channels = _of_shared_rule(config)
    rule = CellularAutomaton(
        shape,
        config.neighbours,
        config.periodic,
        config.iterations,
        config.tolerance,
        config.max_iterations,
        hidden,
        channels,
    )
    return with_channels(shape, channels, rule)


def _of_shared_rule(config: CoreConfig) -> tuple[float, int]:
    """Hidden width and channels: what all cells share needs a state that tells cells apart."""
    hidden = _SHARED_HIDDEN if config.hidden is None else config.hidden
    return hidden, config.channels or _SHARED_CHANNELS


def _beside_hub(build: BuildRule) -> BuildRule:
    """Let a rule of the lattice have a hub."""
    return lambda shape, config: with_hub(shape, _hub_units(config), build(shape, config))


def _hub_units(config: CoreConfig) -> int:
    """Return the units of the hub; one whose units are still to be chosen has none."""
    return 0 if config.hub == "auto" else config.hub


RULES: dict[str, BuildRule] = {
    "planes": _beside_hub(_planes),
    "cells": _beside_hub(_cells),
    "axes": _beside_hub(_axes),
    "dense": lambda shape, _: DenseResidual(shape),
    "low_rank": lambda shape, config: LowRankResidual(shape, config.max_parameters),
    "mlp": lambda shape, config: ResidualMLP(shape, config.max_parameters),
}


def build_rule(shape: Shape, config: CoreConfig) -> nn.Module:
    """Return the rule a config names."""
    return RULES[config.rule](shape, config)
