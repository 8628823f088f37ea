"""Locks between processes."""

import errno
import logging
from logging.handlers import QueueHandler
from pathlib import Path
from queue import SimpleQueue
from threading import Thread

import pytest

from cube.locks import locked


def test_whoever_waits_says_for_what(tmp_path, caplog, monkeypatch):
    caplog.set_level(logging.INFO, "cube.locks")
    told: SimpleQueue[logging.LogRecord] = SimpleQueue()
    monkeypatch.setattr(logging.getLogger("cube.locks"), "handlers", [QueueHandler(told)])
    other = Thread(target=_enter, args=(tmp_path / ".lock",))
    with locked(tmp_path / ".lock"):
        assert told.empty()
        other.start()
        assert str(tmp_path / ".lock") in told.get(timeout=10).getMessage()
    other.join(10)
    assert not other.is_alive() and told.empty()


def test_a_file_system_without_locks_is_named(tmp_path, monkeypatch):
    def refused(*_):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", refused)
    with (
        pytest.raises(OSError, match=f"with locks: '{tmp_path}'"),
        locked(tmp_path / ".lock"),
    ):
        pass


def _enter(path: Path) -> None:
    with locked(path):
        pass
