"""Checkpoints: the full state of a training, written whole or not at all.

State = (step, stage progress, parameters, optimiser, averaged weights, best weights). No random
state is needed: batches and noise are pure functions of (seed, step).
"""

import io
from pathlib import Path
from typing import Any

import torch

from cube import storage
from cube.errors import ModelError

FORMAT = 1


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a training state atomically."""
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, **state}, buffer)
    storage.write_bytes(path, buffer.getvalue())


def load_checkpoint(path: Path, identity: str) -> dict[str, Any] | None:
    """Read a training state, or None if there is none.

    Args:
        path: file written by `save_checkpoint`.
        identity: digest of config and data the training has now.

    Raises:
        ModelError: when the file is broken or belongs to another config or other data.
    """
    if not path.is_file():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ModelError(
            f"Checkpoint {path} is broken ({error}). Remove it to start anew."
        ) from None
    if state.get("format") != FORMAT or state.get("identity") != identity:
        raise ModelError(
            f"Checkpoint {path} belongs to another config or other data. Remove it to start anew."
        )
    return state
