"""One update of the weights, and the running average of weights that is validated and kept."""

import torch
from torch import Tensor, nn

from cube.config import TrainingConfig
from cube.lattice.core import Cube

Weights = dict[str, Tensor]

_PRIOR_PAIRS, _STRONGEST_DECAY = 10_000, 20.0


def decay_of(config: TrainingConfig, num_pairs: int) -> float:
    """Return the weight decay: the config's, or a prior worth a fixed number of pairs.

    Weights of zero are the identity, so decay is a prior for the frozen teacher; like any prior it
    gives way as data comes in (see docs/LOG.md for the sizes it was chosen on).
    """
    if config.weight_decay is not None:
        return config.weight_decay
    return min(_STRONGEST_DECAY, _PRIOR_PAIRS / num_pairs)


def make_optimizer(
    cube: Cube,
    config: TrainingConfig,
    num_pairs: int,
    log_temperature: nn.Parameter | None = None,
) -> torch.optim.AdamW:
    """Return the optimiser; its rate is set anew at every step. A temperature is not decayed."""
    decay = decay_of(config, num_pairs)
    fused = cube.strength.is_cuda or None  # one kernel: small ones cost a GPU their launch
    optimizer = torch.optim.AdamW(cube.parameters(), lr=1e-3, weight_decay=decay, fused=fused)
    if log_temperature is not None:
        optimizer.add_param_group({"params": [log_temperature], "weight_decay": 0.0})
    return optimizer


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def on_cpu(weights: Weights) -> Weights:
    """Return a copy of weights on the CPU."""
    return {name: value.detach().clone().cpu() for name, value in weights.items()}


@torch.no_grad()
def update_average(average: Weights, module: nn.Module, decay: float, step: int) -> None:
    """Move an exponential average of weights towards a module's, in place.

    The decay grows from 0, so that the first averages are not stuck at the start.
    """
    decay = min(decay, step / (step + 10))
    for name, value in module.named_parameters():  # buffers are not trained
        average[name].lerp_(value, 1 - decay)
