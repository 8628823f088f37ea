"""What one row of a data file may be: a pair, a dialogue or a bare text."""

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import Any

from cube.config import DataConfig
from cube.data.cleaning import RowError, clean_text
from cube.data.columns import TURN_TEXT, rename

__all__ = ["Dialogue", "Pair", "Record", "RecordParser", "RowError", "Text", "Turn"]

_SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Turn:
    """One utterance of a dialogue."""

    speaker: str
    text: str


@dataclass(frozen=True, slots=True)
class Pair:
    """A question and its answer."""

    question: str
    answer: str
    source: str
    identity: str | None = None

    @property
    def content(self) -> str:
        """Everything two records of one id must agree on."""
        return f"{self.question}\0{self.answer}"


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A sequence of turns, in order."""

    dialogue_id: str
    turns: tuple[Turn, ...]
    source: str
    identity: str | None = None

    @property
    def content(self) -> str:
        """Everything two records of one id must agree on."""
        return "\0".join(f"{turn.speaker}\0{turn.text}" for turn in self.turns)


@dataclass(frozen=True, slots=True)
class Text:
    """A text without a partner: material for the autoencoder."""

    text: str
    source: str
    identity: str | None = None

    @property
    def content(self) -> str:
        """Everything two records of one id must agree on."""
        return self.text


Record = Pair | Dialogue | Text


class RecordParser:
    """Turns decoded rows into records.

    Attributes:
        removed: what cleaning took out of texts, counted.
    """

    def __init__(self, config: DataConfig):
        self.removed: Counter = Counter()
        self._config = config
        self._speakers = {name.casefold(): role for name, role in config.speakers.items()}

    def parse(self, row: Any, default_source: str) -> Record:
        """Turn a decoded row into a record.

        Raises:
            RowError: with the reason the row cannot be used.
        """
        if not isinstance(row, dict):
            raise RowError(f"expected an object, got {type(row).__name__}")
        fields = rename(row, self._config.columns)
        source = fields.get("source") or default_source
        if not isinstance(source, str):
            raise RowError("source must be text")
        source = self._clean(source, "source")
        if "turns" in fields:
            return self._dialogue(fields, source)
        identity = _identity(fields.get("id"))
        if "question" in fields and ("answer" in fields or "text" not in fields):
            question = self._clean(fields["question"], "question")
            return Pair(question, self._clean(fields.get("answer"), "answer"), source, identity)
        if "text" in fields:
            return Text(self._clean(fields["text"], "text"), source, identity)
        if "answer" in fields:
            raise RowError("question is missing")
        raise RowError("has neither question and answer, nor turns, nor text")

    def _clean(self, value: Any, name: str) -> str:
        config = self._config
        invisible = config.filters.invisible_characters
        return clean_text(value, name, config.max_characters, invisible, self.removed)

    def _dialogue(self, fields: dict[str, Any], source: str) -> Dialogue:
        values = fields["turns"]
        if not isinstance(values, list) or len(values) < 2:
            raise RowError(
                "turns must be a list of at least two; rows of a dialogue stand together"
            )
        turns = tuple(self._turn(i, value) for i, value in enumerate(values))
        dialogue_id = _identity(fields.get("dialogue_id", fields.get("id")))
        if dialogue_id is not None:
            return Dialogue(dialogue_id, turns, source, dialogue_id)
        # Chats often carry no id: then what was said names the dialogue.
        words = "\0".join(turn.text for turn in turns).encode()
        return Dialogue(hashlib.sha256(words).hexdigest()[:16], turns, source)

    def _turn(self, i: int, value: Any) -> Turn:
        if isinstance(value, str):  # bare texts: two people taking turns, the asking one first
            return Turn(("user", "assistant")[i % 2], self._clean(value, f"text of turn {i}"))
        if not isinstance(value, dict):
            raise RowError(f"turn {i} needs a speaker and a text")
        named = rename(value, {})
        speaker = named.get("speaker")
        if not isinstance(speaker, str) or not speaker.strip():
            raise RowError(f"turn {i} needs a speaker and a text")
        text = next((value[name] for name in TURN_TEXT if name in value), None)
        speaker = self._clean(speaker, f"speaker of turn {i}")
        role = self._speakers.get(speaker.casefold(), speaker)
        return Turn(role, self._clean(text, f"text of turn {i}"))


def _identity(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise RowError(f"id is {type(value).__name__}, not text or a whole number")
    try:
        text = str(value)
        text.encode()
    except UnicodeEncodeError:
        raise RowError("id holds half a surrogate pair") from None
    except ValueError:
        raise RowError("id has too many digits") from None
    if len(text) > 1_000 or "\0" in text:
        raise RowError(f"id is not usable: {text[:_SHOWN_CHARACTERS]!r}")
    return text
