"""Temporary folders that a killed process leaves behind are found and removed by the next one."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from cube import storage

_LOCK = ".owner"


@contextmanager
def locked(path: Path) -> Iterator[IO[bytes]]:
    """Hold the lock that a file stands for; whoever is killed lets go of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with path.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not _is_at(file, path):  # removed by the one that held it while this one waited
                continue
            try:
                yield file
            finally:
                path.unlink(missing_ok=True)
            return


def _is_at(file: IO[bytes], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


@contextmanager
def scratch_folder(folder: Path) -> Iterator[Path]:
    """Be `storage.atomic_folder`, and first remove what killed processes left for `folder`.

    A folder in use is known by the lock its owner holds on a file inside.
    """
    _sweep(folder)
    with storage.atomic_folder(folder) as temporary, (temporary / _LOCK).open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield temporary
        (temporary / _LOCK).unlink()


def _sweep(folder: Path) -> None:
    for left in folder.parent.glob(f".{folder.name}.*"):
        try:
            with (left / _LOCK).open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
        except OSError:
            continue  # in use, or just made, or just gone
