"""Columns of a corpus's files and the identities of texts."""

import hashlib
from collections.abc import Iterable

import numpy as np
import pyarrow as pa

QUERY, PASSAGE, CONTEXT = "query", "passage", "context"

TEXTS = pa.schema(
    [
        ("text_id", pa.string()),
        ("text", pa.string()),
        ("kind", pa.string()),
        ("source", pa.string()),
    ]
)
PAIRS = pa.schema(
    [
        ("question", pa.int32()),
        ("answer", pa.int32()),
        ("group", pa.uint64()),
        ("wording", pa.uint64()),
        ("answer_wording", pa.uint64()),
        ("dialogue", pa.string()),
        ("turn", pa.int32()),
        ("context", pa.list_(pa.int32())),
        ("source", pa.string()),
    ]
)


def text_digest(text: str) -> bytes:
    """Return the identity of a cleaned text: half of its SHA-256."""
    return hashlib.sha256(text.encode()).digest()[:16]


def digest_keys(digests: Iterable[bytes]) -> np.ndarray:
    """Return digests of texts as 128-bit keys of a `KeyTable`, shape (texts, 2)."""
    return np.frombuffer(b"".join(digests), np.uint64).reshape(-1, 2)


def key_of(text: str) -> int:
    """Return a 64-bit key of a text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
