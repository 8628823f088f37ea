"""The rank curve of the headline slice: how many questions are answered within the first k."""

from typing import Any

from cube.evaluation.verdict import SLICE_NAMES
from cube.report.figures.lines import Axes, Series, line_figure
from cube.report.maps import kind
from cube.report.numbers import count

# Drawn at first; the others wait in the key.
_FIRST = ("cube", "identity", "champion", "dense", "low_rank", "ridge_centred", "bm25")


def ranks_section(evaluation: dict[str, Any]) -> dict[str, Any] | None:
    """Return figure and key, best system first, or None where no curve was counted."""
    name = evaluation["headline"]
    part = evaluation["slices"][name]
    curve = part.get("rank_curve")
    if not curve:
        return None
    found, scores = curve["found"], part["scores"]
    order = sorted(found, key=lambda system: (system != "cube", -scores[system]["mrr@10"]))
    labels = {system: evaluation["systems"][system]["label"] for system in order}
    series = [
        Series(labels[system], kind(system), list(zip(curve["k"], found[system], strict=True)))
        for system in order
    ]
    axes = Axes(
        "first k answers",
        "questions answered",
        log_x=True,
        write_x=count,
        percent_y=True,
    )
    return {
        "figure": line_figure("Rank curve", series, axes),
        "key": [(labels[system], kind(system), system in _FIRST) for system in order],
        "where": SLICE_NAMES[name],
        "questions": part["questions"],
        "bank": part["bank"],
    }
