"""What is judged: one matrix of vectors, pairs into it, a split, and slices of its test part."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pyarrow as pa
from jaxtyping import Float, Int

from cube.config import Config
from cube.data.corpus import Corpus
from cube.data.splits import Split, slice_pairs
from cube.gathering import gather_rows
from cube.ranking import RetrievalTask, Rows
from cube.sampling import sampled
from cube.teacher.vectors import Vectors
from cube.training.dataset import TrainingSet, make_training_set

_BLOCK_ROWS = 16_384


@dataclass(frozen=True)
class Experiment:
    """Everything a training and its evaluation read.

    Attributes:
        vectors: matrix all rows point into.
        questions: question row of every pair.
        answers: answer row of every pair; equal rows are one answer.
        splits: `Split` of every pair.
        slices: test pairs by slice, as positions among the pairs.
        context: rows of the turns before, by pair; empty where there are none.
        dialogues: number of the dialogue of every pair, -1 for pairs of none; empty like context.
        texts: returns the texts of rows; None where there are only vectors.
        known_centre: means to use instead of those of the training pairs.
        separate_banks: rank every split among its own answers, as if it came with a bank of its
            own; otherwise all known answers are in the bank.
    """

    vectors: Float[np.ndarray, "rows dim"]
    questions: Int[np.ndarray, " pairs"]
    answers: Int[np.ndarray, " pairs"]
    splits: Int[np.ndarray, " pairs"]
    slices: dict[str, np.ndarray]
    context: list[list[int]] = field(default_factory=list)
    dialogues: Int[np.ndarray, " _"] = field(default_factory=lambda: np.zeros(0, np.int64))
    texts: Callable[[Int[np.ndarray, " n"]], list[str]] | None = None
    known_centre: "Centre | None" = None
    separate_banks: bool = False

    @classmethod
    def from_corpus(cls, corpus: Corpus, vectors: Vectors, config: Config) -> "Experiment":
        """Split a corpus whose vectors are laid out."""
        splits = corpus.splits(config.data.splits)
        return cls(
            vectors.matrix,
            corpus.questions,
            corpus.answers,
            splits,
            slice_pairs(
                corpus.answer_wordings,
                corpus.is_dialogue,
                splits,
                config.evaluation.max_pairs,
            ),
            corpus.pairs["context"].to_pylist(),
            _numbered(corpus.pairs["dialogue"]),
            corpus.texts,
        )

    @cached_property
    def training_set(self) -> TrainingSet:
        """Training and validation rows."""
        return make_training_set(
            self.vectors,
            self.questions,
            self.answers,
            self.splits,
            own_bank=self.separate_banks,
            context=self.context,
        )

    @cached_property
    def bank(self) -> Int[np.ndarray, " A"]:
        """Rows of the distinct answers every test question is ranked against."""
        in_bank = self.splits == Split.TEST if self.separate_banks else slice(None)
        return np.unique(self.answers[in_bank])

    @property
    def index(self) -> Rows:
        """The answers a map may be fitted to, as they lie in an index before anybody asks.

        Where test shares its bank with training, answers that only test has are left out.
        """
        shared = not self.separate_banks
        known = np.unique(self.answers[self.splits != Split.TEST]) if shared else self.bank
        return Rows(self.vectors, known)

    @property
    def bank_vectors(self) -> Rows:
        """The bank's vectors, gathered where they are needed."""
        return Rows(self.vectors, self.bank)

    def reference_questions(self, count: int) -> Float[np.ndarray, "n dim"]:
        """Return the vectors of `reference_rows`."""
        return self.gather(self.reference_rows(count))

    def reference_rows(self, count: int) -> Int[np.ndarray, " n"]:
        """Return a sample of the training questions, the same every time."""
        return sampled(np.unique(self.questions[self.splits == Split.TRAIN]), count)

    def task(self, slice_name: str) -> RetrievalTask:
        """Retrieval of a slice's questions among all answers."""
        return self.task_of(self.slices[slice_name])

    def task_of(self, pairs: Int[np.ndarray, " n"]) -> RetrievalTask:
        """Retrieval of some pairs' questions among all answers."""
        return RetrievalTask.from_pairs(
            self.questions[pairs],
            self.answers[pairs],
            self.bank,
            known_questions=self.questions,
            known_answers=self.answers,
        )

    def gather(self, rows: Int[np.ndarray, " n"]) -> Float[np.ndarray, "n dim"]:
        """Return rows of the matrix as float32."""
        return gather_rows(self.vectors, rows)

    @cached_property
    def centre(self) -> "Centre":
        """Means over the training pairs."""
        if self.known_centre is not None:
            return self.known_centre
        train = self.splits == Split.TRAIN
        return Centre(self._mean(self.questions[train]), self._mean(self.answers[train]))

    def _mean(self, rows: Int[np.ndarray, " n"]) -> Float[np.ndarray, " dim"]:
        """Return the mean of distinct rows, gathered in blocks."""
        rows = np.unique(rows)
        total = np.zeros(self.vectors.shape[1])
        for start in range(0, len(rows), _BLOCK_ROWS):
            total += self.gather(rows[start : start + _BLOCK_ROWS]).sum(axis=0, dtype=np.float64)
        return (total / len(rows)).astype(np.float32)


@dataclass(frozen=True)
class Centre:
    """Mean question and mean answer of the training data."""

    question: Float[np.ndarray, " dim"]
    answer: Float[np.ndarray, " dim"]


def _numbered(names: pa.ChunkedArray) -> Int[np.ndarray, " n"]:
    """Return a number for every distinct name, -1 for none."""
    codes = names.combine_chunks().dictionary_encode().indices
    return codes.fill_null(-1).to_numpy().astype(np.int64)
