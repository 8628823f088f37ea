"""Checkpoints: the full state of a training, written whole or not at all.

checkpoints/000007.pt …   the newest few; a broken one is passed over for the one before
checkpoints/best.safetensors   the best weights so far, in the newest of them as well
"""

import io
import logging
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from cube import storage
from cube.differences import differences, in_words
from cube.errors import ModelError
from cube.locks import locked

logger = logging.getLogger(__name__)

FORMAT = 3


class Checkpoints:
    """The checkpoints of one training in a folder."""

    def __init__(self, folder: Path, facts: dict[str, Any], keep: int):
        """Remember where and how many.

        Args:
            folder: of the checkpoints alone.
            facts: settings and digests of the data; a state of other facts is refused.
            keep: newest checkpoints that are not deleted.
        """
        self.folder, self.facts, self.keep = folder, facts, keep

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Keep other processes out, and remove what a killed one left half written."""
        with locked(self.folder / ".lock"):
            for pattern in (".*.pt.*", ".*.safetensors.*"):
                for left in self.folder.glob(pattern):
                    left.unlink()
            yield

    def files(self) -> list[Path]:
        """Checkpoints there are, the newest first."""
        return sorted(self.folder.glob("[0-9]*.pt"), reverse=True)

    def save(self, state: dict[str, Any], best: dict[str, torch.Tensor]) -> None:
        """Write a state and the best weights, and delete what is too old."""
        storage.write_bytes(self.folder / "best.safetensors", save(best))
        buffer = io.BytesIO()
        torch.save({"format": FORMAT, "facts": self.facts, "state": state}, buffer)
        newest = next((int(path.stem) for path in self.files()), 0)
        storage.write_bytes(self.folder / f"{newest + 1:06d}.pt", buffer.getvalue())
        for path in self.files()[self.keep :]:
            path.unlink()

    def load(self) -> dict[str, Any] | None:
        """Return the newest state that can be read, or None if nothing was written yet.

        Raises:
            ModelError: when none can be read, or the state belongs to other facts.
        """
        broken = []
        for path in self.files():
            saved = _read(path)
            if saved is None:
                broken.append(path.name)
                continue
            if broken:
                logger.warning(
                    "checkpoint %s is broken: going on from %s", ", ".join(broken), path.name
                )
                for name in broken:
                    (self.folder / name).unlink()
            self._check(path, saved)
            return saved["state"]
        if broken:
            raise ModelError(
                f"All checkpoints in {self.folder} are broken. Remove that folder to start anew."
            )
        return None

    def _check(self, path: Path, saved: dict[str, Any]) -> None:
        if saved["format"] != FORMAT:
            raise ModelError(
                f"Checkpoint {path} has format {saved['format']}, this version of cube reads "
                f"{FORMAT}. Remove {self.folder} to start anew."
            )
        if changes := differences(saved["facts"], self.facts):
            raise ModelError(
                f"Checkpoint {path} belongs to another training: {in_words(changes)}. Train with "
                f"what it was trained with, or remove {self.folder} to start anew."
            )


def _read(path: Path) -> dict[str, Any] | None:
    """Return the content of a checkpoint, or None if a single bit of it is wrong."""
    try:
        with zipfile.ZipFile(path) as file:
            if file.testzip() is not None:  # torch.load does not look at the checksums
                return None
        saved = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # garbage makes the reader fail in any way
        return None
    return saved if isinstance(saved, dict) and "state" in saved else None
