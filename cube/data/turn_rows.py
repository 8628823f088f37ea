"""Dialogues stored one turn a row: rows of one dialogue that follow each other become one."""

from collections.abc import Iterator
from typing import Any

from cube.data.columns import known_columns, rename
from cube.data.rows import Row

_MAX_TURNS = 10_000


def gather_turns(rows: Iterator[Row], mapping: dict[str, str]) -> Iterator[Row]:
    """Yield rows as they are, but turns of one dialogue (id, speaker, text) as one row.

    The rows of a dialogue must follow each other. Where an id comes back later with other turns,
    the second part is refused as a duplicate id: joining what is scattered over a file of any
    size would need it all in memory.
    """
    open_id: Any = None
    turns: list[dict[str, Any]] = []
    first: Row | None = None

    def finished() -> Iterator[Row]:
        if first is not None:
            value = {**_kept(first.value, mapping), "dialogue_id": open_id, "turns": list(turns)}
            yield Row(first.file, first.line, value, None, len(turns), tuple(first.value))

    for row in rows:
        turn = _turn(row, mapping)
        if turn is None:
            yield from finished()
            first, turns = None, []
            yield row
            continue
        identity, content = turn
        if first is None or identity != open_id or len(turns) >= _MAX_TURNS:
            yield from finished()
            first, turns, open_id = row, [], identity
        turns.append(content)
    yield from finished()


def _turn(row: Row, mapping: dict[str, str]) -> tuple[Any, dict[str, Any]] | None:
    """Return the dialogue's id and the turn, None where the row is no single turn."""
    if row.error is not None or not isinstance(row.value, dict):
        return None
    if "dialogue_id" not in known_columns(tuple(row.value), mapping):
        return None
    fields = rename(row.value, mapping)
    # "utterance" alone may be read as a question: beside a dialogue's id it is the turn's text.
    text = next((field for field in ("text", "question") if field in fields), None)
    if text is None or "turns" in fields or "answer" in fields:
        return None
    identity = fields["dialogue_id"]
    if not isinstance(identity, str | int) or identity == "":
        return None
    content = {"text": fields[text]}
    if "speaker" in fields:
        content["speaker"] = fields["speaker"]
    return identity, content


def _kept(value: dict[str, Any], mapping: dict[str, str]) -> dict[str, Any]:
    column = known_columns(tuple(value), mapping).get("source")
    return {"source": value[column]} if column is not None else {}
