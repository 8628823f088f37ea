"""JSON documents: an array of rows, an object holding one, or values one after another.

Elements are decoded one at a time from a window on the file, so an array of any length is read in
bounded memory.
"""

import codecs
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from cube.data.columns import known_columns
from cube.data.formats.json_lines import refuse_constant
from cube.data.rows import MAX_ROW_BYTES, Row
from cube.errors import DataError

_CHUNK = 1 << 18
_MAX_OBJECT = 4 * MAX_ROW_BYTES  # an object around all rows is decoded whole
_SPACE = re.compile(r"[ \t\n\r]*")
_SPANNING = re.compile(rb"\s*(\[\s*\{|\{\s*\n)")
_ARRAY_A_LINE = re.compile(rb"\s*\[[^\n]*\],?[ \t\r]*\n\s*\[")  # no array goes on like this
_LISTS = ("data", "rows", "records", "examples", "items", "pairs", "dialogues", "conversations")


def begins(stream: io.BufferedReader) -> bool:
    """Return whether what begins here is a document that cannot be JSON Lines."""
    start = stream.peek()
    return _SPANNING.match(start) is not None and _ARRAY_A_LINE.match(start) is None


def read(stream: IO[bytes], label: str, path: Path, mapping: dict[str, str]) -> Iterator[Row]:
    """Yield the rows of a document.

    Args:
        stream: UTF-8.
        label: name of the file.
        path: of the file, for errors.
        mapping: field -> column, see `cube.data.columns`.

    Raises:
        DataError: when it is broken: where one value ends badly, no later one can be trusted.
    """
    window = _Window(stream, path)
    if not window.next_character():
        return
    if window.next_character() == "[":
        yield from _elements(window, label)
        if window.next_character():
            window.fail("more follows after the array")
        return
    line, first = window.value(_MAX_OBJECT)
    if not window.next_character():
        yield from _rows_of(first, line, label, mapping)
        return
    yield Row(label, line, first)
    while window.next_character():
        yield Row(label, *window.value(MAX_ROW_BYTES))


def _elements(window: "_Window", label: str) -> Iterator[Row]:
    window.skip()
    if window.next_character() == "]":
        window.skip()
        return
    while True:
        yield Row(label, *window.value(MAX_ROW_BYTES))
        separator = window.next_character()
        window.skip()
        if separator == "]":
            return
        if separator != ",":
            window.fail("expected , or ] after a value")


def _rows_of(value: Any, line: int, label: str, mapping: dict[str, str]) -> Iterator[Row]:
    """Yield the rows inside an object such as {"data": [...]}, or the object as the only row."""
    rows = _inside(value, mapping) if isinstance(value, dict) else None
    for row in rows or [value]:
        yield from (Row(label, line, part) for part in _questions(row))


def _inside(value: dict[str, Any], mapping: dict[str, str]) -> list[Any] | None:
    known = known_columns(tuple(value), mapping)
    lists = {name: inside for name, inside in value.items() if _holds_objects(inside)}
    named = next((lists[name] for name in _LISTS if name in lists), None)
    texts = [value[known[field]] for field in ("question", "text") if field in known]
    if named is None and any(isinstance(t, list | dict) and not _are_turns(t) for t in texts):
        return _of_columns(value)
    if {"question", "answer", "dialogue_id"} & value.keys():
        return None  # a record that has a field of such a name
    if "turns" in known and _are_turns(value[known["turns"]]):
        return None
    if named is not None or not known.keys().isdisjoint(("question", "answer", "turns", "text")):
        return named
    return [row for inside in lists.values() for row in inside]


def _holds_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _are_turns(value: Any) -> bool:
    """Whether a list is one dialogue, and not a list of dialogues or pairs."""
    known = known_columns(tuple(value[0])) if _holds_objects(value) else {}
    return "speaker" in known and known.keys().isdisjoint(("answer", "turns"))


def _of_columns(table: dict[str, Any]) -> list[Any] | None:
    """Return the rows of a table by columns, as pandas and `datasets` write them."""
    columns = [dict(enumerate(c)) if isinstance(c, list) else c for c in table.values()]
    if any(not isinstance(c, dict) or c.keys() != columns[0].keys() for c in columns):
        return None
    return [{name: c[i] for name, c in zip(table, columns, strict=True)} for i in columns[0]]


def _questions(row: Any) -> list[Any]:
    """Return the rows of an article as SQuAD nests them, or the row alone."""
    try:
        return [qa for paragraph in row["paragraphs"] for qa in paragraph["qas"]] or [row]
    except (KeyError, TypeError):
        return [row]


class _Window:
    """The part of a document that is being decoded."""

    def __init__(self, stream: IO[bytes], path: Path):
        self._stream, self._path = stream, path
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogatepass")
        self._json = json.JSONDecoder(parse_constant=refuse_constant)
        self._text, self._at, self._ended = "", 0, False
        self._line = 1

    def next_character(self) -> str:
        """Return the next character that is not white space, "" at the end."""
        while True:
            match = _SPACE.match(self._text, self._at)
            assert match is not None
            self._move(match.end())
            if self._at < len(self._text):
                return self._text[self._at]
            if self._ended:
                return ""
            self._fill(_CHUNK)

    def skip(self) -> None:
        """Pass one character."""
        self._move(self._at + 1)

    def value(self, max_characters: int) -> tuple[int, Any]:
        """Return the line and the content of the value that begins here."""
        self.next_character()
        while True:
            try:
                value, end = self._json.raw_decode(self._text, self._at)
                # A number at the very end of the window may go on behind it.
                if end < len(self._text) or self._ended:
                    line = self._line
                    self._move(end)
                    return line, value
                reason = "a value that does not end"
            except (ValueError, StopIteration) as error:
                # The decoder's own line and column are those of the window.
                reason = getattr(error, "msg", str(error)) or "a value that does not end"
            held = len(self._text) - self._at
            if self._ended:
                self.fail(reason)
            if held > max_characters:
                self.fail(
                    f"{reason}, or a value of more than {max_characters} characters; rows one a "
                    "line (.jsonl) may be any number"
                )
            self._fill(max(_CHUNK, held))

    def fail(self, reason: str) -> None:
        """Give the document up."""
        raise DataError(f"{self._path} is not valid JSON from line {self._line} on: {reason}.")

    def _move(self, to: int) -> None:
        self._line += self._text.count("\n", self._at, to)
        self._at = to

    def _fill(self, size: int) -> None:
        block = self._stream.read(size)
        self._ended = not block
        self._text = self._text[self._at :] + self._decoder.decode(block, final=self._ended)
        self._at = 0
