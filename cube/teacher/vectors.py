"""The vector matrix: row i is the embedding of text i of a corpus, as a memory-mapped .npy file.

vectors/<digest>/vectors.npy, manifest.json
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float

from cube import storage
from cube.data.corpus import Corpus
from cube.errors import DataError
from cube.teacher.cache import EmbeddingCache
from cube.teacher.encoder import Role, Teacher

logger = logging.getLogger(__name__)

Progress = Callable[[int, int], None]  # (texts done, texts in all)
_ENCODE_TEXTS = 2_048  # texts between two commits of the cache


@dataclass(frozen=True)
class Vectors:
    """A folder with one matrix of vectors."""

    folder: Path

    @cached_property
    def matrix(self) -> Float[np.ndarray, "texts dim"]:
        """The matrix, mapped read-only."""
        return np.load(self.folder / "vectors.npy", mmap_mode="r", allow_pickle=False)

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """Digest, teacher, and how many texts came from the cache."""
        return storage.read_json(self.folder / "manifest.json")

    @property
    def digest(self) -> str:
        """Identity of the matrix."""
        return self.manifest["digest"]

    def rows(self, rows: np.ndarray) -> Float[np.ndarray, "rows dim"]:
        """Gather rows as float32."""
        return np.asarray(self.matrix[rows], np.float32)


def embed_corpus(
    corpus: Corpus, teacher: Teacher, home: Path, progress: Progress | None = None
) -> Vectors:
    """Fill the cache with what is missing and lay the vectors out in row order.

    Writes `home/cache/<fingerprint>.<dtype>.sqlite` and `home/vectors/<digest>`; returns the
    matrix at once where it exists.
    """
    fingerprints = teacher.fingerprints
    dtype = teacher.config.dtype
    digest = storage.digest_of(
        {"corpus": corpus.digest, "fingerprints": fingerprints, "dtype": dtype}
    )
    folder = home / "vectors" / digest
    if (folder / "manifest.json").is_file():
        logger.info("vectors %s are there already: nothing to encode", digest)
        return Vectors(folder)
    encoded = 0
    done = 0
    with storage.atomic_folder(folder) as temporary:
        matrix = None
        for batch in corpus.iter_texts(_ENCODE_TEXTS):
            values, new = _batch_vectors(batch, teacher, home / "cache", dtype)
            if matrix is None:
                shape = (corpus.num_texts, values.shape[1])
                matrix = np.lib.format.open_memmap(
                    temporary / "vectors.npy", "w+", np.dtype(dtype), shape
                )
            elif values.shape[1] != matrix.shape[1]:
                raise DataError(
                    f"The cache holds vectors of {values.shape[1]} and of {matrix.shape[1]} "
                    "dimensions."
                )
            matrix[done : done + len(values)] = values
            done += len(values)
            encoded += new
            if progress:
                progress(done, corpus.num_texts)
        assert matrix is not None and done == corpus.num_texts
        matrix.flush()
        manifest = {
            "digest": digest,
            "corpus": corpus.digest,
            "fingerprints": fingerprints,
            "model": teacher.config.model,
            "dtype": dtype,
            "texts": done,
            "dimension": matrix.shape[1],
            "encoded": encoded,
            "cache_hits": done - encoded,
        }
        storage.write_json(temporary / "manifest.json", manifest)
    logger.info("encoded %d texts, took %d from the cache", encoded, done - encoded)
    return Vectors(folder)


def _batch_vectors(
    batch: pa.RecordBatch, teacher: Teacher, cache_folder: Path, dtype: str
) -> tuple[np.ndarray, int]:
    """Return the vectors of a batch in row order and how many texts had to be encoded."""
    columns = batch.to_pydict()
    vectors: list[np.ndarray | None] = [None] * batch.num_rows
    encoded = 0
    roles: tuple[Role, ...] = ("query", "passage")
    for role in roles:
        rows = [i for i, kind in enumerate(columns["kind"]) if kind == role]
        ids = [columns["text_id"][i] for i in rows]
        path = cache_folder / f"{teacher.fingerprint(role)}.{dtype}.sqlite"
        with EmbeddingCache(path, dtype) as cache:
            found = cache.get(ids)
            missing = {
                i: columns["text"][r] for i, r in zip(ids, rows, strict=True) if i not in found
            }
            if missing:
                fresh = teacher.encode(list(missing.values()), role)
                cache.put(missing, fresh)
                encoded += len(missing)
                found |= cache.get(list(missing))
        for row, identity in zip(rows, ids, strict=True):
            vectors[row] = found[identity]
    return np.stack([v for v in vectors if v is not None]), encoded
