"""The space of embeddings before and after the cube, and the cells of the lattice that move."""

from typing import Any

from cube.evaluation.verdict import SLICE_NAMES
from cube.report.figures.cells import slices_figure
from cube.report.figures.embedding_map import KINDS, embedding_map_figure

_WORDS = {
    "better": "rank improved",
    "worse": "rank got worse",
    "unchanged": "rank unchanged",
}


def map_section(evaluation: dict[str, Any]) -> dict[str, Any] | None:
    """Return the map of the headline slice, or None where none was made."""
    known = evaluation.get("embedding_map")
    figure = embedding_map_figure(known["points"]) if known else None
    if not known or figure is None:
        return None
    name = evaluation["headline"]
    return {
        "figure": figure,
        "explained": known["explained"],
        "questions": len(known["points"]),
        "where": SLICE_NAMES[name],
        "key": [(kind, _WORDS[kind]) for kind in KINDS],
    }


def lattice_section(evaluation: dict[str, Any]) -> dict[str, Any] | None:
    """Return the slices of the lattice, or None where movement was not measured."""
    movement = evaluation.get("movement")
    if not movement:
        return None
    values = movement["mean_absolute"]
    order = sorted(values, reverse=True)
    tenth = max(1, len(order) // 10)
    total = sum(order)
    return {
        "shape": movement["shape"],
        "slices": slices_figure(movement["shape"], values),
        "most": order[0],
        "least": order[-1],
        "mean": total / len(order),
        "tenth_share": sum(order[:tenth]) / total if total else 0.0,
    }
