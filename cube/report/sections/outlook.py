"""What was to be gained, what more data should bring, and whether the data can be trusted."""

from typing import Any

from cube.evaluation.verdict import SLICE_NAMES
from cube.report.figures.lines import Axes, Series, line_figure
from cube.report.numbers import count


def outlook_section(evaluation: dict[str, Any]) -> dict[str, Any] | None:
    """Return headroom, learning-curve estimate, label check and leaks; None without any."""
    parts = {key: evaluation.get(key) for key in ("headroom", "label_check", "leaks")}
    curve = evaluation.get("learning_curve")
    if not curve and not any(parts.values()):
        return None
    return {
        **parts,
        "bars": _bars(parts["headroom"]),
        "curve": curve,
        "curve_figure": _curve_figure(curve) if curve else None,
        "where": SLICE_NAMES[curve["slice"]] if curve else "",
        "curve_judged": evaluation["slices"][curve["slice"]]["judged"] if curve else False,
    }


def _bars(headroom: dict[str, Any] | None) -> list[tuple[str, str, float]]:
    """Return label, style and MRR@10 of what validation shows before any training."""
    if not headroom:
        return []
    linear = (headroom["linear_name"], "map-ridge", headroom["linear"])
    return [
        ("frozen teacher", "map-identity", headroom["identity"]),
        *([linear] if headroom["linear"] > headroom["identity"] else []),  # else it is the teacher
        ("ceiling", "map-other", headroom["ceiling"]),
    ]


def _curve_figure(curve: dict[str, Any]) -> Any:
    measured = [(point["pairs"], point["mrr@10"]) for point in curve["points"]]
    last = measured[-1]
    ahead = (curve["doubled_pairs"], curve["expected"])
    ends = (last[1] + curve["gain"]["low"], last[1] + curve["gain"]["high"])
    series = [
        Series("measured", "map-cube", measured),
        Series("expected", "map-cube", [last, ahead], bars={1: ends}, expected=True),
    ]
    ticks = [pairs for pairs, _ in [*measured, ahead]]
    axes = Axes("training pairs", "MRR@10", True, ticks, count, height=200)
    return line_figure("MRR@10 by number of training pairs", series, axes)
