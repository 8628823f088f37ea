"""Several numbers in a cell: a rule between a learned lift and a learned read-out.

Shapes: B batch, X, Y, Z sides of the lattice, C channels.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cube.lattice.shape import Shape


class Channels(nn.Module):
    """Runs a rule on cells of C channels, of which the first is the embedding's own number.

    The others begin as each cell's learned multiple of that number plus its learned state. The
    read-out adds a learned mixture of them to the first; it is zero at first, so the whole is the
    identity if the rule is.
    """

    def __init__(self, shape: Shape, channels: int, rule: nn.Module):
        """Wrap a rule.

        Args:
            shape: of the lattice.
            channels: C, at least 2.
            rule: (B, X, Y, Z, C) -> the same, the identity at first.
        """
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.lift = nn.Parameter(torch.randn(*shape, channels - 1, generator=generator))
        self.state = nn.Parameter(torch.zeros(*shape, channels - 1))
        self.read_out = nn.Parameter(torch.zeros(channels - 1, 1))
        self.rule = rule

    def forward(self, x: Float[Tensor, "batch x y z 1"]) -> Float[Tensor, "batch x y z 1"]:
        """Lift, run the rule, read out."""
        y_BXYZC = self.rule(torch.cat([x, x * self.lift + self.state], dim=-1))
        return y_BXYZC[..., :1] + y_BXYZC[..., 1:] @ self.read_out


def with_channels(shape: Shape, channels: int, rule: nn.Module) -> nn.Module:
    """Return the rule for cells of one number: itself, or between a lift and a read-out."""
    return rule if channels == 1 else Channels(shape, channels, rule)
