"""The ONNX backend: near the exact vectors, known by its own fingerprint, refused when far off."""

from pathlib import Path

import numpy as np
import pytest

from cube.config import DataConfig, TeacherConfig, parse_config
from cube.data.corpus import build_corpus
from cube.errors import ConfigError, TeacherError
from cube.teacher.cache_files import all_stats, merge_files
from cube.teacher.encoder import Teacher
from cube.teacher.onnx_backend import exported_path
from cube.teacher.vectors import embed_corpus
from tests.conftest import write_jsonl

pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

TALK = "how do i reset my password open the settings page and press account free trial"
WORDS = TALK.split()
TEXTS = [" ".join(WORDS[i : i + n]) for i in range(5) for n in (1, 3, 8)]
ROWS = [{"question": f"{a}?", "answer": f"{b}."} for a, b in zip(TEXTS, TEXTS[::-1], strict=True)]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory) -> Path:
    """A small BERT with random weights."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("bert")
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "?", ".", *sorted(set(WORDS))]
    tokenizer = BertTokenizerFast(vocab={word: i for i, word in enumerate(vocabulary)})
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = BertConfig(vocab_size=len(vocabulary), intermediate_size=64, **sizes)
    BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    model = SentenceTransformer(modules=[Transformer(str(folder)), Pooling(32)], device="cpu")
    model.save(str(folder / "saved"), create_model_card=False)
    return folder / "saved"


@pytest.fixture(scope="module")
def quick(encoder, tmp_path_factory) -> Teacher:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        teacher = Teacher(TeacherConfig(model=str(encoder), backend="onnx"))
        teacher.model  # noqa: B018  (exported here, under the temporary folder)
        yield teacher


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def test_vectors_are_near_the_exact_ones_at_every_length_and_not_the_same(quick):
    found, exact = quick.encode(TEXTS, "query"), quick.exact.encode(TEXTS, "query")
    assert found.shape == exact.shape == (len(TEXTS), 32)
    assert cosines(found, exact).min() > 0.99
    assert np.abs(found - exact).max() > 1e-6  # 8-bit weights were really used


def test_the_export_is_made_once(quick, encoder):
    path = exported_path(quick._weights_digest)
    before = path.stat().st_mtime_ns
    again = Teacher(TeacherConfig(model=str(encoder), backend="onnx"))
    np.testing.assert_array_equal(again.encode(TEXTS, "query"), quick.encode(TEXTS, "query"))
    assert path.stat().st_mtime_ns == before
    assert [p.suffix for p in path.parent.iterdir()].count(".onnx") == 1


def test_the_backend_is_part_of_the_fingerprint(quick):
    assert quick.fingerprints != quick.exact.fingerprints


def test_fidelity_is_stored_beside_the_vectors_and_survives_a_merge(quick, tmp_path):
    path = write_jsonl(tmp_path / "rows.jsonl", ROWS)
    corpus = build_corpus(DataConfig(sources=[str(path)]), tmp_path / "corpora")
    manifest = embed_corpus(corpus, quick, tmp_path).manifest
    assert manifest["backend"] == "onnx"
    assert 0.98 < manifest["fidelity"] < 1
    stats = all_stats(tmp_path / "cache")
    assert min(s["fidelity"] for s in stats) == manifest["fidelity"]
    assert all(s["backend"] == "onnx" and s["fidelity_lowest"] <= s["fidelity"] for s in stats)
    merge_files(tmp_path / "other", [tmp_path / "cache"])
    merged = all_stats(tmp_path / "other")
    assert [s["fidelity"] for s in merged] == [s["fidelity"] for s in stats]
    assert embed_corpus(corpus, quick.exact, tmp_path).manifest["fidelity"] is None


def test_vectors_too_far_off_are_refused_before_any_is_stored(quick, tmp_path):
    path = write_jsonl(tmp_path / "rows.jsonl", ROWS)
    corpus = build_corpus(DataConfig(sources=[str(path)]), tmp_path / "corpora")
    strict = Teacher(quick.config.model_copy(update={"min_fidelity": 1.0}))
    with pytest.raises(TeacherError, match=r"mean cosine of .*backend: torch"):
        embed_corpus(corpus, strict, tmp_path)
    assert sum(s["texts"] for s in all_stats(tmp_path / "cache")) == 0
    assert not (tmp_path / "vectors").exists() or not any((tmp_path / "vectors").glob("*/*.json"))


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
