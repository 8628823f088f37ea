"""BM25 on the texts: what a search engine without embeddings finds."""

import itertools
import logging
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import regex
import torch
from jaxtyping import Float, Int
from scipy.sparse import csc_array, csr_array
from torch import Tensor

from cube.evaluation.baselines.system import LABELS, TextSystem
from cube.evaluation.baselines.tuning import Tuning
from cube.ranking import Ranking, RetrievalTask, rank

Texts = Callable[[Int[np.ndarray, " n"]], list[str]]

SATURATIONS = (0.9, 1.2, 1.5, 2.0)  # k1: how soon a repeated word stops counting
LENGTH_WEIGHTS = (0.4, 0.75, 1.0)  # b: how much long answers are held back

# Letters of scripts without spaces between words, or, as Korean, with few.
_UNSPACED = (
    r"[[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}ーｰﾞﾟ]"
    r"&&[\p{L}\p{N}]]"
)
_SPACED = rf"[[\p{{L}}\p{{N}}_]--{_UNSPACED}]"
_MARK = r"[[\p{M}\u200c\u200d]--\p{Variation_Selector}]"  # joiners as well, no part of an emoji
_WORD = regex.compile(
    rf"(?V1)(?<unspaced>{_UNSPACED}(?:{_UNSPACED}|{_MARK})*)|{_SPACED}(?:{_SPACED}|{_MARK})+"
)
_CHARACTER = regex.compile(r"\P{M}\p{M}*")


def bm25_baseline(texts: Texts, tuning: Tuning) -> TextSystem:
    """Return BM25 (Robertson & Zaragoza 2009) with the k1 and b best on validation."""
    found = _Words(texts, tuning.task)

    def score(dials: tuple[float, float]) -> float:
        return float(found.rank(*dials).reciprocal_ranks.mean())

    best = max(itertools.product(SATURATIONS, LENGTH_WEIGHTS), key=score)

    def rank_by_words(task: RetrievalTask, num_top: int) -> Ranking:
        return _Words(texts, task).rank(*best, num_top)

    return TextSystem("bm25", LABELS["bm25"], rank_by_words, ranks_by="BM25")


class _Words:
    """The words of a task's questions and bank: no stemming, no stop words."""

    def __init__(self, texts: Texts, task: RetrievalTask):
        self._task = task
        self._questions = _shared_words(texts(task.questions))
        self._answers = _shared_words(texts(task.bank))

    def rank(self, k1: float, b: float, num_top: int = 0) -> Ranking:
        """Rank the bank for every question."""
        from bm25s import BM25

        logging.getLogger("bm25s").setLevel(logging.WARNING)  # it sets DEBUG as it is imported
        index = BM25(k1=k1, b=b, dtype="float64")
        index.index(self._answers, create_empty_token=False, show_progress=False)
        assert index.scores is not None
        weights = tuple(index.scores[name] for name in ("data", "indices", "indptr"))
        vocabulary = index.vocab_dict
        weights_AV = csc_array(weights, shape=(len(self._task.bank), len(vocabulary))).tocsr()
        return rank(_WordScores(self._counts(vocabulary), weights_AV), self._task, num_top)

    def _counts(self, vocabulary: dict[str, int]) -> csr_array:
        """Return how often every known word stands in every question, shape (Q, V)."""
        known = [[vocabulary[w] for w in words if w in vocabulary] for words in self._questions]
        columns = np.array([word for words in known for word in words], np.int64)
        bounds = np.cumsum([0, *(len(words) for words in known)])
        return csr_array(
            (np.ones(len(columns)), columns, bounds), shape=(len(known), len(vocabulary))
        )


def _shared_words(texts: list[str]) -> list[list[str]]:
    """Return the words of texts; a word that is repeated is in memory once."""
    known: dict[str, str] = {}
    return [[known.setdefault(word, word) for word in words_of(text)] for text in texts]


def words_of(text: str) -> list[str]:
    """Return the words of a text in lower case: runs of two and more letters with their marks.

    Where a script has no spaces between words, these are pairs of neighbouring characters, as of
    Lucene's CJKAnalyzer.
    """
    words = []
    for found in _WORD.finditer(text):
        word = found[0] if text.isascii() else unicodedata.normalize("NFKC", found[0])
        if found["unspaced"] is None:
            words.append(word.lower())
        else:
            characters = _CHARACTER.findall(word)
            words += map("".join, itertools.pairwise(characters)) if characters[1:] else characters
    return words


@dataclass(frozen=True)
class _WordScores:
    """Sums of the weights, in an answer, of a question's words."""

    counts: csr_array  # (Q, V)
    weights: csr_array  # (A, V)

    def of_block(self, first: int, last: int) -> Callable[[slice], Float[Tensor, "q a"]]:
        block_VA = self.weights[first:last].T.tocsr()
        return lambda here: torch.from_numpy((self.counts[here] @ block_VA).toarray())

    def of_pairs(
        self, questions: Int[np.ndarray, " n"], answers: Int[np.ndarray, " n"]
    ) -> Float[np.ndarray, " n"]:
        return (self.counts[questions] * self.weights[answers]).sum(axis=1)
