"""Rows of a matrix, read from its file where the matrix is larger than what should stay in memory.

Pages of a mapped file that were touched count as this process's memory, with many neighbours each:
over an epoch the whole file. Taking them back page by page costs twice what reading rows does.
"""

import mmap
import os
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int

_SMALL_BYTES = 256 << 20  # a matrix that may as well stay
_BLOCK_ROWS = 16_384  # copied to a GPU at once


class Gatherer:
    """Rows of a matrix as float32 on a device, gathered there by a GPU that has room for them."""

    def __init__(self, matrix: Float[np.ndarray, "rows dim"], device: torch.device):
        """Copy the matrix to a GPU where it takes at most half of what is free."""
        self._matrix, self._device = matrix, device
        self._copy = None
        if device.type == "cuda" and matrix.nbytes <= torch.cuda.mem_get_info(device)[0] // 2:
            dtype = torch.from_numpy(matrix[:0].copy()).dtype
            self._copy = torch.empty(matrix.shape, dtype=dtype, device=device)
            for start in range(0, len(matrix), _BLOCK_ROWS):
                block = torch.from_numpy(_read(matrix, start, start + _BLOCK_ROWS))
                self._copy[start : start + len(block)] = block

    @property
    def waits(self) -> bool:
        """Whether gathering leaves the cores idle: for the disk, or for a copy to the GPU."""
        if self._copy is not None:
            return False
        return is_on_disk(self._matrix) or self._device.type != "cpu"

    def __call__(self, rows: Int[np.ndarray, " n"]) -> Float[torch.Tensor, "n dim"]:
        """Return rows."""
        if self._copy is not None:
            return self._copy[torch.from_numpy(rows).long().to(self._device)].float()
        return torch.from_numpy(gather_rows(self._matrix, rows)).to(self._device)


def gather_rows(
    matrix: Float[np.ndarray, "rows dim"], rows: Int[np.ndarray, " n"]
) -> Float[np.ndarray, "n dim"]:
    """Return rows as float32; a large mapped matrix leaves nothing of itself in memory."""
    if not is_on_disk(matrix):
        return _as_float32(matrix[rows])
    assert isinstance(matrix, np.memmap)
    size = matrix.strides[0]
    with Path(str(matrix.filename)).open("rb") as file:
        places = (matrix.offset + rows.astype(np.int64) * size).tolist()
        content = bytearray().join([os.pread(file.fileno(), size, place) for place in places])
    return _as_float32(np.frombuffer(content, matrix.dtype).reshape(len(rows), matrix.shape[1]))


def _read(matrix: np.ndarray, start: int, stop: int) -> np.ndarray:
    """Return rows in their order and type; a large mapped matrix leaves nothing in memory."""
    if not is_on_disk(matrix):
        return matrix[start:stop].copy()
    assert isinstance(matrix, np.memmap)
    count = (min(stop, len(matrix)) - start) * matrix.shape[1]
    offset = matrix.offset + start * matrix.strides[0]
    rows = np.fromfile(str(matrix.filename), matrix.dtype, count, offset=offset)
    return rows.reshape(-1, matrix.shape[1])


def _as_float32(vectors: np.ndarray) -> Float[np.ndarray, "n dim"]:
    """Convert by torch, which has float16 ten times as fast as NumPy."""
    return torch.from_numpy(np.asarray(vectors)).float().numpy()


def is_on_disk(matrix: np.ndarray) -> bool:
    """Whether a matrix is too large a file to stay in memory: rows in order, not a part of one."""
    whole = isinstance(matrix, np.memmap) and isinstance(matrix.base, mmap.mmap)
    return whole and matrix.flags.c_contiguous and matrix.nbytes > _SMALL_BYTES
