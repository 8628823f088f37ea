"""Counts by size, in steps that fit on a screen: 1, 2, 3-4, 5-8, … characters."""

from collections import Counter

_BAR = 40


class Histogram:
    """Counts numbers from 0 on by powers of two, and keeps their sum and extremes.

    Attributes:
        number: values counted.
    """

    def __init__(self) -> None:
        self._counts: Counter = Counter()
        self.number, self._total = 0, 0
        self._low: int | None = None
        self._high: int | None = None

    def add(self, value: int, times: int = 1) -> None:
        """Count a value."""
        if not times:
            return
        self._counts[(value - 1).bit_length() if value > 0 else -1] += times
        self._total += value * times
        self.number += times
        self._low = value if self._low is None else min(self._low, value)
        self._high = value if self._high is None else max(self._high, value)

    def to_json(self) -> dict:
        """Return smallest, mean and largest value and the counts by range, smallest range first."""
        bins = [
            {"from": low, "to": high, "count": self._counts[step]}
            for step, (low, high) in ((s, _range(s)) for s in sorted(self._counts))
        ]
        mean = round(self._total / self.number, 1) if self.number else None
        return {"count": self.number, "min": self._low, "mean": mean, "max": self._high,
                "bins": bins}  # fmt: skip


def _range(step: int) -> tuple[int, int]:
    return (0, 0) if step < 0 else ((1 << step - 1) + 1 if step else 1, 1 << step)


def draw(histogram: dict) -> list[str]:
    """Return the lines of a bar chart of `Histogram.to_json`."""
    most = max((part["count"] for part in histogram["bins"]), default=0)
    names = [
        str(p["from"]) if p["from"] == p["to"] else f"{p['from']}-{p['to']}"
        for p in histogram["bins"]
    ]
    width = max(map(len, names), default=0)
    counts = [f"{part['count']:,}" for part in histogram["bins"]]
    wide = max(map(len, counts), default=0)
    return [
        f"  {name:>{width}}  {count:>{wide}}  {'█' * max(1, round(_BAR * p['count'] / most))}"
        for name, count, p in zip(names, counts, histogram["bins"], strict=True)
    ]
