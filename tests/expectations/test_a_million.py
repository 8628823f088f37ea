"""A million rows against the suites, in a process whose memory is watched."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROWS, DIMENSION = 1_000_000, 384
_CHECK = """
import json, re, sys, time
from pathlib import Path
from cube.data.corpus import Corpus
from cube.teacher.vectors import Vectors
from expectations import (
    embeddings_frame, load_suite, pairs_frame, rows_to_quarantine, validate,
)

started = time.perf_counter()
folder = Path(sys.argv[1])
frames = {
    "pairs": lambda: pairs_frame(Corpus(folder)),
    "embeddings": lambda: embeddings_frame(Vectors(folder)),
}
frame, suite = frames[sys.argv[2]](), load_suite(sys.argv[2])
left_out = rows_to_quarantine(frame, suite)
result = validate(frame, suite)
status = Path("/proc/self/status").read_text()
values = {name: int(re.search(name + r":\\s+(\\d+)", status)[1]) / 1e6
          for name in ("VmHWM", "RssFile")}
print(json.dumps({"rows": result["rows"], "success": result["success"],
                  "left_out": len(left_out),
                  "seconds": time.perf_counter() - started, **values}))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A corpus of a million pairs and a matrix of as many vectors, written as they are stored."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from cube import storage

    folder = tmp_path_factory.mktemp("million")
    texts = [f"How do I reach page {i} of the manual?" for i in range(ROWS)]
    texts += [f"Press the button number {i} twice." for i in range(ROWS)]
    kinds = ["query"] * ROWS + ["passage"] * ROWS
    ids = [str(i) for i in range(2 * ROWS)]
    table = {"text_id": ids, "text": texts, "kind": kinds}
    pq.write_table(pa.table(table), folder / "texts.parquet")
    rows = np.arange(ROWS, dtype=np.int32)
    answers = rows + ROWS
    answers[::200] = rows[::200]  # which the suite of pairs leaves out
    pairs = {"question": rows, "answer": answers, "source": ["made"] * ROWS}
    pq.write_table(pa.table(pairs), folder / "pairs.parquet")
    storage.write_json(folder / "manifest.json", {"digest": "0"})
    matrix = np.lib.format.open_memmap(
        folder / "vectors.npy", "w+", dtype=np.float16, shape=(ROWS, DIMENSION)
    )
    generator = np.random.default_rng(0)
    for start in range(0, ROWS, 100_000):
        part = generator.standard_normal((100_000, DIMENSION), dtype=np.float32)
        matrix[start : start + 100_000] = part / np.linalg.norm(part, axis=1, keepdims=True)
    matrix.flush()
    return folder


@pytest.mark.parametrize("suite", ["pairs", "embeddings"])
def test_memory_is_bounded(folder, suite, record_property):
    done = subprocess.run(
        [sys.executable, "-c", _CHECK, str(folder), suite],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    measured = json.loads(done.stdout.splitlines()[-1])
    record_property("measured", measured)
    assert (measured["rows"], measured["success"]) == (ROWS, True)
    assert measured["left_out"] == (ROWS // 200 if suite == "pairs" else 0)
    # Pages of the mapped matrix count as resident, but the system takes them back at will.
    assert measured["VmHWM"] - measured["RssFile"] < 2.5
