"""What tasks do when memory runs out: the same work again, fewer rows at a time."""

import logging
from collections.abc import Callable
from typing import TypeVar

from cube.config import parse_config
from cube.errors import ConfigError, first_line
from cube.runs import Run

logger = logging.getLogger(__name__)

Value = TypeVar("Value")


def halving(setting: str, size: int, work: Callable[[int], Value]) -> Value:
    """Call `work` with a size, half as large each time memory runs out, and return its result.

    Args:
        setting: its name in the config, for the log.
        size: rows at a time at first.
        work: goes on where the last call stopped, or begins again.

    Raises:
        ConfigError: when memory runs out with a single row.
    """
    while True:
        try:
            return work(size)
        except (MemoryError, RuntimeError) as error:
            if not _is_out_of_memory(error):
                raise
            told = first_line(error)
        # Outside of the block above, so that what the error held is free by now.
        if size == 1:
            raise ConfigError(
                f"Out of memory even with {setting}=1 ({told}). Free memory, or run on a larger "
                "machine."
            )
        size //= 2
        logger.warning("out of memory (%s): going on with %s=%d", told, setting, size)


def with_less_memory(run: Run, work: Callable[[Run], Value]) -> Value:
    """Call `work` with a run, with half as many rows of a batch at once each time memory runs out.

    Its cubes are the same, computed in less memory.

    Raises:
        ConfigError: when memory runs out with a single row, or an objective needs whole batches.
    """
    training = run.config.training
    most = training.micro_batch_size or training.batch_size

    def with_rows(rows: int) -> Value:
        return work(run if rows == most else _with_rows(run, rows))

    return halving("training.micro_batch_size", most, with_rows)


def _with_rows(run: Run, rows: int) -> Run:
    values = run.config.model_dump(mode="json")
    values["training"]["micro_batch_size"] = rows
    return Run(run.folder, parse_config(values))


def _is_out_of_memory(error: Exception) -> bool:
    """Whether memory ran out; of the processor's, torch says so in a plain RuntimeError."""
    import torch

    kinds = (MemoryError, torch.OutOfMemoryError)
    return isinstance(error, kinds) or "DefaultCPUAllocator" in str(error)
