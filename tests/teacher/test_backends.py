"""Quicker backends: near the exact vectors, known by a fingerprint, refused when far off."""

import importlib.util

import numpy as np
import pytest

from cube.config import DataConfig, TeacherConfig
from cube.data.corpus import build_corpus
from cube.errors import TeacherError
from cube.teacher.cache_files import all_stats, merge_files
from cube.teacher.encoder import Teacher
from cube.teacher.vectors import embed_corpus
from tests.conftest import write_jsonl
from tests.teacher.conftest import TEXTS

ROWS = [{"question": f"{a}?", "answer": f"{b}."} for a, b in zip(TEXTS, TEXTS[::-1], strict=True)]
NO_ONNX = any(importlib.util.find_spec(name) is None for name in ("onnxruntime", "onnxscript"))


@pytest.fixture(
    scope="module",
    params=["bfloat16", pytest.param("onnx", marks=pytest.mark.skipif(NO_ONNX, reason="extra"))],
)
def quick(request, encoder, tmp_path_factory) -> Teacher:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        teacher = Teacher(TeacherConfig(model=str(encoder), backend=request.param))
        teacher.model  # noqa: B018  (exported here, under the temporary folder)
        yield teacher


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def test_vectors_are_near_the_exact_ones_at_every_length_and_not_the_same(quick):
    found, exact = quick.encode(TEXTS, "query"), quick.exact.encode(TEXTS, "query")
    assert found.shape == exact.shape == (len(TEXTS), 32)
    assert cosines(found, exact).min() > 0.99
    assert np.abs(found - exact).max() > 1e-6  # it was really used


def test_the_backend_is_part_of_the_fingerprint(quick):
    assert quick.fingerprints != quick.exact.fingerprints


def test_fidelity_is_stored_beside_the_vectors_and_survives_a_merge(quick, tmp_path):
    path = write_jsonl(tmp_path / "rows.jsonl", ROWS)
    corpus = build_corpus(DataConfig(sources=[str(path)]), tmp_path / "corpora")
    manifest = embed_corpus(corpus, quick, tmp_path).manifest
    assert manifest["backend"] == quick.config.backend
    assert 0.98 < manifest["fidelity"] < 1
    stats = all_stats(tmp_path / "cache")
    assert min(s["fidelity"] for s in stats) == manifest["fidelity"]
    assert all(s["fidelity_lowest"] <= s["fidelity"] for s in stats)
    assert {s["backend"] for s in stats} == {quick.config.backend}
    merge_files(tmp_path / "other", [tmp_path / "cache"])
    merged = all_stats(tmp_path / "other")
    for name in ("backend", "fidelity"):
        assert [s[name] for s in merged] == [s[name] for s in stats]
    assert embed_corpus(corpus, quick.exact, tmp_path).manifest["fidelity"] is None


def test_vectors_too_far_off_are_refused_before_any_is_stored(quick, tmp_path):
    path = write_jsonl(tmp_path / "rows.jsonl", ROWS)
    corpus = build_corpus(DataConfig(sources=[str(path)]), tmp_path / "corpora")
    strict = Teacher(quick.config.model_copy(update={"min_fidelity": 1.0}))
    with pytest.raises(TeacherError, match=r"mean cosine of .*backend: torch"):
        embed_corpus(corpus, strict, tmp_path)
    assert sum(s["texts"] for s in all_stats(tmp_path / "cache")) == 0
    assert not (tmp_path / "vectors").exists() or not any((tmp_path / "vectors").glob("*/*.json"))


def test_vectors_stored_when_less_was_asked_for_are_refused_too(quick, tmp_path):
    rows = write_jsonl(tmp_path / "rows.jsonl", ROWS)
    fewer = write_jsonl(tmp_path / "fewer.jsonl", ROWS[1:])
    corpora = [
        build_corpus(DataConfig(sources=[str(path)]), tmp_path / "corpora")
        for path in (rows, fewer)
    ]
    embed_corpus(corpora[0], quick, tmp_path)
    strict = Teacher(quick.config.model_copy(update={"min_fidelity": 1.0}))
    for corpus in corpora:  # the matrix is there; its vectors are
        with pytest.raises(TeacherError, match=r"mean cosine of .*allow less"):
            embed_corpus(corpus, strict, tmp_path)
    embed_corpus(corpora[1], quick, tmp_path)
