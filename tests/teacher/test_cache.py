"""The cache: exact, shared between processes, deduplicated."""

import multiprocessing
import sqlite3

import numpy as np
import pytest

from cube.errors import DataError
from cube.teacher.cache import EmbeddingCache


def vector_of(identity: str) -> np.ndarray:
    return np.random.default_rng(int(identity)).standard_normal(8).astype(np.float32)


def vectors_in(cache: EmbeddingCache, ids: list[str]) -> dict[str, np.ndarray]:
    matrix, found = cache.get_matrix(ids)
    return {ids[k]: matrix[k] for k in np.flatnonzero(found)}


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
        found = vectors_in(cache, [*ids[::-1], "missing"])
    assert len(found) == 1_200
    for identity, vector in zip(ids, vectors, strict=True):
        np.testing.assert_array_equal(found[identity], vector)


def test_the_first_value_stays(tmp_path):
    with EmbeddingCache(tmp_path / "c.sqlite") as cache:
        cache.put(["1"], np.ones((1, 8)))
        cache.put(["1", "2"], np.zeros((2, 8)))
        assert len(cache) == 2
        assert vectors_in(cache, ["1"])["1"].sum() == 8


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
        for identity, vector in vectors_in(cache, [str(i) for i in range(200)]).items():
            np.testing.assert_array_equal(vector, vector_of(identity))


def open_many(folder, barrier, count: int) -> None:
    for i in range(count):
        barrier.wait(60)
        EmbeddingCache(folder / f"{i}.sqlite").close()


def test_processes_that_create_one_file_at_once_all_open_it(tmp_path):
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(3)
    workers = [context.Process(target=open_many, args=(tmp_path, barrier, 60)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]


def test_a_failed_write_stores_nothing(tmp_path):
    with EmbeddingCache(tmp_path / "c.sqlite") as cache:
        with pytest.raises(ValueError, match="longer"):
            cache.put(["1"], np.ones((2, 8)))
        with pytest.raises(DataError, match="NaN"):
            cache.put(["1", "2"], np.array([[1.0, 2.0], [np.nan, 1.0]]))
        with pytest.raises(DataError, match="infinity"):
            cache.put(["1", "2"], np.array([[1.0, 2.0], [np.inf, 1.0]]))
        assert len(cache) == 0
        cache.put(["1"], np.ones((1, 8)))
        with pytest.raises(DataError, match="8 dimensions, not of 9"):
            cache.put(["2"], np.ones((1, 9)))
        assert len(cache) == 1


def test_rows_come_in_the_order_of_ids(tmp_path):
    ids = [str(i) for i in range(600)]
    with EmbeddingCache(tmp_path / "c.sqlite") as cache:
        assert cache.get_matrix(["1"])[0].shape == (1, 0)
        cache.put(ids[:-1], np.stack([vector_of(i) for i in ids[:-1]]))
        matrix, found = cache.get_matrix(ids[::-1])
    assert found.tolist() == [False] + [True] * 599
    np.testing.assert_array_equal(matrix[1:], np.stack([vector_of(i) for i in ids[-2::-1]]))


def filled(path, count: int = 500) -> None:
    with EmbeddingCache(path) as cache:
        ids = [str(i) for i in range(count)]
        cache.put(ids, np.stack([vector_of(i) for i in ids]))
        cache.run(lambda db: db.execute("PRAGMA wal_checkpoint(TRUNCATE)"))


@pytest.mark.parametrize("change", ["value = zeroblob(32)", "value = x'00'", "checksum = NULL"])
def test_a_vector_that_does_not_match_its_checksum_is_missing(tmp_path, change):
    path = tmp_path / "c.sqlite"
    filled(path)
    with EmbeddingCache(path) as cache:
        cache.run(lambda db: db.execute(f"UPDATE vectors SET {change} WHERE text_id = '7'"))
        assert list(vectors_in(cache, ["6", "7", "8"])) == ["6", "8"]
        assert cache.missing(["6", "7", "8"]) == ["7"]
        cache.put(["7"], vector_of("7")[None])
        np.testing.assert_array_equal(vectors_in(cache, ["7"])["7"], vector_of("7"))


@pytest.mark.parametrize("damage", ["text", "cut", "zeros", "scrambled"])
def test_a_corrupt_file_is_set_aside_and_rebuilt(tmp_path, damage):
    path = tmp_path / "c.sqlite"
    filled(path, 5_000)
    data = bytearray(path.read_bytes())
    if damage == "text":
        data = bytearray(b"this is not a database, but long enough to look like one" * 20)
    elif damage == "cut":
        data = data[: len(data) // 2]
    elif damage == "zeros":
        data[: 1 << 14] = bytes(1 << 14)
    else:
        noise = np.random.default_rng(0).bytes(len(data) - (1 << 16))
        data[1 << 16 :] = noise
    path.write_bytes(data)
    ids = [str(i) for i in range(5_000)]
    with EmbeddingCache(path) as cache:
        for identity, vector in vectors_in(cache, ids).items():
            np.testing.assert_array_equal(vector, vector_of(identity))
        cache.put(ids, np.stack([vector_of(i) for i in ids]))
        matrix, found = cache.get_matrix(ids)
    assert found.all()
    np.testing.assert_array_equal(matrix, np.stack([vector_of(i) for i in ids]))
    assert len(list(tmp_path.glob("c.sqlite.corrupt-1"))) == 1
    with EmbeddingCache(path) as cache:
        assert len(cache) == 5_000


def test_a_file_without_checksums_is_brought_up_to_date(tmp_path):
    path = tmp_path / "c.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE vectors (text_id TEXT UNIQUE NOT NULL, value BLOB NOT NULL)")
        db.execute("INSERT INTO vectors VALUES ('1', ?)", (vector_of("1").tobytes(),))
    db.close()
    with EmbeddingCache(path) as cache:
        np.testing.assert_array_equal(vectors_in(cache, ["1"])["1"], vector_of("1"))


def test_a_locked_file_is_an_error_not_a_corrupt_one(tmp_path, monkeypatch):
    path = tmp_path / "c.sqlite"
    filled(path)
    with EmbeddingCache(path) as cache, EmbeddingCache(path) as other:
        other.run(lambda db: db.execute("BEGIN IMMEDIATE"))
        cache.run(lambda db: db.execute("PRAGMA busy_timeout = 1"))
        with pytest.raises(DataError, match="locked"):
            cache.put(["new"], np.ones((1, 8)))
    assert not list(tmp_path.glob("*corrupt*"))
