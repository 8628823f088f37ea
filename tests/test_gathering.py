"""Rows of large matrices come out right, and their pages do not stay in memory."""

from pathlib import Path

import numpy as np

from cube import gathering
from cube.gathering import gather_rows


def mapped_kilobytes() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssFile"))


def test_rows_of_a_mapped_file_are_read_and_leave_no_pages(tmp_path, monkeypatch):
    monkeypatch.setattr(gathering, "_SMALL_BYTES", 0)
    rows, dimension = 50_000, 256
    matrix = np.random.default_rng(0).standard_normal((rows, dimension)).astype(np.float16)
    np.save(tmp_path / "v.npy", matrix)
    mapped = np.load(tmp_path / "v.npy", mmap_mode="r")
    wanted = np.random.default_rng(1).permutation(rows)
    before = mapped_kilobytes()
    found = gather_rows(mapped, wanted)
    assert mapped_kilobytes() - before < matrix.nbytes / 1024 / 5
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, matrix[wanted].astype(np.float32))
    assert gather_rows(mapped, wanted[:0]).shape == (0, dimension)
    part = mapped[100:200]  # a view of the map
    np.testing.assert_array_equal(gather_rows(part, np.array([3, 0])), part[[3, 0]])
    np.testing.assert_array_equal(gather_rows(matrix, wanted), found)  # not mapped at all
