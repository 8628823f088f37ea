"""Paired bootstrap: is one system better than another on the same questions?"""

import numpy as np
from jaxtyping import Float

from cube.evaluation.schema.part import Interval

_BLOCK_DRAWS = 8_000_000  # random draws held at once


def paired_bootstrap(
    ours: Float[np.ndarray, " Q"],
    theirs: Float[np.ndarray, " Q"],
    resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Resample the questions, keeping both systems' scores together (Efron & Tibshirani 1993).

    Args:
        ours: score of a system on every question.
        theirs: score of the other system on the same questions.
        resamples: bootstrap samples.
        confidence: mass of the interval.
        seed: of the resampling; equal seeds give equal intervals.
    """
    differences = np.asarray(ours, np.float64) - np.asarray(theirs, np.float64)
    n = len(differences)
    generator = np.random.default_rng(seed)
    means = np.empty(resamples)
    rows = max(1, _BLOCK_DRAWS // n)
    for start in range(0, resamples, rows):
        stop = min(start + rows, resamples)
        draws = generator.integers(0, n, (stop - start, n), dtype=np.int32)
        means[start:stop] = differences[draws].mean(axis=1)
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(difference=float(differences.mean()), low=float(low), high=float(high))
