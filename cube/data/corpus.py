"""The corpus on disk: texts, pairs, quarantine and manifest under the digest of their sources.

    corpora/<digest>/
        texts.parquet      row i: text_id, text, kind (query | passage | context), source
        pairs.parquet      question and answer rows, group, wordings, dialogue, turn, context rows
        quarantine.jsonl   every rejected row: file, line, reason, the row
        manifest.json      what was read, kept, merged and rejected, with histograms

Rows in = rows kept + rows quarantined + duplicates merged, and the manifest says so. A text of kind
`context` is several turns whose vectors are combined: it is never encoded itself.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cube import storage
from cube.config import DataConfig, SplitConfig, resolve_source
from cube.data.builder import Builder
from cube.data.formats.arrow_folder import data_files
from cube.data.opening import open_regular, reading, state_of
from cube.data.quarantine import Quarantine
from cube.data.readers import read_rows
from cube.data.sources import STDIN, Found, SourceFile, find_files, spool_stdin, told_apart
from cube.data.splits import assign_splits
from cube.errors import DataError
from cube.locks import locked

FORMAT = 7  # part of every digest: raise it when the meaning of a corpus changes


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
        return self._numbers("question")

    @cached_property
    def answers(self) -> np.ndarray:
        """Text row of every pair's answer, shape (pairs,)."""
        return self._numbers("answer")

    @cached_property
    def wordings(self) -> np.ndarray:
        """Key of every pair's question that near-identical ones share, shape (pairs,)."""
        return self._numbers("wording")

    @cached_property
    def answer_wordings(self) -> np.ndarray:
        """Key of every pair's answer that near-identical ones share, shape (pairs,).

        A corpus of format 4 or older, which a champion may have been trained on, has its row alone.
        """
        columns = pq.read_schema(self.folder / "pairs.parquet").names
        return self._numbers("answer_wording" if "answer_wording" in columns else "answer")

    @cached_property
    def is_dialogue(self) -> np.ndarray:
        """Whether a pair comes from a dialogue, shape (pairs,)."""
        column = pq.read_table(self.folder / "pairs.parquet", columns=["dialogue"])["dialogue"]
        return column.is_valid().to_numpy()

    def _numbers(self, column: str) -> np.ndarray:
        return pq.read_table(self.folder / "pairs.parquet", columns=[column])[column].to_numpy()

    def texts(self, rows: np.ndarray | None = None) -> list[str]:
        """Return texts by row (all of them by default)."""
        if rows is None:
            column = pq.read_table(self.folder / "texts.parquet", columns=["text"])["text"]
            return column.to_pylist()
        wanted = np.asarray(rows, np.int64)
        found: dict[int, str] = {}
        needed = np.unique(wanted)
        done = 0
        for batch in self.iter_texts():
            low, high = np.searchsorted(needed, [done, done + batch.num_rows])
            here = needed[low:high]
            if len(here):
                part = batch.column("text").take(pa.array(here - done)).to_pylist()
                found |= zip(here.tolist(), part, strict=True)
            done += batch.num_rows
        return [found[row] for row in wanted.tolist()]

    def iter_texts(self, batch_rows: int = 65_536) -> Iterator[pa.RecordBatch]:
        """Yield text_id, text and kind in row order, a bounded number of rows at a time."""
        file = pq.ParquetFile(self.folder / "texts.parquet")
        yield from file.iter_batches(batch_rows, columns=["text_id", "text", "kind"])

    def iter_pairs(self, columns: list[str], batch_rows: int = 65_536) -> Iterator[pa.RecordBatch]:
        """Yield columns of the pairs in order, a bounded number of rows at a time."""
        yield from pq.ParquetFile(self.folder / "pairs.parquet").iter_batches(
            batch_rows, columns=columns
        )

    def splits(self, config: SplitConfig) -> np.ndarray:
        """Return the Split of every pair, shape (pairs,)."""
        return assign_splits(self._numbers("group"), self.wordings, self.is_dialogue, config)


def build_corpus(
    config: DataConfig, root: Path, sources: list[str] | None = None, home: Path | None = None
) -> Corpus:
    """Read all sources into `root/<digest>`, or return the corpus already there.

    Args:
        config: how to read; everything but `sources`, `recent` and `splits` is part of the digest.
        root: the folder of all corpora.
        sources: read these instead of `config.sources`; `-` is standard input.
        home: all that is written lies in it, `root` by default: never read as part of a folder.

    Raises:
        DataError: when a source is missing or cannot be read, or no row at all is usable.
    """
    found, spooled = _find(config, root, list(sources or config.sources), home or root)
    try:
        return _build(config, root, found)
    finally:
        if spooled is not None:
            spooled.path.unlink(missing_ok=True)


