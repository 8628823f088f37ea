"""SVG elements, and the two widths every large figure is drawn in."""

from collections.abc import Callable, Iterable
from xml.etree import ElementTree

from markupsafe import Markup

Element = ElementTree.Element

WIDE, NARROW = 820, 340  # pixels: text stays readable because neither is scaled far
_CONTROL = {i: None for i in range(32) if chr(i) not in "\t\n\r"}  # not allowed in XML 1.0


def element(tag: str, children: Iterable[Element] = (), /, **attributes: object) -> Element:
    """Make an element; `stroke_width` becomes `stroke-width`, `class_` becomes `class`."""
    made = ElementTree.Element(
        tag,
        {
            name.rstrip("_").replace("_", "-"): str(value).translate(_CONTROL)
            for name, value in attributes.items()
            if value is not None
        },
    )
    made.extend(children)
    return made


def text(content: str, x: float, y: float, class_: str = "", anchor: str | None = None) -> Element:
    """Make a line of text with its baseline at y."""
    made = element("text", x=x, y=y, class_=class_ or None, text_anchor=anchor)
    made.text = content.translate(_CONTROL)
    return made


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Element:
    """Make a straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def path(points: Iterable[tuple[float, float]], class_: str, closed: bool = False) -> Element:
    """Make a line through points."""
    steps = " L".join(f"{x:g} {y:g}" for x, y in points)
    return element("path", d=f"M{steps}{'Z' if closed else ''}", class_=class_)


def svg(
    width: float,
    height: float,
    label: str,
    children: Iterable[Element],
    description: str = "",
    class_: str = "",
    stretch: bool = False,
) -> Markup:
    """Make a picture with a name and, if given, a longer description for those who hear it."""
    picture = element(
        "svg",
        viewBox=f"0 0 {width:g} {height:g}",
        width=f"{width:g}",
        height=f"{height:g}",
        role="img",
        aria_label=label,
        class_=f"figure {class_}".strip(),
        preserveAspectRatio="none" if stretch else None,
    )
    if description:
        made = element("desc")
        made.text = description.translate(_CONTROL)
        picture.append(made)
    picture.extend(children)
    # Entities stay numeric or XML's own, so the text is right in HTML and alone.
    return Markup(ElementTree.tostring(picture, encoding="unicode"))


def both_widths(draw: Callable[[int], Markup]) -> Markup:
    """Draw a figure for wide and for narrow pages; the style sheet shows one of them."""
    wide = Markup('<div class="wide">{}</div>').format(draw(WIDE))
    narrow = Markup('<div class="narrow">{}</div>').format(draw(NARROW))
    return wide + narrow
