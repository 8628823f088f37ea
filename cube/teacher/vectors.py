"""The vector matrix: row i is the embedding of text i of a corpus, as a memory-mapped .npy file.

vectors/<digest>/vectors.npy, manifest.json
"""

import logging
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float

from cube import storage
from cube.data.corpus import Corpus
from cube.errors import DataError
from cube.teacher.cache import EmbeddingCache
from cube.teacher.context import fill_context_rows
from cube.teacher.encoder import Role, Teacher
from cube.teacher.encoding import Eta, encode_missing
from cube.teacher.fidelity import check_fidelity, fidelity, refuse_far

logger = logging.getLogger(__name__)

Progress = Callable[[int, int], None]  # (texts done, texts in all)
_WINDOW_TEXTS = 8_192  # sorted by length and laid out at once


@dataclass(frozen=True)
class Vectors:
    """A folder with one matrix of vectors.

    Attributes:
        folder: where it is.
        hits: texts that did not have to be encoded by the call that returned this.
        misses: texts that were.
    """

    folder: Path
    hits: int = 0
    misses: int = 0

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
        from cube.gathering import gather_rows  # brings torch

        return gather_rows(self.matrix, rows)


def cache_path(home: Path, fingerprint: str, dtype: str) -> Path:
    """Return where the cache of a teacher's role lies."""
    return home / "cache" / f"{fingerprint}.{dtype}.sqlite"


def embed_corpus(
    corpus: Corpus, teacher: Teacher, home: Path, progress: Progress | None = None
) -> Vectors:
    """Fill the cache with what is missing and lay the vectors out in row order.

    Writes `home/cache/<fingerprint>.<dtype>.sqlite` and `home/vectors/<digest>`; returns the
    matrix at once where it exists. Killed at any moment, it goes on where it stopped.

    Raises:
        TeacherError: when vectors, old or new, are farther from the exact ones than allowed.
    """
    fingerprints = teacher.fingerprints
    dtype = teacher.config.dtype
    digest = storage.digest_of(
        {"corpus": corpus.digest, "fingerprints": fingerprints, "dtype": dtype}
    )
    folder = home / "vectors" / digest
    if (folder / "manifest.json").is_file():
        logger.info("vectors %s are there already: nothing to encode", digest)
        manifest = storage.read_json(folder / "manifest.json")
        refuse_far(teacher, manifest["fidelity"])
        return Vectors(folder, hits=corpus.num_texts - manifest["context_vectors"])
    paths = {
        role: cache_path(home, fingerprint, dtype) for role, fingerprint in fingerprints.items()
    }
    if not all(path.is_file() for path in paths.values()):
        _ = teacher.dimension  # one that cannot be loaded leaves no empty files behind
    with storage.atomic_folder(folder) as temporary:
        with ExitStack() as open_files:
            caches = {
                role: open_files.enter_context(EmbeddingCache(path, dtype))
                for role, path in paths.items()
            }
            layout = _Layout(corpus, teacher, caches, progress)
            dimension = layout.write(
                open_files.enter_context((temporary / "vectors.npy").open("wb"))
            )
        fill_context_rows(temporary / "vectors.npy", corpus, layout.is_context, teacher)
        manifest = {
            "digest": digest,
            "corpus": corpus.digest,
            "fingerprints": fingerprints,
            "model": teacher.config.model,
            "dtype": dtype,
            "texts": corpus.num_texts,
            "dimension": dimension,
            "encoded": layout.encoded,
            "cache_hits": layout.hits,
            "context_vectors": int(layout.is_context.sum()),
            "backend": teacher.config.backend,
            "fidelity": layout.fidelity,
        }
        storage.write_json(temporary / "manifest.json", manifest)
    logger.info("encoded %d texts, took %d from the cache", layout.encoded, layout.hits)
    return Vectors(folder, layout.hits, layout.encoded)


class _Layout:
    """Writes the matrix a window of rows at a time.

    Attributes:
        encoded: texts encoded by this process.
        hits: texts that were in the cache.
        fidelity: lowest mean cosine to the exact vectors; None: they are the exact ones.
        is_context: rows whose vector is combined from others, left as zeros here.
    """

    def __init__(
        self,
        corpus: Corpus,
        teacher: Teacher,
        caches: dict[str, EmbeddingCache],
        progress: Progress | None,
    ):
        self.encoded = self.hits = 0
        self.fidelity: float | None = None
        self.is_context = np.zeros(corpus.num_texts, bool)
        self._corpus, self._teacher, self._progress = corpus, teacher, progress
        self._caches = caches
        self._eta = Eta(corpus.num_texts, logger.info)

    def write(self, file: IO[bytes]) -> int:
        """Write all rows as .npy and return the dimension."""
        done, dimension = 0, 0
        for batch in self._corpus.iter_texts(_WINDOW_TEXTS):
            values = self._window(batch, done)
            if not done:
                dimension = values.shape[1]
                shape = (self._corpus.num_texts, dimension)
                header = {"descr": values.dtype.str, "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(file, header)
            elif values.shape[1] != dimension:
                raise DataError(
                    f"The cache holds vectors of {values.shape[1]} and of {dimension} dimensions."
                )
            file.write(values.data)
            done += len(values)
            self._tell(done)
        assert done == self._corpus.num_texts
        return dimension

    def _window(self, batch: pa.RecordBatch, before: int) -> np.ndarray:
        """Return the vectors of a window in row order, encoding what is missing."""
        kinds = np.array(batch.column("kind").to_pylist())
        ids = np.array(batch.column("text_id").to_pylist(), object)
        self.is_context[before : before + len(kinds)] = kinds == "context"
        result: np.ndarray | None = None
        progress = before
        roles: tuple[Role, ...] = ("query", "passage")
        for role in roles:
            rows = np.flatnonzero(kinds == role)
            if not len(rows):
                continue
            found = self._role(batch, rows, ids[rows].tolist(), role, progress)
            if result is None:
                result = np.zeros((len(kinds), found.shape[1]), found.dtype)
            result[rows] = found
            progress += len(rows)
        if result is None:  # combined vectors only: as long as their parts
            result = np.zeros((len(kinds), self._teacher.dimension), self._teacher.config.dtype)
        return result

    def _role(
        self, batch: pa.RecordBatch, rows: np.ndarray, ids: list[str], role: Role, before: int
    ) -> np.ndarray:
        teacher, cache = self._teacher, self._caches[role]
        matrix, found = cache.get_matrix(ids)
        lacking = np.flatnonzero(~found)
        encoded = 0
        if len(lacking):
            texts = batch.column("text").take(pa.array(rows[lacking])).to_pylist()
            done = before + len(ids) - len(lacking)
            check_fidelity(teacher, cache, texts, role)
            self._eta.begin(done)

            def advance(count: int) -> None:
                nonlocal done
                done += count
                self._tell(done)

            encoded = encode_missing(
                cache,
                lambda some: teacher.encode(some, role),
                [ids[i] for i in lacking],
                texts,
                teacher.config.batch_size,
                advance,
            )
            matrix, found = cache.get_matrix(ids)
            if not found.all():
                raise DataError(f"{cache.path} loses what is written: check the disk.")
        cache.count_use(len(ids) - encoded, encoded)
        if measured := fidelity(cache):
            refuse_far(teacher, measured.mean)  # stored when less was asked for
            self.fidelity = min(measured.mean, self.fidelity or 1.0)
        self.encoded += encoded
        self.hits += len(ids) - encoded
        return matrix

    def _tell(self, done: int) -> None:
        self._eta(done)
        if self._progress:
            self._progress(done, self._corpus.num_texts)
