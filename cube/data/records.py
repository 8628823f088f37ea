"""What one row of a data file may be: a pair, a dialogue or a bare text."""

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import Any

from cube.config import DataConfig
from cube.data.cleaning import RowError, clean_text
from cube.data.columns import TURN_TEXT, rename

__all__ = ["AnswerList", "Dialogue", "Pair", "Record", "RecordParser", "RowError", "Text", "Turn"]

_SHOWN_CHARACTERS = 60
_SHOWN_FIELDS, _SHOWN_NAMES = 8, 160  # fields, characters of all their names
_MAX_ANSWERS = 10_000  # each is stored with the question: a short row could ask for any amount
_PROMPTING = ("system", "developer")  # roles of a first turn that is said to the model
_TOOLS = ("tool", "function", "function_call", "observation")  # roles of what a program says
_CALLS = ("tool_calls", "function_call")  # fields of a turn that asks a program


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


@dataclass(frozen=True, slots=True)
class AnswerList:
    """A question with several answers, as they stand in the row: each may become a pair."""

    question: str
    answers: list[Any]
    source: str
    identity: str | None = None


class RecordParser:
    """Turns decoded rows into records.

    Attributes:
        removed: what cleaning took out of texts, counted.
    """

    def __init__(self, config: DataConfig):
        self.removed: Counter = Counter()
        self._config = config
        self._speakers = {name.casefold(): role for name, role in config.speakers.items()}

    def parse(self, row: Any, default_source: str) -> Record | AnswerList:
        """Turn a decoded row into a record, or into the answers that `pair` makes records of.

        Raises:
            RowError: with the reason the row cannot be used.
        """
        if _are_messages(row):
            row = {"turns": row}
        if not isinstance(row, dict):
            raise RowError(f"expected an object, got {type(row).__name__}")
        fields = rename(row, self._config.columns)
        source = fields.get("source") or default_source
        if not isinstance(source, str):
            raise RowError("source must be text")
        source = self._clean(source, "source")
        if "turns" not in fields and _are_messages(fields.get("answer")):
            fields["turns"] = _with_prompt(fields.get("question"), fields["answer"])
        if "turns" in fields:
            return self._dialogue(fields, source)
        identity = _identity(fields.get("id"))
        if "question" in fields and ("answer" in fields or "text" not in fields):
            question = self._clean(_with_input(fields), "question")
            answer = fields.get("answer")
            if (answers := _listed(answer)) is not None:
                return AnswerList(question, answers, source, identity)
            return Pair(question, self._clean(answer, "answer"), source, identity)
        if "text" in fields:
            if fields.get("answer") is not None:
                self.removed["answers of texts, which no question goes with"] += 1
            return Text(self._clean(fields["text"], "text"), source, identity)
        if "answer" in fields:
            raise RowError("question is missing")
        names = ", ".join(map(str, list(row)[:_SHOWN_FIELDS]))[:_SHOWN_NAMES].replace("'", "’")
        raise RowError(
            "has neither question and answer, nor turns, nor text; name what holds them in "
            f"data.columns, its fields are {names!r}"
        )

    def pair(self, several: AnswerList, i: int) -> Pair:
        """Make a pair of one answer of a list.

        The first keeps the row's id, every other has its place appended: a list of one is the same
        record as a plain row, and no id of a row can be that of a later answer.

        Raises:
            RowError: with the reason the answer cannot be used.
        """
        answer = several.answers[i]
        if isinstance(answer, dict) and "answer_start" in answer:  # as SQuAD's own files have it
            answer = answer.get("text")
        answer = self._clean(answer, f"answer {i + 1}")
        identity = several.identity
        if i and identity is not None:
            identity = f"{identity}\0{i + 1}"
        return Pair(several.question, answer, several.source, identity)

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
        said = (self._turn(i, value) for i, value in enumerate(values))
        turns = tuple(turn for turn in said if turn is not None)
        if len(turns) < 2:
            raise RowError("fewer than two turns are left without those of prompts and tools")
        dialogue_id = _identity(fields.get("dialogue_id", fields.get("id")))
        if dialogue_id is not None:
            return Dialogue(dialogue_id, turns, source, dialogue_id)
        # Chats often carry no id: then what was said names the dialogue.
        words = "\0".join(turn.text for turn in turns).encode()
        return Dialogue(hashlib.sha256(words).hexdigest()[:16], turns, source)

    def _turn(self, i: int, value: Any) -> Turn | None:
        """Return a turn, or None for what nobody says: a prompt, what goes to and from tools."""
        if isinstance(value, str):  # bare texts: two people taking turns, the asking one first
            return Turn(("user", "assistant")[i % 2], self._clean(value, f"text of turn {i}"))
        if not isinstance(value, dict):
            raise RowError(f"turn {i} needs a speaker and a text")
        named = rename(value, {})
        speaker = named.get("speaker")
        if not isinstance(speaker, str) or not speaker.strip():
            raise RowError(f"turn {i} needs a speaker and a text")
        speaker = self._clean(speaker, f"speaker of turn {i}")
        role = self._speakers.get(speaker.casefold(), speaker)
        content = next((value[name] for name in TURN_TEXT if name in value), None)
        text = self._joined(content) if isinstance(content, list) else content
        if i == 0 and self._is_other(role, _PROMPTING):
            self.removed["system prompts of dialogues"] += 1
            return None
        if self._is_other(role, _TOOLS) or _calls_tool(value, content):
            self.removed["turns of dialogues to and from tools"] += 1
            return None
        return Turn(role, self._clean(text, f"text of turn {i}"))

    def _is_other(self, speaker: str, roles: tuple[str, ...]) -> bool:
        answering = self._config.answer_speakers
        return bool(answering) and speaker not in answering and speaker.casefold() in roles

    def _joined(self, parts: list[Any]) -> str | None:
        """Return the text of a turn that stands in parts, as turns with pictures do."""
        texts = [text for part in parts if isinstance(text := _text_of(part), str)]
        if len(texts) < len(parts):
            self.removed["parts of turns that are no text"] += len(parts) - len(texts)
        return "\n".join(texts) or None


