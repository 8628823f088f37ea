"""Divergence: which step is not to be taken, and the way back to the last good state."""

import math
from collections.abc import Sequence

from cube.config.training import DivergenceConfig

_WINDOW = 20  # losses a new one is compared with
_FEWEST = 5  # losses that say something
_NEAR_ZERO = 1.0  # one wrong label of a small batch is many times a loss below it


def objection(
    loss: float, gradient_norm: float, before: Sequence[float], config: DivergenceConfig
) -> str | None:
    """Return why a step must not be taken, or None.

    Args:
        loss: of the step.
        gradient_norm: before clipping.
        before: losses of the stage so far.
        config: what counts as an explosion.
    """
    if not math.isfinite(loss):
        return "the loss is not finite"
    if not math.isfinite(gradient_norm):
        return "the gradient is not finite"
    recent = before[-_WINDOW:]
    if len(recent) >= _FEWEST:
        mean = sum(recent) / len(recent)
        if loss > config.explosion * max(mean, _NEAR_ZERO):
            return f"the loss exploded to {loss:.3g} from a mean of {mean:.3g}"
    return None
