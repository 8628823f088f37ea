"""Metrics of one system on one slice. Definitions in `docs/metrics.md`.

Shapes: Q questions, A answers in the bank, D dimensions, R (question, right answer) pairs.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float, Int
from scipy.special import gammaln
from scipy.stats import skew

from cube.ranking import Bank, Ranking, RetrievalTask, normalized, search

CUTOFFS = (1, 5, 10)
NUM_TOP = 10  # answers a question retrieves: the deepest cut-off
_CANDIDATES = 100
_BLOCK_PAIRS = 8_192
_MOST_UNIFORMITY_ROWS = 1_000  # all their pairs are compared


@dataclass(frozen=True)
class Closeness:
    """How near predictions are to right answers, whatever else the bank holds."""

    cosines: Float[np.ndarray, " R"]
    centred_cosines: Float[np.ndarray, " R"]
    random_centred_cosine: float | None  # None where every answer of the bank is right
    uniformity: float

    def summary(self) -> dict[str, float | None]:
        """Means by name."""
        centred, random = float(self.centred_cosines.mean()), self.random_centred_cosine
        return {
            "cosine": float(self.cosines.mean()),
            "centred_cosine": centred,
            "random_centred_cosine": random,
            "relevance_margin": None if random is None else centred - random,
            "alignment": float(2 - 2 * self.cosines.mean()),  # |f - a|² of unit vectors
            "uniformity": self.uniformity,
        }


NOT_MEASURED: dict[str, float | None] = dict.fromkeys(
    (
        "cosine",
        "centred_cosine",
        "random_centred_cosine",
        "relevance_margin",
        "alignment",
        "uniformity",
    )
)


@dataclass(frozen=True)
class SliceScores:
    """A system on a slice.

    Attributes:
        ranking: ranks and first answers.
        task: questions, bank and right answers.
        closeness: None for a system that ranks without predicting a vector.
    """

    ranking: Ranking
    task: RetrievalTask
    closeness: Closeness | None

    @property
    def ranks(self) -> Int[np.ndarray, " Q"]:
        """Rank of the first right answer."""
        return self.ranking.ranks

    @property
    def reciprocal_ranks(self) -> Float[np.ndarray, " Q"]:
        """1/rank up to 10, else 0: the numbers the intervals are computed from."""
        return self.ranking.reciprocal_ranks

    @property
    def retrieved_right(self) -> np.ndarray:
        """Whether each retrieved answer is right, shape (Q, K)."""
        num_answers, owner = len(self.task.bank), np.arange(len(self.task))
        pairs = np.repeat(owner, np.diff(self.task.bounds)) * num_answers + self.task.right
        return np.isin(owner[:, None] * num_answers + self.ranking.top, pairs)

    def summary(self) -> dict[str, float | None]:
        """Means by name."""
        return {
            "mrr@10": float(self.reciprocal_ranks.mean()),
            **{f"hit@{k}": float((self.ranks <= k).mean()) for k in CUTOFFS},
            **self._depth(),
            **self._against_wrong_answers(),
            **self._hubs(),
            **(NOT_MEASURED if self.closeness is None else self.closeness.summary()),
        }

    def _depth(self) -> dict[str, float]:
        """Return recall and the normalised gain, which see all right answers of a question."""
        right, num_right = self.retrieved_right, np.diff(self.task.bounds)
        discount = 1 / np.log2(2 + np.arange(right.shape[1]))
        ideal = np.cumsum(discount)[np.minimum(num_right, right.shape[1]) - 1]
        recalls = {f"recall@{k}": (right[:, :k].sum(axis=1) / num_right).mean() for k in CUTOFFS}
        values = {**recalls, "ndcg@10": (right @ discount / ideal).mean()}
        return {name: float(value) for name, value in values.items()}

    def _against_wrong_answers(self) -> dict[str, float]:
        """Return what random wrong answers would do, exactly instead of by drawing them.

        Of W wrong answers, rank - 1 are ahead; the chance that none of n drawn ones is among them
        is C(W - rank + 1, n) / C(W, n).
        """
        wrong = len(self.task.bank) - np.diff(self.task.bounds)
        behind = wrong - (self.ranks - 1)
        drawn = np.minimum(_CANDIDATES - 1, wrong)
        chance = np.exp(_log_binomial(behind, drawn) - _log_binomial(wrong, drawn))
        return {
            "1-of-100": float(np.where(behind >= drawn, chance, 0).mean()),
            "contrastive_accuracy": float((1 - (self.ranks - 1) / np.maximum(wrong, 1)).mean()),
        }

    def _hubs(self) -> dict[str, float]:
        """Return how unevenly the bank is retrieved (Radovanović et al. 2010)."""
        occurrences = np.bincount(self.ranking.top.ravel(), minlength=len(self.task.bank))
        spread = occurrences.std() > 0
        return {
            "hub_skewness": float(skew(occurrences)) if spread else 0.0,
            "never_retrieved": float((occurrences == 0).mean()),
        }


def rank_slice(
    predictions: Float[np.ndarray, "Q D"],
    bank: Bank,
    task: RetrievalTask,
    answer_mean: Float[np.ndarray, " D"],
    rank_centred: bool,
    num_top: int = 0,
) -> Ranking:
    """Rank the whole bank for every prediction by the raw or the centred cosine.

    Args: as of `score_slice`, and `num_top`, how many first answers to return.
    """
    prepare = partial(_centred, mean=answer_mean) if rank_centred else normalized
    return search(prepare(predictions), bank, task, num_top, prepare)


def score_slice(
    predictions: Float[np.ndarray, "Q D"],
    bank: Bank,
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
    ranking = rank_slice(predictions, bank, task, answer_mean, rank_centred, NUM_TOP)
    return SliceScores(ranking, task, _closeness(predictions, bank, task, answer_mean))


def _closeness(
    predictions: np.ndarray, bank: Bank, task: RetrievalTask, mean: np.ndarray
) -> Closeness:
    """Compare predictions with right answers, and with about as many wrong ones, block by block."""
    owner = np.repeat(np.arange(len(task)), np.diff(task.bounds))
    other = np.roll(task.right, 1 + len(task.right) // 2)
    size = len(task.bank)
    wrong = ~np.isin(owner * size + other, owner * size + task.right)
    blocks = []
    for start in range(0, len(owner), _BLOCK_PAIRS):
        pairs = slice(start, start + _BLOCK_PAIRS)
        predicted, right = predictions[owner[pairs]], bank[task.right[pairs]]
        centred = _centred(predicted, mean)
        blocks.append(
            (
                _rowwise(normalized(predicted), normalized(right)),
                _rowwise(centred, _centred(right, mean)),
                _rowwise(centred, _centred(bank[other[pairs]], mean)),
            )
        )
    cosines, centred_cosines, random_cosines = map(np.concatenate, zip(*blocks, strict=True))
    sample = normalized(predictions[:_MOST_UNIFORMITY_ROWS])
    random = float(random_cosines[wrong].mean()) if wrong.any() else None
    return Closeness(cosines, centred_cosines, random, _uniformity(sample))


def _centred(vectors: np.ndarray, mean: np.ndarray) -> np.ndarray:
    return normalized(vectors - mean)


def _rowwise(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("nd,nd->n", a, b)


def _uniformity(unit: np.ndarray) -> float:
    """Return log E exp(-2 |x - y|²) over pairs (Wang & Isola 2020); 0 where all rows are one."""
    if len(unit) < 2:
        return 0.0
    cosines = (unit @ unit.T)[np.triu_indices(len(unit), k=1)]
    return float(np.log(np.exp(-2 * (2 - 2 * cosines.astype(np.float64))).mean()))


def _log_binomial(n: np.ndarray, k: np.ndarray) -> np.ndarray:
    return gammaln(n + 1) - gammaln(k + 1) - gammaln(np.maximum(n - k, 0) + 1)
