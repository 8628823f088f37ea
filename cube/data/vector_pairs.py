"""Pairs of vectors laid out as training stores them: every distinct row once, in float32."""

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int, UInt64

from cube.data.key_table import KeyTable
from cube.data.schema import digest_keys

_BLOCK_ROWS = 16_384


class Distinct(NamedTuple):
    """The different rows of a matrix.

    Attributes:
        first: position of each distinct row where it stands first, ascending.
        number: by row of the matrix, which distinct row it is.
        keys: by row of the matrix, a 64-bit key of its content.
    """

    first: Int[np.ndarray, " distinct"]
    number: Int[np.ndarray, " rows"]
    keys: UInt64[np.ndarray, " rows"]


def lay_out(
    questions: np.ndarray, answers: np.ndarray, folder: Path | None = None
) -> tuple[np.ndarray, Distinct, Distinct]:
    """Return a matrix of the distinct questions and then the answers, and the pairs' rows in it.

    Args:
        questions: shape (pairs, dim).
        answers: shape (pairs, dim); row i answers row i of the questions.
        folder: where the matrix becomes a mapped file; None: it stays in memory.
    """
    asked, given = distinct_rows(questions), distinct_rows(answers)
    parts = [(questions, asked.first), (answers, given.first)]
    if folder is None:
        vectors = np.concatenate([matrix[rows] for matrix, rows in parts], dtype=np.float32)
    else:
        vectors = _mapped(parts, folder / "vectors.npy")
    return vectors, asked, given._replace(number=given.number + len(asked.first))


def _mapped(parts: list[tuple[np.ndarray, np.ndarray]], path: Path) -> np.ndarray:
    """Write rows of matrices one after the other, a block at a time, and map the file."""
    shape = (sum(len(rows) for _, rows in parts), parts[0][0].shape[1])
    written = np.lib.format.open_memmap(path, "w+", np.float32, shape)
    place = 0
    for matrix, rows in parts:
        for start in range(0, len(rows), _BLOCK_ROWS):
            block = rows[start : start + _BLOCK_ROWS]
            written[place : place + len(block)] = matrix[block]
            place += len(block)
    written.flush()
    return np.load(path, mmap_mode="r", allow_pickle=False)


def distinct_rows(matrix: np.ndarray) -> Distinct:
    """Tell which rows of a matrix are equal in float32."""

    def digest(row: np.ndarray) -> bytes:
        content = np.ascontiguousarray(row, np.float32) + 0.0  # -0 is 0
        return hashlib.blake2b(content.tobytes(), digest_size=16).digest()

    keys = digest_keys(map(digest, matrix))
    number, new = KeyTable().add(keys)
    return Distinct(np.flatnonzero(new), number, keys[:, 0])
