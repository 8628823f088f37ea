"""The reshaper: an exact, differentiable bijection between embeddings and the lattice.

Shapes: B batch, D embedding dimension, X, Y, Z sides of the lattice, C channels of a cell (here 1).
"""

import math
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from cube.lattice.layout import correlation_order, random_order
from cube.lattice.shape import Shape, check_shape, lattice_shape

Layout = Literal["row_major", "correlation", "random"]


class Reshaper(nn.Module):
    """Lays dimension `order[i]` of the embedding into cell i of the lattice; the rest is padding.

    Padding cells start at zero, take part in the core's arithmetic and are cut off by `flatten`,
    so nothing of them reaches the output. The order is part of the state dict, except that of
    row-major layouts, which is no permutation at all.

    Attributes:
        order: shape (D,); None: row-major.
    """

    order: Tensor | None

    def __init__(self, dimension: int, shape: Shape | None = None, layout: Layout = "row_major"):
        """Lay out the lattice.

        Args:
            dimension: D.
            shape: sides; none: as near to a cube as the dimension allows.
            layout: `correlation` is row-major until `learn_layout` or a state dict is given.

        Raises:
            ConfigError: when the lattice has too few cells.
        """
        super().__init__()
        self.dimension, self.layout = dimension, layout
        self.shape: Shape = shape if shape is not None else lattice_shape(dimension)
        self.num_cells = math.prod(self.shape)
        check_shape(self.shape, dimension)
        order = random_order(dimension) if layout == "random" else np.arange(dimension)
        self.register_buffer("order", None if layout == "row_major" else torch.from_numpy(order))
        self.register_load_state_dict_post_hook(_check_order)

    def learn_layout(self, vectors: Float[np.ndarray, "rows dim"]) -> None:
        """Learn the layout from training vectors, if it is one that is learned."""
        if self.layout == "correlation" and self.order is not None:
            self.order.copy_(torch.from_numpy(correlation_order(vectors)))

    def fold(self, x_BD: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch x y z 1"]:
        """Lay embeddings out on the lattice."""
        if self.order is not None:
            x_BD = x_BD.index_select(1, self.order)
        if self.num_cells > self.dimension:
            x_BD = torch.nn.functional.pad(x_BD, (0, self.num_cells - self.dimension))
        return x_BD.reshape(-1, *self.shape, 1)

    def flatten(self, x_BXYZC: Float[Tensor, "batch x y z 1"]) -> Float[Tensor, "batch dim"]:
        """Undo `fold`, bit for bit."""
        x_BD = x_BXYZC.reshape(-1, self.num_cells)[:, : self.dimension]
        return x_BD if self.order is None else x_BD.index_select(1, self.order.argsort())


def _check_order(reshaper: nn.Module, _: object) -> None:
    """Refuse a loaded order that would lose a dimension."""
    assert isinstance(reshaper, Reshaper)
    order = reshaper.order
    if order is not None and not torch.equal(order.sort().values.cpu(), torch.arange(len(order))):
        raise ValueError("reshaper.order is not a permutation of the dimensions")
