"""The answers a question chooses among at a step, and which of them are no wrong answers.

In-batch answers come first. Behind them may come a sample of all training answers and hard
negatives: the teacher's own first answers that are not right.
"""

from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from cube.config import TrainingConfig
from cube.training.dataset import TrainingSet
from cube.training.objectives import same_answers

_EXTRA = 4  # a random stream of its own, after those of batches and validation
_BLOCK_ANSWERS = 16_384
_BLOCK_QUESTIONS = 256  # ranked at once against the whole bank while mining

Known = tuple[np.ndarray, np.ndarray]  # questions in order, and their answers


class Candidates:
    """Candidates of a training, each step's a pure function of the seed and the step.

    Attributes:
        centre: mean of the training answers, each made of length 1; None where no loss needs it.
    """

    def __init__(self, data: TrainingSet, config: TrainingConfig):
        """Mine hard negatives, if any are asked for; that ranks every question against the bank."""
        self._data, self._config = data, config
        # What is still to be chosen is none.
        hard = 0 if config.hard_negatives == "auto" else config.hard_negatives
        self._bank = np.unique(data.answers)
        self.centre = self._mean() if config.centred_cosine_weight else None
        pairs = data.questions, data.answers
        self._known = _known(*pairs) if config.extra_candidates or hard else None
        self._shared = _shared(*pairs)
        self._mined = _mine(data, hard) if hard else None

    def of(
        self, questions: Int[np.ndarray, " batch"], answers: Int[np.ndarray, " batch"], step: int
    ) -> tuple[Int[np.ndarray, " candidates"], Int[Tensor, "2 n"]]:
        """Return rows of all candidates, `answers` first, and the false negatives among them."""
        known = torch.from_numpy(_right_for_others(self._shared, questions, answers))
        same = torch.cat([same_answers(questions, answers), known], dim=1)
        if self._known is None:
            return answers, same
        more = np.setdiff1d(np.union1d(self._drawn(step), self._hard(questions)), answers)
        right = _right(self._known, questions, more) + np.array([[0], [len(answers)]])
        return np.concatenate([answers, more]), torch.cat([same, torch.from_numpy(right)], dim=1)

    def _mean(self) -> Float[Tensor, " dim"]:
        total = torch.zeros(self._data.dimension, dtype=torch.float64)
        for start in range(0, len(self._bank), _BLOCK_ANSWERS):
            block = torch.from_numpy(self._data.gather(self._bank[start : start + _BLOCK_ANSWERS]))
            total += torch.nn.functional.normalize(block, dim=-1).double().sum(dim=0)
        return (total / len(self._bank)).float()

    def _drawn(self, step: int) -> np.ndarray:
        count = min(self._config.extra_candidates, len(self._bank))
        if count == len(self._bank):
            return self._bank
        generator = np.random.default_rng([self._config.seed, _EXTRA, step])
        return generator.choice(self._bank, count, replace=False, shuffle=False)

    def _hard(self, questions: np.ndarray) -> np.ndarray:
        if self._mined is None:
            return self._bank[:0]
        asked, mined = self._mined
        found = mined[np.searchsorted(asked, questions)]
        return found[found >= 0]


def _known(questions: Int[np.ndarray, " pairs"], answers: Int[np.ndarray, " pairs"]) -> Known:
    """Return the question rows of pairs in order, and the answers beside them."""
    order = np.lexsort((answers, questions))
    return questions[order], answers[order]


def _shared(questions: Int[np.ndarray, " pairs"], answers: Int[np.ndarray, " pairs"]) -> Known:
    """Return the pairs of questions that have several answers, one of them not for them alone.

    Another question may bring such an answer into a batch. Most data has few such questions.
    """
    several = np.bincount(questions)[questions] > 1
    several &= np.bincount(answers)[answers] > 1
    kept = np.isin(questions, questions[several])
    return _known(questions[kept], answers[kept])


def _right_for_others(
    known: Known, questions: Int[np.ndarray, " batch"], answers: Int[np.ndarray, " batch"]
) -> Int[np.ndarray, "2 n"]:
    """Return the pairs (i, j), i != j, where a training pair gives answer j to question i."""
    if not len(known[0]):
        return np.zeros((2, 0), np.int64)
    order, there = np.argsort(answers, kind="stable"), np.unique(answers)
    asked, given = _right(known, questions, there)
    at, places = _right((answers[order], order), there[given], np.arange(len(answers)))
    others = asked[at] != places
    return np.stack([asked[at][others], places[others]])


def _right(known: Known, questions: np.ndarray, answers: np.ndarray) -> Int[np.ndarray, "2 n"]:
    """Return by position which answers (sorted rows) a training pair gives to which question."""
    if not len(answers):
        return np.zeros((2, 0), np.int64)
    asked, given = known
    first = np.searchsorted(asked, questions, "left")
    counts = np.searchsorted(asked, questions, "right") - first
    rows = np.repeat(np.arange(len(questions)), counts)
    within = np.arange(counts.sum()) - np.repeat(counts.cumsum() - counts, counts)
    found = given[np.repeat(first, counts) + within]
    columns = np.searchsorted(answers, found).clip(max=len(answers) - 1)
    here = answers[columns] == found
    return np.stack([rows[here], columns[here]])


@lru_cache(maxsize=1)
def _mine(
    data: TrainingSet, count: int
) -> tuple[Int[np.ndarray, " questions"], Int[np.ndarray, "questions hard"]]:
    """Return questions with the teacher's first wrong answers, -1 where there are fewer.

    Once for all trainings on one set: trials, the cube itself, further seeds and rivals.
    """
    known = _known(data.questions, data.answers)
    asked, bank_rows = np.unique(data.questions), np.unique(data.answers)
    normalize = torch.nn.functional.normalize
    bank = normalize(torch.from_numpy(data.gather(bank_rows)), dim=-1)
    mined = np.full((len(asked), count), -1, np.int64)
    for start in range(0, len(asked), _BLOCK_QUESTIONS):
        rows = asked[start : start + _BLOCK_QUESTIONS]
        questions = normalize(torch.from_numpy(data.gather(rows)), dim=-1)
        scores = questions @ bank.T
        right, answer = _right(known, rows, bank_rows)
        scores[right, answer] = -torch.inf
        best = scores.topk(min(count, len(bank_rows)), dim=1)
        found = bank_rows[best.indices.numpy()]
        found[best.values.isinf().numpy()] = -1
        mined[start : start + len(rows), : found.shape[1]] = found
    return asked, mined
