"""The embedding cache: one SQLite file per teacher fingerprint, so no text is encoded twice.

WAL, 16 KiB pages and an ordinary rowid table: nothing lost under kill -9, exact under concurrent
writers. WAL does not belong on network file systems: workers elsewhere fill a file of their own.
"""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import numpy as np
from jaxtyping import Float

from cube.errors import DataError

_LOOKUP_KEYS = 500  # bound variables per statement, far under SQLite's limit


class EmbeddingCache:
    """Vectors by text id. Values are stored as little-endian bytes of `dtype`."""

    def __init__(self, path: Path, dtype: str = "float32"):
        self.path = path
        self.dtype = np.dtype(dtype).newbyteorder("<")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._db = sqlite3.connect(path, timeout=60, isolation_level=None)
            self._db.execute("PRAGMA page_size = 16384")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS vectors "
                "(text_id TEXT UNIQUE NOT NULL, value BLOB NOT NULL)"
            )
        except sqlite3.DatabaseError as error:
            raise DataError(
                f"Embedding cache {path} cannot be opened ({error}). Move it away: "
                "it is rebuilt by encoding the texts again."
            ) from None

    def __enter__(self) -> "EmbeddingCache":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __len__(self) -> int:
        return self._db.execute("SELECT count(*) FROM vectors").fetchone()[0]

    def get(self, text_ids: list[str]) -> dict[str, Float[np.ndarray, " dim"]]:
        """Return the vectors of those ids that are there."""
        found = {}
        for start in range(0, len(text_ids), _LOOKUP_KEYS):
            some = text_ids[start : start + _LOOKUP_KEYS]
            marks = ",".join("?" * len(some))
            query = f"SELECT text_id, value FROM vectors WHERE text_id IN ({marks})"
            with closing(self._db.execute(query, some)) as rows:
                for text_id, value in rows:
                    found[text_id] = np.frombuffer(value, self.dtype)
        return found

    def put(self, text_ids: Iterable[str], vectors: Float[np.ndarray, "texts dim"]) -> None:
        """Store vectors in one transaction; an id that is there already keeps its value."""
        stored = np.ascontiguousarray(vectors, self.dtype)
        rows = [(i, v.tobytes()) for i, v in zip(text_ids, stored, strict=True)]
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?)", rows)
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
