"""Maximum mean discrepancy: the distance of two samples of vectors (Gretton et al. 2012).

Unbiased estimate of the squared distance with a Gaussian kernel whose width is the median distance
within the reference. Around 0 without drift, also below it.
"""

import numpy as np
from jaxtyping import Float

from cube.drift.judgement import Judgement, judge, random_parts

SPLITS = 200  # cheap: one kernel matrix serves them all
_SMALLEST = 5e-4  # a twentieth of the rows from another domain


def judge_mmd(
    current: Float[np.ndarray, "n dim"],
    reference: Float[np.ndarray, "m dim"],
    deviations: float,
) -> Judgement:
    """Compare vectors; takes m² + n·m floats of memory, so sample large sets before."""
    squares = _squared_distances(reference, reference)
    width = float(np.median(squares[np.triu_indices(len(reference), 1)])) or 1.0
    within = np.exp(squares / -width)
    np.fill_diagonal(within, 0)
    masks = np.array(list(random_parts(len(reference), len(current), SPLITS)), np.float32)
    null_scores = _split_scores(within, masks)
    own = np.exp(_squared_distances(current, current) / -width)
    np.fill_diagonal(own, 0)
    between = np.exp(_squared_distances(current, reference) / -width)
    score = float(_mean_pair(own) + _mean_pair(within) - 2 * between.mean())
    return judge("maximum mean discrepancy", score, null_scores, deviations, _SMALLEST)


def _split_scores(
    kernel: Float[np.ndarray, "m m"], masks: Float[np.ndarray, "splits m"]
) -> Float[np.ndarray, " splits"]:
    """Return the discrepancy between every part and its rest."""
    part, rest = masks.sum(axis=1), (1 - masks).sum(axis=1)
    sums = masks @ kernel
    inside = (sums * masks).sum(axis=1)
    across = (sums * (1 - masks)).sum(axis=1)
    outside = kernel.sum() - inside - 2 * across
    return inside / (part * (part - 1)) + outside / (rest * (rest - 1)) - 2 * across / (part * rest)


def _mean_pair(kernel: Float[np.ndarray, "n n"]) -> float:
    return float(kernel.sum() / (len(kernel) * (len(kernel) - 1)))


def _squared_distances(
    a: Float[np.ndarray, "n dim"], b: Float[np.ndarray, "m dim"]
) -> Float[np.ndarray, "n m"]:
    lengths = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None]
    return np.maximum(lengths - 2 * a @ b.T, 0)
