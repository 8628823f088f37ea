"""Files are there whole or not at all."""

import contextlib
import errno
import fcntl
import os
from pathlib import Path

import pytest

from cube import storage


def test_digest_does_not_depend_on_key_order():
    assert storage.digest_of({"a": 1, "b": [2]}) == storage.digest_of({"b": [2], "a": 1})
    assert storage.digest_of({"a": 1}) != storage.digest_of({"a": 2})


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "file"
    storage.write_bytes(path, b"old")

    def fail(file):
        file.write(b"half of the new")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        storage.write_atomic(path, fail)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_nan_is_refused_in_json(tmp_path):
    with pytest.raises(ValueError, match="Out of range"):
        storage.write_json(tmp_path / "x.json", {"value": float("nan")})


def test_a_failed_folder_is_removed(tmp_path):
    def build():
        with storage.atomic_folder(tmp_path / "out") as temporary:
            (temporary / "a").write_text("x")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        build()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_removed_and_what_is_in_use_is_not(tmp_path):
    out = tmp_path / "out [1]"
    for name, owned in ((".out [1].left", True), (".out [1].other", False)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "half").write_text("x")
        if owned:
            (tmp_path / name / ".owner").touch()
    with storage.atomic_folder(out) as first, storage.atomic_folder(out) as second:
        assert first.is_dir() and second.is_dir()
        (first / "a").write_text("x")
        (second / "a").write_text("x")
    assert sorted(p.name for p in tmp_path.iterdir()) == [".out [1].other", "out [1]"]
    assert [p.name for p in out.iterdir()] == ["a"]


def test_a_folder_in_the_making_is_left_alone_at_every_moment(tmp_path, monkeypatch):
    out, begun = tmp_path / "out", []

    def with_another_before(name):
        call = getattr(os if name == "fsync" else fcntl, name)

        def called(*arguments):
            if len(begun) % 2 == 0:  # not while the other begins
                begun.append(name)
                with contextlib.suppress(RuntimeError), storage.atomic_folder(out):
                    raise RuntimeError("stop")
                begun.append(name)
            return call(*arguments)

        return called

    monkeypatch.setattr(fcntl, "flock", with_another_before("flock"))
    monkeypatch.setattr(os, "fsync", with_another_before("fsync"))
    with storage.atomic_folder(out) as temporary:
        (temporary / "a").write_text("x")
        (temporary / "b").write_text("y")
    assert {"flock", "fsync"} <= set(begun)
    assert sorted(path.name for path in out.iterdir()) == ["a", "b"]


def test_a_folder_is_made_where_files_have_no_locks(tmp_path, monkeypatch):
    def no_locks(*arguments):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with storage.atomic_folder(tmp_path / "out"), storage.atomic_folder(tmp_path / "out") as second:
        (second / "a").write_text("x")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a"]


def test_a_folder_someone_else_finished_first_is_kept(tmp_path):
    with storage.atomic_folder(tmp_path / "out") as temporary:
        (temporary / "a").write_text("mine")
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "a").write_text("theirs")
    assert (tmp_path / "out" / "a").read_text() == "theirs"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_all_that_is_in_a_folder_is_on_the_disk_before_it_takes_its_place(tmp_path, monkeypatch):
    synced = set()
    sync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.add(os.fstat(fd).st_ino), sync(fd)))
    with storage.atomic_folder(tmp_path / "out") as temporary:
        (temporary / "sub").mkdir()
        for name in ("a", "sub/b"):
            (temporary / name).write_text("x")
    assert {path.stat().st_ino for path in (tmp_path / "out").rglob("*")} <= synced


def test_a_folder_is_replaced_or_stays(tmp_path, monkeypatch):
    folder = tmp_path / "out"
    for content in ("old", "new"):
        with storage.atomic_folder(folder, replace=True) as temporary:
            (temporary / "a").write_text(content)
    assert (folder / "a").read_text() == "new"

    def fail_once(path, target):
        monkeypatch.setattr(Path, "rename", rename)  # what puts the old one back works
        raise OSError("disk full")

    def rename_twice(path, target):
        monkeypatch.setattr(Path, "rename", fail_once)
        return rename(path, target)

    def build():
        with storage.atomic_folder(folder, replace=True) as temporary:
            (temporary / "a").write_text("newer")
            monkeypatch.setattr(Path, "rename", rename_twice)

    rename = Path.rename
    with pytest.raises(OSError, match="disk full"):
        build()
    assert (folder / "a").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_json_lines_end_at_line_feeds_alone(tmp_path):
    path = tmp_path / "lines.jsonl"
    assert storage.read_json_lines(path) == []
    path.write_text('"a\u2028b"\n{"c": 1}\n', encoding="utf-8")
    assert storage.read_json_lines(path) == ["a\u2028b", {"c": 1}]
