"""`cube cache`: what it prints, what it deletes, and that it deletes nothing else."""

import json

import numpy as np
import pytest

from cube.config import DataConfig
from cube.data.corpus import build_corpus
from cube.teacher.cache_files import cache_files, open_file
from cube.teacher.vectors import embed_corpus
from tests.conftest import write_jsonl
from tests.data.helpers import run_command
from tests.fake_teacher import FakeTeacher

ROWS = [{"question": f"Question {i}?", "answer": f"Answer {i}."} for i in range(20)]


@pytest.fixture
def home(tmp_path):
    path = write_jsonl(tmp_path / "rows.jsonl", ROWS)
    corpus = build_corpus(DataConfig(sources=[str(path)]), tmp_path / "home" / "corpora")
    embed_corpus(corpus, FakeTeacher(), tmp_path / "home")  # type: ignore[arg-type]
    return tmp_path / "home"


def cache_command(home, capsys, *words):
    return run_command(["cache", *words, "--set", f"home={home}"], capsys)


def test_stats(home, capsys):
    code, printed, _ = cache_command(home, capsys, "stats", "--json")
    assert code == 0
    values = json.loads(printed)
    assert [(v["texts"], v["hits"], v["misses"], v["dimension"]) for v in values] == [
        (20, 0, 20, 16), (20, 0, 20, 16),
    ]  # fmt: skip
    assert "20 texts of 16 dimensions" in cache_command(home, capsys, "stats")[1]
    for command in ("stats", "verify"):
        code, printed, _ = cache_command(home / "none", capsys, command)
        assert (code, printed) == (0, "No cache files yet.\n")


def test_verify_deletes_damaged_vectors_and_says_so(home, capsys):
    assert cache_command(home, capsys, "verify")[0] == 0
    with open_file(cache_files(home / "cache")[0]) as cache:
        cache.run(lambda db: db.execute("UPDATE vectors SET value = zeroblob(64) WHERE rowid < 4"))
    code, printed, _ = cache_command(home, capsys, "verify")
    assert code == 1
    assert "3 damaged vectors deleted" in printed
    assert cache_command(home, capsys, "verify")[0] == 0


def test_verify_sets_a_corrupt_file_aside(home, capsys):
    path = cache_files(home / "cache")[0]
    with open_file(path) as cache:
        cache.run(lambda db: db.execute("PRAGMA wal_checkpoint(TRUNCATE)"))
    path.write_bytes(path.read_bytes()[:40_000] + b"\xff" * 20_000)
    code, printed, _ = cache_command(home, capsys, "verify")
    assert code == 1
    assert "set aside" in printed
    assert cache_command(home, capsys, "verify")[0] == 0


def test_prune_keeps_what_a_corpus_holds(home, capsys):
    path = cache_files(home / "cache")[0]
    with open_file(path) as cache:
        cache.put(["f" * 32], np.ones((1, 16)))
    path.with_name(f"{path.name}.corrupt-1").write_bytes(b"x")
    (home / "corpora" / ".half.written").mkdir()
    (home / "corpora" / ".half.written" / "texts.parquet").write_bytes(b"PAR1")
    code, printed, _ = cache_command(home, capsys, "prune", "--dry-run")
    assert code == 0
    assert "Would delete 1 vectors and 1 files" in printed
    assert "Deleted 1 vectors and 1 files" in cache_command(home, capsys, "prune")[1]
    assert "Deleted 0 vectors and 0 files" in cache_command(home, capsys, "prune")[1]
    with open_file(path) as cache:
        assert len(cache) == 20
    code, _, error = cache_command(home / "none", capsys, "prune")
    assert code == 2
    assert "No corpus" in error


def test_merge_takes_over_whole_vectors(home, tmp_path, capsys):
    other = tmp_path / "worker" / cache_files(home / "cache")[0].name
    with open_file(other) as cache:
        cache.put(["a" * 32, "b" * 32, "c" * 32], np.ones((3, 16)))
        cache.run(lambda db: db.execute("UPDATE vectors SET value = zeroblob(64) WHERE rowid = 2"))
    code, printed, _ = cache_command(home, capsys, "merge", other)
    assert code == 0
    assert "2 whole vectors read, 2 new" in printed
    assert "2 whole vectors read, 0 new" in cache_command(home, capsys, "merge", other.parent)[1]
    for bad, words in [(tmp_path / "no.sqlite", "No such"), (tmp_path / "rows.jsonl", "no cache")]:
        code, _, error = cache_command(home, capsys, "merge", bad)
        assert code == 2
        assert words in error


def test_explain_is_a_page_for_a_person(tmp_path, capsys):
    rows = [*ROWS, {"question": "a"}, {"question": "b", "answer": None}, ROWS[0]]
    path = write_jsonl(tmp_path / "rows.jsonl", rows)
    code, printed, _ = run_command(["ingest", path, "--out", tmp_path, "--explain"], capsys)
    assert code == 0
    assert "23 rows read = 20 kept + 2 quarantined + 1 duplicates merged" in printed
    assert "2  answer is missing (first: line 21 of rows.jsonl)" in printed
    assert "█" in printed
