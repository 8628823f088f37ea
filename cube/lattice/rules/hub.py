"""A hub beside a rule: hidden units that read all cells at once and write to all.

What sweeps pass on plane by plane goes through the hub in one step, and not linearly: the virtual
node of graph networks (Gilmer et al. 2017).

Shapes: B batch, X, Y, Z sides of the lattice, D = XYZ cells.
"""

import math

from jaxtyping import Float
from torch import Tensor, nn

from cube.lattice.rules.update import WHOLE_EMBEDDING_SCALE, Update
from cube.lattice.shape import Shape


class WithHub(nn.Module):
    """The sum of a rule and what the hub writes, nothing at first: the identity if the rule is."""

    def __init__(self, shape: Shape, units: int, rule: nn.Module):
        """Put a hub beside a rule.

        Args:
            shape: of the lattice.
            units: hidden units.
            rule: (B, X, Y, Z, 1) -> the same, the identity at first.
        """
        super().__init__()
        cells = math.prod(shape)
        self.rule = rule
        self.hub = Update(cells, cells, units / cells, WHOLE_EMBEDDING_SCALE)

    def forward(self, x: Float[Tensor, "batch x y z 1"]) -> Float[Tensor, "batch x y z 1"]:
        """Run the rule and add what the hub makes of the whole lattice."""
        return self.rule(x) + self.hub(x.flatten(1)).reshape(x.shape)


def with_hub(shape: Shape, units: int, rule: nn.Module) -> nn.Module:
    """Return the rule with a hub of so many units beside it, or the rule itself for none."""
    return WithHub(shape, units, rule) if units else rule
