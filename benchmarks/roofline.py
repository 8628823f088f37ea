"""The matrix products of a piece of work, recorded once and run alone: the most that can be hoped.

Whatever else the work does (gathering rows, adding, normalising, the optimiser) is left out.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

_ATEN = torch.ops.aten
_LEFT = {  # position of the left factor among the arguments
    _ATEN.mm.default: 0,
    _ATEN.bmm.default: 0,
    _ATEN.addmm.default: 1,
    _ATEN.baddbmm.default: 1,
}


class _Recorder(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.factors: list[tuple[torch.Size, torch.Size, torch.dtype, torch.device]] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        if func in _LEFT:
            left = _LEFT[func]
            x, y = args[left], args[left + 1]
            self.factors.append((x.shape, y.shape, x.dtype, x.device))
        return func(*args, **(kwargs or {}))


class MatrixProducts:
    """Products of contiguous matrices of the recorded shapes, into memory that is there already."""

    def __init__(self, work: Callable[[], Any], dtype: torch.dtype | None = None):
        """Record the products of some work, and prepare them in its types or in one for all."""
        with _Recorder() as recorder:
            work()
        self.factors = [
            tuple(torch.randn(shape, device=device).to(dtype or own) for shape in (left, right))
            for left, right, own, device in recorder.factors
        ]
        self._results = [left @ right for left, right in self.factors]

    @torch.inference_mode()
    def __call__(self) -> None:
        """Run them all once."""
        for (left, right), result in zip(self.factors, self._results, strict=True):
            torch.matmul(left, right, out=result)
