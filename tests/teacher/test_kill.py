"""Killed at any moment, and several at once: the result is that of an undisturbed run."""

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from cube.data.corpus import Corpus
from cube.storage import file_sha256
from tests.fake_teacher import vector_of

BATCH = 16


def write_rows(path: Path, start: int, stop: int) -> Path:
    rows = [
        {"question": f"Question {i} {'word ' * (i % 7)}?", "answer": f"Answer {i % 97}."}
        for i in range(start, stop)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def begin(source: Path, home: Path, log: Path, seconds: float) -> subprocess.Popen:
    command = [sys.executable, "-m", "tests.fake_teacher", source, home, log, str(seconds)]
    return subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen) -> str:
    printed, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return printed


def content_of(home: Path) -> dict[str, str]:
    """Return the digest of every file that a run leaves, by path."""
    names = ("texts.parquet", "pairs.parquet", "quarantine.jsonl", "manifest.json", "vectors.npy")
    files = [
        p for name in names for p in home.rglob(name) if "vectors/" not in str(p) or "npy" in name
    ]
    return {path.relative_to(home).as_posix(): file_sha256(path) for path in files}


def kill_at_random_moments(tmp_path: Path, kills: int, rows: int) -> None:
    source = write_rows(tmp_path / "rows.jsonl", 0, rows)
    expected = finish(begin(source, tmp_path / "calm", tmp_path / "calm.log", 0.0))
    calm = (tmp_path / "calm.log").read_text().splitlines()
    assert len(calm) == len(set(calm))
    generator = random.Random(0)
    home, log = tmp_path / "killed", tmp_path / "killed.log"
    for _ in range(kills):
        process = begin(source, home, log, 0.004)
        time.sleep(generator.uniform(0.3, 2.2))
        process.kill()
        process.communicate()
    assert finish(begin(source, home, log, 0.0)) == expected
    assert content_of(home) == content_of(tmp_path / "calm")
    encoded = log.read_text().splitlines()
    assert set(encoded) == set(calm)
    assert len(encoded) - len(calm) <= kills * BATCH  # at most one batch for each kill
    left = [p.name for part in ("corpora", "vectors") for p in (home / part).iterdir()]
    assert not [name for name in left if name.startswith(".")]


def test_killed_a_few_times(tmp_path):
    kill_at_random_moments(tmp_path, kills=4, rows=1_500)


@pytest.mark.slow
def test_killed_twenty_times(tmp_path):
    kill_at_random_moments(tmp_path, kills=20, rows=12_000)


def test_four_processes_share_one_cache(tmp_path):
    spans = [(0, 400), (200, 600), (100, 500), (300, 700)]
    sources = [write_rows(tmp_path / f"{i}.jsonl", *span) for i, span in enumerate(spans)]
    home = tmp_path / "home"
    workers = [begin(s, home, tmp_path / f"{s.stem}.log", 0.02) for s in sources]
    digests = [finish(worker).split() for worker in workers]
    distinct = set()
    for corpus_digest, vectors_digest in digests:
        corpus = Corpus(home / "corpora" / corpus_digest)
        texts = corpus.texts()
        matrix = np.load(home / "vectors" / vectors_digest / "vectors.npy")
        np.testing.assert_array_equal(matrix, np.stack([vector_of(text) for text in texts]))
        kinds = [kind for b in corpus.iter_texts() for kind in b.column("kind").to_pylist()]
        distinct |= set(zip(texts, kinds, strict=True))
    from cube.teacher.cache_files import all_stats

    assert sum(value["texts"] for value in all_stats(home / "cache")) == len(distinct)
    encoded = [
        line for s in sources for line in (tmp_path / f"{s.stem}.log").read_text().splitlines()
    ]
    assert len(encoded) < 2 * len(distinct)  # they divided the work
