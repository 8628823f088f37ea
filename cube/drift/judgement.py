"""When a score counts as drift: a threshold calibrated on the reference itself.

Random parts of the reference, as large as the comparison, are scored against the rest: what a
method says where nothing changed. Parts are smaller than the reference, so their scores scatter
more than those of the comparison, which errs towards silence.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float


@dataclass(frozen=True)
class Judgement:
    """One method's score, its threshold, and the scores without drift behind it."""

    method: str
    score: float
    threshold: float
    null_scores: list[float]

    @property
    def drifted(self) -> bool:
        """Whether the score is above the threshold."""
        return self.score > self.threshold

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {**asdict(self), "drifted": self.drifted}


def judge(
    method: str,
    score: float,
    null_scores: Float[np.ndarray, " splits"],
    deviations: float,
    smallest: float,
) -> Judgement:
    """Set the threshold `deviations` standard deviations above the mean score without drift.

    Args:
        method: what was computed.
        score: larger is more drift.
        null_scores: scores of random parts of the reference.
        deviations: a high quantile of few scores would itself be noise; this is not.
        smallest: never a threshold below this: with enough rows any difference is significant, and
            one that small is nothing a person would retrain for.
    """
    threshold = max(smallest, float(null_scores.mean() + deviations * null_scores.std()))
    return Judgement(method, score, threshold, [float(s) for s in null_scores])


def random_parts(rows: int, part: int, splits: int) -> Iterator[Bool[np.ndarray, " rows"]]:
    """Yield masks of random parts, at most half of the rows; the same ones every time."""
    for seed in range(splits):
        mask = np.zeros(rows, bool)
        chosen = np.random.default_rng([seed, rows]).permutation(rows)[: min(part, rows // 2)]
        mask[chosen] = True
        yield mask
