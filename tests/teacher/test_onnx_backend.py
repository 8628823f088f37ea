"""The ONNX backend: exported once, refused where it cannot run."""

import numpy as np
import pytest

from cube.config import TeacherConfig, parse_config
from cube.errors import ConfigError, TeacherError
from cube.teacher.encoder import Teacher
from cube.teacher.onnx_backend import exported_path
from tests.teacher.conftest import TEXTS

pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


@pytest.fixture(scope="module")
def quick(encoder, tmp_path_factory) -> Teacher:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        teacher = Teacher(TeacherConfig(model=str(encoder), backend="onnx"))
        teacher.model  # noqa: B018  (exported here, under the temporary folder)
        yield teacher


def test_the_export_is_made_once(quick, encoder):
    path = exported_path(quick._weights_digest)
    before = path.stat().st_mtime_ns
    again = Teacher(TeacherConfig(model=str(encoder), backend="onnx"))
    np.testing.assert_array_equal(again.encode(TEXTS, "query"), quick.encode(TEXTS, "query"))
    assert path.stat().st_mtime_ns == before
    assert [p.suffix for p in path.parent.iterdir()].count(".onnx") == 1


def test_a_broken_export_is_an_error_that_names_it(encoder, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    teacher = Teacher(TeacherConfig(model=str(encoder), backend="onnx"))
    path = exported_path(teacher._weights_digest)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no model")
    with pytest.raises(TeacherError, match=r"\.onnx cannot be read .*delete it"):
        teacher.encode(["x"], "query")


def test_a_model_without_a_transformer_is_refused(tmp_path, encoder):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from transformers import AutoTokenizer

    static = StaticEmbedding(AutoTokenizer.from_pretrained(encoder), embedding_dim=8)
    SentenceTransformer(modules=[static], device="cpu").save(str(tmp_path / "static"))
    teacher = Teacher(TeacherConfig(model=str(tmp_path / "static"), backend="onnx"))
    with pytest.raises(TeacherError, match="StaticEmbedding"):
        teacher.encode(["x"], "query")


def test_onnx_on_another_device_is_a_config_error():
    with pytest.raises(ConfigError, match="runs on the CPU"):
        parse_config({"teacher": {"backend": "onnx", "device": "cuda"}})
