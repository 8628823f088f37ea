"""Lines over one axis: several systems, sizes or runs in one plot, with a key to switch them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from cube.report.figures.scale import Scale, fit
from cube.report.figures.svg import NARROW, Element, both_widths, element, line, path, svg, text
from cube.report.numbers import compact, fixed, percent

_TOP, _BOTTOM, _RIGHT = 30, 44, 18


@dataclass(frozen=True)
class Series:
    """One line.

    Attributes:
        name: what the key and the tooltips call it.
        class_: style, such as `map-cube`.
        points: (x, y), in the order they are joined.
        bars: low and high end of y at a point, by its place in `points`.
        expected: whether it is an expectation, drawn dashed, and no measurement.
    """

    name: str
    class_: str
    points: Sequence[tuple[float, float]]
    bars: dict[int, tuple[float, float]] | None = None
    expected: bool = False


@dataclass(frozen=True)
class Axes:
    """What the axes mean."""

    x: str
    y: str
    log_x: bool = False
    x_ticks: Sequence[float] = ()
    write_x: Callable[[float], str] = compact
    percent_y: bool = False  # y is a share, drawn from 0 to 100 %
    height: int = 300

    def write_y(self, value: float) -> str:
        """Write a value of y."""
        return percent(value) if self.percent_y else fixed(value)


def line_figure(label: str, series: Sequence[Series], axes: Axes) -> Markup | None:
    """Draw series on shared axes, or None where no series has a point."""
    shown = [one for one in series if one.points]
    if not shown:
        return None
    return both_widths(lambda width: _draw(width, label, shown, axes))


def _draw(width: int, label: str, series: Sequence[Series], axes: Axes) -> Markup:
    left = 46 if width == NARROW else 56
    base = _TOP + axes.height
    xs = [x for one in series for x, _ in one.points]
    ys = [y for one in series for _, y in one.points]
    ys += [end for one in series for ends in (one.bars or {}).values() for end in ends]
    if axes.log_x:
        across = Scale(min(xs) / 1.06, max(xs) * 1.06, left, width - _RIGHT, logarithmic=True)
    else:
        across = fit(xs, left, width - _RIGHT)
    up = Scale(0.0, 1.0, base, _TOP) if axes.percent_y else fit(ys, base, _TOP)
    parts: list[Element] = [text(axes.y, left, 16, "title")]
    for value, words in up.labels(5):
        parts.append(line(left, up(value), width - _RIGHT, up(value), "grid"))
        shown = percent(value, 0) if axes.percent_y else words
        parts.append(text(shown, left - 7, up(value) + 4, "tick", "end"))
    ticks = axes.x_ticks or across.ticks(4 if width == NARROW else 8)
    for value in ticks:
        x = across(value)
        parts.append(line(x, base, x, base + 5, "axis"))
        parts.append(text(axes.write_x(value), x, base + 19, "tick", "middle"))
    parts.append(line(left, base, width - _RIGHT, base, "axis"))
    parts.append(text(axes.x, (left + width) / 2, base + 38, "note", "middle"))
    # The first series last: it is the one the figure is about, and lies on top.
    parts += [_series(one, across, up, axes) for one in reversed(series)]
    described = " ".join(_describe(one, axes) for one in series)
    return svg(width, base + _BOTTOM, label, parts, described, class_="lines")


def _series(one: Series, across: Scale, up: Scale, axes: Axes) -> Element:
    places = [(across(x), up(y)) for x, y in one.points]
    made: list[Element] = []
    for i, (low, high) in (one.bars or {}).items():
        x = places[i][0]
        made.append(line(x, up(low), x, up(high), "bar"))
        made += [line(x - 5, up(end), x + 5, up(end), "bar") for end in (low, high)]
    if len(places) > 1:
        made.append(path(places, "stroke expected" if one.expected else "stroke"))
    for (x, y), (at, value) in zip(places, one.points, strict=True):
        tip = f"{one.name}, {axes.x} {axes.write_x(at)}: {axes.write_y(value)}"
        made.append(element("circle", cx=x, cy=y, r=3, class_="point", data_tip=tip))
    return element("g", made, class_=f"series {one.class_}", data_series=one.name)


def _describe(one: Series, axes: Axes) -> str:
    values = "; ".join(f"{axes.write_x(x)}: {axes.write_y(y)}" for x, y in one.points)
    return f"{one.name}: {values}."
