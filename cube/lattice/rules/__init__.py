"""Rules: how the cells of the lattice act on each other. One interface, registered by name.

A rule is a module with `forward: (B, X, Y, Z, C) -> (B, X, Y, Z, C)` that is the identity at
initialisation, so an untrained cube is the frozen teacher and never worse.
"""

from collections.abc import Callable

from torch import nn

from cube.config import CoreConfig
from cube.errors import ConfigError
from cube.lattice.rules.dense import DenseResidual
from cube.lattice.rules.low_rank import LowRankResidual
from cube.lattice.rules.mlp import ResidualMLP
from cube.lattice.rules.planes import PlaneSweeps
from cube.lattice.shape import Shape

RULES: dict[str, Callable[[Shape, CoreConfig], nn.Module]] = {
    "planes": lambda shape, config: PlaneSweeps(shape, config.sweeps),
    "dense": lambda shape, _: DenseResidual(shape),
    "low_rank": lambda shape, config: LowRankResidual(shape, config.max_parameters),
    "mlp": lambda shape, config: ResidualMLP(shape, config.max_parameters),
}


def build_rule(shape: Shape, config: CoreConfig) -> nn.Module:
    """Return the rule a config names.

    Raises:
        ConfigError: listing the registered names when there is none of that name.
    """
    if config.rule not in RULES:
        names = ", ".join(sorted(RULES))
        raise ConfigError(f"core.rule = {config.rule!r} is not a rule. Registered: {names}.")
    return RULES[config.rule](shape, config)
