"""How similar right answers and best wrong answers are to the predictions, system by system."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from markupsafe import Markup

from cube.report.figures.scale import Scale, fit
from cube.report.figures.svg import NARROW, Element, both_widths, element, line, path, svg, text
from cube.report.numbers import fixed

_PANEL, _TITLE, _LEGEND, _AXIS = 120, 30, 30, 44
_MARGIN = 10


def similarity_figure(similarities: dict[str, Any], titles: dict[str, str]) -> Markup | None:
    """Draw one panel a system on a shared axis, or None where nothing was counted.

    Args:
        similarities: `edges` of the bins, and `counts` of "right" and "best_wrong" by system.
        titles: words for the systems, in the order of the panels.
    """
    counted = similarities["counts"]
    counts = {name: counted[name] for name in titles if name in counted}
    if not any(sum(series["right"]) for series in counts.values()):
        return None
    return both_widths(lambda width: _draw(width, similarities["edges"], counts, titles))


def mean_of(counts: Sequence[int], edges: Sequence[float]) -> float | None:
    """Return the mean as the bins know it, or None where nothing was counted."""
    total = sum(counts)
    if not total:
        return None
    middles = [(a + b) / 2 for a, b in pairwise(edges)]
    return sum(c * m for c, m in zip(counts, middles, strict=True)) / total


def _draw(
    width: int,
    edges: list[float],
    counts: dict[str, dict[str, list[int]]],
    titles: dict[str, str],
) -> Markup:
    used = [
        i
        for series in counts.values()
        for values in series.values()
        for i, value in enumerate(values)
        if value
    ]
    across = Scale(edges[min(used)], edges[max(used) + 1], _MARGIN, width - _MARGIN)
    shares = {
        name: {key: [c / max(1, sum(values)) for c in values] for key, values in series.items()}
        for name, series in counts.items()
    }
    highest = max(s for series in shares.values() for values in series.values() for s in values)
    parts = _legend(width)
    described = []
    top = _LEGEND
    for name, series in shares.items():
        means = {key: mean_of(counts[name][key], edges) for key in series}
        summary = f"right {fixed(means['right'], 2)}, best wrong {fixed(means['best_wrong'], 2)}"
        described.append(f"{titles[name]}: on average {summary}.")
        base = top + _TITLE + _PANEL
        up = fit([0.0, highest], base, top + _TITLE)
        up = Scale(0.0, up.high, base, top + _TITLE)
        words = f"on average: {summary}" if width > NARROW else summary
        parts += [
            text(titles[name], _MARGIN, top + 19, "strong"),
            text(words, width - _MARGIN, top + 19, "note", "end"),
            _steps(series["right"], edges, across, up, "right-area", filled=True),
            _steps(series["best_wrong"], edges, across, up, "wrong-line", filled=False),
            line(_MARGIN, base, width - _MARGIN, base, "axis"),
        ]
        for key, mean in means.items():
            if mean is not None:
                x = across(mean)
                corners = [(x, base + 1), (x + 5, base + 9), (x - 5, base + 9)]
                parts.append(path(corners, f"mean {key}", closed=True))
        top = base + 14
    for value, label in across.labels(5 if width == NARROW else 8):
        parts.append(text(label, across(value), top + 12, "tick", "middle"))
    parts.append(text("cosine", width / 2, top + 28, "note", "middle"))
    label = "Similarities of right answers and of best wrong answers"
    return svg(width, top + _AXIS - 8, label, parts, " ".join(described))


def _legend(width: int) -> list[Element]:
    second = 150 if width == NARROW else 190
    words = ("right", "best wrong") if width == NARROW else ("right answers", "best wrong answers")
    return [
        element("rect", x=_MARGIN, y=6, width=22, height=12, class_="right-area"),
        text(words[0], _MARGIN + 30, 16, "note"),
        line(second, 12, second + 22, 12, "wrong-line"),
        text(words[1], second + 30, 16, "note"),
    ]


def _steps(
    shares: list[float], edges: list[float], across: Scale, up: Scale, class_: str, filled: bool
) -> Element:
    """Draw the outline of the bars of a histogram, from its first used bin to its last."""
    used = [i for i, share in enumerate(shares) if share]
    if not used:
        return element("g")
    points = [(across(edges[used[0]]), up(0))]
    for i in range(used[0], used[-1] + 1):
        points += [(across(edges[i]), up(shares[i])), (across(edges[i + 1]), up(shares[i]))]
    points.append((across(edges[used[-1] + 1]), up(0)))
    return path(points, class_, closed=filled)