def _find(
    config: DataConfig, root: Path, names: list[str], home: Path
) -> tuple[Found, SourceFile | None]:
    """Return the files in the order they were named, standard input among them as a copy."""
    if names.count(STDIN) > 1:
        raise DataError("Standard input (-) can be named only once.")
    parts = {n: find_files(resolve_source(n), config.format, home) for n in names if n != STDIN}
    spooled = None
    if STDIN in names:  # last, when nothing else can be wrong: it is a copy to be deleted
        spooled = spool_stdin(root, config.format)
        parts[STDIN] = Found([spooled])
    found = Found()
    for name in names:
        found.files += parts[name].files
        found.skipped += parts[name].skipped
    found.files = told_apart(found.files)
    return found, spooled


def _build(config: DataConfig, root: Path, found: Found) -> Corpus:
    states, listed = [], []
    for file in found.files:
        with reading(file):
            states.append(state_of(file.path))
            listed.append({"file": file.label, "sha256": _sha256(file), "format": file.format})
    settings = config.model_dump(mode="json", exclude={"sources", "recent", "splits"})
    digest = storage.digest_of({"format": FORMAT, "files": listed, "settings": settings})
    folder = root / digest
    if (folder / "manifest.json").is_file():
        return Corpus(folder)
    with locked(root / f".{digest}.lock"):  # a second process waits instead of reading it all too
        if not (folder / "manifest.json").is_file():
            with storage.atomic_folder(folder) as temporary:
                content = _read(config, temporary, found, states)
                manifest = {"digest": digest, "sources": listed, "skipped": found.skipped,
                            "settings": settings, **content}  # fmt: skip
                storage.write_json(temporary / "manifest.json", manifest)
    return Corpus(folder)


def _read(
    config: DataConfig, folder: Path, found: Found, states: list[tuple[int, ...]]
) -> dict[str, Any]:
    with (folder / "quarantine.jsonl").open("w", encoding="utf-8") as rejected:
        quarantine = Quarantine(rejected)
        builder = Builder(config, folder, quarantine)
        for file, state in zip(found.files, states, strict=True):
            builder.begin_file(file.label)
            default_source = _default_source(file)
            for row in read_rows(file, config, state):
                builder.add(row, default_source)
        content = builder.finish()
    if not builder.num_kept:
        raise DataError(_nothing_usable(found.files, quarantine))
    quarantined = quarantine.reasons.total()
    rows = {
        "read": builder.num_kept + quarantined + builder.num_merged,
        "kept": builder.num_kept,
        "quarantined": quarantined,
        "duplicates_merged": builder.num_merged,
    }
    reasons = dict(quarantine.reasons.most_common())
    return {"rows": rows, "reasons": reasons, "examples": quarantine.examples, **content}


def _default_source(file: SourceFile) -> str:
    """Return what rows without a source are said to come from: the file's name, no suffixes."""
    name = file.label.rsplit("/", 1)[-1]
    stem = name.split(".", 1)[0] if file.compression else Path(name).stem
    # A name that is no valid Unicode cannot be stored in Parquet.
    return stem.encode(errors="replace").decode() or "file"


def _sha256(file: SourceFile) -> str:
    if file.format == "arrow":
        digests = [storage.file_sha256(path) for path in data_files(file.path)]
        return hashlib.sha256("".join(digests).encode()).hexdigest()
    with open_regular(file.path) as plain:
        return hashlib.file_digest(plain, "sha256").hexdigest()  # type: ignore[arg-type]


def _nothing_usable(files: list[SourceFile], quarantine: Quarantine) -> str:
    names = ", ".join(file.label for file in files[:5])
    if len(files) > 5:
        names += f" and {len(files) - 5} more"
    if not quarantine.reasons:
        return f"No rows in {names}."
    kind, count = quarantine.reasons.most_common(1)[0]
    first = quarantine.examples[kind]
    return (
        f"No usable row in {names}: {first['reason']} ({count} of {quarantine.reasons.total()} "
        f"rows; the first is line {first['line']} of {first['file']})."
    )
