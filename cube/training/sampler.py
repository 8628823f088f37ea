"""The batch at a step is a pure function of (seed, step): no iterator state exists to lose."""

from functools import lru_cache

import numpy as np
from jaxtyping import Int


def steps_per_epoch(num_rows: int, batch_size: int) -> int:
    """Whole batches in one pass; at least one, smaller than `batch_size` if rows are few."""
    return max(1, num_rows // batch_size)


def batch_rows(
    num_rows: int, batch_size: int, seed: int, stream: int, step: int
) -> Int[np.ndarray, " batch"]:
    """Return the positions of the batch at a step, drawn without replacement within an epoch.

    Args:
        num_rows: positions are in [0, num_rows).
        batch_size: at most so many positions.
        seed: of the training.
        stream: tells independent sequences with one seed apart (pairs, texts).
        step: counted from 0 over the whole training.
    """
    epoch, position = divmod(step, steps_per_epoch(num_rows, batch_size))
    start = position * batch_size
    return _permutation(num_rows, seed, stream, epoch)[start : start + batch_size]


def paced_rows(
    num_rows: int, batch_size: int, seed: int, stream: int, step: int
) -> Int[np.ndarray, " batch"]:
    """Return positions drawn without replacement within the batch only.

    For a range that grows from step to step, in which there are no epochs. Arguments as above.
    """
    generator = np.random.default_rng([seed, stream, step])
    return generator.choice(num_rows, min(batch_size, num_rows), replace=False, shuffle=False)


@lru_cache(maxsize=4)
def _permutation(num_rows: int, seed: int, stream: int, epoch: int) -> np.ndarray:
    generator = np.random.default_rng([seed, stream, epoch])
    return generator.permutation(num_rows).astype(np.int32 if num_rows < 2**31 else np.int64)


def stream_seed(seed: int, stream: int, step: int) -> int:
    """Return the seed of the random numbers of a step: a pure function of its arguments."""
    return int(np.random.SeedSequence([seed, stream, step]).generate_state(1, np.uint64)[0] >> 1)
