"""In what type matrices are multiplied while training; weights, sums and losses are float32."""

from collections.abc import Mapping
from functools import cache

import torch


@cache
def product_dtype(precision: str, device: torch.device) -> torch.dtype:
    """Return the type of the factors of matrix products.

    Args:
        precision: "float32", "bfloat16", or "auto": bfloat16 where the device multiplies it in
            hardware.
        device: that multiplies.
    """
    if precision == "auto":
        precision = "bfloat16" if _multiplies_bfloat16(device) else "float32"
    return getattr(torch, precision)


def _multiplies_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu":
        return False
    capabilities = _cpu_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def _cpu_capabilities() -> Mapping[str, object]:
    tell = getattr(torch.cpu, "get_capabilities", dict)  # torch before 2.11 cannot tell
    return tell()
