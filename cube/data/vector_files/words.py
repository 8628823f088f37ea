"""Word2Vec (text and binary) and GloVe (text): a word and its vector a row."""

from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from cube.data.opening import open_regular
from cube.errors import DataError

_MAX_LINE = 1 << 22
_MAX_WORD = 1 << 16
_BLOCK_ROWS = 4_096
_BAD = "replace"  # how words that are no UTF-8 are read; vectors do not depend on it


def read_text(path: Path, name: str | None) -> tuple[np.ndarray, list[str]]:
    """Read Word2Vec text (a line with counts first) or GloVe text (none).

    Raises:
        DataError: naming the first line that does not fit.
    """
    _no_name(path, name)
    with open_regular(path) as file:
        first = _line(file, path, 1)
        if not first.strip():
            raise DataError(f"{path} has no vectors.")
        counts = _counts(first)
        words: list[str] = []
        blocks: list[np.ndarray] = []
        rows: list[np.ndarray] = []
        width = counts[1] if counts else None
        for number, line in _lines(file, path, first, skip_first=counts is not None):
            word, vector = _parse(line, width, path, number)
            width = len(vector)
            words.append(word)
            rows.append(vector)
            if len(rows) == _BLOCK_ROWS:
                blocks.append(np.stack(rows))
                rows = []
    if counts and counts[0] != len(words):
        raise DataError(
            f"{path} is cut off: it announces {counts[0]} vectors and has {len(words)}."
        )
    if rows:
        blocks.append(np.stack(rows))
    if not blocks:
        raise DataError(f"{path} has no vectors.")
    return np.concatenate(blocks), words


def read_binary(path: Path, name: str | None) -> tuple[np.ndarray, list[str]]:
    """Read Word2Vec's binary format: a line with counts, then word, space, float32 values.

    Raises:
        DataError: when it is cut off or announces more than its size can hold.
    """
    _no_name(path, name)
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
        words = []
        for i in range(number):
            words.append(_binary_word(file, path, i))
            data = file.read(width * 4)
            if len(data) < width * 4:
                raise DataError(f"{path} is cut off in vector {i}.")
            matrix[i] = np.frombuffer(data, "<f4")
    return matrix, words


def _binary_word(file: IO[bytes], path: Path, row: int) -> str:
    word = bytearray()
    while (character := file.read(1)) != b" ":
        if not character or len(word) > _MAX_WORD:
            raise DataError(f"{path} is cut off or corrupt at the word of vector {row}.")
        word += character
    return bytes(word).decode(errors=_BAD).lstrip("\n")


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


def _parse(line: bytes, width: int | None, path: Path, number: int) -> tuple[str, np.ndarray]:
    # From the right: in GloVe a few words hold spaces.
    parts = line.rstrip().split(b" ") if width is None else line.rstrip().rsplit(b" ", width)
    if width is not None and len(parts) != width + 1:
        raise DataError(f"{path}: line {number} has {len(parts) - 1} numbers, others have {width}.")
    if len(parts) < 2:
        raise DataError(f"{path}: line {number} is no word and a vector.")
    try:
        vector = np.array([float(part) for part in parts[1:]], np.float32)
    except ValueError:
        raise DataError(f"{path}: line {number} holds something that is no number.") from None
    return parts[0].decode(errors=_BAD), vector


def _no_name(path: Path, name: str | None) -> None:
    if name is not None:
        raise DataError(f"{path} holds a single matrix: leave out #{name}.")
