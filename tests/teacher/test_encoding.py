"""Batches: sorted by length, cut the same way after an interruption."""

import platform
import subprocess
import sys

import numpy as np
import pytest

from cube.teacher.cache import EmbeddingCache
from cube.teacher.encoding import Eta, encode_missing, plan_batches
from tests.fake_teacher import vector_of

TEXTS = [f"{'word ' * (i * 37 % 90)}{i}" for i in range(500)]
IDS = [f"{i:04}" for i in range(500)]


def test_every_text_is_in_one_batch_and_batches_are_of_one_length():
    batches = plan_batches(IDS, TEXTS, 32)
    assert sorted(i for batch in batches for i in batch) == list(range(500))
    assert max(map(len, batches)) == 32
    lengths = [len(TEXTS[i]) for batch in batches for i in batch]
    assert lengths == sorted(lengths)


def test_long_texts_go_in_smaller_batches():
    batches = plan_batches(["a", "b", "c"], ["x" * 100_000] * 3, 64)
    assert max(map(len, batches)) == 3
    many = plan_batches(IDS, ["x" * 5_000] * 500, 64)
    assert 1 < max(map(len, many)) < 64


def test_what_is_left_after_some_batches_is_cut_the_same_way():
    batches = plan_batches(IDS, TEXTS, 32)
    done = {i for batch in batches[::3] for i in batch}
    left = [i for i in range(500) if i not in done]
    again = plan_batches([IDS[i] for i in left], [TEXTS[i] for i in left], 32)
    wanted = [batch for k, batch in enumerate(batches) if k % 3]
    assert [[left[i] for i in batch] for batch in again] == wanted


def test_only_what_is_missing_is_encoded(tmp_path):
    calls = []

    def encode(texts):
        calls.append(texts)
        return np.stack([vector_of(text) for text in texts])

    with EmbeddingCache(tmp_path / "c.sqlite") as cache:
        assert encode_missing(cache, encode, IDS, TEXTS, 32) == 500
        assert encode_missing(cache, encode, IDS, TEXTS, 32) == 0
    assert sum(map(len, calls)) == 500


_HOLES = """
import os
from pathlib import Path
from cube.teacher.encoding import trim_heap

def resident():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")

blocks = [bytearray(b"x" * 65_536) for _ in range(4_000)]
kept, blocks = blocks[::100], None
before = resident()
trim_heap()
print(before - resident())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries do not trim")
def test_what_was_freed_between_what_is_kept_goes_back_to_the_system():
    done = subprocess.run(
        [sys.executable, "-c", _HOLES], check=True, stdout=subprocess.PIPE, text=True
    )
    assert int(done.stdout) > 100e6  # of 260 MB


def test_the_time_left_is_told_now_and_then():
    said = []
    eta = Eta(1_000, said.append, every_seconds=0)
    eta.begin(500)
    eta(500)
    eta(750)
    assert len(said) == 1
    assert "750 of 1,000 texts" in said[0]
    assert "left" in said[0]
