"""The frames that suites are checked on; a column "row" says which row of what was read is meant.

Texts stay in Arrow and vectors are read in chunks, so that a million rows fit. What the built-in
expectations cannot say, or only slowly (a vector is finite and of length 1, turns are in order), is
computed here into a column: suites stay readable and need no expectation of our own.
"""

import hashlib
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cube.data.corpus import Corpus
from cube.teacher.vectors import Vectors

_CHUNK_ROWS = 16_384  # of the memory map at a time: about 50 MB at 768 dimensions


def records_frame(corpus: Corpus) -> pd.DataFrame:
    """Return one row for the whole corpus.

    Columns: row, read, kept, quarantined, merged (rows), kept_share, quarantined_share,
    merged_share, pairs, texts, top_reason (the most frequent reason of the quarantine).
    """
    manifest = corpus.manifest
    rows = manifest["rows"]
    read = max(1, rows["read"])
    return pd.DataFrame(
        [
            {
                "row": 0,
                "read": rows["read"],
                "kept": rows["kept"],
                "quarantined": rows["quarantined"],
                "merged": rows["duplicates_merged"],
                "kept_share": rows["kept"] / read,
                "quarantined_share": rows["quarantined"] / read,
                "merged_share": rows["duplicates_merged"] / read,
                "pairs": manifest["pairs"],
                "texts": manifest["texts"],
                "top_reason": next(iter(manifest["reasons"]), ""),
            }
        ]
    )


def pairs_frame(corpus: Corpus) -> pd.DataFrame:
    """Return one row a pair: row, source, question, answer, question_is_answer."""
    batches = [batch.column("text").cast(pa.large_string()) for batch in corpus.iter_texts()]
    texts = pa.chunked_array(batches, pa.large_string())
    questions, answers = (texts.take(pa.array(rows)) for rows in (corpus.questions, corpus.answers))
    return pd.DataFrame(
        {
            "row": np.arange(len(questions)),
            "source": corpus.pairs["source"].to_pandas(),
            "question": questions.to_pandas(),
            "answer": answers.to_pandas(),
            "question_is_answer": pc.equal(questions, answers).to_numpy(),
        }
    )


def dialogues_frame(corpus: Corpus) -> pd.DataFrame:
    """Return one row a dialogue.

    Columns: row, dialogue, source, answered_turns, distinct_answers_share (1: none is repeated),
    in_order (turn numbers rise).
    """
    pairs = corpus.pairs.filter(corpus.pairs["dialogue"].is_valid())
    frame = pairs.select(["dialogue", "turn", "answer", "source"]).to_pandas()
    frame["rises"] = frame.groupby("dialogue", sort=False)["turn"].diff().fillna(1) > 0
    groups = frame.groupby("dialogue", sort=False)
    counts = groups.size()
    return pd.DataFrame(
        {
            "row": np.arange(len(counts)),
            "dialogue": counts.index.astype(str),
            "source": groups["source"].first().to_numpy(),
            "answered_turns": counts.to_numpy(),
            "distinct_answers_share": (groups["answer"].nunique() / counts).to_numpy(),
            "in_order": groups["rises"].all().to_numpy(),
        }
    )


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
            "kind": pd.Categorical(list(kinds) if kinds is not None else [""] * len(matrix)),
            **columns,
            "unit_error": error,
            "dimension": matrix.shape[1],
        }
    )


def curves_frame(events: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Return one row a validation while training.

    Columns: row, step, stage, loss, loss_ratio (to the first loss of its stage), validation_mrr,
    below_best (how far the score lies under the best so far).

    Args:
        events: lines of metrics.jsonl.
    """
    rows, first, best = [], {}, 0.0
    for event in events:
        if event["event"] not in ("start", "validation"):
            continue
        best = max(best, event["validation_mrr"])
        if event["event"] == "start":  # the untrained cube, which has no loss
            continue
        loss = math.nan if event["loss"] is None else event["loss"]
        start = first.setdefault(event["stage"], loss)
        rows.append(
            {
                "row": len(rows),
                "step": event["step"],
                "stage": event["stage"],
                "loss": loss,
                "loss_ratio": loss / start if start else math.nan,
                "validation_mrr": event["validation_mrr"],
                "below_best": best - event["validation_mrr"],
            }
        )
    columns = ["row", "step", "stage", "loss", "loss_ratio", "validation_mrr", "below_best"]
    return pd.DataFrame(rows, columns=columns)


def _summarise(chunk: np.ndarray) -> dict[str, np.ndarray]:
    """Summarise a chunk of shape (rows, dim), each value of shape (rows,)."""
    finite = np.isfinite(chunk).all(axis=1)
    wide = chunk.astype(np.float64)  # squares of float16 overflow at 256
    norm = np.where(finite, np.linalg.norm(np.where(finite[:, None], wide, 0), axis=1), np.nan)
    hashes = b"".join(hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in chunk)
    return {
        "finite": finite,
        "norm": norm,
        "is_zero": ~chunk.any(axis=1),
        "row_hash": np.frombuffer(hashes, np.int64),
    }
