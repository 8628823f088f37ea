"""Building a corpus in bounded memory: a batch of rows as objects, everything before as numbers.

What stays in memory are digests and row numbers in arrays, about 150 bytes a pair; texts and pairs
stream to disk.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cube.config import DataConfig
from cube.data.admission import Admission, Candidate
from cube.data.batch import Batch
from cube.data.columns import known_columns
from cube.data.dialogues import check_answered
from cube.data.filters import check_quality
from cube.data.groups import group_pairs
from cube.data.histogram import Histogram
from cube.data.key_table import GrowingArray, KeyTable
from cube.data.quarantine import Quarantine
from cube.data.records import AnswerList, Dialogue, Pair, Record, RecordParser, RowError
from cube.data.rows import Row
from cube.data.schema import PAIRS, TEXTS

_BATCH_RECORDS = 8_192
_BATCH_CHARACTERS = 8_000_000
_MOST_SOURCES = 1_000  # named in the manifest
_MOST_LAYOUTS = 100  # sets of columns of one file that are looked at
_UNGROUPED = "pairs-ungrouped.parquet"


class Builder:
    """Takes rows in and writes texts.parquet and pairs.parquet.

    Attributes:
        num_kept: rows that brought something new.
        num_merged: rows whose content was there already.
    """

    def __init__(self, config: DataConfig, folder: Path, quarantine: Quarantine):
        self.num_kept = self.num_merged = 0
        self._config, self._folder, self._quarantine = config, folder, quarantine
        self._parser = RecordParser(config)
        self._admission = Admission(config.filters, quarantine)
        self._writer = pq.ParquetWriter(folder / "texts.parquet", TEXTS)
        ungrouped = PAIRS.remove(PAIRS.get_field_index("group"))
        self._pair_writer = pq.ParquetWriter(folder / _UNGROUPED, ungrouped)
        self._texts, self._pairs = KeyTable(), KeyTable()
        self._pieces, self._wordings, self._answer_wordings = (
            GrowingArray(np.uint64) for _ in range(3)
        )
        self._answers, self._in_dialogue = GrowingArray(np.int32), GrowingArray(np.uint8)
        self._waiting: list[Candidate] = []
        self._waiting_characters = 0
        self._files: list[str] = []
        self._columns: dict[str, dict[str, str]] = {}
        self._unread: dict[str, list[str]] = {}
        self._seen_columns: dict[str, set[tuple[str, ...]]] = {}
        self._records: Counter = Counter()
        self._by_source: Counter = Counter()
        names = ("question characters", "answer characters", "text characters", "turns")
        self._histograms = {name: Histogram() for name in names}

    def begin_file(self, label: str) -> None:
        """Name the file of the rows that follow."""
        self._files.append(label)

    def add(self, row: Row, default_source: str) -> None:
        """Take a row in, or quarantine it; every answer of a list counts as a row."""
        with self._quarantining(row):
            if row.error is not None:
                raise RowError(row.error)
            self._note_columns(row)
            record = self._parser.parse(row.value, default_source)
            if not isinstance(record, AnswerList):
                self._take(record, row)
                return
            for i, answer in enumerate(record.answers):
                part = replace(row, value={"answer": answer})
                with self._quarantining(part):
                    self._take(self._parser.pair(record, i), part)

    @contextmanager
    def _quarantining(self, row: Row) -> Iterator[None]:
        try:
            yield
        except RowError as error:
            self._quarantine.add(row, str(error))

    def _take(self, record: Record, row: Row) -> None:
        check_quality(record, self._config.filters)
        check_answered(record, self._config)
        self._waiting.append(Candidate(record, row, len(self._files) - 1))
        self._waiting_characters += len(record.content)
        if len(self._waiting) >= _BATCH_RECORDS or self._waiting_characters >= _BATCH_CHARACTERS:
            self._flush()

    def _note_columns(self, row: Row) -> None:
        """Tell the manifest which columns of a file are read, as what, and which are not."""
        if not isinstance(row.value, dict):
            return
        names = row.columns or tuple(row.value)
        seen = self._seen_columns.setdefault(row.file, set())
        if names in seen or len(seen) >= _MOST_LAYOUTS:
            return
        seen.add(names)
        known = known_columns(names, self._config.columns)
        read = self._columns.setdefault(row.file, {})
        unread = self._unread.setdefault(row.file, [])
        read |= {field: column for field, column in known.items() if field not in read}
        unread += [n for n in names if n not in known.values() and n not in unread]

    def finish(self) -> dict[str, Any]:
        """Write what is left and return the manifest's part about content."""
        self._flush()
        self._writer.close()
        self._pair_writer.close()
        is_dialogue = self._in_dialogue.values.astype(bool)
        wordings = self._wordings.values, self._answer_wordings.values
        groups = group_pairs(self._pieces.values, *wordings, is_dialogue)
        self._write_groups(groups)
        per_answer = np.bincount(self._answers.values) if len(self._answers) else np.zeros(0, int)
        pairs_per_answer = Histogram()
        for number, count in enumerate(np.bincount(per_answer[per_answer > 0]).tolist()):
            pairs_per_answer.add(number, count)
        histograms = {**self._histograms, "pairs per answer": pairs_per_answer}
        return {
            "records": {kind: self._records[kind] for kind in ("pairs", "dialogues", "texts")},
            "pairs_by_source": dict(self._by_source.most_common(_MOST_SOURCES)),
            "cleaned": dict(self._parser.removed),
            "columns": self._columns,
            "unread_columns": {file: names for file, names in self._unread.items() if names},
            "texts": len(self._texts),
            "pairs": len(self._answers),
            "dialogue_pairs": int(is_dialogue.sum()),
            "distinct_answers": int((per_answer > 0).sum()),
            "groups": len(np.unique(groups)),
            "histograms": {name: h.to_json() for name, h in histograms.items() if h.number},
        }

    def _flush(self) -> None:
        """Give the waiting records their rows and write what is new."""
        waiting, self._waiting, self._waiting_characters = self._waiting, [], 0
        admitted = self._admission.admit(waiting, self._files)
        if not admitted:
            return
        batch = Batch(self._config)
        batch.take(admitted)
        rows, new_texts = self._texts.add(batch.keys)
        self._write_texts(batch, np.flatnonzero(new_texts))
        brought_something = np.zeros(len(admitted), bool)
        if batch.question:
            kept = self._take_pairs(batch, rows)
            brought_something[np.asarray(batch.record_of_pair)[kept]] = True
        if batch.bare:  # each is the only text of its record
            brought_something[np.asarray(batch.record_of_bare)[new_texts[batch.bare]]] = True
        for candidate, new in zip(admitted, brought_something.tolist(), strict=True):
            self._count(candidate.record, candidate.row.count, new)

    def _count(self, record: Record, rows: int, new: bool) -> None:
        if new:
            self.num_kept += rows
        else:
            self.num_merged += rows
        if isinstance(record, Pair):
            self._records["pairs"] += 1
            self._histograms["question characters"].add(len(record.question))
            self._histograms["answer characters"].add(len(record.answer))
        elif isinstance(record, Dialogue):
            self._records["dialogues"] += 1
            self._histograms["turns"].add(len(record.turns))
        else:
            self._records["texts"] += 1
            self._histograms["text characters"].add(len(record.text))

    def _take_pairs(self, batch: Batch, rows: np.ndarray) -> np.ndarray:
        """Write the pairs that are new and return their positions in the batch."""
        questions, answers = rows[batch.question], rows[batch.answer]
        keys = np.stack([questions, answers], axis=1).astype(np.uint64)
        kept = np.flatnonzero(self._pairs.add(keys)[1])
        self._pieces.extend(np.array(batch.piece, np.uint64)[kept])
        self._wordings.extend(np.array(batch.wording, np.uint64)[kept])
        self._answer_wordings.extend(np.array(batch.answer_wording, np.uint64)[kept])
        self._answers.extend(answers[kept])
        sources = [batch.sources[batch.question[i]] for i in kept]
        dialogues = [batch.dialogue[i] for i in kept]
        self._by_source.update(sources)
        self._in_dialogue.extend(np.array([name is not None for name in dialogues], np.uint8))
        columns = {
            "question": questions[kept].astype(np.int32),
            "answer": answers[kept].astype(np.int32),
            "wording": np.array(batch.wording, np.uint64)[kept],
            "answer_wording": np.array(batch.answer_wording, np.uint64)[kept],
            "dialogue": dialogues,
            "turn": np.array(batch.turn, np.int32)[kept],
            "context": [rows[c].tolist() if (c := batch.context[i]) else [] for i in kept],
            "source": sources,
        }
        self._pair_writer.write_table(pa.table(columns, schema=self._pair_writer.schema))
        return kept

    def _write_texts(self, batch: Batch, positions: np.ndarray) -> None:
        at = positions.tolist()
        columns = {
            "text_id": [batch.digests[i].hex() for i in at],
            "text": [batch.texts[i] for i in at],
            "kind": [batch.kinds[i] for i in at],
            "source": [batch.sources[i] for i in at],
        }
        if at:
            self._writer.write_table(pa.table(columns, schema=TEXTS))

    def _write_groups(self, groups: np.ndarray) -> None:
        """Add the groups, known only now, to the pairs."""
        done = 0
        place = PAIRS.get_field_index("group")
        with pq.ParquetWriter(self._folder / "pairs.parquet", PAIRS) as writer:
            for batch in pq.ParquetFile(self._folder / _UNGROUPED).iter_batches(65_536):
                part = pa.array(groups[done : done + batch.num_rows], pa.uint64())
                table = pa.Table.from_batches([batch]).add_column(place, PAIRS.field(place), part)
                writer.write_table(table.cast(PAIRS))
                done += batch.num_rows
        (self._folder / _UNGROUPED).unlink()
