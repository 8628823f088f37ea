"""Which records of a batch are admitted: no id with two contents, no near-duplicates.

Both need to know what came before, and both quarantine what they refuse.
"""

from typing import NamedTuple

import numpy as np

from cube.config import FilterConfig
from cube.data.key_table import GrowingArray, KeyTable
from cube.data.near_duplicates import NearDuplicates
from cube.data.quarantine import Quarantine
from cube.data.records import Dialogue, Record
from cube.data.rows import Row
from cube.data.schema import digest_keys, key_of, text_digest


class Candidate(NamedTuple):
    """A record with the row it came from and the number of its file."""

    record: Record
    row: Row
    file: int


class Admission:
    """Remembers ids and, where asked for, signatures of everything admitted."""

    def __init__(self, filters: FilterConfig, quarantine: Quarantine):
        self._quarantine = quarantine
        self._ids = KeyTable()
        self._id_contents = GrowingArray(np.uint64)
        self._near = None
        if filters.near_duplicates == "minhash":
            self._near = NearDuplicates(filters.near_duplicate_similarity)
            self._contents = KeyTable()
            self._repeats = GrowingArray(np.int32)  # by content: what it nearly repeats, or -1

    def admit(self, candidates: list[Candidate], files: list[str]) -> list[Candidate]:
        """Return those that are admitted, in their order."""
        candidates = self._without_repeated_ids(candidates)
        return self._without_near_duplicates(candidates, files) if self._near else candidates

    def _without_repeated_ids(self, candidates: list[Candidate]) -> list[Candidate]:
        """Quarantine records whose id stands for something else in the same file."""
        named = [i for i, c in enumerate(candidates) if c.record.identity is not None]
        if not named:
            return candidates
        texts = (f"{candidates[i].file}\0{candidates[i].record.identity}" for i in named)
        keys = digest_keys(map(text_digest, texts))
        contents = np.array([key_of(candidates[i].record.content) for i in named], np.uint64)
        numbers, new = self._ids.add(keys)
        self._id_contents.extend(contents[new])
        clash = self._id_contents.values[numbers] != contents
        refused = {named[i] for i in np.flatnonzero(clash)}
        for i in sorted(refused):
            identity = str(candidates[i].record.identity).replace("\0", ", answer ")
            reason = f"id {identity!r} stood for other content before"
            self._quarantine.add(candidates[i].row, reason)
        return [c for i, c in enumerate(candidates) if i not in refused]

    def _without_near_duplicates(
        self, candidates: list[Candidate], files: list[str]
    ) -> list[Candidate]:
        assert self._near is not None
        judged = [i for i, c in enumerate(candidates) if not isinstance(c.record, Dialogue)]
        if not judged:
            return candidates
        contents = [candidates[i].record.content for i in judged]
        keys = digest_keys(map(text_digest, contents))
        # An exact repetition shares the fate of the first: it is merged, or refused with it.
        numbers, new = self._contents.add(keys)
        first = np.flatnonzero(new)
        found = self._near.check(
            [contents[k].replace("\0", " ") for k in first],
            [candidates[judged[k]].file for k in first],
            [candidates[judged[k]].row.line for k in first],
        )
        self._repeats.extend(np.array(found, np.int32))
        refused = set()
        for i, repeats in zip(judged, self._repeats.values[numbers].tolist(), strict=True):
            if repeats >= 0:
                file, line = self._near.place(repeats)
                reason = f"nearly repeats line {line} of {files[file]!r}"
                self._quarantine.add(candidates[i].row, reason)
                refused.add(i)
        return [c for i, c in enumerate(candidates) if i not in refused]
