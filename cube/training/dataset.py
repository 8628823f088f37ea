"""What a training reads: rows of one matrix of vectors. Nothing is copied per pair."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np
from jaxtyping import Float, Int

from cube.data.splits import Split
from cube.gathering import gather_rows
from cube.ranking import RetrievalTask


@dataclass(frozen=True, eq=False)  # the same only as itself, so that it can be a key
class TrainingSet:
    """Rows to learn from and rows to validate on; test rows are not in here.

    Attributes:
        vectors: matrix that all rows point into, often memory-mapped.
        questions: question rows of the training pairs.
        answers: answer rows of the training pairs; equal rows are one answer.
        texts: rows the autoencoder restores.
        validation: retrieval of held-out questions in their bank.
        validation_texts: held-out rows on which restoring is measured.
    """

    vectors: Float[np.ndarray, "rows dim"]
    questions: Int[np.ndarray, " pairs"]
    answers: Int[np.ndarray, " pairs"]
    texts: Int[np.ndarray, " texts"]
    validation: RetrievalTask
    validation_texts: Int[np.ndarray, " held_out"]

    @property
    def dimension(self) -> int:
        """Length of the vectors."""
        return self.vectors.shape[1]

    @property
    def num_pairs(self) -> int:
        """Pairs to learn from."""
        return len(self.questions)

    def gather(self, rows: Int[np.ndarray, " n"]) -> Float[np.ndarray, "n dim"]:
        """Return rows of the matrix as float32."""
        return gather_rows(self.vectors, rows)

    def sample(self, count: int) -> Float[np.ndarray, "n dim"]:
        """Return at most `count` vectors of the training pairs, evenly spaced: always the same."""
        rows = np.unique(np.concatenate([self.questions, self.answers]))
        return self.gather(rows[:: max(1, -(-len(rows) // count))])


def make_training_set(
    vectors: Float[np.ndarray, "rows dim"],
    questions: Int[np.ndarray, " pairs"],
    answers: Int[np.ndarray, " pairs"],
    splits: np.ndarray,
    own_bank: bool = False,
    context: Sequence[Sequence[int]] = (),
) -> TrainingSet:
    """Divide all pairs by split.

    With a bank of its own, validation ranks its questions among its answers only; otherwise the
    answers of training are in the bank as well.

    A text that any held-out pair uses is never restored in training, unless a training pair uses it
    too: questions, the turns before them (`context`, rows by pair), and answers.
    """
    train, validation = splits == Split.TRAIN, splits == Split.VALIDATION
    bank = np.unique(answers[validation if own_bank else train | validation])
    free = np.ones(len(vectors), bool)
    for pairs, restored in ((~train, False), (train, True)):
        turns = [row for rows in compress(context, pairs) for row in rows]
        for rows in (questions[pairs], answers[pairs], turns):
            free[rows] = restored
    return TrainingSet(
        vectors,
        questions[train],
        answers[train],
        np.flatnonzero(free),
        RetrievalTask.from_pairs(
            questions[validation],
            answers[validation],
            bank,
            known_questions=questions[train],
            known_answers=answers[train],
        ),
        np.unique(questions[validation]),
    )
