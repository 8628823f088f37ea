"""Locks between processes: whoever is killed lets go of them."""

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

logger = logging.getLogger(__name__)


@contextmanager
def locked(path: Path) -> Iterator[IO[bytes]]:
    """Hold the lock that a file stands for; whoever is killed lets go of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with path.open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                logger.info("waiting until another process lets go of %s", path)
                fcntl.flock(file, fcntl.LOCK_EX)
            except OSError as error:  # Lustre mounted without flock, some network file systems
                why = f"{error.strerror}; this needs a file system with locks"
                raise OSError(error.errno, why, str(path.parent)) from None
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
