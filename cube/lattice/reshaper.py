"""The reshaper: an exact, differentiable bijection between embeddings and the lattice.

Shapes: B batch, D embedding dimension, X, Y, Z sides of the lattice, C channels of a cell (here 1).
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cube.lattice.shape import Shape, lattice_shape


class Reshaper(nn.Module):
    """Row-major layout: dimension i of the embedding is cell i of the lattice, the rest is padding.

    Padding cells start at zero, take part in the core's arithmetic and are cut off by `flatten`,
    so nothing of them reaches the output.
    """

    def __init__(self, dimension: int, shape: Shape | None = None):
        super().__init__()
        self.dimension = dimension
        self.shape: Shape = shape if shape is not None else lattice_shape(dimension)
        self.num_cells = math.prod(self.shape)
        if self.num_cells < dimension:
            raise ValueError(
                f"a lattice of {'x'.join(map(str, self.shape))} has {self.num_cells} cells, "
                f"too few for {dimension} dimensions"
            )

    def fold(self, x_BD: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch x y z 1"]:
        """Lay embeddings out on the lattice."""
        if self.num_cells > self.dimension:
            x_BD = torch.nn.functional.pad(x_BD, (0, self.num_cells - self.dimension))
        return x_BD.reshape(-1, *self.shape, 1)

    def flatten(self, x_BXYZC: Float[Tensor, "batch x y z 1"]) -> Float[Tensor, "batch dim"]:
        """Undo `fold`, bit for bit."""
        return x_BXYZC.reshape(-1, self.num_cells)[:, : self.dimension]
