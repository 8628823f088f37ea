"""The reliability diagram: how often an answer of a predicted probability is right."""

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from cube.report.figures.scale import Scale
from cube.report.figures.svg import Element, element, line, svg, text
from cube.report.numbers import count, percent

_LEFT, _TOP, _SIDE, _COUNTS, _GAP = 52, 26, 320, 64, 30
_WIDTH = _LEFT + _SIDE + 26


def reliability_figure(bins: Sequence[dict[str, Any]], threshold: float) -> Markup | None:
    """Draw bins against the diagonal, questions a bin below; None where all are empty.

    Args:
        bins: `low`, `high`, `questions`, and mean `predicted` and share `right` (None if empty).
        threshold: probability below which there is no confident answer.
    """
    filled = [one for one in bins if one["questions"]]
    if not filled:
        return None
    across = Scale(0, 1, _LEFT, _LEFT + _SIDE)
    up = Scale(0, 1, _TOP + _SIDE, _TOP)
    base = _TOP + _SIDE + _GAP + _COUNTS
    most = max(one["questions"] for one in filled)
    counts = Scale(0, most, base, base - _COUNTS)
    parts: list[Element] = [text("share of right answers", _LEFT, 16, "title")]
    for value in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(line(_LEFT, up(value), _LEFT + _SIDE, up(value), "grid"))
        words = percent(value, 0)
        parts.append(text(words, _LEFT - 7, up(value) + 4, "tick", "end"))
        parts.append(text(words, across(value), base + 18, "tick", "middle"))
        parts.append(line(across(value), base, across(value), base + 5, "axis"))
    parts.append(line(across(0), up(0), across(1), up(1), "reference"))
    parts.append(line(across(threshold), _TOP, across(threshold), base, "limit"))
    # On the side where there is room, in the empty corner below the diagonal or above it.
    side, anchor = (-6, "end") if threshold > 0.5 else (6, "start")
    label_y = _TOP + 14 if threshold <= 0.5 else up(0) - 8
    parts.append(
        text(
            f"threshold {percent(threshold, 0)}", across(threshold) + side, label_y, "note", anchor
        )
    )
    parts.append(text("questions", _LEFT, base - _COUNTS - 8, "title"))
    parts += [_bin(one, across, up, counts, most) for one in filled]
    parts.append(line(_LEFT, base, _LEFT + _SIDE, base, "axis"))
    parts.append(text("predicted probability", _LEFT + _SIDE / 2, base + 36, "note", "middle"))
    described = " ".join(_words(one) for one in filled)
    return svg(_WIDTH, base + 46, "Reliability of the confidence", parts, described, "reliability")


def _bin(one: dict[str, Any], across: Scale, up: Scale, counts: Scale, most: int) -> Element:
    x, y = across(one["predicted"]), up(one["right"])
    left, right = across(one["low"]) + 1, across(one["high"]) - 1
    top = counts(one["questions"])
    made = [
        line(x, up(one["predicted"]), x, y, "gap"),
        element("circle", cx=x, cy=y, r=round(3.5 + 5 * (one["questions"] / most) ** 0.5, 1)),
        element(
            "rect", x=left, y=top, width=round(right - left, 2), height=round(counts(0) - top, 2)
        ),
    ]
    return element("g", made, class_="bin", data_tip=_words(one))


def _words(one: dict[str, Any]) -> str:
    return (
        f"Predicted {percent(one['predicted'])}, right {percent(one['right'])}: "
        f"{count(one['questions'])} questions."
    )
