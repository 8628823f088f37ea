"""The frames that suites are checked on: one row a pair, or one row a vector."""

import hashlib
from collections.abc import Sequence

import numpy as np
import pandas as pd

from cube.data.corpus import Corpus
from cube.teacher.vectors import Vectors

_CHUNK_ROWS = 16_384  # of the memory map at a time: about 50 MB at 768 dimensions


def pairs_frame(corpus: Corpus) -> pd.DataFrame:
    """Return one row a pair: row, source, question, answer, question_is_answer."""
    texts = np.array(corpus.texts(), dtype=object)
    frame = pd.DataFrame(
        {
            "row": np.arange(len(corpus.questions)),
            "source": corpus.pairs["source"].to_pylist(),
            "question": texts[corpus.questions],
            "answer": texts[corpus.answers],
        }
    )
    frame["question_is_answer"] = frame["question"] == frame["answer"]
    return frame


def embeddings_frame(
    vectors: Vectors, kinds: Sequence[str] | None = None, unit_length: bool = True
) -> pd.DataFrame:
    """Return one row a vector: row, kind, finite, norm, unit_error, dimension, is_zero, row_hash.

    The matrix is read in chunks, so memory does not grow with it beyond the frame itself.

    Args:
        vectors: the matrix on disk.
        kinds: what each row embeds (query or passage); a text in both roles may share its vector.
        unit_length: whether the teacher normalises; if not, `unit_error` is empty.
    """
    matrix = vectors.matrix
    rows = range(0, len(matrix), _CHUNK_ROWS)
    chunks = [_summarise(np.asarray(matrix[i : i + _CHUNK_ROWS])) for i in rows]
    columns = {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}
    error = np.abs(columns["norm"] - 1) if unit_length else np.full(len(matrix), np.nan)
    return pd.DataFrame(
        {
            "row": np.arange(len(matrix)),
            "kind": list(kinds) if kinds is not None else [""] * len(matrix),
            **columns,
            "unit_error": error,
            "dimension": matrix.shape[1],
        }
    )


def _summarise(chunk: np.ndarray) -> dict[str, np.ndarray]:
    """Summarise a chunk of shape (rows, dim), each value of shape (rows,)."""
    finite = np.isfinite(chunk).all(axis=1)
    wide = chunk.astype(np.float64)  # squares of float16 overflow at 256
    norm = np.where(finite, np.linalg.norm(np.where(finite[:, None], wide, 0), axis=1), np.nan)
    hashes = [hashlib.blake2b(row.tobytes(), digest_size=8).hexdigest() for row in chunk]
    return {
        "finite": finite,
        "norm": norm,
        "is_zero": ~chunk.any(axis=1),
        "row_hash": np.array(hashes, dtype=object),
    }
