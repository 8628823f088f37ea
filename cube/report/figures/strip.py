"""Values along one line: a few dots, limits to compare with, and one value that matters."""

from collections.abc import Sequence

from markupsafe import Markup

from cube.report.figures.scale import fit
from cube.report.figures.svg import NARROW, Element, both_widths, element, line, path, svg, text
from cube.report.numbers import compact, fixed

_HEIGHT, _BASE = 96, 62


def strip(
    label: str,
    dots: Sequence[float],
    dots_name: str,
    limit: tuple[str, float] | None = None,
    marked: tuple[str, float] | None = None,
) -> Markup:
    """Draw dots on a line.

    Args:
        label: name of the figure.
        dots: values, drawn hollow.
        dots_name: what they are.
        limit: name and value of a limit, drawn as a line across.
        marked: name and value of the one that matters, drawn as a filled diamond.
    """
    return both_widths(lambda width: _draw(width, label, dots, dots_name, limit, marked))


def _draw(
    width: int,
    label: str,
    dots: Sequence[float],
    dots_name: str,
    limit: tuple[str, float] | None,
    marked: tuple[str, float] | None,
) -> Markup:
    named = [pair for pair in (limit, marked) if pair is not None]
    scale = fit([*dots, *(value for _, value in named)], 16, width - 16)
    parts: list[Element] = [line(16, _BASE, width - 16, _BASE, "axis")]
    for value, tick in scale.labels(3 if width == NARROW else 6):
        parts += [
            line(scale(value), _BASE, scale(value), _BASE + 5, "axis"),
            text(tick, scale(value), _BASE + 20, "tick", "middle"),
        ]
    parts += [
        element("circle", cx=scale(dot), cy=_BASE - 12, r=5, class_="dot hollow") for dot in dots
    ]
    if limit is not None:
        x = scale(limit[1])
        words = f"{limit[0]} {compact(limit[1])}"
        parts += [line(x, 22, x, _BASE, "limit"), _beside(words, x, 18, width, "note")]
    if marked is not None:
        x, y = scale(marked[1]), _BASE - 12
        words = f"{marked[0]} {compact(marked[1])}"
        corners = [(x, y - 8), (x + 7, y), (x, y + 8), (x - 7, y)]
        parts += [path(corners, "diamond", closed=True), _beside(words, x, 36, width, "strong")]
    values = ", ".join(fixed(dot) for dot in dots) or "none"
    described = f"{dots_name}: {values}. " + " ".join(f"{n}: {compact(v)}." for n, v in named)
    return svg(width, _HEIGHT, label, parts, described)


def _beside(words: str, x: float, y: float, width: int, class_: str) -> Element:
    """Write a label on the side of x where there is room."""
    if x > width / 2:
        return text(words, x - 8, y, class_, "end")
    return text(words, x + 8, y, class_, "start")
