"""The lattice a cube works on, drawn in its true proportions."""

from collections.abc import Iterator

from markupsafe import Markup

from cube.report.figures.svg import path, svg

_SIZE = 220
_MOST_LINES = 16  # of one side: more would be a grey surface
_COS, _SIN = 0.866, 0.5  # isometric axes

Point = tuple[float, float, float]


def lattice_figure(shape: list[int]) -> Markup:
    """Draw the three visible sides of an (X, Y, Z) lattice with its cells."""
    x, y, z = shape
    raw_width, raw_height = (x + y) * _COS, (x + y) * _SIN + z
    unit = _SIZE / max(raw_width, raw_height)

    def project(point: Point) -> tuple[float, float]:
        px, py, pz = point
        across = (px - py) * _COS + y * _COS
        down = (px + py) * _SIN + (z - pz)
        return round(1 + across * unit, 2), round(1 + down * unit, 2)

    sides: dict[str, tuple[Point, Point, Point]] = {  # a corner and two edges from it
        "top": ((0, 0, z), (x, 0, 0), (0, y, 0)),
        "left": ((0, y, 0), (x, 0, 0), (0, 0, z)),
        "right": ((x, 0, 0), (0, y, 0), (0, 0, z)),
    }
    parts = []
    for name, (corner, u, v) in sides.items():
        outline = [corner, _sum(corner, u), _sum(corner, u, v), _sum(corner, v)]
        parts.append(path([project(p) for p in outline], f"side {name}", closed=True))
        for start, stop in _grid(corner, u, v):
            parts.append(path([project(start), project(stop)], "cell"))
    width, height = raw_width * unit + 2, raw_height * unit + 2
    label = f"The lattice: {' by '.join(map(str, shape))} cells"
    return svg(width, height, label, parts, class_="lattice")


def _sum(*points: Point) -> Point:
    a, b, c = (sum(values) for values in zip(*points, strict=True))
    return a, b, c


def _part(edge: Point, share: float) -> Point:
    return edge[0] * share, edge[1] * share, edge[2] * share


def _grid(corner: Point, u: Point, v: Point) -> Iterator[tuple[Point, Point]]:
    for edge, other in ((u, v), (v, u)):
        lines = min(int(sum(edge)), _MOST_LINES)
        for i in range(1, lines):
            start = _sum(corner, _part(edge, i / lines))
            yield start, _sum(start, other)
