"""Several processes that share every batch. One process is the same code with nobody to talk to."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import distributed


@dataclass(frozen=True)
class Processes:
    """The processes of a training, as one of them sees them."""

    rank: int = 0
    count: int = 1

    @classmethod
    def joined(cls) -> "Processes":
        """Return the group that torchrun started, or this process alone."""
        if not distributed.is_available() or not distributed.is_initialized():
            return cls()
        return cls(distributed.get_rank(), distributed.get_world_size())

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes files."""
        return self.rank == 0

    def share(self, rows: int) -> slice:
        """Return which rows of a batch are this process's; no two shares overlap."""
        return slice(rows * self.rank // self.count, rows * (self.rank + 1) // self.count)

    def sum_gradients(self, parameters: list[torch.nn.Parameter], *numbers: float) -> list[float]:
        """Add up gradients, in place, and numbers over all processes, in one exchange."""
        if self.count == 1:
            return list(numbers)
        gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in parameters]
        device = gradients[0].device
        flat = torch.cat([*(g.flatten() for g in gradients), torch.tensor(numbers, device=device)])
        distributed.all_reduce(flat)
        start = 0
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = flat[start : start + gradient.numel()].view_as(gradient)
            start += gradient.numel()
        return flat[start:].tolist()

    def from_first(self, make: Callable[[], Any]) -> Any:
        """Return what the first process makes of a call, in every process."""
        if self.count == 1:
            return make()
        found = [make() if self.is_first else None]
        distributed.broadcast_object_list(found)
        return found[0]
