"""A saved cube: what an older version wrote is read, what a later one wrote is refused."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from cube.config import CoreConfig
from cube.errors import ModelError
from cube.evaluation.experiment import Centre
from cube.lattice.core import Cube
from cube.lattice.memory import Memory, Shares, as_keys
from cube.model import load_model, save_model


def unit(*shape: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(*shape, generator=generator), dim=-1)


@pytest.fixture
def cube(tmp_path) -> Cube:
    """One with a memory of answers alone, saved under tmp_path / "model"."""
    memory = Memory(as_keys(unit(30, 12, seed=1)), as_keys(unit(30, 12, seed=2)), torch.arange(30))
    memory.use(Shares(answers=0.5), 0.1)
    cube = Cube(12, CoreConfig(), memory)
    mean = np.zeros(12, np.float32)
    reference = unit(3, 12, seed=4).numpy()
    save_model(tmp_path / "model", cube, Centre(mean, mean), reference, None, {}, "A card.")
    return cube


def test_the_memory_of_the_first_format_is_read_as_it_was(cube, tmp_path):
    model = tmp_path / "model"
    weights = load_file(model / "model.safetensors")
    del weights["memory.shares"], weights["memory.answer_of"]
    save_file(weights | {"memory.share": torch.tensor(0.5)}, model / "model.safetensors")
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | {"format": 1}))
    x = unit(5, 12, seed=3).numpy()
    np.testing.assert_array_equal(load_model(model).cube.apply_to(x), cube.apply_to(x))


def test_a_later_format_is_refused(cube, tmp_path):
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    (tmp_path / "model" / "config.json").write_text(json.dumps(config | {"format": 99}))
    with pytest.raises(ModelError, match="has format 99, this version reads 1 and 2"):
        load_model(tmp_path / "model")
