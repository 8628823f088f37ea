"""Does watching drift cry wolf, and does it see the wolf? On texts of your own.

    python -m benchmarks.drift --same A.jsonl --other B.jsonl [--json FILE]

Random halves of A at three sizes must raise no alarm; a quarter of B mixed into A, typos, and B
alone must. Files hold one {"question": …} a line; about 7,000 in A and 250 in B are used.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

from cube import storage
from cube.config import DriftConfig, TeacherConfig
from cube.drift.samples import Sample, part_of
from cube.teacher.encoder import Teacher
from tasks.drift_page import compare

_HALVES, _SIZES, _ROWS = 20, (30, 300, 3_000), 1_000


def main() -> int:
    """Print a row a comparison; the exit code is 1 if any came out wrong."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--same", type=Path, required=True)
    parser.add_argument("--other", type=Path, required=True)
    parser.add_argument("--json", type=Path, default=None)
    options = parser.parse_args()
    same, other = _encoded(options.same, 7_000), _encoded(options.other, 250)
    rows = [_halves(same, size) for size in _SIZES]
    known = _part(same, np.arange(2_000))
    fresh = _part(same, np.arange(2_000, 2_000 + _ROWS))
    mixture = _joined(_part(fresh, np.arange(_ROWS - 250)), other)
    spoiled = _encode(with_typos(fresh.texts))
    rows += [
        _compared("a quarter of another domain", mixture, known),
        _compared("typos", spoiled, known),
        _compared("another domain alone", other, known),
        _compared("more of the same", fresh, known, expected=0),
    ]
    for row in rows:
        print(f"{row['what']:32} {row['alarms']:3} of {row['of']:3}  {row['seconds']:6.1f} s  "
              f"{row['by']}", flush=True)  # fmt: skip
    if options.json:
        storage.write_json(options.json, rows)
    return int(any(row["alarms"] != row["expected"] for row in rows))


def with_typos(texts: list[str], rate: float = 0.06) -> list[str]:
    """Return texts with a share of their letters dropped, replaced or swapped with the next."""
    generator = np.random.default_rng(0)

    def spoil(text: str) -> str:
        letters = list(text)
        for i in range(len(letters) - 1):
            if letters[i].isalpha() and generator.random() < rate:
                kind = generator.integers(3)
                if kind == 0:
                    letters[i] = ""
                elif kind == 1:
                    letters[i] = chr(97 + int(generator.integers(26)))
                else:
                    letters[i], letters[i + 1] = letters[i + 1], letters[i]
        return "".join(letters)

    return [spoil(text) for text in texts]


def _halves(sample: Sample, size: int) -> dict:
    started, alarms, by = time.perf_counter(), 0, set()
    for seed in range(_HALVES):
        order = np.random.default_rng(seed).permutation(len(sample.vectors))
        halves = (_part(sample, order[:size]), _part(sample, order[size : 2 * size]))
        found = _found(*halves)
        alarms += bool(found)
        by |= found
    seconds = (time.perf_counter() - started) / _HALVES
    return {"what": f"random halves of {size}", "alarms": alarms, "of": _HALVES, "expected": 0,
            "seconds": seconds, "by": ", ".join(sorted(by))}  # fmt: skip


def _compared(what: str, current: Sample, reference: Sample, expected: int = 1) -> dict:
    started = time.perf_counter()
    found = _found(current, reference)
    return {"what": what, "alarms": int(bool(found)), "of": 1, "expected": expected,
            "seconds": time.perf_counter() - started, "by": ", ".join(sorted(found))}  # fmt: skip


def _found(current: Sample, reference: Sample) -> set[str]:
    config = DriftConfig()
    now, before = (part_of(sample, config.max_rows) for sample in (current, reference))
    return {j.method for j in compare(now, before, config) if j.drifted}


def _part(sample: Sample, rows: np.ndarray) -> Sample:
    return Sample(sample.vectors[rows], [sample.texts[row] for row in rows])


def _joined(a: Sample, b: Sample) -> Sample:
    return Sample(np.concatenate([a.vectors, b.vectors]), a.texts + b.texts)


def _encoded(path: Path, most: int) -> Sample:
    lines = path.read_text("utf-8").splitlines()
    texts = list(dict.fromkeys(json.loads(line)["question"] for line in lines))
    order = np.random.default_rng(0).permutation(len(texts))[:most]
    return _encode([texts[row] for row in order])


def _encode(texts: list[str]) -> Sample:
    return Sample(Teacher(TeacherConfig()).encode(texts, "query"), texts)


if __name__ == "__main__":
    sys.exit(main())
