"""The cache: exact, shared between processes, deduplicated."""

import multiprocessing
import sqlite3

import numpy as np
import pytest

from cube.errors import DataError
from cube.teacher.cache import EmbeddingCache


def vector_of(identity: str) -> np.ndarray:
    return np.random.default_rng(int(identity)).standard_normal(8).astype(np.float32)


def fill(path, start: int, stop: int) -> None:
    with EmbeddingCache(path) as cache:
        for i in range(start, stop):
            cache.put([str(i)], vector_of(str(i))[None])


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_round_trip_is_exact(tmp_path, dtype):
    ids = [str(i) for i in range(1_200)]
    vectors = np.stack([vector_of(i) for i in ids]).astype(dtype)
    with EmbeddingCache(tmp_path / "c.sqlite", dtype) as cache:
        cache.put(ids, vectors)
        found = cache.get([*ids[::-1], "missing"])
    assert len(found) == 1_200
    for identity, vector in zip(ids, vectors, strict=True):
        np.testing.assert_array_equal(found[identity], vector)


def test_the_first_value_stays(tmp_path):
    with EmbeddingCache(tmp_path / "c.sqlite") as cache:
        cache.put(["1"], np.ones((1, 8)))
        cache.put(["1", "2"], np.zeros((2, 8)))
        assert len(cache) == 2
        assert cache.get(["1"])["1"].sum() == 8


def test_processes_that_overlap_store_each_text_once(tmp_path):
    path = tmp_path / "c.sqlite"
    context = multiprocessing.get_context("spawn")
    ranges = [(0, 120), (60, 180), (100, 200)]
    workers = [context.Process(target=fill, args=(path, *r)) for r in ranges]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    with EmbeddingCache(path) as cache:
        assert len(cache) == 200
        for identity, vector in cache.get([str(i) for i in range(200)]).items():
            np.testing.assert_array_equal(vector, vector_of(identity))


def test_a_failed_write_stores_nothing(tmp_path):
    with EmbeddingCache(tmp_path / "c.sqlite") as cache:
        with pytest.raises(sqlite3.Error):
            cache.put(["1", object()], np.ones((2, 8)))  # type: ignore[list-item]
        assert len(cache) == 0


def test_a_file_that_is_no_database_is_an_error_with_advice(tmp_path):
    path = tmp_path / "c.sqlite"
    path.write_bytes(b"this is not a database, but long enough to look like one" * 20)
    with pytest.raises(DataError, match="Move it away"):
        EmbeddingCache(path)
