"""A teacher that is quick and exact: a vector is a function of its text, and calls are counted."""

import hashlib
import sys
import time
from pathlib import Path

import numpy as np

from cube.config import DataConfig, TeacherConfig
from cube.data.corpus import build_corpus
from cube.teacher.vectors import embed_corpus

DIMENSION = 16


def vector_of(text: str) -> np.ndarray:
    """Return the vector of a text."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
    return np.random.default_rng(seed).standard_normal(DIMENSION).astype(np.float32)


class FakeTeacher:
    """Stands in for `Teacher`; writes every text it encodes into a log."""

    def __init__(self, log: Path | None = None, seconds: float = 0.0, batch_size: int = 16):
        self.config = TeacherConfig(batch_size=batch_size)
        self.dimension = DIMENSION
        self.fingerprints = {"query": "0" * 16, "passage": "1" * 16}
        self._log, self._seconds = log, seconds

    def encode(self, texts: list[str], role: str) -> np.ndarray:
        """Return vectors, slowly."""
        time.sleep(self._seconds)
        if self._log is not None:
            with self._log.open("a", encoding="utf-8") as log:
                log.write("".join(f"{role} {text}\n" for text in texts))
        return np.stack([vector_of(text) for text in texts])


def main(source: str, home: str, log: str, seconds: str) -> None:
    """Ingest and embed in a process that can be killed."""
    corpus = build_corpus(DataConfig(sources=[source]), Path(home) / "corpora")
    teacher = FakeTeacher(Path(log), float(seconds))
    vectors = embed_corpus(corpus, teacher, Path(home))  # type: ignore[arg-type]
    sys.stdout.write(f"{corpus.digest} {vectors.digest}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
