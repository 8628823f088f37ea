"""What fields are called: common spellings of every field, and a person's own names before them.

Spelling is compared without case, spaces and punctuation: `Question_Text` is `questiontext`.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from cube.errors import DataError

ALIASES: dict[str, tuple[str, ...]] = {
    "question": (
        "question", "questiontext", "query", "q", "prompt", "instruction", "input", "anchor",
        "utterance", "user", "request", "вопрос",
    ),
    "answer": (
        "answer", "answertext", "response", "reply", "a", "completion", "output", "positive",
        "target", "assistant", "ответ",
    ),
    "text": ("text", "sentence", "content", "passage", "paragraph", "document", "body", "текст"),
    "turns": ("turns", "messages", "conversation", "conversations", "dialogue", "dialog",
              "utterances", "диалог"),
    "dialogue_id": ("dialogueid", "dialogid", "conversationid", "sessionid", "threadid"),
    "speaker": ("speaker", "role", "from", "author"),
    "id": ("id", "uid", "guid", "rowid"),
    "source": ("source", "dataset", "origin"),
}  # fmt: skip
# Names of answers, mostly of lists: looked at where a row would else have a question alone.
ANSWER_LISTS = ("answers", "positives", "pos", "chosen", "ответы")
TURN_TEXT = ("text", "content", "value", "utterance", "message", "body")
FIELDS = tuple(ALIASES)
_KINDS = (("question", "answer"), ("turns",), ("text",))
_NOTHING = (None, "", [])


def plain(name: str) -> str:
    """Return a field's name without case, spaces and punctuation."""
    return re.sub(r"[\W_]+", "", name).casefold()


def known_columns(names: tuple[str, ...], mapping: dict[str, str] | None = None) -> dict[str, str]:
    """Return the column of every field that is found: field -> name as it is written.

    Args:
        names: of the columns.
        mapping: field -> column, chosen by a person; looked at first and never doubted.
    """
    return dict(_known(names, tuple(sorted((mapping or {}).items()))))


def columns_to_read(names: Sequence[str], mapping: dict[str, str], where: object) -> list[str]:
    """Return the columns that are known, in their order.

    Raises:
        DataError: naming columns and file, when none is, or one is there twice.
    """
    known = set(known_columns(tuple(names), mapping).values())
    check_single(names, known, where)
    if not known:
        shown = ", ".join(map(repr, names[:20]))
        raise DataError(f"{where} has no column that is known: {shown}. Name them in data.columns.")
    return sorted(known, key=list(names).index)


def check_single(names: Sequence[str], read: Iterable[str], where: object) -> None:
    """Pass columns, unless two of those that are read have one name.

    Raises:
        DataError: naming them.
    """
    if double := sorted(name for name in read if list(names).count(name) > 1):
        raise DataError(f"{where} names {', '.join(map(repr, double))} twice: rename one of them.")


@lru_cache(maxsize=1_024)
def _known(
    names: tuple[str, ...], mapping: tuple[tuple[str, str], ...]
) -> tuple[tuple[str, str], ...]:
    found = {field: column for field, column in mapping if column in names}
    spelled: dict[str, str] = {}
    for name in names:
        if isinstance(name, str) and name not in found.values():
            spelled.setdefault(plain(name), name)
            if name in FIELDS:
                spelled[plain(name)] = name  # written exactly as the field: before other spellings
    for field, aliases in ALIASES.items():
        _find(field, aliases, spelled, found)
    if "question" in found and not found.keys() & {"text", "turns", "dialogue_id"}:
        _find("answer", ANSWER_LISTS, spelled, found)
    if not found.keys() & {"question", "answer", "text", "turns"}:
        _find("turns", ("chosen",), spelled, found)  # a preference whose prompt is its first turn
    if "question" not in dict(mapping) and plain(found.get("question", "")) == "instruction":
        _find("input", ("input",), spelled, found)
    return tuple(found.items())


def _find(
    field: str, aliases: tuple[str, ...], spelled: dict[str, str], found: dict[str, str]
) -> None:
    column = next((spelled[alias] for alias in aliases if alias in spelled), None)
    if field not in found and column is not None:
        found[field] = column


def rename(row: dict[str, Any], mapping: dict[str, str]) -> dict[str, Any]:
    """Return the row's fields under their own names; unknown fields are left out.

    A table of pairs, dialogues and texts has the columns of all in every row: those of a kind that
    a row is not of are empty, and left out as well.
    """
    fields = {field: row[column] for field, column in known_columns(tuple(row), mapping).items()}
    kinds = [kind for kind in _KINDS if not fields.keys().isdisjoint(kind)]
    if len(kinds) > 1:
        empty = [kind for kind in kinds if all(fields.get(field) in _NOTHING for field in kind)]
        for kind in empty if len(empty) < len(kinds) else ():
            for field in kind:
                fields.pop(field, None)
    return fields
