"""CSV and TSV with a header line: any delimiter, quoted fields with line feeds.

A quote that never closes would swallow the rest of a file. Only its own line is lost here: reading
starts again at the line after it.
"""

import csv
import re
from collections import deque
from collections.abc import Iterator
from typing import IO

from cube.data.columns import check_single, known_columns
from cube.data.lines import Line, read_lines
from cube.data.rows import Row
from cube.errors import DataError

_DELIMITERS = ",;\t|"
_NAMED_DELIMITER = re.compile(r'"?sep=(.)"?', re.IGNORECASE)  # a line above the header, for Excel
_MAX_RECORD_CHARACTERS = 1 << 22  # quoted line feeds included


def read(
    stream: IO[bytes], label: str, delimiter: str | None, mapping: dict[str, str]
) -> Iterator[Row]:
    """Yield a row for every record below the header.

    Args:
        stream: UTF-8.
        label: name of the file.
        delimiter: None: the one that makes the header's columns known, or most columns.
        mapping: field -> column, see `cube.data.columns`.

    Raises:
        DataError: when the header cannot be used.
    """
    records = _Records(read_lines(stream))
    header: list[str] | None = None
    csv.field_size_limit(_MAX_RECORD_CHARACTERS)
    while header is None:
        line = records.peek()
        if line is None:
            return
        if named := _NAMED_DELIMITER.fullmatch(line.text.strip("\r\n")):
            delimiter = delimiter or named[1]
            records.skip()
        elif line.text.strip():
            delimiter = delimiter or _guess_delimiter(line.text, mapping)
            _, fields, error = records.next(delimiter)
            if error is not None or fields is None:
                raise DataError(f"{label}: the header, line {line.number}, {error}.")
            header = [name.strip() for name in fields]
        else:
            records.skip()
    _check_header(header, label, mapping)
    while True:
        number, fields, error = records.next(delimiter or ",")
        if fields is None and error is None:
            return
        yield from _row(label, number, fields, error, header)


def _row(
    label: str, number: int, fields: list[str] | None, error: str | None, header: list[str]
) -> Iterator[Row]:
    if error is not None or fields is None:
        yield Row(label, number, fields, error)
    elif not any(field.strip() for field in fields):
        return  # a blank line
    elif len(fields) != len(header):
        reason = f"has {len(fields)} fields where the header has {len(header)}"
        yield Row(label, number, fields, reason)
    else:
        yield Row(label, number, dict(zip(header, fields, strict=True)))


def _check_header(header: list[str], label: str, mapping: dict[str, str]) -> None:
    known = known_columns(tuple(header), mapping)
    check_single(header, known.values(), f"{label}: the header")
    if not known:
        raise DataError(
            f"{label} has no column that is known: {', '.join(map(repr, header[:20]))}. Name them "
            "in data.columns, or the delimiter in data.delimiter."
        )


def _guess_delimiter(line: str, mapping: dict[str, str]) -> str:
    def worth(delimiter: str) -> tuple[int, int]:
        try:
            fields = next(csv.reader([line], delimiter=delimiter))
        except (csv.Error, StopIteration):
            return 0, 0
        return len(known_columns(tuple(name.strip() for name in fields), mapping)), len(fields)

    return max(_DELIMITERS, key=worth)


class _Records:
    """Records of a delimited file, with a way back behind a quote that never closes."""

    def __init__(self, lines: Iterator[Line]):
        self._lines = lines
        self._again: deque[Line] = deque()

    def peek(self) -> Line | None:
        """Return the next line without taking it."""
        if not self._again:
            line = next(self._lines, None)
            if line is None:
                return None
            self._again.append(line)
        return self._again[0]

    def skip(self) -> None:
        """Pass a line."""
        self._again.popleft()

    def next(self, delimiter: str) -> tuple[int, list[str] | None, str | None]:
        """Return line, fields and error of the next record; no fields and no error at the end."""
        used: list[Line] = []

        def feed() -> Iterator[str]:
            size = 0
            while (line := self.peek()) is not None:
                self.skip()
                used.append(line)
                size += len(line.text)
                if size > _MAX_RECORD_CHARACTERS:
                    raise csv.Error("is longer than a record may be: a quote that never closes?")
                yield line.text

        try:
            fields = next(csv.reader(feed(), delimiter=delimiter, strict=True), None)
        except csv.Error as error:
            self._again.extendleft(reversed(used[1:]))
            reason = str(error)
            if reason == "unexpected end of data":
                reason = "a quote that never closes"
            return used[0].number, [used[0].text], f"not valid CSV: {reason}"
        if not used:
            return 0, None, None
        broken = next((line.error for line in used if line.error), None)
        return used[0].number, fields, broken
