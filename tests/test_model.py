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
from cube.lattice.keys import Keys
from cube.lattice.memory import Memory, Shares
from cube.model import SavedCube, load_model, save_model


def unit(*shape: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(*shape, generator=generator), dim=-1)


@pytest.fixture
def cube(tmp_path) -> Cube:
    """One with a memory of answers alone, saved under tmp_path / "model"."""
    memory = Memory(Keys.of(unit(30, 12, seed=1)), Keys.of(unit(30, 12, seed=2)), torch.arange(30))
    memory.use(Shares(answers=0.5), 0.1)
    cube = Cube(12, CoreConfig(), memory)
    mean = np.zeros(12, np.float32)
    reference = unit(3, 12, seed=4).numpy()
    bank = (["one", "two"], unit(2, 12, seed=5).numpy())
    save_model(tmp_path / "model", cube, Centre(mean, mean), reference, None, {}, "A card.", bank)
    return cube


@pytest.mark.parametrize("version", [1, 2])
def test_the_memory_of_an_older_format_is_read_as_it_was(cube, tmp_path, version):
    model = tmp_path / "model"
    weights = load_file(model / "model.safetensors")
    for name in ("questions", "answers"):
        numbers, steps = (weights.pop(f"memory.{name}.{part}") for part in ("numbers", "steps"))
        weights[f"memory.{name}"] = (numbers * steps[:, None]).half()
    if version == 1:
        del weights["memory.shares"], weights["memory.answer_of"]
        weights["memory.share"] = torch.tensor(0.5)
    save_file(weights, model / "model.safetensors")
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | {"format": version}))
    x = unit(5, 12, seed=3).numpy()
    np.testing.assert_allclose(load_model(model).cube.apply_to(x), cube.apply_to(x), atol=2e-3)


def test_a_later_format_is_refused(cube, tmp_path):
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    (tmp_path / "model" / "config.json").write_text(json.dumps(config | {"format": 99}))
    with pytest.raises(ModelError, match="has format 99, this version reads 1 to 3"):
        load_model(tmp_path / "model")


def test_the_folder_around_a_cube_is_refused_with_what_is_meant(cube, tmp_path):
    with pytest.raises(ModelError, match=rf"not a saved cube: .*mean {tmp_path / 'model'}\?$"):
        load_model(tmp_path)


def test_another_model_in_the_folder_is_not_replaced(cube, tmp_path):
    (tmp_path / "model" / "centring.safetensors").unlink()  # now it looks like any encoder
    mean = np.zeros(12, np.float32)
    with pytest.raises(ModelError, match="no saved cube"):
        save_model(tmp_path / "model", cube, Centre(mean, mean), mean[None], None, {}, "A card.")
    assert (tmp_path / "model" / "model.safetensors").is_file()
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("weight", [float("nan"), float("inf")])
@pytest.mark.parametrize("part", ["core", "strength", "memory.shares", "memory.answers.steps"])
def test_weights_that_are_not_finite_are_refused(cube, tmp_path, part, weight):
    weights = load_file(tmp_path / "model" / "model.safetensors")
    name = next(name for name in weights if name.startswith(part))
    weights[name].fill_(weight)
    save_file(weights, tmp_path / "model" / "model.safetensors")
    with pytest.raises(ModelError, match="not finite"):
        load_model(tmp_path / "model")


def test_a_memory_whose_floor_is_not_set_is_read(cube, tmp_path):
    weights = load_file(tmp_path / "model" / "model.safetensors")
    weights["memory.floor"].fill_(-torch.inf)
    save_file(weights, tmp_path / "model" / "model.safetensors")
    assert load_model(tmp_path / "model").cube.memory is not None


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("reference.npy", SavedCube.reference),
        ("confidence.json", SavedCube.confidence),
        ("bank/texts.parquet", SavedCube.bank),
        ("bank/vectors.npy", SavedCube.bank),
    ],
)
@pytest.mark.parametrize("content", [b"", b"{}\n", b"\xff\xfe no format"])
def test_a_broken_file_is_an_error_that_names_it(cube, tmp_path, name, read, content):
    (tmp_path / "model" / name).write_bytes(content)
    with pytest.raises(ModelError, match=f"{tmp_path / 'model' / name.split('/')[0]}.* is broken"):
        read(load_model(tmp_path / "model"))


def test_a_bank_of_more_vectors_than_texts_is_broken(cube, tmp_path):
    np.save(tmp_path / "model" / "bank" / "vectors.npy", unit(3, 12, seed=5).numpy())
    with pytest.raises(ModelError, match=r"bank is broken: 2 texts, vectors of shape \(3, 12\)"):
        load_model(tmp_path / "model").bank()


def test_a_teacher_this_version_does_not_know_is_an_error_in_a_sentence(cube, tmp_path):
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    changed = config | {"teacher": {"model": "m", "of_tomorrow": 1}}
    (tmp_path / "model" / "config.json").write_text(json.dumps(changed))
    with pytest.raises(ModelError, match="of_tomorrow"):
        load_model(tmp_path / "model")
