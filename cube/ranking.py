"""Ranks of the right answers in a bank, computed in blocks. Ties count against us.

Shapes: Q questions, A answers of the bank, D dimensions, R (question, right answer) pairs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from cube.gathering import gather_rows

TIE = 1e-6  # scores nearer than this are equal: matrix products differ in the last bits
_BLOCK_ANSWERS = 16_384  # of the bank, gathered at once (24 MB at 384 dimensions)
_BLOCK_SCORES = 16_000_000  # scores held at once (64 MB)
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Rows:
    """Rows of a matrix, gathered as float32 where they are indexed: a bank that is never copied."""

    matrix: Float[np.ndarray, "rows dim"]
    rows: Int[np.ndarray, " A"]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, positions: slice | np.ndarray) -> Float[np.ndarray, "n dim"]:
        """Return the vectors at positions."""
        return gather_rows(self.matrix, self.rows[positions])


Bank = Float[np.ndarray, "A D"] | Rows


@dataclass(frozen=True)
class Ranking:
    """What a system ranks first, for every question.

    Attributes:
        ranks: rank (1 is best) of the first right answer.
        top: positions in the bank of the first answers, best first.
        top_scores: their scores.
    """

    ranks: Int[np.ndarray, " Q"]
    top: Int[np.ndarray, "Q K"]
    top_scores: Float[np.ndarray, "Q K"]

    @property
    def reciprocal_ranks(self) -> Float[np.ndarray, " Q"]:
        """1/rank up to 10, else 0: the mean is MRR@10."""
        return np.where(self.ranks <= 10, 1.0 / self.ranks, 0.0)


@dataclass(frozen=True)
class RetrievalTask:
    """Questions, a bank of answers, and which answers are right.

    Rows point into a matrix of vectors. The right answers of question i are
    `right[bounds[i]:bounds[i + 1]]`, as positions in the bank.
    """

    questions: Int[np.ndarray, " Q"]
    bank: Int[np.ndarray, " A"]
    bounds: Int[np.ndarray, " Q+1"]
    right: Int[np.ndarray, " R"]

    @classmethod
    def from_pairs(
        cls,
        questions: Int[np.ndarray, " n"],
        answers: Int[np.ndarray, " n"],
        bank: Int[np.ndarray, " A"],
        known_questions: Int[np.ndarray, " m"] | None = None,
        known_answers: Int[np.ndarray, " m"] | None = None,
    ) -> "RetrievalTask":
        """Build a task from pairs; a question asked twice becomes one with several right answers.

        Args:
            questions: rows of the questions asked, one a pair.
            answers: rows of their answers, all in the bank.
            bank: rows of distinct answers, sorted ascending.
            known_questions: questions of all known pairs; their answers are right as well.
            known_answers: answers of all known pairs.
        """
        asked = np.unique(questions)
        if known_questions is not None and known_answers is not None:
            also = np.isin(known_questions, asked) & np.isin(known_answers, bank)
            questions = np.concatenate([questions, known_questions[also]])
            answers = np.concatenate([answers, known_answers[also]])
        pairs = np.unique(np.stack([questions, answers]), axis=1)
        bounds = np.searchsorted(pairs[0], np.append(asked, np.iinfo(np.int64).max))
        return cls(asked, bank, bounds, np.searchsorted(bank, pairs[1]))

    def sample(self, max_questions: int, max_bank: int, seed: int) -> "RetrievalTask":
        """Return the task on some of its questions, ranked against their answers and some others.

        Ranks in a smaller bank are better, so compare scores of one sample only with each other.
        """
        generator = np.random.default_rng(seed)
        chosen = np.sort(generator.permutation(len(self))[:max_questions])
        counts = np.diff(self.bounds)[chosen]
        starts = np.repeat(self.bounds[chosen] - np.cumsum(counts) + counts, counts)
        right = self.right[starts + np.arange(counts.sum())]
        others = np.setdiff1d(np.arange(len(self.bank)), right)
        room = max(0, max_bank - len(np.unique(right)))
        kept = np.union1d(right, generator.permutation(others)[:room])
        bounds = np.concatenate([[0], np.cumsum(counts)])
        return RetrievalTask(
            self.questions[chosen], self.bank[kept], bounds, np.searchsorted(kept, right)
        )

    def __len__(self) -> int:
        return len(self.questions)


def search(
    predictions: Float[np.ndarray, "Q D"],
    bank: Bank,
    task: RetrievalTask,
    num_top: int = 0,
    prepare: Callable[[np.ndarray], np.ndarray] = lambda vectors: vectors,
    device: torch.device = _CPU,
) -> Ranking:
    """Rank the bank for every question by the dot product, see `rank`.

    Args:
        predictions: unit vectors.
        bank: answers, whose rows are gathered once, block by block.
        task: which of them are right.
        num_top: how many of the first answers to return.
        prepare: brings a block of the bank to the unit vectors that are ranked.
        device: that multiplies and counts.
    """
    return rank(_DotProducts(predictions, bank, prepare, device), task, num_top)


@runtime_checkable
class Scores(Protocol):
    """Scores of every answer of a bank for every question, computed where they are needed."""

    def of_block(self, first: int, last: int) -> Callable[[slice], Float[Tensor, "q a"]]:
        """Return what scores a slice of questions against the answers [first, last)."""
        ...

    def of_pairs(
        self, questions: Int[np.ndarray, " n"], answers: Int[np.ndarray, " n"]
    ) -> Float[np.ndarray, " n"]:
        """Return the scores of single pairs, by position."""
        ...


def rank(scores: Scores, task: RetrievalTask, num_top: int = 0) -> Ranking:
    """Rank the bank for every question; memory does not grow with the bank.

    A wrong answer that scores within `TIE` of the best right one ranks before it, and so does every
    answer where a score is not a number.
    """
    num_questions, num_answers = len(task), len(task.bank)
    owner = np.repeat(np.arange(num_questions), np.diff(task.bounds))
    thresholds = torch.from_numpy(_best_right(scores, task, owner) - TIE)
    ahead = torch.zeros(num_questions, dtype=torch.int64)
    num_top = min(num_top, num_answers)
    top = torch.full((num_questions, num_top), -1)
    top_scores = torch.full((num_questions, num_top), -torch.inf, dtype=thresholds.dtype)
    for first in range(0, num_answers, _BLOCK_ANSWERS):
        last = min(first + _BLOCK_ANSWERS, num_answers)
        score = scores.of_block(first, last)
        rows = max(1, _BLOCK_SCORES // (last - first))
        for start in range(0, num_questions, rows):
            here = slice(start, min(start + rows, num_questions))
            scores_QA = score(here)
            pairs = slice(task.bounds[here.start], task.bounds[here.stop])
            inside = (task.right[pairs] >= first) & (task.right[pairs] < last)
            q = torch.from_numpy(owner[pairs][inside] - start)
            a = torch.from_numpy(task.right[pairs][inside] - first)
            ahead[here] += last - first - _count_below(scores_QA, thresholds[here])
            own = ~(scores_QA[q, a].cpu() < thresholds[here][q])
            ahead[here] -= torch.bincount(q[own], minlength=len(scores_QA))
            if num_top:
                scores_QA[q, a] -= TIE
                best = torch.topk(scores_QA, min(num_top, last - first))
                found = torch.cat([top_scores[here], best.values.cpu()], dim=1)
                positions = torch.cat([top[here], best.indices.cpu() + first], dim=1)
                top_scores[here], chosen = torch.topk(found, num_top)
                top[here] = positions.gather(1, chosen)
    return Ranking((1 + ahead).numpy(), top.numpy(), top_scores.numpy())


def _count_below(
    scores_QA: Float[Tensor, "q a"], thresholds: Float[Tensor, " q"]
) -> Int[Tensor, " q"]:
    """Return for every question how many scores are below its threshold."""
    if scores_QA.is_cpu:  # NumPy counts booleans ten times as fast as torch sums them
        behind = scores_QA.numpy() < thresholds[:, None].numpy()
        return torch.from_numpy(np.count_nonzero(behind, axis=1))
    return (scores_QA < thresholds[:, None].to(scores_QA.device)).sum(dim=1).cpu()


def _best_right(
    scores: Scores, task: RetrievalTask, owner: Int[np.ndarray, " R"]
) -> Float[np.ndarray, " Q"]:
    """Return the score of every question's best right answer."""
    best: np.ndarray | None = None
    for start in range(0, len(owner), _BLOCK_ANSWERS):
        pairs = slice(start, start + _BLOCK_ANSWERS)
        found = scores.of_pairs(owner[pairs], task.right[pairs])
        if best is None:
            best = np.full(len(task), -np.inf, found.dtype)
        with np.errstate(invalid="ignore"):  # what is not a number stays so
            np.maximum.at(best, owner[pairs], found)
    return np.zeros(0, np.float32) if best is None else best


@dataclass(frozen=True)
class _DotProducts:
    """Scores of unit vectors."""

    predictions: Float[np.ndarray, "Q D"]
    bank: Bank
    prepare: Callable[[np.ndarray], np.ndarray]
    device: torch.device

    def of_block(self, first: int, last: int) -> Callable[[slice], Float[Tensor, "q a"]]:
        asked_QD = torch.from_numpy(np.ascontiguousarray(self.predictions, np.float32))
        block_AD = torch.from_numpy(self.prepare(self.bank[first:last]))
        asked_QD, block_AD = asked_QD.to(self.device), block_AD.to(self.device)
        return lambda here: asked_QD[here] @ block_AD.T

    def of_pairs(
        self, questions: Int[np.ndarray, " n"], answers: Int[np.ndarray, " n"]
    ) -> Float[np.ndarray, " n"]:
        right = self.prepare(self.bank[answers])
        return np.einsum("nd,nd->n", self.predictions[questions], right).astype(np.float32)


def normalized(vectors: Float[np.ndarray, "n D"]) -> Float[np.ndarray, "n D"]:
    """Scale rows to length 1; zero rows stay zero."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
