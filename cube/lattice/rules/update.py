"""What a rule adds to numbers it reads: a small network that says nothing at first."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Update(nn.Module):
    """gelu(x V + c) W + b, or x W + b without a hidden layer; W and b are zero at first."""

    def __init__(self, inputs: int, outputs: int, hidden: float):
        """Build the layers.

        Args:
            inputs: numbers read.
            outputs: numbers returned.
            hidden: width of the hidden layer relative to `inputs`; 0: none.
        """
        super().__init__()
        width = max(1, round(hidden * inputs)) if hidden else inputs
        self.down = None
        if hidden:
            generator = torch.Generator().manual_seed(0)
            self.down = nn.Linear(inputs, width)
            with torch.no_grad():
                self.down.weight.normal_(0, inputs**-0.5, generator=generator)
                self.down.bias.zero_()
        self.up = nn.Linear(width, outputs)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, x: Float[Tensor, "*rows inputs"]) -> Float[Tensor, "*rows outputs"]:
        """Return what is to be added."""
        return self.up(x if self.down is None else nn.functional.gelu(self.down(x)))
