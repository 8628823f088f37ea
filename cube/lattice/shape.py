"""Sides of the lattice for a dimension: as near to a cube as it factors, padded where it does not.

768 is 8x8x12, 384 is 8x8x6, 1024 is 8x8x16, and a prime such as 769 is padded to 770 = 7x10x11.
"""

import math
from collections.abc import Iterator

from cube.errors import ConfigError

Shape = tuple[int, int, int]

_MAX_ELONGATION = 2.0  # longest side over shortest; beyond it a plane sweep costs too much


def lattice_shape(dimension: int) -> Shape:
    """Return the sides (X, Y, Z) with X*Y*Z >= dimension for an embedding of that dimension.

    Takes the smallest number of cells that factors near-cubically, so at most a few are padding.

    Raises:
        ValueError: when the dimension is below 1.
    """
    if dimension < 1:
        raise ValueError(f"an embedding has at least 1 dimension, got {dimension}")
    cells = dimension
    while True:
        sides = min(_factorisations(cells), key=_elongation)
        if _elongation(sides) <= _MAX_ELONGATION or max(sides) <= 4:
            return _order(sides)
        cells += 1


def check_shape(shape: Shape, dimension: int) -> None:
    """Pass a shape that has a cell for every dimension.

    Raises:
        ConfigError: when it has too few.
    """
    if (num_cells := math.prod(shape)) < dimension:
        raise ConfigError(
            f"core.shape: a lattice of {'x'.join(map(str, shape))} has {num_cells} "
            f"cells, too few for {dimension} dimensions."
        )


def _factorisations(cells: int) -> Iterator[Shape]:
    for x in range(1, math.isqrt(cells) + 1):
        if cells % x == 0:
            rest = cells // x
            for y in range(x, math.isqrt(rest) + 1):
                if rest % y == 0:
                    yield x, y, rest // y


def _elongation(sides: Shape) -> float:
    return max(sides) / min(sides)


def _order(sides: Shape) -> Shape:
    """Put the two sides that are nearest to each other first: 6x8x8 becomes 8x8x6."""
    small, middle, large = sorted(sides)
    return (middle, large, small) if large / middle <= middle / small else (small, middle, large)
