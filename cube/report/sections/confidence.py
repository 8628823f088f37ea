"""How far the cube's own probability of being right can be believed."""

from typing import Any

from cube.report.figures.reliability import reliability_figure


def confidence_section(evaluation: dict[str, Any]) -> dict[str, Any] | None:
    """Return the calibration's numbers with its figure, or None where none was fitted."""
    confidence = evaluation.get("confidence")
    if not confidence:
        return None
    figure = reliability_figure(confidence["bins"], confidence["threshold"])
    return {**confidence, "figure": figure}
