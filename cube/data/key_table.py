"""A set of 128-bit keys that numbers them in order of appearance: 20 bytes a slot, no objects.

A dictionary of four million digests costs about 600 MB in Python; this costs 160 MB and is filled
a batch at a time. Open addressing with linear probing (Knuth, TAOCP 3, 6.4).
"""

import numpy as np
from jaxtyping import Bool, Int64, UInt64

_MAX_LOAD = 0.6
_EMPTY = -1


class KeyTable:
    """Numbers distinct keys 0, 1, 2, … as they appear."""

    def __init__(self, capacity: int = 1 << 14):
        self._keys = np.zeros((capacity, 2), np.uint64)
        self._numbers = np.full(capacity, _EMPTY, np.int32)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(
        self, keys: UInt64[np.ndarray, "n 2"]
    ) -> tuple[Int64[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
        """Return every key's number, and whether it appears here for the first time ever."""
        if not len(keys):
            return np.empty(0, np.int64), np.empty(0, bool)
        packed = np.ascontiguousarray(keys).view("V16").ravel()
        _, first, inverse = np.unique(packed, return_index=True, return_inverse=True)
        distinct = keys[first]
        numbers = self._find(distinct)
        unknown = np.flatnonzero(numbers == _EMPTY)
        unknown = unknown[np.argsort(first[unknown])]
        numbers[unknown] = self._count + np.arange(len(unknown))
        self._grow(len(unknown))
        self._insert(distinct[unknown], numbers[unknown])
        new = np.zeros(len(keys), bool)
        new[first[unknown]] = True
        return numbers[inverse.ravel()], new

    def _slots(self, keys: np.ndarray) -> np.ndarray:
        # Multiplied, because keys need not be digests: pairs of row numbers are counted up.
        mixed = (keys[:, 0] ^ (keys[:, 1] >> np.uint64(7))) * np.uint64(0x9E3779B97F4A7C15)
        return ((mixed >> np.uint64(20)) & np.uint64(len(self._numbers) - 1)).astype(np.int64)

    def _find(self, keys: np.ndarray) -> np.ndarray:
        result = np.full(len(keys), _EMPTY, np.int64)
        slots = self._slots(keys)
        active = np.arange(len(keys))
        while len(active):
            at = slots[active]
            numbers = self._numbers[at]
            same = (numbers != _EMPTY) & (self._keys[at] == keys[active]).all(axis=1)
            result[active[same]] = numbers[same]
            going_on = (numbers != _EMPTY) & ~same
            active = active[going_on]
            slots[active] = (slots[active] + 1) & (len(self._numbers) - 1)
        return result

    def _insert(self, keys: np.ndarray, numbers: np.ndarray) -> None:
        """Insert distinct keys that are not there."""
        slots = self._slots(keys)
        active = np.arange(len(keys))
        while len(active):
            at = slots[active]
            free = self._numbers[at] == _EMPTY
            self._numbers[at[free]] = numbers[active[free]]
            # Of several keys that took one slot the last written has it; the others go on.
            won = free & (self._numbers[at] == numbers[active])
            self._keys[at[won]] = keys[active[won]]
            active = active[~won]
            slots[active] = (slots[active] + 1) & (len(self._numbers) - 1)
        self._count += len(keys)

    def _grow(self, more: int) -> None:
        capacity = len(self._numbers)
        while self._count + more > capacity * _MAX_LOAD:
            capacity *= 2
        if capacity == len(self._numbers):
            return
        held = np.flatnonzero(self._numbers != _EMPTY)
        keys, numbers = self._keys[held], self._numbers[held].astype(np.int64)
        self._keys = np.zeros((capacity, 2), np.uint64)
        self._numbers = np.full(capacity, _EMPTY, np.int32)
        self._count = 0
        self._insert(keys, numbers)


class GrowingArray:
    """An array that is appended to, of numbers or of rows."""

    def __init__(self, dtype: type, *row: int):
        """Begin empty; `row` is the shape of what is appended, nothing for plain numbers."""
        self._values = np.empty((1 << 12, *row), dtype)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def extend(self, values: np.ndarray) -> None:
        """Append values."""
        end = self._count + len(values)
        if end > len(self._values):
            room = max(end, len(self._values) * 3 // 2)
            bigger = np.empty((room, *self._values.shape[1:]), self._values.dtype)
            bigger[: self._count] = self._values[: self._count]
            self._values = bigger
        self._values[self._count : end] = values
        self._count = end

    @property
    def values(self) -> np.ndarray:
        """What was appended; writing into it writes into the array."""
        return self._values[: self._count]