def _are_messages(value: Any) -> bool:
    """Whether a value is turns by their roles alone: a list of answers may name authors too."""
    turns = value if isinstance(value, list) else ()
    return bool(turns) and all(isinstance(turn, dict) and "role" in turn for turn in turns)


def _with_prompt(prompt: Any, reply: list[dict[str, Any]]) -> list[Any]:
    """Return the turns of a preference or completion as TRL has them: some repeat the prompt."""
    if _are_messages(prompt):
        return [*prompt, *reply]
    return [prompt, *reply] if reply[0]["role"] == reply[-1]["role"] else reply


def _text_of(part: Any) -> Any:
    if isinstance(part, dict) and str(part.get("type", "text")).endswith("text"):
        return part.get("text")
    return part


def _calls_tool(turn: dict[str, Any], content: Any) -> bool:
    parts = content if isinstance(content, list) else ()
    kinds = [str(part.get("type")) for part in parts if isinstance(part, dict)]
    return any(turn.get(name) for name in _CALLS) or any(k.startswith("tool") for k in kinds)


def _with_input(fields: dict[str, Any]) -> Any:
    """Return the question, an instruction together with what it is about (Alpaca)."""
    question, about = fields["question"], fields.get("input")
    if isinstance(about, str) and (question is None or isinstance(question, str)):
        return f"{question or ''}\n{about}"
    return question


def _listed(answer: Any) -> list[Any] | None:
    """Return the answers of a list, or of columns beside each other as SQuAD has them."""
    if isinstance(answer, dict):
        answer = answer.get("text")
    if not isinstance(answer, list):
        return None
    if not answer:
        raise RowError("answer is an empty list")
    if len(answer) > _MAX_ANSWERS:
        raise RowError(f"has {len(answer)} answers, at most {_MAX_ANSWERS} are allowed")
    return answer


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
