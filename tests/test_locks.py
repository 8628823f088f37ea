"""Locks between processes."""

import logging
from logging.handlers import QueueHandler
from pathlib import Path
from queue import SimpleQueue
from threading import Thread

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


def _enter(path: Path) -> None:
    with locked(path):
        pass
