"""What the numbers look like one by one: histograms of similarities, and questions that changed."""

from typing import Any

import numpy as np

from cube.evaluation.evaluate import Judged
from cube.evaluation.metrics import SliceScores

_BINS = 40
_TOP_SHOWN = 3


def similarity_histograms(judged: Judged, names: list[str], slice_name: str) -> dict[str, Any]:
    """Count cosines of questions with right answers and with wrong ones, by system.

    Bins are equal over [-1, 1]; "best_wrong" takes of each question's first answers the best
    wrong one. Systems that rank without vectors or by another score have no place here.
    """
    edges = np.linspace(-1, 1, _BINS + 1)
    counts = {}
    for name in names:
        scores = judged.scores[slice_name][name]
        assert scores.closeness is not None
        some_wrong = ~scores.retrieved_right.all(axis=1)
        first_wrong = np.argmin(scores.retrieved_right[some_wrong], axis=1)
        top = scores.ranking.top_scores[some_wrong]
        wrong = top[np.arange(len(first_wrong)), first_wrong]
        counts[name] = {
            "right": _counted(scores.closeness.cosines, edges).tolist(),
            "best_wrong": _counted(wrong, edges).tolist(),
        }
    return {"edges": edges.round(4).tolist(), "counts": counts}


def _counted(cosines: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return how many lie in each bin; rounding makes some cosines a little more than 1."""
    return np.histogram(np.clip(cosines, -1, 1), edges)[0]


def find_examples(judged: Judged, count: int, texts: dict[int, str]) -> dict[str, list[Any]]:
    """Return the questions of the headline slice that gained and lost most against the teacher.

    Args:
        judged: scores of "cube" and "identity".
        count: most questions of a kind.
        texts: by row of the matrix.
    """
    before, after = (judged.scores[judged.headline][name] for name in ("identity", "cube"))
    gain = after.reciprocal_ranks - before.reciprocal_ranks
    # Equal gains are told apart by the plain ranks, so the order never depends on the sort.
    order = np.lexsort((after.ranks - before.ranks, -gain))
    chosen = {
        "better": [int(i) for i in order[:count] if gain[i] > 0],
        "worse": [int(i) for i in order[::-1][:count] if gain[i] < 0],
    }
    task = after.task

    def describe(i: int) -> dict[str, Any]:
        right = task.bank[task.right[task.bounds[i] : task.bounds[i + 1]]]
        return {
            "question": texts[int(task.questions[i])],
            "right": [texts[int(row)] for row in right],
            "before": _found(before, i, texts),
            "after": _found(after, i, texts),
        }

    return {kind: [describe(i) for i in rows] for kind, rows in chosen.items()}


def _found(scores: SliceScores, i: int, texts: dict[int, str]) -> dict[str, Any]:
    rows = scores.task.bank[scores.ranking.top[i, :_TOP_SHOWN]]
    right, cosines = scores.retrieved_right[i], scores.ranking.top_scores[i]
    return {
        "rank": int(scores.ranks[i]),
        "top": [
            {"text": texts[int(row)], "score": round(float(cosines[n]), 4), "right": bool(right[n])}
            for n, row in enumerate(rows)
        ],
    }
