"""The lattice slice by slice: how far the cube moves each cell. The page's script adds depth."""

from collections.abc import Sequence

from markupsafe import Markup

from cube.report.figures.svg import element, svg
from cube.report.numbers import compact

_CELL, _GAP = 16, 2
_FAINTEST = 0.05  # the cell that moves least is still seen


def slices_figure(shape: Sequence[int], values: Sequence[float]) -> list[tuple[int, Markup]]:
    """Return (z, picture) of every slice of the lattice along its last axis.

    Args:
        shape: sides (X, Y, Z).
        values: X*Y*Z numbers, Z fastest; the least is the faintest.
    """
    x_side, y_side, z_side = shape
    least = min(values)
    spread = max(values) - least or 1.0
    slices = []
    for z in range(z_side):
        cells, total = [], 0.0
        for x in range(x_side):
            for y in range(y_side):
                value = values[(x * y_side + y) * z_side + z]
                total += value
                share = _FAINTEST + (1 - _FAINTEST) * (value - least) / spread
                cells.append(
                    element(
                        "rect",
                        x=x * _CELL,
                        y=y * _CELL,
                        width=_CELL - _GAP,
                        height=_CELL - _GAP,
                        rx=2,
                        fill_opacity=round(share, 3),
                        data_cell=f"{x} {y} {z}",
                        data_tip=f"cell {x}, {y}, {z}: {compact(value)}",
                    )
                )
        mean = compact(total / (x_side * y_side))
        slices.append(
            (
                z,
                svg(
                    x_side * _CELL - _GAP,
                    y_side * _CELL - _GAP,
                    f"Slice z = {z}",
                    cells,
                    f"Mean movement of its cells: {mean}.",
                    class_="slice",
                ),
            )
        )
    return slices
