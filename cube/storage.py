"""Files written whole or not at all, and the digests that give them their names."""

import fcntl
import glob
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

DIGEST_LENGTH = 16
_OWNER = ".owner"  # of a folder in the making: locked by whoever makes it


def digest_of(value: Any) -> str:
    """Return the digest of a JSON-serialisable value (key order does not matter)."""
    canonical = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:DIGEST_LENGTH]


def file_sha256(path: Path) -> str:
    """Return the full SHA-256 of a file's bytes, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Force the content of a file, or the names in a folder, onto the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomic(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file under a temporary name, sync it and rename it into place.

    A reader sees the old file or the new one, never half of one, whatever kills the writer.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
        sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write bytes atomically."""
    write_atomic(path, lambda file: file.write(data))


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON, atomically. NaN and infinity are errors."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    write_bytes(path, (text + "\n").encode())


def read_json(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def read_json_lines(path: Path) -> list[Any]:
    """Read a JSON Lines file; one that is not there has no lines."""
    # Not splitlines: a text may hold separators that are line ends to Unicode and not to JSON.
    lines = path.read_text(encoding="utf-8").split("\n") if path.is_file() else []
    return [json.loads(line) for line in lines if line]


@contextmanager
def atomic_folder(folder: Path, replace: bool = False) -> Iterator[Path]:
    """Yield a temporary folder that becomes `folder`, on the disk, when the block ends well.

    If another process finished the same folder first, its result is kept: names are digests of
    what is inside, so the two are equal. With `replace` the new one is kept. What killed processes
    left behind of the same folder is removed first.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    _sweep(folder)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    temporary.chmod(0o755)
    unlocked = temporary / f"{_OWNER}.unlocked"
    try:
        with unlocked.open("wb") as owner:
            # Named once it is locked, and locked until the folder has its place: whoever else
            # makes the same folder takes a lock that nobody holds for one of a killed process.
            with suppress(OSError):  # a file system without locks, where nothing is swept either
                fcntl.flock(owner, fcntl.LOCK_EX)
            unlocked.rename(temporary / _OWNER)
            yield temporary
            for path in temporary.rglob("*"):
                sync(path)
            (temporary / _OWNER).unlink()
            sync(temporary)
            _place(temporary, folder, replace)
        sync(folder.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _place(new: Path, folder: Path, replace: bool) -> None:
    if replace and folder.exists():
        _replace(folder, new)
        return
    try:
        new.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise


def _sweep(folder: Path) -> None:
    for left in folder.parent.glob(f".{glob.escape(folder.name)}.*"):
        try:
            with (left / _OWNER).open("rb") as owner:
                fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
        except OSError:
            continue  # in use, or just made, or just gone


def _replace(folder: Path, new: Path) -> None:
    """Put a new folder in the place of one, which stays if that fails."""
    aside = Path(f"{new}.old")
    folder.rename(aside)
    try:
        new.rename(folder)
    except OSError:
        aside.rename(folder)
        raise
    shutil.rmtree(aside, ignore_errors=True)
