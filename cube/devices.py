"""The device that work runs on: the one that is asked for, or the CPU where there is none."""

import logging
from functools import cache

import torch

from cube.errors import ConfigError, first_line

logger = logging.getLogger(__name__)


@cache
def usable_device(name: str) -> torch.device:
    """Return the device of a name, or the CPU, with a warning, where this machine lacks it.

    Raises:
        ConfigError: when torch knows no such name.
    """
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"device {name!r}: {first_line(error)}.") from None
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        logger.warning(
            "device %s cannot be used here (%s): the CPU works instead", name, first_line(error)
        )
        return torch.device("cpu")
    return device
