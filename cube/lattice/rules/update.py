"""What a rule adds to numbers it reads: a small network that says nothing at first."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

# Embeddings have length 1, so the units of a layer over a whole one would see next to nothing and
# GELU would be all but linear; at unit variance, sqrt(dimension), they overfit sooner.
WHOLE_EMBEDDING_SCALE = 4.5


class Update(nn.Module):
    """gelu(s x V + c) W + b, or x W + b without a hidden layer; W and b are zero at first."""

    def __init__(self, inputs: int, outputs: int, hidden: float, scale: float = 1.0):
        """Build the layers.

        Args:
            inputs: numbers read.
            outputs: numbers returned.
            hidden: width of the hidden layer relative to `inputs`; 0: none.
            scale: s, of what the hidden layer reads.
        """
        super().__init__()
        self.scale = scale
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
        return self.up(x if self.down is None else nn.functional.gelu(self.down(self.scale * x)))
