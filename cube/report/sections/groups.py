"""Parts of the test slices: by source, length of the question, script and turn of the dialogue."""

from itertools import groupby
from typing import Any

from cube.evaluation.verdict import SLICE_NAMES
from cube.report.figures.intervals import interval_axis, interval_cells, shared_limit

_BY = {
    "source": "Source",
    "question_length": "Length of the question",
    "script": "Script",
    "turn_depth": "Turn of the dialogue",
}


def groups_section(evaluation: dict[str, Any]) -> list[dict[str, Any]] | None:
    """Return a table a slice, the headline's first, or None where nothing was divided."""
    names = sorted(evaluation["slices"], key=lambda name: name != evaluation["headline"])
    tables = [_table(name, evaluation["slices"][name]) for name in names]
    return [table for table in tables if table["kinds"]] or None


def _table(name: str, part: dict[str, Any]) -> dict[str, Any]:
    groups = part.get("groups") or []
    left_out = {rest["by"]: rest for rest in part.get("groups_left_out") or []}
    limit = shared_limit([g["cube_minus_identity"] for g in groups if g["judged"]])
    return {
        "title": SLICE_NAMES[name],
        "questions": part["questions"],
        "bank": part["bank"],
        "axis": interval_axis(limit),
        "kinds": [
            (_BY.get(by, by), [_row(group, limit) for group in members], left_out.get(by))
            for by, members in groupby(groups, key=lambda group: group["by"])
        ],
    }


def _row(group: dict[str, Any], limit: float) -> dict[str, Any]:
    return {**group, **interval_cells(group["cube_minus_identity"], limit, group["judged"])}
