"""Properties of texts and how far their distributions moved (two-sample Kolmogorov–Smirnov)."""

import math
import re
from collections import Counter

import numpy as np
from jaxtyping import Float
from scipy.stats import ks_2samp

from cube.drift.judgement import Judgement, judge, random_parts

SPLITS = 200
_SMALLEST = 0.1  # of the statistic, the largest distance of two shares
_SURE = 2.225  # critical value of Kolmogorov's distribution at one in ten thousand
_WORD = re.compile(r"\w+")


class Vocabulary:
    """Words of the reference texts, by the number of texts they are in."""

    def __init__(self, texts: list[str]):
        self._texts_with = Counter(word for text in texts for word in set(words_of(text)))

    def unknown_share(self, text: str, is_reference: bool) -> float:
        """Return the share of words in no reference text, other than this one if it is one."""
        words = words_of(text)
        known = sum(self._texts_with[word] > is_reference for word in words)
        return 1 - known / len(words) if words else 0.0


def words_of(text: str) -> list[str]:
    """Return the words of a text in lower case."""
    return _WORD.findall(text.lower())


def text_properties(
    texts: list[str], vocabulary: Vocabulary, is_reference: bool
) -> dict[str, Float[np.ndarray, " texts"]]:
    """Return a value a text for: characters, words, unknown words, letters beyond ASCII, digits."""
    rows = []
    for text in texts:
        size = max(1, len(text))
        letters = max(1, sum(c.isalpha() for c in text))
        rows.append(
            (
                float(len(text)),
                float(len(words_of(text))),
                vocabulary.unknown_share(text, is_reference),
                sum(c.isalpha() and not c.isascii() for c in text) / letters,
                sum(c.isdigit() for c in text) / size,
            )
        )
    names = ("characters", "words", "unknown words", "letters beyond ASCII", "digits")
    return dict(zip(names, np.array(rows).T, strict=True))


def judge_properties(
    current: list[str], reference: list[str], deviations: float
) -> list[Judgement]:
    """Compare every property of two lists of texts.

    No threshold is below the statistic's critical value for samples of these sizes (Smirnov 1939):
    parts of a small reference without a single digit say nothing of how many digits are usual.
    """
    n, m = len(current), len(reference)
    smallest = max(_SMALLEST, _SURE * math.sqrt((n + m) / (n * m)))
    vocabulary = Vocabulary(reference)
    new = text_properties(current, vocabulary, is_reference=False)
    old = text_properties(reference, vocabulary, is_reference=True)
    masks = list(random_parts(len(reference), len(current), SPLITS))
    judgements = []
    for name, values in old.items():
        null_scores = np.array([_distance(values[mask], values[~mask]) for mask in masks])
        score = _distance(new[name], values)
        judgements.append(judge(f"texts: {name}", score, null_scores, deviations, smallest))
    return judgements


def _distance(a: Float[np.ndarray, " n"], b: Float[np.ndarray, " m"]) -> float:
    return float(ks_2samp(a, b, method="asymp")[0])  # type: ignore[arg-type]
