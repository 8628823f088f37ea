"""Encoding what a cache lacks: sorted by length, a batch at a time, each batch committed at once.

So texts of one length share a batch and little is padded; whoever is killed loses one batch; and
because batches are cut from the sorted list, the next run cuts the remaining ones the same way.
"""

import ctypes
import os
import time
from collections.abc import Callable
from contextlib import suppress

import numpy as np

from cube.teacher.cache import EmbeddingCache

_LONG_CHARACTERS = 1_200  # longer texts are mostly cut by the teacher's own limit: equally long
_BATCH_CHARACTERS = 16_384  # long texts go in smaller batches: fewer fit the processor's caches
_TRIM_EVERY = 16  # batches; about every second

Encode = Callable[[list[str]], np.ndarray]  # texts -> (texts, dim)
Advance = Callable[[int], None]  # texts done


def plan_batches(ids: list[str], texts: list[str], batch_size: int) -> list[list[int]]:
    """Return positions of the texts by batch, shortest first; a pure function of the texts.

    Taking whole batches out of the input leaves the others as they were.
    """
    lengths = [min(len(text), _LONG_CHARACTERS) for text in texts]
    order = sorted(range(len(texts)), key=lambda i: (lengths[i], ids[i]))
    batches: list[list[int]] = []
    width = 0  # set by the first text of a batch: what follows does not move the cut
    for i in order:
        if not batches or len(batches[-1]) >= width:
            batches.append([])
            width = max(1, min(batch_size, _BATCH_CHARACTERS // max(1, lengths[i])))
        batches[-1].append(i)
    return batches


def encode_missing(
    cache: EmbeddingCache,
    encode: Encode,
    ids: list[str],
    texts: list[str],
    batch_size: int,
    advance: Advance | None = None,
) -> int:
    """Encode distinct texts into the cache and return how many this process encoded.

    Processes that share a cache begin at different batches and look again before each, so they
    divide the work instead of all doing it.
    """
    batches = plan_batches(ids, texts, batch_size)
    begin = os.getpid() * 7919 % len(batches) if batches else 0
    encoded = 0
    for number, batch in enumerate(batches[begin:] + batches[:begin], 1):
        by_id = {ids[i]: texts[i] for i in batch}
        todo = cache.missing(list(by_id))
        if todo:
            cache.put(todo, encode([by_id[i] for i in todo]))
            encoded += len(todo)
        if number % _TRIM_EVERY == 0:
            trim_heap()
        if advance:
            advance(len(batch))
    return encoded


def trim_heap() -> None:
    """Give freed memory back to the system, where the C library can (glibc).

    Batches of ever other lengths leave a heap full of holes: gigabytes after a million texts.
    """
    with suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


class Eta:
    """Says how far an encoding is and how long it will take, not more often than useful."""

    def __init__(self, total: int, say: Callable[[str], None], every_seconds: float = 5.0):
        self._total, self._say, self._every = total, say, every_seconds
        self._start = self._said = time.monotonic()
        self._from: int | None = None

    def begin(self, done: int) -> None:
        """Note, once, how many texts were done before the first was encoded: they cost nothing."""
        if self._from is None:
            self._from = done
            self._start = self._said = time.monotonic()

    def __call__(self, done: int) -> None:
        """Report how many texts are done now."""
        now = time.monotonic()
        if self._from is None or now - self._said < self._every or done <= self._from:
            return
        self._said = now
        per_second = (done - self._from) / (now - self._start)
        left = (self._total - done) / per_second
        self._say(
            f"vectors: {done:,} of {self._total:,} texts, {per_second:,.0f} a second, about "
            f"{_duration(left)} left"
        )


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5_400 else f"{seconds / 3600:.1f} h"
