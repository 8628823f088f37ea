"""Ranks of the right answers in a bank, computed in blocks. Ties count against us.

Shapes: Q questions, A answers of the bank, D dimensions.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

TIE = 1e-6  # scores nearer than this are equal: matrix products differ in the last bits
_BLOCK_SCORES = 16_000_000  # scores held at once (64 MB)


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


def first_right_ranks(
    predictions: Float[np.ndarray, "Q D"], bank: Float[np.ndarray, "A D"], task: RetrievalTask
) -> Int[np.ndarray, " Q"]:
    """Return the rank (1 is best) of the first right answer of every question.

    The score is the dot product; a wrong answer that scores within `TIE` of the best right one
    ranks before it.
    """
    ranks = np.empty(len(predictions), np.int64)
    bank_AD = torch.from_numpy(np.ascontiguousarray(bank, np.float32))
    rows = max(1, _BLOCK_SCORES // max(1, len(bank)))
    for start in range(0, len(predictions), rows):
        stop = min(start + rows, len(predictions))
        block_BD = torch.from_numpy(np.ascontiguousarray(predictions[start:stop], np.float32))
        scores_BA = block_BD @ bank_AD.T
        right = torch.from_numpy(task.right[task.bounds[start] : task.bounds[stop]])
        counts = torch.from_numpy(np.diff(task.bounds[start : stop + 1]))
        owner = torch.repeat_interleave(torch.arange(stop - start), counts)
        right_scores = scores_BA[owner, right]
        best = torch.full((stop - start,), -torch.inf)
        threshold = best.scatter_reduce(0, owner, right_scores, "amax") - TIE
        ahead = (scores_BA >= threshold[:, None]).sum(dim=1)
        own = torch.bincount(owner[right_scores >= threshold[owner]], minlength=stop - start)
        ranks[start:stop] = (1 + ahead - own).numpy()
    return ranks


def reciprocal_ranks(ranks: Int[np.ndarray, " Q"], cutoff: int = 10) -> Float[np.ndarray, " Q"]:
    """Return 1/rank up to the cutoff and 0 beyond; the mean is MRR@cutoff."""
    return np.where(ranks <= cutoff, 1.0 / ranks, 0.0)
