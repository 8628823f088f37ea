"""A random sample of rows, the same every time."""

import numpy as np


def sampled(rows: np.ndarray | int, most: int, seed: int = 0) -> np.ndarray:
    """Return at most so many of some rows (a number stands for all below it), ascending."""
    return np.sort(np.random.default_rng(seed).permutation(rows)[:most])
