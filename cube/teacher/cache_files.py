"""Looking after all cache files of a home: sizes, checks, pruning, merging."""

import re
import sqlite3
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from cube.errors import DataError
from cube.teacher.cache import EmbeddingCache, checksum
from cube.teacher.fidelity import fidelity, note_fidelity

_NAME = re.compile(r"(?P<fingerprint>[0-9a-f]{16})\.(?P<dtype>float16|float32)\.sqlite")


def cache_files(folder: Path) -> list[Path]:
    """Return the cache files of a folder, in name order."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))


def open_file(path: Path) -> EmbeddingCache:
    """Open a cache file; its name says how vectors are stored.

    Raises:
        DataError: when the name is not that of a cache file.
    """
    match = _NAME.fullmatch(path.name)
    if match is None:
        raise DataError(
            f"{path} is no cache file: expected a name like 0123456789abcdef.float32.sqlite."
        )
    return EmbeddingCache(path, match["dtype"])


def all_stats(folder: Path) -> list[dict[str, Any]]:
    """Return texts, dimension, bytes, hits and misses of every file."""
    result = []
    for path in cache_files(folder):
        with open_file(path) as cache:
            measured = fidelity(cache)
            hits, misses = (int(cache.get_meta(name) or 0) for name in ("hits", "misses"))
            result.append(
                {
                    "file": path.name,
                    "texts": len(cache),
                    "dimension": cache.dimension,
                    "bytes": _size(path),
                    "hits": hits,
                    "misses": misses,
                    "hit_rate": hits / (hits + misses) if hits + misses else None,
                    "backend": measured.backend if measured else "torch",
                    "fidelity": measured.mean if measured else None,
                    "fidelity_lowest": measured.lowest if measured else None,
                }
            )
    return result


def verify_all(folder: Path) -> list[dict[str, Any]]:
    """Check the structure of every file and every vector's checksum; delete what is damaged."""
    result = []
    for path in cache_files(folder):
        aside = _set_aside_files(path)
        with open_file(path) as cache:
            cache.run(_check_structure)
            num_damaged = cache.run(_delete_damaged)
            set_aside = _set_aside_files(path) != aside
            result.append(
                {
                    "file": path.name,
                    "texts": len(cache),
                    "damaged": num_damaged,
                    "set_aside": set_aside,
                    "whole": not num_damaged and not set_aside,
                }
            )
    return result


def prune_all(home: Path, dry_run: bool) -> dict[str, Any]:
    """Delete vectors of texts that no corpus under `home` holds, and files set aside.

    Raises:
        DataError: when there is no corpus at all: then everything would go.
    """
    folder = home / "cache"
    corpora = sorted((home / "corpora").glob("[!.]*/texts.parquet"))
    if not corpora:
        raise DataError(f"No corpus under {home / 'corpora'}: pruning would delete every vector.")
    before = sum(_size(path) for path in cache_files(folder))
    deleted = kept = 0
    for path in cache_files(folder):
        with open_file(path) as cache:
            gone, stay = cache.run(lambda db: _prune(db, corpora, dry_run))
            deleted, kept = deleted + gone, kept + stay
    aside = [p for path in cache_files(folder) for p in _set_aside_files(path)]
    freed = before - sum(_size(path) for path in cache_files(folder))
    for path in aside:
        freed += 0 if dry_run else path.stat().st_size
        if not dry_run:
            path.unlink()
    return {"texts": deleted, "kept": kept, "files": len(aside), "bytes_freed": freed,
            "dry_run": dry_run}  # fmt: skip


def merge_files(folder: Path, sources: list[Path]) -> list[dict[str, Any]]:
    """Copy the whole vectors of other cache files into those of the same name in `folder`.

    Raises:
        DataError: when a source is missing, is no cache file or holds other dimensions.
    """
    files: list[Path] = []
    for source in sources:
        if source.is_dir():
            files += cache_files(source)
        elif source.is_file():
            files.append(source)
        else:
            raise DataError(f"No such cache file or folder: {source}.")
    if not files:
        raise DataError("No cache files to merge were named.")
    result = []
    for file in files:
        with open_file(file) as other:
            # Opening brings a file of an older version up to date and sets a corrupt one aside.
            measured = fidelity(other)
        if file.resolve() == (folder / file.name).resolve():
            raise DataError(f"{file} cannot be merged into itself.")
        with open_file(folder / file.name) as cache:
            before = len(cache)
            whole = cache.copy_from(file)
            if measured:
                note_fidelity(cache, measured)
            result.append({"file": file.name, "whole": whole, "new": len(cache) - before})
    return result


def _size(path: Path) -> int:
    parts = (path.with_name(path.name + suffix) for suffix in ("", "-wal"))
    return sum(part.stat().st_size for part in parts if part.exists())


def _set_aside_files(path: Path) -> list[Path]:
    return sorted(path.parent.glob(f"{path.name}.corrupt-*"))


def _check_structure(db: sqlite3.Connection) -> None:
    found = [row[0] for row in db.execute("PRAGMA integrity_check(1)")]
    if found != ["ok"]:
        error = sqlite3.DatabaseError(found[0] if found else "no answer")
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error


def _delete_damaged(db: sqlite3.Connection) -> int:
    row = db.execute("SELECT value FROM meta WHERE key = 'dimension'").fetchone()
    sizes = (int(row[0]) * 2, int(row[0]) * 4) if row else (0, 0)
    damaged = [
        rowid
        for rowid, identity, value, check in db.execute(
            "SELECT rowid, text_id, value, checksum FROM vectors"
        )
        if not isinstance(value, bytes)
        or len(value) not in sizes
        or checksum(str(identity), value) != check
    ]
    db.executemany("DELETE FROM vectors WHERE rowid = ?", [(i,) for i in damaged])
    return len(damaged)


def _prune(db: sqlite3.Connection, corpora: list[Path], dry_run: bool) -> tuple[int, int]:
    db.execute("CREATE TEMP TABLE wanted (text_id TEXT PRIMARY KEY) WITHOUT ROWID")
    for path in corpora:
        for batch in pq.ParquetFile(path).iter_batches(65_536, columns=["text_id"]):
            ids = batch.column("text_id").to_pylist()
            db.executemany("INSERT OR IGNORE INTO wanted VALUES (?)", [(i,) for i in ids])
    unwanted = "FROM vectors WHERE text_id NOT IN (SELECT text_id FROM wanted)"
    gone = db.execute(f"SELECT count(*) {unwanted}").fetchone()[0]
    stay = db.execute("SELECT count(*) FROM vectors").fetchone()[0] - gone
    if gone and not dry_run:
        db.execute(f"DELETE {unwanted}")
        db.execute("VACUUM")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.execute("DROP TABLE wanted")
    return gone, stay
