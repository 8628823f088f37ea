"""A batch of admitted records as columns: texts, and pairs that point at them."""

from dataclasses import dataclass, field

import numpy as np

from cube.config import DataConfig
from cube.data.admission import Candidate
from cube.data.dialogues import dialogue_pairs
from cube.data.records import Dialogue, Pair
from cube.data.schema import CONTEXT, PASSAGE, QUERY, digest_keys, key_of, text_digest
from cube.data.splits import wording_key

_SALTS = {QUERY: 0, PASSAGE: 1, CONTEXT: 2}  # one text of two kinds is two rows


@dataclass
class Batch:
    """Columns of the texts and pairs of some records; pairs point at positions in the batch."""

    config: DataConfig
    texts: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    question: list[int] = field(default_factory=list)
    answer: list[int] = field(default_factory=list)
    wording: list[int] = field(default_factory=list)
    answer_wording: list[int] = field(default_factory=list)
    piece: list[int] = field(default_factory=list)
    dialogue: list[str | None] = field(default_factory=list)
    turn: list[int] = field(default_factory=list)
    context: list[list[int]] = field(default_factory=list)
    bare: list[int] = field(default_factory=list)  # texts that belong to no pair
    record_of_bare: list[int] = field(default_factory=list)
    record_of_pair: list[int] = field(default_factory=list)

    def take(self, candidates: list[Candidate]) -> None:
        """Lay the records out; record i of the batch is candidate i."""
        for i, candidate in enumerate(candidates):
            record = candidate.record
            if isinstance(record, Pair):
                piece = key_of(f"answer {record.answer}")
                self._pair(i, record.question, QUERY, record.answer, piece, record.source)
            elif isinstance(record, Dialogue):
                self._dialogue(i, record)
            else:
                self.record_of_bare.append(i)
                self.bare.append(self._text(record.text, PASSAGE, record.source))

    @property
    def keys(self) -> np.ndarray:
        """128-bit keys of the texts by content and kind, shape (texts, 2)."""
        keys = digest_keys(self.digests).copy()
        salts = np.array([_SALTS[kind] for kind in self.kinds], np.uint64)
        keys[:, 0] ^= salts * np.uint64(0x9E3779B97F4A7C15)
        return keys

    def _text(self, text: str, kind: str, source: str) -> int:
        self.texts.append(text)
        self.kinds.append(kind)
        self.digests.append(text_digest(text))
        self.sources.append(source)
        return len(self.texts) - 1

    def _pair(
        self,
        record: int,
        question: str,
        kind: str,
        answer: str,
        piece: int,
        source: str,
        dialogue: str | None = None,
        turn: int = 0,
        context: tuple[str, ...] = (),
    ) -> None:
        self.record_of_pair.append(record)
        self.question.append(self._text(question, kind, source))
        self.answer.append(self._text(answer, PASSAGE, source))
        self.wording.append(key_of(wording_key(question)))
        self.answer_wording.append(key_of(wording_key(answer)))
        self.piece.append(piece)
        self.dialogue.append(dialogue)
        self.turn.append(turn)
        self.context.append([self._text(text, QUERY, source) for text in context])

    def _dialogue(self, i: int, record: Dialogue) -> None:
        name = f"{record.source}/{record.dialogue_id}"
        piece = key_of(f"dialogue {name}")
        for pair in dialogue_pairs(record, self.config):
            several = len(pair.context) > 1 and self.config.context == "weighted"
            kind = CONTEXT if several else QUERY
            self._pair(
                i, pair.question, kind, pair.answer, piece, record.source,
                name, pair.turn, pair.context,
            )  # fmt: skip
