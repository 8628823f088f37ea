"""Reading a matrix of vectors by the suffix of its file, and checking every value of it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from cube.data.opening import open_regular
from cube.data.vector_files import arrays, columns, words
from cube.errors import DataError

_READERS: dict[str, Callable[[Path, str | None], np.ndarray]] = {
    ".npy": arrays.read_npy,
    ".npz": arrays.read_npz,
    ".safetensors": arrays.read_safetensors,
    ".pt": arrays.read_torch,
    ".pth": arrays.read_torch,
    ".parquet": columns.read_parquet,
    ".pq": columns.read_parquet,
    ".vec": words.read_text,
    ".w2v": words.read_text,
    ".glove": words.read_text,
    ".txt": words.read_text,
    ".bin": words.read_binary,
}
_BLOCK_ROWS = 16_384
_SHOWN = 5
_NOTHING = 1e-24  # of squares: what is shorter than 1e-12 is not brought to length 1


def read_vectors(path: Path | str) -> np.ndarray:
    """Read a matrix and check it.

    Args:
        path: a file; `file.npz#name` takes one of several arrays, tensors or columns.

    Returns:
        Shape (rows, dimensions), float16, float32 or float64; memory-mapped where the format is.

    Raises:
        DataError: when the file is broken, of an unknown format, or would run code, or when the
            matrix is not two-dimensional, not of floats, not finite, or has rows of zeros.
    """
    file, name = _split(Path(path))
    reader = _READERS.get(file.suffix.lower())
    if reader is None:
        raise DataError(
            f"{file}: unknown format {file.suffix or '(no suffix)'!r}; vectors are read from "
            f"{', '.join(_READERS)}."
        )
    try:
        with open_regular(file):
            pass  # a pipe or a device is refused before a library waits for it
        matrix = reader(file, name)
    except OSError as error:
        if error.errno is None:
            raise DataError(f"{file} is cut off or corrupt ({error}).") from None
        raise DataError(f"Cannot read {file}: {error.strerror}.") from None
    except MemoryError:
        raise DataError(f"{file} claims more vectors than fit into memory.") from None
    check_matrix(matrix, str(path))
    return matrix


def check_matrix(matrix: np.ndarray, where: str) -> None:
    """Check shape, type and every value, a block of rows at a time.

    Raises:
        DataError: naming the first bad rows.
    """
    if not isinstance(matrix, np.ndarray):
        raise DataError(f"{where}: expected a numpy array, got {type(matrix).__name__}.")
    if matrix.ndim != 2 or matrix.dtype.kind != "f" or matrix.dtype.itemsize > 8:
        raise DataError(
            f"{where}: expected a float matrix (rows, dimensions), got shape {matrix.shape}, "
            f"{matrix.dtype}."
        )
    if not matrix.size:
        raise DataError(f"{where} has no rows or no dimensions: shape {matrix.shape}.")
    for start in range(0, len(matrix), _BLOCK_ROWS):
        with np.errstate(over="ignore", invalid="ignore"):
            block = np.asarray(matrix[start : start + _BLOCK_ROWS], np.float32)
            squares = np.einsum("ij,ij->i", block, block)  # what every length is made of
        endless = np.flatnonzero(~np.isfinite(squares))
        _refuse(where, start + endless, "hold NaN, infinity or what float32 cannot hold")
        _refuse(
            where,
            start + np.flatnonzero(squares < _NOTHING),
            "are all zeros, or too near to tell",
        )


def _refuse(where: str, rows: np.ndarray, what: str) -> None:
    if len(rows):
        shown = rows[:_SHOWN].tolist()
        raise DataError(f"{where}: rows {shown} (first of the bad ones) {what}.")


def _split(path: Path) -> tuple[Path, str | None]:
    """Take `file#name` apart, unless a file has that very name."""
    if "#" not in path.name or path.exists():
        return path, None
    name, _, inside = path.name.rpartition("#")
    return path.with_name(name), inside or None
