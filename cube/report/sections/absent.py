"""The sections a run has no numbers for, each with what to do to get them."""

from typing import Any

_WHY = {
    "ranks": "Rank curve: this evaluation is older than it; evaluate the run again.",
    "groups": "Parts of the test: this evaluation is older than they are; evaluate the run again.",
    "outlook": "Outlook (headroom, learning curve, label and leak checks): not measured.",
    "confidence": "Confidence: too few validation or test questions, or too few answered right or "
    "wrong, to calibrate it.",
    "map": "Map of embeddings: not computed in this evaluation.",
    "lattice": "Movement of the lattice: not computed in this evaluation.",
    "failures": "Error analysis: not made in this evaluation.",
}


def absent_sections(sections: dict[str, Any]) -> list[str]:
    """Return a sentence for every section that is None."""
    return [why for name, why in _WHY.items() if sections[name] is None]
