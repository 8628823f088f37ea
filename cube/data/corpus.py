"""The corpus on disk: texts, pairs, quarantine and manifest under the digest of their sources.

    corpora/<digest>/
        texts.parquet      row i: text_id, text, kind (query | passage), source
        pairs.parquet      question and answer rows, group, wording, dialogue, turn, context rows
        quarantine.jsonl   every rejected row: file, line, reason, the row
        manifest.json      what was read, kept, merged and rejected

Rows in = rows kept + rows quarantined + duplicates merged, and the manifest says so.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cube import storage
from cube.config import DataConfig, SplitConfig, resolve_source
from cube.data.dialogues import dialogue_pairs
from cube.data.readers import Row, find_files, read_rows
from cube.data.records import Dialogue, Pair, Record, RowError, parse_record
from cube.data.splits import assign_splits, question_key
from cube.errors import DataError

FORMAT = 1  # part of every digest: raise it when the meaning of a corpus changes
QUERY, PASSAGE = "query", "passage"

_TEXTS = pa.schema(
    [
        ("text_id", pa.string()),
        ("text", pa.string()),
        ("kind", pa.string()),
        ("source", pa.string()),
    ]
)


def text_id(text: str) -> str:
    """Return the identity of a cleaned text: half of its SHA-256 in hex."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _key(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


@dataclass(frozen=True)
class Corpus:
    """A corpus folder, read as needed."""

    folder: Path

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """Counts and sources, see the head of this file."""
        return storage.read_json(self.folder / "manifest.json")

    @property
    def digest(self) -> str:
        """Identity of the corpus."""
        return self.manifest["digest"]

    @property
    def num_texts(self) -> int:
        """Rows of texts.parquet, and of any matrix of vectors made from it."""
        return self.manifest["texts"]

    @cached_property
    def pairs(self) -> pa.Table:
        """All pairs, in the order they were read."""
        return pq.read_table(self.folder / "pairs.parquet")

    @cached_property
    def questions(self) -> np.ndarray:
        """Text row of every pair's question, shape (pairs,)."""
        return self.pairs["question"].to_numpy()

    @cached_property
    def answers(self) -> np.ndarray:
        """Text row of every pair's answer, shape (pairs,)."""
        return self.pairs["answer"].to_numpy()

    @cached_property
    def is_dialogue(self) -> np.ndarray:
        """Whether a pair comes from a dialogue, shape (pairs,)."""
        return self.pairs["dialogue"].is_valid().to_numpy()

    def texts(self, rows: np.ndarray | None = None) -> list[str]:
        """Return texts by row (all of them by default)."""
        column = pq.read_table(self.folder / "texts.parquet", columns=["text"])["text"]
        return (column if rows is None else column.take(pa.array(rows))).to_pylist()

    def iter_texts(self, batch_rows: int = 65_536) -> Iterator[pa.RecordBatch]:
        """Yield text_id, text and kind in row order, a bounded number of rows at a time."""
        file = pq.ParquetFile(self.folder / "texts.parquet")
        yield from file.iter_batches(batch_rows, columns=["text_id", "text", "kind"])

    def splits(self, config: SplitConfig) -> np.ndarray:
        """Return the Split of every pair, shape (pairs,)."""
        return assign_splits(
            self.pairs["group"].to_numpy(),
            self.pairs["wording"].to_numpy(),
            self.is_dialogue,
            config,
        )


def build_corpus(config: DataConfig, root: Path, sources: list[str] | None = None) -> Corpus:
    """Read all sources into `root/<digest>`, or return the corpus already there.

    Args:
        config: how to read; `sources` and `context_turns` are part of the digest, splits are not.
        root: the folder of all corpora.
        sources: read these instead of `config.sources`.

    Raises:
        DataError: when a source is missing or no row at all is usable.
    """
    files = find_files([resolve_source(source) for source in sources or config.sources])
    listed = [{"file": file.name, "sha256": storage.file_sha256(file)} for file in files]
    settings = config.model_dump(mode="json", exclude={"sources", "recent", "splits"})
    digest = storage.digest_of({"format": FORMAT, "files": listed, "settings": settings})
    folder = root / digest
    if not (folder / "manifest.json").is_file():
        with storage.atomic_folder(folder) as temporary:
            manifest = _Builder(config, temporary).read(files)
            manifest = {"digest": digest, "sources": listed, "settings": settings, **manifest}
            storage.write_json(temporary / "manifest.json", manifest)
    return Corpus(folder)


