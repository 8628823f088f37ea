"""What one row of a data file may be: a pair, a dialogue or a bare text."""

import unicodedata
from dataclasses import dataclass
from typing import Any

# Category Cc without tab, line feed and carriage return: never part of honest text.
_CONTROL = {chr(c) for c in (*range(32), *range(127, 160))} - {"\t", "\n", "\r"}


class RowError(ValueError):
    """Why a row goes to quarantine, in words for a person."""


@dataclass(frozen=True)
class Turn:
    """One utterance of a dialogue."""

    speaker: str
    text: str


@dataclass(frozen=True)
class Pair:
    """A question and its answer."""

    question: str
    answer: str
    source: str


@dataclass(frozen=True)
class Dialogue:
    """A sequence of turns, in order."""

    dialogue_id: str
    turns: tuple[Turn, ...]
    source: str


@dataclass(frozen=True)
class Text:
    """A text without a partner: material for the autoencoder."""

    text: str
    source: str


Record = Pair | Dialogue | Text


def parse_record(row: Any, max_characters: int, default_source: str) -> Record:
    """Turn a decoded row into a record.

    Raises:
        RowError: with the reason the row cannot be used.
    """
    if not isinstance(row, dict):
        raise RowError(f"expected an object, got {type(row).__name__}")
    source = row.get("source") or default_source
    if not isinstance(source, str):
        raise RowError("source must be text")
    if "turns" in row:
        return _parse_dialogue(row, source, max_characters)
    if "question" in row or "answer" in row:
        return Pair(
            clean_text(row.get("question"), "question", max_characters),
            clean_text(row.get("answer"), "answer", max_characters),
            source,
        )
    if "text" in row:
        return Text(clean_text(row["text"], "text", max_characters), source)
    raise RowError("has neither question and answer, nor turns, nor text")


def _parse_dialogue(row: dict[str, Any], source: str, max_characters: int) -> Dialogue:
    dialogue_id = row.get("dialogue_id")
    if not isinstance(dialogue_id, str | int) or dialogue_id == "":
        raise RowError("dialogue_id is missing")
    turns = row["turns"]
    if not isinstance(turns, list) or len(turns) < 2:
        raise RowError("turns must be a list of at least two")
    parsed = []
    for i, turn in enumerate(turns):
        if not isinstance(turn, dict) or not isinstance(turn.get("speaker"), str):
            raise RowError(f"turn {i} needs a speaker and a text")
        text = clean_text(turn.get("text"), f"text of turn {i}", max_characters)
        parsed.append(Turn(turn["speaker"], text))
    return Dialogue(str(dialogue_id), tuple(parsed), source)


def clean_text(value: Any, name: str, max_characters: int) -> str:
    """Return the text in Unicode NFC with white space collapsed.

    Raises:
        RowError: when it is missing, not text, empty, too long or holds control characters.
    """
    if value is None:
        raise RowError(f"{name} is missing")
    if not isinstance(value, str):
        raise RowError(f"{name} is {type(value).__name__}, not text")
    if len(value) > max_characters:
        raise RowError(f"{name} has {len(value)} characters, at most {max_characters} are allowed")
    if not _CONTROL.isdisjoint(value):
        raise RowError(f"{name} holds control characters")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise RowError(f"{name} holds half a surrogate pair") from None
    text = " ".join(unicodedata.normalize("NFC", value).split())
    if not text:
        raise RowError(f"{name} is empty")
    return text
