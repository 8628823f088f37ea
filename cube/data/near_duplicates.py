"""Near-duplicates by MinHash (Broder 1997), banded for look-up (Leskovec et al., MMDS 3.4).

Memory is bounded per text (64 bytes of signature) and constant for the bands: a band is a table of
fixed size in which a newer text overwrites an older one in its slot. What that costs is recall for
a pair whose slots were all overwritten, never a wrong match: every candidate is verified.
"""

import numpy as np

from cube.data.cleaning import caseless_words
from cube.data.key_table import GrowingArray

_SHINGLE = 5  # characters
_HASHES, _BANDS = 64, 8
_ROWS = _HASHES // _BANDS  # at Jaccard 0.9 a pair shares a band with probability 0.99
_SLOTS = 1 << 22
_WORK_CHARACTERS = 1 << 18  # texts hashed at once, so that intermediate arrays stay small


class NearDuplicates:
    """Remembers texts by signature and finds those that come again nearly unchanged."""

    def __init__(self, similarity: float):
        self._similarity = similarity
        self._signatures = GrowingArray(np.uint8, _HASHES)
        self._slots = np.zeros((_BANDS, _SLOTS), np.int32)  # 0: free, otherwise number + 1
        self._file, self._line = GrowingArray(np.int32), GrowingArray(np.int32)
        generator = np.random.default_rng(20_000)
        self._factors = generator.integers(1, 2**32, _HASHES, np.uint64) | np.uint64(1)
        self._offsets = generator.integers(0, 2**32, _HASHES, np.uint64)

    def check(self, texts: list[str], files: list[int], lines: list[int]) -> list[int]:
        """Return for every text the number of the earlier one it repeats, or -1; others are kept.

        Args:
            texts: in order of appearance.
            files: number of each text's file.
            lines: where each text stands in it.
        """
        hashes = self._hashes(texts)  # (texts, hashes)
        signatures = (hashes & np.uint32(255)).astype(np.uint8)
        bands = _band_slots(hashes)
        result = []
        for i in range(len(texts)):
            at = self._slots[np.arange(_BANDS), bands[i]]
            candidates = np.unique(at[at > 0]) - 1
            found = -1
            if len(candidates):
                same = (self._signatures.values[candidates] == signatures[i]).mean(axis=1)
                best = int(same.argmax())
                if _jaccard(float(same[best])) >= self._similarity:
                    found = int(candidates[best])
            if found < 0:
                self._remember(signatures[i], bands[i], files[i], lines[i])
            result.append(found)
        return result

    def place(self, number: int) -> tuple[int, int]:
        """Return file number and line of a remembered text."""
        return int(self._file.values[number]), int(self._line.values[number])

    def _remember(self, signature: np.ndarray, band: np.ndarray, file: int, line: int) -> None:
        self._signatures.extend(signature[None])
        self._slots[np.arange(_BANDS), band] = len(self._signatures)
        self._file.extend(np.array([file]))
        self._line.extend(np.array([line]))

    def _hashes(self, texts: list[str]) -> np.ndarray:
        result = np.empty((len(texts), _HASHES), np.uint32)
        start = 0
        while start < len(texts):
            end, size = start, 0
            while end < len(texts) and (end == start or size < _WORK_CHARACTERS):
                size += len(texts[end])
                end += 1
            result[start:end] = self._hashes_of(texts[start:end])
            start = end
        return result

    def _hashes_of(self, texts: list[str]) -> np.ndarray:
        plain = [_plain(text) for text in texts]
        codes = np.frombuffer("".join(plain).encode("utf-32-le"), np.uint32).astype(np.uint64)
        mixed = np.zeros(len(codes) - _SHINGLE + 1, np.uint64)
        for k in range(_SHINGLE):
            mixed = mixed * np.uint64(0x100000001B3) + codes[k : k + len(mixed)]
        mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9) >> np.uint64(32)
        # A text is padded to a shingle at least, so each has one that starts and ends inside it.
        lengths = np.array([len(text) for text in plain])
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        inside = (
            np.arange(len(mixed)) <= np.repeat(starts + lengths - _SHINGLE, lengths)[: len(mixed)]
        )
        mixed = mixed[inside]
        firsts = np.concatenate([[0], np.cumsum(lengths - _SHINGLE + 1)[:-1]])
        result = np.empty((len(texts), _HASHES), np.uint32)
        for k in range(_HASHES):
            hashed = (mixed * self._factors[k] + self._offsets[k]) >> np.uint64(16)
            result[:, k] = np.minimum.reduceat(hashed.astype(np.uint32), firsts)
        return result


def _band_slots(hashes: np.ndarray) -> np.ndarray:
    """Return the slot of every text in every band, shape (texts, bands)."""
    parts = hashes.reshape(len(hashes), _BANDS, _ROWS).astype(np.uint64)
    mixed = np.zeros(parts.shape[:2], np.uint64)
    for k in range(_ROWS):
        mixed = (mixed ^ parts[:, :, k]) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(32)
    return (mixed & np.uint64(_SLOTS - 1)).astype(np.int64)


def _jaccard(equal_share: float) -> float:
    """Return the Jaccard index behind a share of equal bytes: one in 256 is equal by chance."""
    return (equal_share - 1 / 256) / (1 - 1 / 256)


def _plain(text: str) -> str:
    return f"{' '.join(caseless_words(text))}\n".ljust(_SHINGLE, "\n")
