"""One bar cut into shares."""

from collections.abc import Sequence

from markupsafe import Markup

from cube.report.figures.svg import element, line, svg
from cube.report.numbers import count

_WIDTH, _HEIGHT = 400, 28


def share_bar(label: str, parts: Sequence[tuple[str, int]]) -> Markup | None:
    """Draw counts as parts of one bar, in order, or None where all are 0.

    The n-th part has the class `part-n`; numbers and names belong into the text beside it.
    """
    total = sum(value for _, value in parts)
    if not total:
        return None
    made, x = [], 0.0
    for i, (_, value) in enumerate(parts):
        wide = round(_WIDTH * value / total, 2)
        if value:
            made.append(
                element("rect", x=x, y=0, width=wide, height=_HEIGHT, class_=f"part-{i + 1}")
            )
            if x:
                made.append(line(x, 0, x, _HEIGHT, "gap"))
        x = round(x + wide, 2)
    described = ", ".join(f"{name}: {count(value)}" for name, value in parts)
    return svg(_WIDTH, _HEIGHT, label, made, described, class_="share-bar", stretch=True)