@dataclass
class _Builder:
    """Accumulates a corpus row by row; texts stream to disk, pairs are kept as numbers."""

    config: DataConfig
    folder: Path
    counts: Counter = field(default_factory=Counter)
    reasons: Counter = field(default_factory=Counter)
    by_source: Counter = field(default_factory=Counter)
    rows: dict[tuple[str, str], int] = field(default_factory=dict)  # (text_id, kind) -> row
    pairs: dict[str, list] = field(default_factory=lambda: {name: [] for name in _PAIRS.names})
    seen: set = field(default_factory=set)
    groups: "_Groups" = field(init=False)

    def read(self, files: list[Path]) -> dict[str, Any]:
        self.groups = _Groups()
        with (
            pq.ParquetWriter(self.folder / "texts.parquet", _TEXTS) as writer,
            (self.folder / "quarantine.jsonl").open("w", encoding="utf-8") as quarantine,
        ):
            self.texts = _TextBuffer(writer)
            for file in files:
                for row in read_rows(file):
                    self._read_row(row, quarantine)
            self.texts.flush()
        if not self.counts["kept"]:
            raise DataError(self._nothing_usable(files))
        self._write_pairs()
        kept, rejected, merged = (self.counts[k] for k in ("kept", "quarantined", "merged"))
        return {
            "rows": {
                "read": kept + rejected + merged,
                "kept": kept,
                "quarantined": rejected,
                "duplicates_merged": merged,
            },
            "reasons": dict(self.reasons.most_common()),
            "records": {kind: self.counts[kind] for kind in ("pairs", "dialogues", "texts")},
            "pairs_by_source": dict(self.by_source.most_common()),
            "texts": len(self.rows),
            "pairs": len(self.pairs["question"]),
            "dialogue_pairs": sum(d is not None for d in self.pairs["dialogue"]),
            "distinct_answers": len(set(self.pairs["answer"])),
        }

    def _read_row(self, row: Row, quarantine: Any) -> None:
        try:
            if row.error is not None:
                raise RowError(row.error)
            record = parse_record(row.value, self.config.max_characters, row.path.stem)
        except RowError as error:
            self.counts["quarantined"] += 1
            self.reasons[str(error)] += 1
            entry = {
                "file": row.path.name,
                "line": row.line,
                "reason": str(error),
                "row": row.value,
            }
            quarantine.write(json.dumps(entry, ensure_ascii=True) + "\n")
            return
        self.counts["kept" if self._add(record) else "merged"] += 1

    def _add(self, record: Record) -> bool:
        """Take a record in; False when everything in it was there already."""
        if isinstance(record, Pair):
            self.counts["pairs"] += 1
            return self._add_pair(record.question, record.answer, record.source)
        if isinstance(record, Dialogue):
            self.counts["dialogues"] += 1
            name = f"{record.source}/{record.dialogue_id}"
            settings = (self.config.context_turns, self.config.answer_speakers)
            added = [
                self._add_pair(
                    pair.question, pair.answer, record.source, name, pair.turn, pair.context
                )
                for pair in dialogue_pairs(record, *settings)
            ]
            return any(added)
        self.counts["texts"] += 1
        known = len(self.rows)
        self._row(record.text, PASSAGE, record.source)
        return len(self.rows) > known

    def _add_pair(
        self,
        question: str,
        answer: str,
        source: str,
        dialogue: str | None = None,
        turn: int = 0,
        context: tuple[str, ...] = (),
    ) -> bool:
        question_row = self._row(question, QUERY, source)
        answer_row = self._row(answer, PASSAGE, source)
        if (question_row, answer_row) in self.seen:
            return False
        self.seen.add((question_row, answer_row))
        wording = _key(question_key(question))
        piece = _key(f"answer {answer}" if dialogue is None else f"dialogue {dialogue}")
        self.groups.join(piece, wording)
        values = {
            "question": question_row,
            "answer": answer_row,
            "group": piece,
            "wording": wording,
            "dialogue": dialogue,
            "turn": turn,
            "context": [self._row(text, QUERY, source) for text in context],
            "source": source,
        }
        for name, value in values.items():
            self.pairs[name].append(value)
        self.by_source[source] += 1
        return True

    def _row(self, text: str, kind: str, source: str) -> int:
        identity = text_id(text)
        row = self.rows.setdefault((identity, kind), len(self.rows))
        if row == self.texts.num_rows:
            self.texts.append(identity, text, kind, source)
        return row

    def _write_pairs(self) -> None:
        self.pairs["group"] = [self.groups.find(piece) for piece in self.pairs["group"]]
        pq.write_table(pa.table(self.pairs, schema=_PAIRS), self.folder / "pairs.parquet")

    def _nothing_usable(self, files: list[Path]) -> str:
        names = ", ".join(str(file) for file in files)
        if not self.reasons:
            return f"No rows in {names}."
        reason, count = self.reasons.most_common(1)[0]
        return f"No usable row in {names}: {reason} ({count} of {sum(self.reasons.values())})."


_PAIRS = pa.schema(
    [
        ("question", pa.int32()),
        ("answer", pa.int32()),
        ("group", pa.uint64()),
        ("wording", pa.uint64()),
        ("dialogue", pa.string()),
        ("turn", pa.int32()),
        ("context", pa.list_(pa.int32())),
        ("source", pa.string()),
    ]
)


class _TextBuffer:
    """Rows of texts.parquet, written a batch at a time."""

    def __init__(self, writer: pq.ParquetWriter, batch_rows: int = 16_384):
        self.num_rows = 0
        self._writer, self._batch_rows = writer, batch_rows
        self._columns: list[list[str]] = [[] for _ in _TEXTS.names]

    def append(self, *values: str) -> None:
        for column, value in zip(self._columns, values, strict=True):
            column.append(value)
        self.num_rows += 1
        if len(self._columns[0]) >= self._batch_rows:
            self.flush()

    def flush(self) -> None:
        if self._columns[0]:
            self._writer.write_table(pa.table(self._columns, schema=_TEXTS))
            self._columns = [[] for _ in _TEXTS.names]


class _Groups:
    """Union-find over pieces (answers, dialogues) that share a near-identical question."""

    def __init__(self) -> None:
        self._parent: dict[int, int] = {}
        self._piece_of_wording: dict[int, int] = {}

    def join(self, piece: int, wording: int) -> None:
        self._parent.setdefault(piece, piece)
        other = self.find(self._piece_of_wording.setdefault(wording, piece))
        root = self.find(piece)
        # The smaller key wins, so the name of a group does not depend on the order of rows.
        self._parent[max(root, other)] = min(root, other)

    def find(self, piece: int) -> int:
        while self._parent[piece] != piece:
            self._parent[piece] = self._parent[self._parent[piece]]
            piece = self._parent[piece]
        return piece
