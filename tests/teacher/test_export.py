"""Teacher and cube as one model of sentence-transformers, over teachers of every kind."""

import json
import shutil
import signal
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from cube.config import CoreConfig, TeacherConfig
from cube.errors import ModelError
from cube.evaluation.experiment import Centre
from cube.export.sentence_transformers import (
    export_sentence_transformers,
    to_sentence_transformer,
)
from cube.lattice.core import Cube
from cube.model import load_model, save_model
from cube.teacher.encoder import Teacher
from tests.teacher.conftest import TEXTS


def linear_cube(teacher: Path, folder: Path, **settings: Any) -> Teacher:
    """Save a cube that is one matrix over a teacher, which is returned."""
    encoder = Teacher(TeacherConfig(model=str(teacher), **settings))
    dimension = encoder.dimension
    torch.manual_seed(0)
    cube = Cube(dimension, CoreConfig(gated=False, memory_pairs=0))
    with torch.no_grad():
        for parameter in cube.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    mean = np.zeros(dimension, np.float32)
    save_model(folder, cube, Centre(mean, mean), mean[None], encoder, {}, "A card.")
    return encoder


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_an_encoder_of_any_precision_moves_questions(encoder, tmp_path, dtype):
    whole = SentenceTransformer(str(encoder), device="cpu").to(dtype)
    whole.save(str(tmp_path / "teacher"), create_model_card=False)
    teacher = linear_cube(tmp_path / "teacher", tmp_path / "model")
    stock = export_sentence_transformers(tmp_path / "model", tmp_path / "out")
    assert stock is (dtype is torch.float32)  # a stock module takes nothing else
    exported = SentenceTransformer(str(tmp_path / "out"), device="cpu", trust_remote_code=not stock)
    moved = load_model(tmp_path / "model").cube.apply_to(teacher.encode(TEXTS, "query"))
    np.testing.assert_allclose(exported.encode_query(TEXTS), moved, atol=1e-2)
    sample = (tmp_path / "out" / "README.md").read_text().split("```")[1].removeprefix("python")
    assert ("trust_remote_code=True" in sample) is not stock
    exec(sample.replace("PATH_OF_THIS_FOLDER", str(tmp_path / "out")), {})


def test_a_quicker_backend_is_exported_in_torch_and_that_is_told(encoder, tmp_path, caplog):
    quick = linear_cube(encoder, tmp_path / "model", backend="bfloat16")
    export_sentence_transformers(tmp_path / "model", tmp_path / "out")
    assert "backend: bfloat16, and the export computes in torch" in caplog.text
    exported = SentenceTransformer(str(tmp_path / "out"), device="cpu")
    np.testing.assert_array_equal(
        exported.encode_document(TEXTS), quick.exact.encode(TEXTS, "passage")
    )
    caplog.clear()
    linear_cube(encoder, tmp_path / "model")
    to_sentence_transformer(tmp_path / "model")
    assert not caplog.text


def test_an_export_needs_no_other_backend_than_torch(encoder, tmp_path, monkeypatch):
    linear_cube(encoder, tmp_path / "model")
    config = tmp_path / "model" / "config.json"
    onnx = Teacher(TeacherConfig(model=str(encoder), backend="onnx"))
    trained = json.loads(config.read_text()) | {"fingerprints": onnx.fingerprints}
    trained["teacher"]["backend"] = "onnx"
    config.write_text(json.dumps(trained))
    monkeypatch.setattr("cube.teacher.onnx_backend.use_onnx", Mock(side_effect=AssertionError))
    model = to_sentence_transformer(tmp_path / "model")
    np.testing.assert_allclose(
        model.encode_document(TEXTS), onnx.exact.encode(TEXTS, "passage"), atol=1e-6
    )


def test_a_teacher_that_cuts_vectors_is_refused(encoder, tmp_path):
    whole = SentenceTransformer(str(encoder), device="cpu", truncate_dim=16)
    whole.save(str(tmp_path / "teacher"), create_model_card=False)
    assert linear_cube(tmp_path / "teacher", tmp_path / "model").dimension == 16
    with pytest.raises(ModelError, match="cuts vectors to 16"):
        export_sentence_transformers(tmp_path / "model", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_teacher_that_adapts_another_model_is_refused(encoder, tmp_path):
    shutil.copytree(encoder, tmp_path / "teacher")
    linear_cube(tmp_path / "teacher", tmp_path / "model")
    (tmp_path / "teacher" / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match=r"adapts another model.*Merge"):
        export_sentence_transformers(tmp_path / "model", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_anybody_may_read_an_export_that_says_which_version_it_is_of(encoder, tmp_path):
    linear_cube(encoder, tmp_path / "mine" / "v7")
    (tmp_path / "mine" / "champion").write_text("v7\n")
    export_sentence_transformers(tmp_path / "mine" / "champion", tmp_path / "out")
    modes = {path.stat().st_mode & 0o044 for path in (tmp_path / "out").rglob("*.*")}
    assert modes == {0o044}
    assert json.loads((tmp_path / "out" / "exported_cube.json").read_text())["model"] == "mine/v7"


def test_behind_a_link_is_where_it_goes(encoder, tmp_path):
    linear_cube(encoder, tmp_path / "model")
    places = tmp_path / "places"
    places.mkdir()
    for name in ("model", "out"):
        (places / name).symlink_to(tmp_path / f"real {name}")
    for _ in range(2):
        linear_cube(encoder, places / "model")
        export_sentence_transformers(tmp_path / "model", places / "out")
    assert all(path.is_symlink() and path.is_dir() for path in places.iterdir())
    assert len(list(places.iterdir())) == 2


def test_a_full_disk_is_an_error_in_a_sentence(encoder, tmp_path):
    import resource

    linear_cube(encoder, tmp_path / "model")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
        with pytest.raises(ModelError, match="cannot be written"):
            export_sentence_transformers(tmp_path / "model", tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert not list(tmp_path.glob("*out*"))
