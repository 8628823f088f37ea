"""Questions in two dimensions, before the cube and after it, with the answers they look for."""

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from cube.report.figures.svg import Element, element, line, path, svg
from cube.report.numbers import count, shorten

_WIDTH, _HEIGHT, _MARGIN = 820, 560, 14
_MOST_CHARACTERS = 120

_PLACES = ("before", "after", "answer")
Place = tuple[float, float]

KINDS = ("better", "worse", "unchanged")


def embedding_map_figure(points: Sequence[dict[str, Any]]) -> Markup | None:
    """Draw every question where the cube puts it, with a trail from where it was.

    The page's script moves the questions between `data-before` and `data-after`, and joins the one
    under the pointer to `data-answer`.

    Args:
        points: `text`, ranks `rank_before` and `rank_after`, and places `before`, `after` and
            `answer` as (x, y).
    """
    if not points:
        return None
    places = [point[key] for point in points for key in _PLACES]
    low = [min(place[i] for place in places) for i in (0, 1)]
    spread = [max(place[i] for place in places) - low[i] or 1.0 for i in (0, 1)]
    # One unit for both axes: distances may be compared in every direction.
    unit = min((_WIDTH - 2 * _MARGIN) / spread[0], (_HEIGHT - 2 * _MARGIN) / spread[1])

    def at(place: Sequence[float]) -> Place:
        x = _MARGIN + (place[0] - low[0]) * unit
        y = _MARGIN + (spread[1] - (place[1] - low[1])) * unit
        return round(x, 1), round(y, 1)

    width, height = (side * unit + 2 * _MARGIN for side in spread)
    answers = sorted({at(point["answer"]) for point in points})
    crosses = [
        path([(x, y - 4), (x + 4, y), (x, y + 4), (x - 4, y)], "answer", closed=True)
        for x, y in answers
    ]
    parts: list[Element] = [element("g", crosses, data_series="answers")]
    numbers = dict.fromkeys(KINDS, 0)
    for kind in reversed(KINDS):
        chosen = [point for point in points if _kind(point) == kind]
        numbers[kind] = len(chosen)
        made = [_question(point, *(at(point[key]) for key in _PLACES)) for point in chosen]
        parts.append(element("g", made, class_=f"questions {kind}", data_series=kind))
    parts.append(line(0, 0, 0, 0, "wanted off"))
    described = ", ".join(f"{count(numbers[kind])} {kind}" for kind in KINDS)
    return svg(
        round(width, 1),
        round(height, 1),
        "Questions before and after the cube",
        parts,
        f"Questions by the rank of their right answer: {described}.",
        class_="embedding-map",
    )


def _question(point: dict[str, Any], before: Place, after: Place, answer: Place) -> Element:
    words = shorten(point["text"], _MOST_CHARACTERS) or "a question"
    tip = f"{words}\nright answer at rank {point['rank_before']} → {point['rank_after']}"
    dot = element("circle", cx=after[0], cy=after[1], r=4)
    trail = line(*before, *after, "trail")
    return element(
        "g",
        (trail, dot),
        class_="question",
        data_tip=tip,
        data_before="{:g} {:g}".format(*before),
        data_after="{:g} {:g}".format(*after),
        data_answer="{:g} {:g}".format(*answer),
    )


def _kind(point: dict[str, Any]) -> str:
    before, after = point["rank_before"], point["rank_after"]
    return "better" if after < before else "worse" if after > before else "unchanged"
