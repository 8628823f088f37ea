"""Versions of a tiny model, each recognisable by a number in every one of its files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cube.config import CoreConfig
from cube.evaluation.experiment import Centre
from cube.lattice.core import Cube
from cube.model import save_model
from cube.registry import Registry

DIMENSION = 8


def make_model(folder: Path, number: int) -> Path:
    cube = Cube(DIMENSION, CoreConfig())
    with torch.no_grad():
        for parameter in cube.parameters():
            parameter.fill_(number)
    centre = Centre(np.full(DIMENSION, number, np.float32), np.full(DIMENSION, number, np.float32))
    reference = np.full((4, DIMENSION), number, np.float32)
    bank = ([f"answer {number}"], np.full((1, DIMENSION), number, np.float32))
    save_model(folder, cube, centre, reference, None, {"number": number}, "A card.", bank)
    return folder


def judgement(promote: bool = True, champion: str | None = None, **changes: Any) -> dict[str, Any]:
    return {
        "promote": promote,
        "sentence": "Promoted: better." if promote else "Not promoted: worse.",
        "reasons": [
            {
                "asks": "surely better",
                "measured": "+0.1",
                "passed": promote,
                "rule": "over_identity",
            }
        ],
        "run": "a-run",
        "champion": champion,
        "headline": "new_wordings",
        "questions": 100,
        "bank": 50,
        "mrr@10": {"cube": 0.5, "identity": 0.4},
        **changes,
    }


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    registry = Registry(tmp_path, "m")
    for number in (1, 2, 3):
        model = make_model(tmp_path / "made" / str(number), number)
        before = f"v{number - 1}" if number > 1 else None
        settings = {"name": "m", "training": {"seed": number, "stages": [{"name": "a"}]}}
        registry.publish(model, f"v{number}", judgement(champion=before), settings)
    return registry
