"""Random unit vectors in .npy files, as those of a corpus lie there, and pairs of them."""

from pathlib import Path

import numpy as np

from cube.data.splits import Split
from cube.training.dataset import TrainingSet, make_training_set

_BLOCK_ROWS = 1 << 16
_HELD_OUT = 200


def write_random(
    path: Path, rows: int, dimension: int, dtype: type[np.floating] = np.float16
) -> None:
    """Write a matrix block by block, not through a map: its pages would count as our memory."""
    generator = np.random.default_rng(0)
    header = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": (rows, dimension)}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, rows, _BLOCK_ROWS):
            count = min(_BLOCK_ROWS, rows - start)
            block = generator.standard_normal((count, dimension), np.float32)
            block /= np.linalg.norm(block, axis=1, keepdims=True)
            file.write(block.astype(dtype).data)


def map_pairs(path: Path) -> TrainingSet:
    """Map a matrix whose first half are questions to its second; 200 pairs are for validation."""
    vectors = np.load(path, mmap_mode="r", allow_pickle=False)
    pairs = len(vectors) // 2
    splits = np.full(pairs, Split.TRAIN, np.int8)
    splits[:_HELD_OUT] = Split.VALIDATION
    questions = np.arange(pairs, dtype=np.int32)  # as a corpus has them
    return make_training_set(vectors, questions, questions + np.int32(pairs), splits)


def random_pairs(folder: Path, pairs: int, dimension: int) -> TrainingSet:
    """Write random pairs into a folder and map them."""
    path = folder / f"vectors-{pairs}.npy"
    write_random(path, 2 * pairs, dimension)
    return map_pairs(path)
