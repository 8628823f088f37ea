"""Rows out of files. A broken row is yielded as an error, it never ends the reading."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cube.data.records import RowError
from cube.errors import DataError

SUFFIXES = (".jsonl", ".ndjson")
MAX_LINE_BYTES = 16 * 1024 * 1024  # a longer line is quarantined without being held in memory


@dataclass(frozen=True)
class Row:
    """One row of a file: decoded, or with the reason it could not be."""

    path: Path
    line: int
    value: Any = None
    error: str | None = None


def find_files(sources: list[Path]) -> list[Path]:
    """Return the data files among paths and folders, folders searched in name order.

    Raises:
        DataError: when a path is missing or not a regular file, or nothing is found.
    """
    files: list[Path] = []
    for source in sources:
        if source.is_dir():
            inside = sorted(p for p in source.rglob("*") if p.suffix in SUFFIXES and p.is_file())
            if not inside:
                raise DataError(f"No {' or '.join(SUFFIXES)} file in folder {source}.")
            files += inside
        elif source.is_file():
            if source.suffix not in SUFFIXES:
                raise DataError(
                    f"{source}: unknown format {source.suffix or '(no suffix)'!r}; "
                    f"supported: {', '.join(SUFFIXES)}."
                )
            files.append(source)
        elif source.exists():
            raise DataError(f"{source} is neither a regular file nor a folder.")
        else:
            raise DataError(f"No such file or folder: {source}.")
    return files


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a JSON Lines file (UTF-8, byte-order mark allowed, blank lines skipped)."""
    try:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(MAX_LINE_BYTES):
                number += 1
                if len(line) == MAX_LINE_BYTES and not line.endswith(b"\n"):
                    while line and not line.endswith(b"\n"):
                        line = file.readline(MAX_LINE_BYTES)
                    yield Row(path, number, error=f"line is longer than {MAX_LINE_BYTES} bytes")
                    continue
                if number == 1:
                    line = line.removeprefix(b"\xef\xbb\xbf")
                if line.strip():
                    yield _decode(path, number, line)
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror}.") from None


def _decode(path: Path, number: int, line: bytes) -> Row:
    try:
        return Row(path, number, value=json.loads(line.decode(), parse_constant=_refuse))
    except UnicodeDecodeError as error:
        return Row(path, number, error=f"not UTF-8 at byte {error.start}")
    except RecursionError:
        return Row(path, number, error="nested too deeply")
    except ValueError as error:
        return Row(path, number, error=f"not valid JSON: {error}")


def _refuse(constant: str) -> None:
    raise RowError(f"{constant} is not JSON")
