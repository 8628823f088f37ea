"""The cube against every baseline: one table a slice, never mixed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from cube.evaluation.verdict import SLICE_NAMES
from cube.report.figures.histograms import similarity_figure
from cube.report.figures.intervals import interval_axis, interval_cells, shared_limit
from cube.report.maps import kind
from cube.report.numbers import fixed, percent

_EXPLAINED = {
    "new_wordings": "The answers were in training, these questions were not. The daily case of an "
    "FAQ: people ask the same thing in other words.",
    "unseen_answers": "Neither these questions nor their answers were in training. The test of "
    "whether the cube learned something general.",
    "dialogue_turns": "Turns of dialogues no turn of which was in training; the answer is what the "
    "other speaker says next.",
}
_OFF_SCALE = (
    "mean_answer",
    "random",
    "bm25",
)  # often so far behind that they would flatten every other plot


@dataclass(frozen=True)
class Column:
    """A measure: its key in evaluation.json, its heading, and what it means in plain words."""

    key: str
    heading: str
    write: Callable[[float | None], str]
    meaning: str
    main: bool = True  # stands beside the intervals, the others in a table of their own


COLUMNS = (
    Column("mrr@10", "MRR@10", fixed,
           "1 divided by the rank of the first right answer, 0 beyond rank 10, averaged over the "
           "questions. 1 is perfect. The verdict reads this column."),
    Column("hit@1", "Hit@1", percent, "Share of questions whose first answer is right."),
    Column("hit@5", "Hit@5", percent, "Share with a right answer among the first five.",
           main=False),
    Column("hit@10", "Hit@10", percent, "Share with a right answer among the first ten."),
    Column("recall@10", "Recall@10", percent,
           "Mean share of a question's right answers among the first ten.", main=False),
    Column("ndcg@10", "nDCG@10", fixed,
           "Like MRR@10, but lower ranks are discounted more gently and all right answers count.",
           main=False),
    Column("1-of-100", "1 of 100", percent,
           "Share of questions whose right answer beats 99 random ones, or all others of a smaller "
           "bank.", main=False),
    Column("cosine", "Cosine", fixed,
           "Mean cosine of prediction and right answer, raw. High values come easily where all "
           "vectors point the same way: look at the mean answer's."),
    Column("centred_cosine", "Centred cosine", fixed,
           "The same after the mean training answer is subtracted from both. A constant "
           "prediction scores 0."),
    Column("contrastive_accuracy", "Contrastive accuracy", percent,
           "Share of all other answers that lie farther from the prediction than the right one. "
           "Chance is one half.", main=False),
    Column("relevance_margin", "Margin", fixed,
           "Centred cosine with the right answer minus that with a wrong one.", main=False),
    Column("alignment", "Alignment", fixed,
           "Mean squared distance of prediction and answer, both of length 1. Lower is nearer "
           "(Wang and Isola 2020).", main=False),
    Column("uniformity", "Uniformity", fixed,
           "How evenly predictions spread over the sphere. Lower is more even.", main=False),
    Column("hub_skewness", "Hub skewness", fixed,
           "Skewness of how often an answer is among the first ten. 0 without hubs.", main=False),
    Column("never_retrieved", "Never found", percent,
           "Share of the bank that is among the first ten of no question.", main=False),
)  # fmt: skip


def comparison_section(evaluation: dict[str, Any], min_questions: int) -> dict[str, Any]:
    """Return a table a slice, the headline's first, and the meaning of the columns."""
    names = sorted(evaluation["slices"], key=lambda name: name != evaluation["headline"])
    slices = [_slice(evaluation, name) for name in names]
    used = {c.key for part in slices for c in (*part["columns"], *part["more_columns"])}
    return {
        "slices": slices,
        "legend": [column for column in COLUMNS if column.key in used],
        "min_questions": min_questions,
        "any_clipped": any(part["clipped"] for part in slices),
    }


def similarities_section(evaluation: dict[str, Any]) -> dict[str, Any]:
    """Return the figure of similarities on the headline slice."""
    name = evaluation["headline"]
    titles = {"identity": "frozen teacher", "cube": "cube"}
    return {
        "figure": similarity_figure(evaluation["similarities"], titles),
        "where": SLICE_NAMES[name],
    }


def _slice(evaluation: dict[str, Any], name: str) -> dict[str, Any]:
    part = evaluation["slices"][name]
    scores, intervals = part["scores"], part["cube_minus"]
    columns = [c for c in COLUMNS if any(s.get(c.key) is not None for s in scores.values())]
    close = [interval for system, interval in intervals.items() if system not in _OFF_SCALE]
    limit = shared_limit(close or intervals.values())
    best = max((s["mrr@10"] for s in scores.values()), default=0.0)
    order = sorted(scores, key=lambda system: (-scores[system]["mrr@10"], system != "cube"))
    rows = [
        {
            "label": evaluation["systems"][system]["label"],
            "ranks_by": evaluation["systems"][system]["ranks_by"],
            "parameters": evaluation["systems"][system]["parameters"],
            "is_cube": system == "cube",
            "kind": kind(system),
            "bar": round(100 * scores[system]["mrr@10"] / best, 1) if best else 0,
            "cells": _cells(columns, scores[system], main=True),
            "more": _cells(columns, scores[system], main=False),
            "minus": interval_cells(intervals[system], limit, part["judged"])
            if system in intervals
            else None,
        }
        for system in order
    ]
    return {
        "title": SLICE_NAMES[name],
        "explained": _EXPLAINED.get(name, ""),
        "headline": name == evaluation["headline"],
        "questions": part["questions"],
        "bank": part["bank"],
        "judged": part["judged"],
        "single_answer_share": part["single_answer_share"],
        "columns": [column for column in columns if column.main],
        "more_columns": [column for column in columns if not column.main],
        "rows": rows,
        "axis": interval_axis(limit),
        "clipped": any(abs(i[end]) > limit for i in intervals.values() for end in ("low", "high")),
    }


def _cells(columns: Sequence[Column], scores: dict[str, float | None], main: bool) -> list[str]:
    """Write scores; what a system has no vectors for, such as a cosine of BM25, is a dash."""
    values = [(column, scores.get(column.key)) for column in columns if column.main == main]
    return ["–" if value is None else column.write(value) for column, value in values]
