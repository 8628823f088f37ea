"""Scales from values to pixels, and round numbers to put on their axes."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from cube.report.numbers import fixed

_PAD = 0.06  # share of the range left free at both ends
_LOG_FROM = 8.0  # spread at which positive values get a logarithmic scale


@dataclass(frozen=True)
class Scale:
    """A map from [low, high] to the pixels [start, stop]; `stop` may lie before `start`."""

    low: float
    high: float
    start: float
    stop: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        """Return the pixel of a value."""
        low, high = self._inner(self.low), self._inner(self.high)
        share = (self._inner(value) - low) / (high - low)
        return round(self.start + share * (self.stop - self.start), 2)

    def ticks(self, most: int = 4) -> list[float]:
        """Return at most about `most` round values within the scale, ascending."""
        if self.logarithmic:
            return self._log_ticks(most)
        step = _round_step((self.high - self.low) / max(1, most))
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [i * step for i in range(first, last + 1)]

    def labels(self, most: int = 4) -> list[tuple[float, str]]:
        """Return ticks with the fewest decimals that tell them apart."""
        ticks = self.ticks(most)
        return [(tick, fixed(tick, _decimals(ticks))) for tick in ticks]

    def _inner(self, value: float) -> float:
        return math.log10(value) if self.logarithmic else value

    def _log_ticks(self, most: int) -> list[float]:
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        for digits in ((1, 2, 5), (1, 3), (1,)):
            ticks = [digit * 10.0**decade for decade in decades for digit in digits]
            ticks = [tick for tick in ticks if self.low <= tick <= self.high]
            if len(ticks) <= most + 1:
                break
        return ticks


def fit(
    values: Iterable[float | None],
    start: float,
    stop: float,
    include: Iterable[float] = (),
    may_be_log: bool = False,
) -> Scale:
    """Return a scale around all finite values; it is never empty.

    Args:
        values: what has to fit; None and non-finite numbers are passed over.
        start: pixel of the low end.
        stop: pixel of the high end.
        include: values the scale has to show as well, if there are any others.
        may_be_log: take a logarithmic scale when positive values spread widely.
    """
    finite = [float(v) for v in values if v is not None and math.isfinite(v)]
    if not finite:
        return Scale(0.0, 1.0, start, stop)
    finite += include
    low, high = min(finite), max(finite)
    if may_be_log and low > 0 and high / low >= _LOG_FROM:
        pad = (high / low) ** _PAD
        return Scale(low / pad, high * pad, start, stop, logarithmic=True)
    pad = (high - low) * _PAD
    if pad <= 1e-9 * max(abs(low), abs(high)):
        pad = abs(low) * 0.1 or 1.0  # one value: give it room around it
    return Scale(low - pad, high + pad, start, stop)


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= rough * (1 - 1e-9))


def _decimals(ticks: list[float]) -> int:
    for decimals in range(9):
        if all(abs(round(tick, decimals) - tick) <= 1e-6 * abs(tick) for tick in ticks):
            return decimals
    return 9
