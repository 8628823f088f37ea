"""Ingest, encoding, cache and memory, measured in one run: a table, and JSON under var/.

python -m benchmarks.data [--pairs 2000000] [--out var/bench/data.json]
"""

import argparse
import csv
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

WORDS = "the a of to in is how do what when reset account open file note sync price team plan share"
LIMITS = {
    "short texts, ratio to plain encode": (1.0, "least"),
    "mixed lengths, ratio to plain encode": (1.3, "least"),
    "half duplicates, ratio to plain encode": (1.3, "least"),
    "warm look-ups a second": (50_000, "least"),
    "peak RSS, GB": (2.0, "most"),
}


def sentence(generator: random.Random, words: int) -> str:
    """Return a sentence of that many words."""
    return " ".join(generator.choices(WORDS.split(), k=words))


def bench_ingest(folder: Path, rows: int) -> dict[str, float]:
    """Return rows a second by format; every row is a new pair."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from cube.config import DataConfig
    from cube.data.corpus import build_corpus

    generator = random.Random(0)
    pairs = [
        (f"{sentence(generator, 8)} {i}?", f"{sentence(generator, 20)} {i}.") for i in range(rows)
    ]
    values = [{"question": q, "answer": a} for q, a in pairs]
    lines = "".join(json.dumps(value) + "\n" for value in values)

    def delimited(path: Path) -> None:
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([("question", "answer"), *pairs])

    def compressed(path: Path) -> None:
        with pa.CompressedOutputStream(str(path), "zstd" if "zst" in path.name else "gzip") as out:
            out.write(lines.encode())

    table = pa.table({"question": [p[0] for p in pairs], "answer": [p[1] for p in pairs]})
    writers: dict[str, Callable[[Path], Any]] = {
        "pairs.jsonl": lambda path: path.write_text(lines),
        "pairs.jsonl.gz": compressed,
        "pairs.jsonl.zst": compressed,
        "pairs.json": lambda path: path.write_text(json.dumps(values)),
        "pairs.csv": delimited,
        "pairs.parquet": lambda path: pq.write_table(table, path),
        "pairs.txt": lambda path: path.write_text("".join(f"Q: {q}\nA: {a}\n" for q, a in pairs)),
    }
    speeds = {}
    for name, write in writers.items():
        path = folder / name
        write(path)
        started = time.perf_counter()
        corpus = build_corpus(DataConfig(sources=[str(path)]), folder / "corpora")
        speeds[name.removeprefix("pairs.")] = rows / (time.perf_counter() - started)
        assert corpus.manifest["pairs"] == rows
    return speeds


def bench_encode(folder: Path, texts: int, repeats: int) -> dict[str, float]:
    """Return texts a second of this cache by texts a second of one plain encode call."""
    from cube.config import TeacherConfig
    from cube.teacher.encoder import Teacher

    teacher = Teacher(TeacherConfig())
    model = teacher.model
    generator = random.Random(1)
    short = [f"{sentence(generator, 8)} {i}" for i in range(texts)]
    mixed = [
        f"{sentence(generator, generator.choice([4, 8, 8, 16, 30, 120, 240]))} {i}"
        for i in range(texts // 2)
    ]
    generator.shuffle(mixed)
    doubled = short[: texts // 2] * 2
    generator.shuffle(doubled)
    model.encode(short[:64])  # warm
    ratios = {}
    cases = {"short texts": short, "mixed lengths": mixed, "half duplicates": doubled}
    for name, case in cases.items():
        ours, plain = [], []
        for i in range(repeats):
            path = folder / f"{name.replace(' ', '-')}-{i}.sqlite"

            def plainly(case: list[str] = case) -> Any:
                return model.encode(case, normalize_embeddings=True, show_progress_bar=False)

            def cached(case: list[str] = case, path: Path = path) -> Any:
                return encode_through_cache(teacher, path, case)

            expected = timed(plainly, plain) if i % 2 else None  # take turns in going first
            found = timed(cached, ours)
            expected = timed(plainly, plain) if expected is None else expected
            assert np.abs(found - expected).max() < 1e-4
        ratios[f"{name}, ratio to plain encode"] = min(plain) / min(ours)
        ratios[f"{name}, texts a second"] = len(case) / min(ours)
    return ratios | bench_backends(folder, {"short texts": short, "mixed lengths": mixed}, repeats)


def bench_backends(folder: Path, cases: dict[str, list[str]], repeats: int) -> dict[str, float]:
    """Return speeds of the quicker backends by that of plain torch calls, and their fidelity."""
    from cube.config import TeacherConfig
    from cube.teacher.encoder import Teacher

    teachers = [Teacher(TeacherConfig(backend="bfloat16")), Teacher(TeacherConfig(backend="onnx"))]
    results = {}
    for teacher, (name, case) in product(teachers, cases.items()):
        backend = teacher.config.backend
        teacher.encode(["warm"], "query")
        ours, plain = [], []
        found = exact = np.empty(0)
        for i in range(repeats):
            path = folder / f"{backend}-{name.replace(' ', '-')}-{i}.sqlite"
            found = timed(partial(encode_through_cache, teacher, path, case), ours)
            exact = timed(partial(teacher.exact.encode, case, "query"), plain)
        results[f"{name}, {backend} to plain encode"] = min(plain) / min(ours)
        results[f"{name}, {backend} cosine to torch"] = float((found * exact).sum(1).mean())
    return results


def timed(action: Callable[[], Any], seconds: list[float]) -> Any:
    """Run an action and note how long it took."""
    started = time.perf_counter()
    result = action()
    seconds.append(time.perf_counter() - started)
    return result


def encode_through_cache(teacher: Any, path: Path, texts: list[str]) -> np.ndarray:
    """Return the vectors of texts the way a corpus gets them: deduplicated, cached, looked up."""
    from cube.data.schema import text_digest
    from cube.teacher.cache import EmbeddingCache
    from cube.teacher.encoding import encode_missing

    ids = [text_digest(text).hex() for text in texts]
    distinct = dict(zip(ids, texts, strict=True))
    with EmbeddingCache(path) as cache:
        names, values = list(distinct), list(distinct.values())
        size = teacher.config.batch_size
        encode_missing(cache, lambda some: teacher.encode(some, "query"), names, values, size)
        return cache.get_matrix(ids)[0]


def bench_lookups(folder: Path, vectors: int = 50_000, dimension: int = 384) -> dict[str, float]:
    """Return vectors read a second from a warm cache, in batches, in random order."""
    from cube.data.schema import text_digest
    from cube.teacher.cache import EmbeddingCache

    ids = [text_digest(str(i)).hex() for i in range(vectors)]
    matrix = np.random.default_rng(0).standard_normal((vectors, dimension)).astype(np.float32)
    with EmbeddingCache(folder / "warm.sqlite") as cache:
        started = time.perf_counter()
        cache.put(ids, matrix)
        written = vectors / (time.perf_counter() - started)
        order = np.random.default_rng(1).permutation(vectors)
        speeds = []
        for _ in range(3):
            started = time.perf_counter()
            for start in range(0, vectors, 2_048):
                cache.get_matrix([ids[i] for i in order[start : start + 2_048]])
            speeds.append(vectors / (time.perf_counter() - started))
    return {"warm look-ups a second": max(speeds), "vectors written a second": written}


class NoTeacher:
    """Vectors without a model, so that memory can be measured at any size."""

    fingerprints = {"query": "0" * 16, "passage": "1" * 16}  # noqa: RUF012

    def __init__(self, dimension: int):
        from cube.config import TeacherConfig

        self.config = TeacherConfig(dtype="float16", batch_size=1_024)
        self.dimension = dimension
        self._generator = np.random.default_rng(0)

    def encode(self, texts: list[str], role: str) -> np.ndarray:
        """Return random vectors."""
        return self._generator.standard_normal((len(texts), self.dimension), np.float32)


def large(folder: Path, pairs: int, dimension: int) -> None:
    """Ingest, split, embed and map many pairs in this process; print times and peak memory."""
    from cube.config import DataConfig
    from cube.data.corpus import build_corpus
    from cube.peak import peak_rss_bytes
    from cube.teacher.vectors import embed_corpus

    generator = random.Random(2)
    path = folder / "large.jsonl"
    with path.open("w") as file:
        for i in range(pairs):
            question, answer = sentence(generator, 8), sentence(generator, 14)
            row = {"question": f"{question} {i}?", "answer": f"{answer} {i % (pairs * 4 // 5)}."}
            file.write(json.dumps(row) + "\n")
    seconds = {}
    started = time.perf_counter()
    config = DataConfig(sources=[str(path)])
    corpus = build_corpus(config, folder / "corpora")
    seconds["ingest"] = time.perf_counter() - started
    after_ingest = peak_rss_bytes() / 1e9
    splits = corpus.splits(config.splits)
    after_splits = peak_rss_bytes() / 1e9
    started = time.perf_counter()
    vectors = embed_corpus(corpus, NoTeacher(dimension), folder)  # type: ignore[arg-type]
    rows = np.random.default_rng(0).integers(0, corpus.num_texts, 10_000)
    assert np.isfinite(vectors.matrix[rows]).all()
    seconds["embed"] = time.perf_counter() - started
    result = {
        "pairs": corpus.manifest["pairs"],
        "texts": corpus.num_texts,
        "split pairs": np.bincount(splits).tolist(),
        "ingest seconds": seconds["ingest"],
        "vectors seconds": seconds["embed"],
        "peak RSS after ingest, GB": after_ingest,
        "peak RSS after splits, GB": after_splits,
        "peak RSS, GB": peak_rss_bytes() / 1e9,
    }
    sys.stdout.write(json.dumps(result))


def main() -> None:
    """Run everything and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=2_000_000)
    parser.add_argument("--rows", type=int, default=50_000, help="for each format")
    parser.add_argument("--texts", type=int, default=800, help="to encode, in each case")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("var/bench/data.json"))
    parser.add_argument("--large-only", nargs=1, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.large_only:  # in a process of its own, without torch
        large(Path(arguments.large_only[0]), arguments.pairs, 64)
        return
    from benchmarks.machine import machine
    from cube import storage

    with tempfile.TemporaryDirectory(prefix="cube-bench-") as name:
        folder = Path(name)
        ingest = bench_ingest(folder, arguments.rows)
        numbers = {f"ingest {key}, rows a second": value for key, value in ingest.items()}
        numbers |= bench_lookups(folder)
        numbers |= bench_encode(folder, arguments.texts, arguments.repeats)
        command = [sys.executable, "-m", "benchmarks.data", "--pairs", str(arguments.pairs),
                   "--large-only", name]  # fmt: skip
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    memory = json.loads(done.stdout)
    numbers |= {k: v for k, v in memory.items() if isinstance(v, int | float)}
    missed = [name for name, limit in LIMITS.items() if not met(numbers[name], *limit)]
    for name, value in numbers.items():
        limit = LIMITS.get(name)
        verdict = (
            ""
            if not limit
            else f"  at {limit[1]} {limit[0]:,}: " + ("missed" if name in missed else "met")
        )
        print(f"{name:<42} {value:>14,.2f}{verdict}")
    result = {"numbers": numbers, "split pairs": memory["split pairs"], "missed": missed}
    storage.write_json(arguments.out, {**result, "machine": machine()})
    print(f"JSON: {arguments.out}")


def met(value: float, limit: float, side: str) -> bool:
    """Return whether a number is on the right side of its limit."""
    return value >= limit if side == "least" else value <= limit


if __name__ == "__main__":
    main()
