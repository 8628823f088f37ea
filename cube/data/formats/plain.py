"""Plain text: one text a line, or blocks of questions and answers marked `Q:` and `A:`."""

import re
from collections.abc import Iterator
from itertools import chain
from typing import IO

from cube.data.lines import Line, read_lines
from cube.data.rows import MAX_ROW_BYTES, Row

_MARK = re.compile(r"\s*(q|question|a|answer)\s*(?:\d+\s*)?[:：]\s*", re.IGNORECASE)
_MAX_TITLE_CHARACTERS = 1_000  # above the first question


def read(stream: IO[bytes], label: str, blocks: bool | None = None) -> Iterator[Row]:
    """Yield a row for every line, or for every question with its answer.

    Args:
        stream: UTF-8.
        label: name of the file.
        blocks: None: blocks if the file begins with `Q:`, or soon has a `Q:` and then an `A:`.
    """
    lines = read_lines(stream)
    head, size = [], 0
    for line in lines:
        head.append(line)
        size += len(line.text) + 1
        if size > _MAX_TITLE_CHARACTERS:
            break
    if blocks is None:
        blocks = _begins_blocks(head)
    rest = chain(head, lines)
    yield from _blocks(rest, label) if blocks else _single(rest, label)


def _begins_blocks(head: list[Line]) -> bool:
    lines = [line for line in head if line.error or line.text.strip()]
    marks = [None if line.error else _mark(line) for line in lines]
    return marks[:1] == ["q"] or [mark for mark in marks if mark][:2] == ["q", "a"]


def _mark(line: Line) -> str | None:
    match = _MARK.match(line.text)
    return match[1][0].lower() if match else None


def _single(lines: Iterator[Line], label: str) -> Iterator[Row]:
    for line in lines:
        if line.error is not None:
            yield Row(label, line.number, line.text, line.error)
        elif line.text.strip():
            yield Row(label, line.number, {"text": line.text})


def _blocks(lines: Iterator[Line], label: str) -> Iterator[Row]:
    """Gather lines under the last mark; a new `Q:` ends a block."""
    block: _Block | None = None
    for line in lines:
        mark = None if line.error else _mark(line)
        if block is None and not line.error and not line.text.strip():
            continue
        if mark == "q" or block is None:
            if block is not None:
                yield block.row(label)
            block = _Block(line.number)
        block.add(line, mark)
    if block is not None:
        yield block.row(label)


class _Block:
    """A question and its answer, line by line."""

    def __init__(self, number: int):
        self.number = number
        self.parts: dict[str, list[str]] = {}
        self.error: str | None = None
        self._size = 0
        self._under: str | None = None

    def add(self, line: Line, mark: str | None) -> None:
        if line.error:
            self.error = self.error or line.error
        text = line.text
        if mark is not None:
            if mark in self.parts:
                self.error = self.error or "has two answers: begin every question with Q:"
            self._under = mark
            text = text[_MARK.match(text).end() :]  # type: ignore[union-attr]
        self._size += len(text)
        if self._size > MAX_ROW_BYTES:
            self.error = f"block is longer than {MAX_ROW_BYTES} characters"
            self.parts = {}
        elif self._under is None:
            self.parts.setdefault("?", []).append(text)
            if text.strip():
                self.error = self.error or "stands outside of any question or answer"
        else:
            self.parts.setdefault(self._under, []).append(text)

    def row(self, label: str) -> Row:
        names = {"q": "question", "a": "answer", "?": "text"}
        value = {names[mark]: "".join(parts).strip() for mark, parts in self.parts.items()}
        return Row(label, self.number, value, self.error)
