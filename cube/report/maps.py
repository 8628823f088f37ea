"""One colour a map, the same in every figure and table; the style sheet holds the colours."""

_KINDS = (
    "cube", "champion", "identity", "dense", "low_rank", "ridge", "procrustes", "mlp", "knn",
    "bm25",
)  # fmt: skip


def kind(system: str) -> str:
    """Return the style class of a system: that of its kind, or of all others."""
    return next((f"map-{known}" for known in _KINDS if known in system), "map-other")
