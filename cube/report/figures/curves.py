"""A training over its steps: panels that share one axis, under the bands of the curriculum."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

from markupsafe import Markup

from cube.report.figures.scale import Scale, fit
from cube.report.figures.svg import NARROW, Element, both_widths, element, line, path, svg, text
from cube.report.numbers import compact, count, fixed

_BANDS, _TITLE, _GAP, _AXIS = 30, 24, 10, 42
_CHARACTER = 8.2  # pixels of a bold letter, on the safe side: fonts differ


@dataclass(frozen=True)
class Point:
    """A value at a step, within a stage (None before the first one)."""

    step: int
    value: float | None
    stage: str | None = None


@dataclass(frozen=True)
class Panel:
    """One measure over the steps."""

    title: str
    points: Sequence[Point]
    height: int = 110
    class_: str = "curve"
    joined: bool = True  # one line over all stages, or one a stage
    may_be_log: bool = False
    include: tuple[float, ...] = ()
    reference: tuple[str, float] | None = None  # a level to compare with
    marked: int | None = None  # the step whose point is marked
    ticks: int = 3


@dataclass(frozen=True)
class Band:
    """A stage of the curriculum: its last step, counted over the whole training."""

    name: str
    last_step: int


@dataclass
class _Frame:
    width: int
    across: Scale
    left: float
    parts: list[Element] = field(default_factory=list)


def training_figure(
    label: str, panels: Sequence[Panel], bands: Sequence[Band], best_step: int | None = None
) -> Markup | None:
    """Draw panels above each other, or None where no panel has a value."""
    shown = [panel for panel in panels if any(p.value is not None for p in panel.points)]
    if not shown:
        return None
    return both_widths(lambda width: _draw(width, label, shown, bands, best_step))


def _draw(
    width: int, label: str, panels: Sequence[Panel], bands: Sequence[Band], best_step: int | None
) -> Markup:
    left = 46 if width == NARROW else 60
    last = max([p.step for panel in panels for p in panel.points] + [b.last_step for b in bands])
    frame = _Frame(width, Scale(0, max(last, 1), left, width - 14), left)
    bottom = _BANDS + sum(_TITLE + panel.height + _GAP for panel in panels)
    _add_bands(frame, bands, bottom)
    if best_step is not None:
        x = frame.across(best_step)
        frame.parts.append(line(x, _BANDS, x, bottom, "best"))
    top = _BANDS
    for panel in panels:
        _add_panel(frame, panel, top + _TITLE)
        top += _TITLE + panel.height + _GAP
    for value, words in frame.across.labels(4 if width == NARROW else 8):
        x = frame.across(value)
        frame.parts.append(line(x, bottom, x, bottom + 5, "axis"))
        frame.parts.append(text(words, x, bottom + 19, "tick", "middle"))
    frame.parts.append(line(left, bottom, width - 14, bottom, "axis"))
    frame.parts.append(text("step", (left + width) / 2, bottom + 36, "note", "middle"))
    described = _describe(panels, bands, best_step)
    return svg(width, bottom + _AXIS, label, frame.parts, described, class_="training")


def _add_bands(frame: _Frame, bands: Sequence[Band], bottom: float) -> None:
    start = 0
    for i, band in enumerate(bands):
        x, stop = frame.across(start), frame.across(band.last_step)
        wide = max(round(stop - x, 2), 0)
        kind = f"band band-{i % 3 + 1}"
        frame.parts.append(element("rect", x=x, y=0, width=wide, height=bottom, class_=kind))
        if i:
            frame.parts.append(line(x, 0, x, bottom, "border"))
        name = f"{i + 1} {band.name}"
        for words in (name, str(i + 1)):
            if len(words) * _CHARACTER + 8 <= wide:
                frame.parts.append(text(words, x + 7, 19, "strong"))
                break
        start = band.last_step


def _add_panel(frame: _Frame, panel: Panel, top: float) -> None:
    base = top + panel.height
    include = panel.include + ((panel.reference[1],) if panel.reference else ())
    values = [point.value for point in panel.points]
    up = fit(values, base - 4, top + 4, include, panel.may_be_log)
    title = f"{panel.title} (log scale)" if up.logarithmic else panel.title
    right = frame.width - 14
    for value, words in up.labels(panel.ticks):
        y = up(value)
        frame.parts.append(line(frame.left, y, right, y, "grid"))
        frame.parts.append(text(words, frame.left - 7, y + 4, "tick", "end"))
    frame.parts.append(text(title, frame.left + 7, top - 6, "title"))
    if panel.reference:
        y = up(panel.reference[1])
        frame.parts.append(line(frame.left, y, right, y, "reference"))
        frame.parts.append(text(panel.reference[0], right - 4, y - 5, "note", "end"))
    for points in _lines(panel):
        places = [(frame.across(step), up(value)) for step, value in points]
        if len(places) > 1:
            frame.parts.append(path(places, panel.class_))
        frame.parts += [
            element(
                "circle",
                cx=x,
                cy=y,
                r=2.4,
                class_=f"{panel.class_} point",
                data_tip=f"{panel.title} at step {count(step)}: {compact(value, 4)}",
            )
            for (x, y), (step, value) in zip(places, points, strict=True)
        ]
    _mark(frame, panel, up, top - 6)


def _lines(panel: Panel) -> list[list[tuple[int, float]]]:
    known = [(p.stage if not panel.joined else None, p.step, p.value) for p in panel.points]
    return [
        [(step, value) for _, step, value in group if value is not None]
        for _, group in groupby(known, key=lambda point: point[0])
    ]


def _mark(frame: _Frame, panel: Panel, up: Scale, label_y: float) -> None:
    found = next((p for p in panel.points if p.step == panel.marked and p.value is not None), None)
    if found is None or found.value is None:
        return
    x, y = frame.across(found.step), up(found.value)
    frame.parts.append(element("circle", cx=x, cy=y, r=5.5, class_="mark"))
    # In the line of the title, where no curve can run through it; shorter if it does not fit.
    free = frame.left + 7 + (len(panel.title) + 1) * _CHARACTER
    right = frame.width - 18
    words = f"kept: step {count(found.step)}, {fixed(found.value)}"
    if free + len(words) * _CHARACTER > right:
        words = f"kept {fixed(found.value)}"
    start = max(x + 6, free)
    if start + len(words) * _CHARACTER <= right:
        frame.parts.append(text(words, start, label_y, "strong"))
    else:
        frame.parts.append(text(words, right, label_y, "strong", "end"))


def _describe(panels: Sequence[Panel], bands: Sequence[Band], best_step: int | None) -> str:
    sentences = [f"Stages: {', '.join(f'{b.name} to step {b.last_step}' for b in bands)}."]
    for panel in panels:
        values = [p.value for p in panel.points if p.value is not None]
        sentences.append(
            f"{panel.title}: from {compact(values[0], 4)} to {compact(values[-1], 4)}."
        )
    if best_step is not None:
        sentences.append(f"The weights of step {best_step} are kept.")
    return " ".join(sentences)
