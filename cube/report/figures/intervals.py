"""Differences with their intervals as small plots that fit into a table's cell."""

from collections.abc import Iterable
from typing import Any

from markupsafe import Markup

from cube.report.figures.scale import Scale
from cube.report.figures.svg import Element, element, line, path, svg, text
from cube.report.numbers import fixed, signed

WIDTH, HEIGHT, AXIS_HEIGHT = 176, 24, 18
_MARGIN = 17
_MIDDLE = HEIGHT / 2


def shared_limit(intervals: Iterable[dict[str, float]]) -> float:
    """Return the largest distance from 0 of any end, for a scale symmetric about 0."""
    ends = [abs(interval[end]) for interval in intervals for end in ("low", "high")]
    return max(ends, default=0.0) * 1.08 or 1.0


def wording(interval: dict[str, float]) -> str:
    """Say in one word what an interval says of the cube."""
    if interval["low"] > 0:
        return "better"
    if interval["high"] < 0:
        return "worse"
    return "unclear"


def interval_cells(interval: dict[str, float], limit: float, judged: bool = True) -> dict[str, Any]:
    """Return what a row of a table says of an interval: numbers, words and a plot."""
    return {
        "difference": signed(interval["difference"]),
        "ends": f"{signed(interval['low'])} to {signed(interval['high'])}",
        "wording": wording(interval) if judged else "too few to judge",
        "plot": interval_plot(interval, limit),
    }


def interval_plot(interval: dict[str, float], limit: float) -> Markup:
    """Draw one interval; what lies beyond the limit leaves the plot with an arrow."""
    scale = _scale(limit)
    low, high = (max(-limit, min(limit, interval[end])) for end in ("low", "high"))
    sure = "unsure" if wording(interval) == "unclear" else "sure"
    parts = [
        line(scale(0), 2, scale(0), HEIGHT - 2, "zero"),
        line(scale(low), _MIDDLE, scale(high), _MIDDLE, f"interval {sure}"),
    ]
    parts += [_end(scale, interval[end], limit) for end in ("low", "high")]
    if abs(interval["difference"]) <= limit:
        x = scale(interval["difference"])
        parts.append(element("circle", cx=x, cy=_MIDDLE, r=4, class_=f"dot {sure}"))
    label = (
        f"{signed(interval['difference'])}, interval {signed(interval['low'])} to "
        f"{signed(interval['high'])}: {wording(interval)}"
    )
    return svg(WIDTH, HEIGHT, label, parts, class_="interval-plot")


def interval_axis(limit: float) -> Markup:
    """Draw the axis that the plots of a table share."""
    scale = _scale(limit)
    parts: list[Element] = []
    ticks = scale.ticks(5)
    for value in (ticks[0], 0.0, ticks[-1]):
        digits = 2 if limit >= 0.05 else 3
        label = "0" if value == 0 else signed(value, digits)
        parts += [
            text(label, scale(value), 11, "tick", "middle"),
            line(scale(value), 14, scale(value), AXIS_HEIGHT, "axis"),
        ]
    name = f"scale from {fixed(-limit)} to {fixed(limit)}"
    return svg(WIDTH, AXIS_HEIGHT, name, parts, class_="interval-plot")


def _scale(limit: float) -> Scale:
    return Scale(-limit, limit, _MARGIN, WIDTH - _MARGIN)


def _end(scale: Scale, value: float, limit: float) -> Element:
    if abs(value) <= limit:
        return line(scale(value), _MIDDLE - 4, scale(value), _MIDDLE + 4, "whisker")
    side = 1 if value > 0 else -1
    x = scale(side * limit)
    arrow = [(x - side * 4, _MIDDLE - 4), (x + side * 4, _MIDDLE), (x - side * 4, _MIDDLE + 4)]
    return path(arrow, "arrow", closed=True)
