"""Matrices in .npy, .npz, .safetensors and .pt files. Nothing that could run code is loaded."""

import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from cube.errors import DataError, first_line

_FREE_BYTES = 64 * 1024 * 1024
_MAX_EXPANSION = 200
_PICKLED = (
    "Pickled arrays are refused: loading one runs code. Save it again as a plain float array."
)


def read_npy(path: Path, name: str | None) -> np.ndarray:
    """Map a .npy file read-only."""
    no_name(path, name)
    try:
        with path.open("rb") as file:
            if not file.read(6):
                raise DataError(f"{path} is not a plain .npy array: it is empty.")
        matrix = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, SyntaxError) as error:
        raise DataError(
            f"{path} is not a plain .npy array ({first_line(error)}). {_PICKLED}"
        ) from None
    if not isinstance(matrix, np.ndarray):
        raise DataError(f"{path} is a .npz archive: rename it.")
    return matrix


def read_npz(path: Path, name: str | None) -> np.ndarray:
    """Read an array of a .npz archive; members are read in memory, none is ever extracted."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            for member in members:
                limit = max(_FREE_BYTES, member.compress_size * _MAX_EXPANSION)
                if member.file_size > limit:
                    raise DataError(
                        f"{path}: {member.filename!r} unpacks from {member.compress_size:,} to "
                        f"{member.file_size:,} bytes: a decompression bomb?"
                    )
        with np.load(path, allow_pickle=False) as arrays:
            return arrays[_choose(path, arrays.files, name)]
    except (ValueError, EOFError, SyntaxError, zipfile.BadZipFile, NotImplementedError) as error:
        raise DataError(
            f"{path} is not a whole .npz archive of plain arrays ({first_line(error)}). {_PICKLED}"
        ) from None
    except zlib.error as error:
        raise DataError(f"{path} is cut off or corrupt ({first_line(error)}).") from None


def read_safetensors(path: Path, name: str | None) -> np.ndarray:
    """Map a tensor of a safetensors file."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as tensors:
            return tensors.get_tensor(_choose(path, list(tensors.keys()), name))
    except (SafetensorError, ValueError, TypeError, json.JSONDecodeError) as error:
        raise DataError(f"{path} is not a whole safetensors file ({first_line(error)}).") from None


def read_torch(path: Path, name: str | None) -> np.ndarray:
    """Read a tensor of a .pt file, weights only: any other object in it is refused."""
    import pickle

    import torch

    try:
        value: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, ValueError, EOFError, KeyError, TypeError,
            AttributeError, UnicodeDecodeError) as error:  # fmt: skip
        raise DataError(
            f"{path} cannot be read as tensors alone ({first_line(error)}). Anything else is "
            "refused: loading it runs code."
        ) from None
    if isinstance(value, dict):
        tensors = {str(key): v for key, v in value.items() if isinstance(v, torch.Tensor)}
        value = tensors[_choose(path, list(tensors), name)]
    else:
        no_name(path, name)
    if not isinstance(value, torch.Tensor):
        raise DataError(f"{path} holds {type(value).__name__}, not a tensor.")
    if not value.is_floating_point():
        raise DataError(f"{path}: expected a float matrix, got {value.dtype}.")
    wide = value.dtype in (torch.float16, torch.float32, torch.float64)
    return value.detach().to(value.dtype if wide else torch.float32).contiguous().numpy()


def _choose(path: Path, names: list[str], wanted: str | None) -> str:
    """Return the one array, or the one that was asked for."""
    if wanted is not None and wanted in names:
        return wanted
    if wanted is None and len(names) == 1:
        return names[0]
    shown = ", ".join(names[:20]) or "none"
    problem = f"has no array {wanted!r}" if wanted else f"holds {len(names)} arrays"
    raise DataError(f"{path} {problem}: name one, as in {path.name}#name. There are: {shown}.")


def no_name(path: Path, name: str | None) -> None:
    """Refuse a name where a file holds one array only."""
    if name is not None:
        raise DataError(f"{path} holds a single array: leave out #{name}.")
