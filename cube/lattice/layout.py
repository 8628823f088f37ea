"""Layouts: which dimension of an embedding lies in which cell of the lattice."""

import numpy as np
from jaxtyping import Float, Int


def random_order(dimension: int) -> Int[np.ndarray, " dim"]:
    """Return one and the same random order of the dimensions: the control of any layout."""
    return np.random.default_rng(0).permutation(dimension)


def correlation_order(vectors: Float[np.ndarray, "rows dim"]) -> Int[np.ndarray, " dim"]:
    """Return the dimensions in an order in which neighbours vary together.

    The order of leaves of a hierarchical clustering by 1 - |correlation|, average linkage, turned
    so that the steps from leaf to leaf are short (Bar-Joseph et al. 2001).

    Args:
        vectors: training vectors; a dimension that never varies correlates with none.
    """
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    if vectors.shape[1] < 3:
        return np.arange(vectors.shape[1])
    centred = np.asarray(vectors, np.float64) - vectors.mean(axis=0, dtype=np.float64)
    length = np.linalg.norm(centred, axis=0)
    centred /= np.where(length > 0, length, 1.0)
    distance = 1 - np.abs(centred.T @ centred).clip(0, 1)
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False), "average", optimal_ordering=True)
    return leaves_list(tree).astype(np.int64)
