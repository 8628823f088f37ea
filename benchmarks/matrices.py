"""Large .npy files, written block by block."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

BLOCK_ROWS = 1 << 16


def write_matrix(
    path: Path,
    shape: tuple[int, int],
    dtype: type[np.floating],
    block: Callable[[int, int], np.ndarray],
) -> None:
    """Write a matrix, not through a map, whose pages would count as this process's memory.

    Args:
        path: of the .npy file.
        shape: rows and columns.
        dtype: of the file.
        block: returns rows from the first given to, and without, the second, in any float type.
    """
    header = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": shape}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, shape[0], BLOCK_ROWS):
            rows = block(start, min(start + BLOCK_ROWS, shape[0]))
            file.write(np.ascontiguousarray(rows, dtype).data)
