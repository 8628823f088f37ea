"""What a reader yields: a row, decoded, or the reason why it could not be."""

from dataclasses import dataclass
from typing import Any

MAX_ROW_BYTES = 16 * 1024 * 1024  # a longer line or value is quarantined, never held in memory


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file.

    Attributes:
        file: label of the file, as the manifest and the quarantine show it.
        line: where the row begins, from 1: a line, or the row's position where there are no lines.
        value: the decoded row; with an error, what could be saved of it.
        error: why it cannot be used.
        count: rows of the file it stands for (a dialogue stored one turn a row has several).
        columns: names of its columns in the file, where `value` has others.
    """

    file: str
    line: int
    value: Any = None
    error: str | None = None
    count: int = 1
    columns: tuple[str, ...] = ()
