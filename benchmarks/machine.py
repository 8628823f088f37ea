"""What a measurement ran on; a number without it means little."""

import os
import platform
from importlib.metadata import version
from typing import Any

import torch


def machine() -> dict[str, Any]:
    """Return processor, threads, load, GPU and versions."""
    return {
        "processor": platform.processor() or platform.machine(),
        "cpus": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "load": os.getloadavg(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("torch", "numpy", "sentence-transformers")},
    }
