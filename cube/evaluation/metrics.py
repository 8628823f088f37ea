"""Metrics of one system on one slice. Definitions in `docs/metrics.md`.

Shapes: Q questions, A answers in the bank, D dimensions, R (question, right answer) pairs.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from cube.evaluation.ranking import RetrievalTask, first_right_ranks, reciprocal_ranks

CUTOFFS = (1, 5, 10)


@dataclass(frozen=True)
class SliceScores:
    """Ranks and cosines of a system on a slice, one entry a question (ranks) or right pair."""

    ranks: Int[np.ndarray, " Q"]
    cosines: Float[np.ndarray, " R"]
    centred_cosines: Float[np.ndarray, " R"]
    random_centred_cosine: float
    contrastive_accuracy: float

    @property
    def reciprocal_ranks(self) -> Float[np.ndarray, " Q"]:
        """1/rank up to 10, else 0: the numbers the intervals are computed from."""
        return reciprocal_ranks(self.ranks)

    def summary(self) -> dict[str, float]:
        """Means by name."""
        hits = {f"hit@{k}": float((self.ranks <= k).mean()) for k in CUTOFFS}
        return {
            "mrr@10": float(self.reciprocal_ranks.mean()),
            **hits,
            "cosine": float(self.cosines.mean()),
            "centred_cosine": float(self.centred_cosines.mean()),
            "random_centred_cosine": self.random_centred_cosine,
            "contrastive_accuracy": self.contrastive_accuracy,
        }


def score_slice(
    predictions: Float[np.ndarray, "Q D"],
    bank: Float[np.ndarray, "A D"],
    task: RetrievalTask,
    answer_mean: Float[np.ndarray, " D"],
    rank_centred: bool,
) -> SliceScores:
    """Score predictions against the whole bank.

    Args:
        predictions: predicted answers, in the teacher's space.
        bank: vectors of all answers.
        task: which answers are right.
        answer_mean: mean training answer, subtracted for centred cosines.
        rank_centred: whether this system ranks by the centred cosine instead of the raw one.
    """
    raw = (normalized(predictions), normalized(bank))
    centred = (normalized(predictions - answer_mean), normalized(bank - answer_mean))
    ranks = first_right_ranks(*(centred if rank_centred else raw), task)
    owner = np.repeat(np.arange(len(task)), np.diff(task.bounds))
    shifted = np.roll(task.right, 1 + len(task.right) // 2)  # every prediction with a wrong answer
    wrong_answers = len(bank) - np.diff(task.bounds)
    return SliceScores(
        ranks=ranks,
        cosines=_rowwise(raw[0][owner], raw[1][task.right]),
        centred_cosines=_rowwise(centred[0][owner], centred[1][task.right]),
        random_centred_cosine=float(_rowwise(centred[0][owner], centred[1][shifted]).mean()),
        contrastive_accuracy=float((1 - (ranks - 1) / np.maximum(wrong_answers, 1)).mean()),
    )


def normalized(vectors: Float[np.ndarray, "n D"]) -> Float[np.ndarray, "n D"]:
    """Scale rows to length 1; zero rows stay zero."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def _rowwise(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("nd,nd->n", a, b)
