"""Rows of a matrix that is larger than memory: read where needed, and let go of at once.

Pages of a mapped file that were touched count as this process's memory, though the system could
take them back; over an epoch that would be the whole file.
"""

import mmap

import numpy as np
from jaxtyping import Float, Int

_BLOCK_ROWS = 4_096  # touched before their pages are given back
_SMALL_BYTES = 256 << 20  # a matrix that may as well stay


def gather_rows(
    matrix: Float[np.ndarray, "rows dim"], rows: Int[np.ndarray, " n"]
) -> Float[np.ndarray, "n dim"]:
    """Return rows as float32, with a bounded number of the matrix's pages in memory."""
    file = _mapping_of(matrix)
    if file is None or matrix.nbytes <= _SMALL_BYTES:
        return np.asarray(matrix[rows], np.float32)
    found = np.empty((len(rows), matrix.shape[1]), np.float32)
    file.madvise(mmap.MADV_RANDOM)  # or every row would read 128 KiB of its neighbours
    for start in range(0, len(rows), _BLOCK_ROWS):
        found[start : start + _BLOCK_ROWS] = matrix[rows[start : start + _BLOCK_ROWS]]
        file.madvise(mmap.MADV_DONTNEED)  # the disk cache keeps them
    file.madvise(mmap.MADV_NORMAL)
    return found


def _mapping_of(array: np.ndarray) -> mmap.mmap | None:
    """Return the file an array is mapped from, or None."""
    base = array.base
    while isinstance(base, np.ndarray | memoryview):
        base = base.obj if isinstance(base, memoryview) else base.base
    return base if isinstance(base, mmap.mmap) else None
