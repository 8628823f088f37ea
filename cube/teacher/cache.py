"""The embedding cache: one SQLite file per teacher fingerprint, so no text is encoded twice.

WAL, 16 KiB pages and an ordinary rowid table: nothing lost under kill -9, exact under concurrent
writers. WAL does not belong on network file systems: workers elsewhere fill a file of their own and
merge it. Every vector carries a checksum over its text id and its bytes; one that does not match is
deleted and counts as missing. A file SQLite cannot read is set aside, what is provably whole in it
is carried over, and the rest is encoded again.
"""

import logging
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Bool, Float

from cube.errors import DataError
from cube.locks import locked

logger = logging.getLogger(__name__)

_LOOKUP_KEYS = 500  # bound variables per statement, far under SQLite's limit
_VERSION = 2
_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_SHORT_READ = sqlite3.SQLITE_IOERR_SHORT_READ
_COPY_ROWS = 2_000

Result = TypeVar("Result")


def checksum(text_id: str, value: bytes) -> int:
    """Return the CRC-32 of a stored vector; it covers the id, so vectors cannot change places."""
    return zlib.crc32(value, zlib.crc32(text_id.encode()))


class EmbeddingCache:
    """Vectors by text id. Values are stored as little-endian bytes of `dtype`."""

    def __init__(self, path: Path, dtype: str = "float32"):
        self.path = path
        self.dtype = np.dtype(dtype).newbyteorder("<")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._inode = -1
        self._db: sqlite3.Connection | None = None
        self.run(lambda _: None)

    def __enter__(self) -> "EmbeddingCache":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def __len__(self) -> int:
        return self.run(lambda db: db.execute("SELECT count(*) FROM vectors").fetchone()[0])

    def get_matrix(
        self, text_ids: list[str]
    ) -> tuple[Float[np.ndarray, "texts dim"], Bool[np.ndarray, " texts"]]:
        """Return vectors in the order of ids, zeros where one is missing, and which were there.

        With an empty cache of unknown dimension the matrix has no columns.
        """
        values = self.run(lambda db: self._values(db, text_ids))
        dimension = self.dimension or 0
        found = np.fromiter((i in values for i in text_ids), bool, len(text_ids))
        nothing = bytes(dimension * self.dtype.itemsize)
        data = b"".join([values.get(i, nothing) for i in text_ids])
        return np.frombuffer(data, self.dtype).reshape(len(text_ids), dimension), found

    def missing(self, text_ids: list[str]) -> list[str]:
        """Return those ids that are not there, in their order."""

        def known(db: sqlite3.Connection) -> set[str]:
            return {
                row[0]
                for some in _chunks(text_ids)
                for row in db.execute(_select("text_id", len(some)), some)
            }

        there = self.run(known)
        return [i for i in text_ids if i not in there]

    @property
    def dimension(self) -> int | None:
        """Length of the vectors, None in an empty cache."""
        value = self.run(lambda db: _meta(db, "dimension"))
        return None if value is None else int(value)

    def put(self, text_ids: Iterable[str], vectors: Float[np.ndarray, "texts dim"]) -> None:
        """Store vectors in one transaction; an id that is there already keeps its value.

        Raises:
            DataError: when they have another dimension than those stored, or are not finite.
        """
        stored = np.ascontiguousarray(vectors, self.dtype)
        if not np.isfinite(stored).all():
            raise DataError(f"Vectors for {self.path.name} hold NaN or infinity: not stored.")
        rows = []
        for identity, vector in zip(text_ids, stored, strict=True):
            value = vector.tobytes()
            rows.append((identity, value, checksum(identity, value)))
        self.run(lambda db: self._insert(db, rows, stored.shape[1]))

    def count_use(self, hits: int, misses: int) -> None:
        """Add to the counts of texts found and texts encoded, kept over all runs."""

        def add(db: sqlite3.Connection) -> None:
            for name, value in (("hits", hits), ("misses", misses)):
                db.execute(
                    "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE "
                    "SET value = CAST(value AS INTEGER) + excluded.value",
                    (name, value),
                )

        self.run(add)

    def get_meta(self, key: str) -> str | None:
        """Return a fact stored beside the vectors."""
        return self.run(lambda db: _meta(db, key))

    def set_meta(self, key: str, value: str) -> None:
        """Store a fact beside the vectors."""
        self.run(lambda db: db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)",
                                            (key, value)))  # fmt: skip

    def _values(self, db: sqlite3.Connection, text_ids: list[str]) -> dict[str, bytes]:
        """Return stored bytes by id; what does not match its checksum is deleted."""
        values: dict[str, bytes] = {}
        damaged = []
        size = int(_meta(db, "dimension") or 0) * self.dtype.itemsize
        crc32 = zlib.crc32
        for some in _chunks(text_ids):
            for identity, value, check in db.execute(
                _select("text_id, value, checksum", len(some)), some
            ):
                if len(value) == size and crc32(value, crc32(identity.encode())) == check:
                    values[identity] = value
                else:
                    damaged.append(identity)
        if damaged:
            logger.warning("%s: %d damaged vectors deleted", self.path.name, len(damaged))
            db.executemany("DELETE FROM vectors WHERE text_id = ?", [(i,) for i in damaged])
        return values

    def _insert(self, db: sqlite3.Connection, rows: list[tuple], dimension: int) -> None:
        with db:
            db.execute("BEGIN IMMEDIATE")
            db.execute("INSERT OR IGNORE INTO meta VALUES ('dimension', ?)", (dimension,))
            if rows and int(_meta(db, "dimension") or 0) != dimension:
                raise DataError(
                    f"{self.path.name} holds vectors of {_meta(db, 'dimension')} dimensions, "
                    f"not of {dimension}."
                )
            db.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?, ?)", rows)

    def run(self, action: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run an action on the database; a corrupt file is set aside and it is run again."""
        for attempt in range(2):
            try:
                if self._db is None:
                    self._db = self._open()
                return action(self._db)
            except sqlite3.DatabaseError as error:
                code = getattr(error, "sqlite_errorcode", None) or 0
                if attempt or (code & 0xFF not in _CORRUPT and code != _SHORT_READ):
                    raise DataError(f"Embedding cache {self.path}: {error}.") from error
                self._set_aside(error)
        raise AssertionError

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=60, isolation_level=None)
        try:
            self._inode = self.path.stat().st_ino
            db.execute("PRAGMA page_size = 16384")
            # Of two that turn a new file to WAL at once one would be refused, without waiting.
            with locked(self.path.with_name(f".{self.path.name}.opening")):
                db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute("PRAGMA cache_size = -32768")
            # Text ids are random, so every batch touches much of the index: write it back seldom.
            db.execute("PRAGMA wal_autocheckpoint = 4096")
            if db.execute("PRAGMA user_version").fetchone()[0] < _VERSION:
                _create(db, self.dtype.itemsize)
        except BaseException:
            db.close()
            raise
        return db

    def _set_aside(self, error: Exception) -> None:
        """Move a corrupt file away and carry over the vectors that are provably whole."""
        self.close()
        with locked(self.path.with_name(f".{self.path.name}.recovery")):
            if not self.path.exists() or self.path.stat().st_ino != self._inode:
                return  # another process was first
            number = 1
            while (aside := self.path.with_name(f"{self.path.name}.corrupt-{number}")).exists():
                number += 1
            # The log goes first: left behind, it would be replayed into the new file.
            for suffix in ("-wal", "-shm", ""):
                old = self.path.with_name(self.path.name + suffix)
                if old.exists():
                    old.rename(aside.with_name(aside.name + suffix))
            fresh = EmbeddingCache(self.path, self.dtype.name)
            try:
                kept = fresh.copy_from(aside)
            finally:
                fresh.close()
        logger.warning(
            "%s is corrupt (%s): set aside as %s; %d vectors were whole and are kept, the others "
            "will be encoded again",
            self.path.name, error, aside.name, kept,
        )  # fmt: skip

    def copy_from(self, other: Path) -> int:
        """Take over the vectors of another file whose checksums match, as far as it can be read.

        Returns:
            How many vectors were whole in the other file.
        """
        whole = 0
        for rows in _whole_rows(other, self.dtype.itemsize):
            dimension = len(rows[0][1]) // self.dtype.itemsize
            same = [row for row in rows if len(row[1]) == dimension * self.dtype.itemsize]
            self.run(lambda db, r=same, d=dimension: self._insert(db, r, d))
            whole += len(same)
        return whole


def _whole_rows(path: Path, item_size: int) -> Iterator[list[tuple[str, bytes, int]]]:
    """Yield the rows of a file whose checksums match, until it cannot be read any further."""
    batch: list[tuple[str, bytes, int]] = []
    try:
        db = sqlite3.connect(path, timeout=60)
        try:
            for identity, value, check in db.execute(
                "SELECT text_id, value, checksum FROM vectors ORDER BY rowid"
            ):
                if not isinstance(identity, str) or not isinstance(value, bytes) or not value:
                    continue
                if len(value) % item_size == 0 and checksum(identity, value) == check:
                    batch.append((identity, value, check))
                if len(batch) >= _COPY_ROWS:
                    yield batch
                    batch = []
        finally:
            db.close()
    except sqlite3.Error as error:
        logger.info("%s can be read no further: %s", path.name, error)
    if batch:
        yield batch


def _create(db: sqlite3.Connection, item_size: int) -> None:
    """Create the tables, or give the vectors of an older file their checksums."""
    db.create_function("vector_checksum", 2, checksum, deterministic=True)
    with db:
        db.execute("BEGIN IMMEDIATE")
        db.execute(
            "CREATE TABLE IF NOT EXISTS vectors "
            "(text_id TEXT UNIQUE NOT NULL, value BLOB NOT NULL, checksum INTEGER)"
        )
        db.execute("CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value)")
        columns = [row[1] for row in db.execute("PRAGMA table_info(vectors)")]
        if "checksum" not in columns:
            db.execute("ALTER TABLE vectors ADD COLUMN checksum INTEGER")
            db.execute("UPDATE vectors SET checksum = vector_checksum(text_id, value)")
            length = db.execute("SELECT length(value) FROM vectors LIMIT 1").fetchone()
            if length:
                dimension = length[0] // item_size
                db.execute("INSERT INTO meta VALUES ('dimension', ?)", (dimension,))
        db.execute(f"PRAGMA user_version = {_VERSION}")


def _meta(db: sqlite3.Connection, key: str) -> Any:
    row = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return None if row is None else row[0]


def _select(columns: str, count: int) -> str:
    return f"SELECT {columns} FROM vectors WHERE text_id IN ({','.join('?' * count)})"


def _chunks(text_ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(text_ids), _LOOKUP_KEYS):
        yield text_ids[start : start + _LOOKUP_KEYS]
