"""Where the time of a training goes."""

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Clock:
    """Seconds by part; parts do not nest."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = defaultdict(float)
        self._counts: dict[str, int] = defaultdict(int)
        self._began = time.perf_counter()

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count the block's time as that of a part."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[name] += time.perf_counter() - began
            self._counts[name] += 1

    def to_json(self) -> list[dict[str, Any]]:
        """Return name, seconds, share of all time and number of calls of each part."""
        total = time.perf_counter() - self._began
        parts = {**self._seconds, "everything else": total - sum(self._seconds.values())}
        return [
            {"part": name, "seconds": spent, "share": spent / total, "calls": self._counts[name]}
            for name, spent in sorted(parts.items(), key=lambda item: -item[1])
        ]
