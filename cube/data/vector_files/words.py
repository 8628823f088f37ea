"""Word2Vec (text, binary) and GloVe (text): a vector a row, behind a word that is passed over."""

from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from cube.data.opening import open_regular
from cube.data.vector_files.arrays import no_name
from cube.errors import DataError

_MAX_LINE = 1 << 22
_MAX_WORD = 1 << 16


def read_text(path: Path, name: str | None) -> np.ndarray:
    """Read Word2Vec text (a line with counts first) or GloVe text (none).

    Raises:
        DataError: naming the first line that does not fit.
    """
    no_name(path, name)
    with open_regular(path) as file:
        first = _line(file, path, 1)
        if not first.strip():
            raise DataError(f"{path} has no vectors.")
        counts = _counts(first)
        data, found = bytearray(), 0
        width = counts[1] if counts else None
        for number, line in _lines(file, path, first, skip_first=counts is not None):
            vector = _parse(line, width, path, number)
            width, found = len(vector), found + 1
            data += vector.tobytes()
    if counts and counts[0] != found:
        raise DataError(f"{path} is cut off: it announces {counts[0]} vectors and has {found}.")
    if not found:
        raise DataError(f"{path} has no vectors.")
    return np.frombuffer(data, np.float32).reshape(found, -1)


def read_binary(path: Path, name: str | None) -> np.ndarray:
    """Read Word2Vec's binary format: a line with counts, then word, space, float32 values.

    Raises:
        DataError: when it is cut off or announces more than its size can hold.
    """
    no_name(path, name)
    size = path.stat().st_size
    with open_regular(path) as file:
        counts = _counts(_line(file, path, 1))
        if counts is None:
            raise DataError(
                f"{path} is not Word2Vec's binary format: its first line must be two numbers."
            )
        number, width = counts
        if number * (width * 4 + 1) > size:
            raise DataError(f"{path} is cut off: {number} vectors of {width} cannot be in {size} "
                            "bytes.")  # fmt: skip
        matrix = np.empty((number, width), "<f4")
        for i in range(number):
            _skip_word(file, path, i)
            data = file.read(width * 4)
            if len(data) < width * 4:
                raise DataError(f"{path} is cut off in vector {i}.")
            matrix[i] = np.frombuffer(data, "<f4")
    return matrix


def _skip_word(file: IO[bytes], path: Path, row: int) -> None:
    for _ in range(_MAX_WORD):
        character = file.read(1)
        if character == b" ":
            return
        if not character:
            break
    raise DataError(f"{path} is cut off or corrupt at the word of vector {row}.")


def _lines(
    file: IO[bytes], path: Path, first: bytes, skip_first: bool
) -> Iterator[tuple[int, bytes]]:
    if not skip_first:
        yield 1, first
    number = 1
    while True:
        number += 1
        line = _line(file, path, number)
        if not line:
            return
        if line.strip():
            yield number, line


def _line(file: IO[bytes], path: Path, number: int) -> bytes:
    line = file.readline(_MAX_LINE)
    if len(line) == _MAX_LINE and not line.endswith(b"\n"):
        raise DataError(f"{path}: line {number} is longer than {_MAX_LINE} bytes.")
    return line


def _counts(line: bytes) -> tuple[int, int] | None:
    """Return number and length of vectors if this is the first line of Word2Vec."""
    parts = line.split()
    if len(parts) != 2 or not all(part.isdigit() and len(part) < 12 for part in parts):
        return None
    return (int(parts[0]), int(parts[1])) if int(parts[1]) > 0 else None


def _parse(line: bytes, width: int | None, path: Path, number: int) -> np.ndarray:
    # From the right: in GloVe a few words hold spaces.
    parts = line.rstrip().split(b" ") if width is None else line.rstrip().rsplit(b" ", width)
    if width is not None and len(parts) != width + 1:
        raise DataError(f"{path}: line {number} has {len(parts) - 1} numbers, others have {width}.")
    if len(parts) < 2:
        raise DataError(f"{path}: line {number} is no word and a vector.")
    try:
        return np.array([float(part) for part in parts[1:]], np.float32)
    except ValueError:
        raise DataError(f"{path}: line {number} holds something that is no number.") from None
