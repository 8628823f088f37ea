"""Leaving pairs out after reading: what stays is whole, what goes is listed."""

import json

import numpy as np
import pytest

from cube.config import DataConfig
from cube.data.corpus import build_corpus
from cube.data.screening import without_pairs
from cube.errors import DataError
from tests.conftest import write_jsonl


@pytest.fixture
def corpus(tmp_path):
    rows = [{"question": f"question {i}?", "answer": f"answer {i // 2}"} for i in range(20)]
    rows.append({"question": "", "answer": "no question"})
    path = write_jsonl(tmp_path / "pairs.jsonl", rows)
    return build_corpus(DataConfig(sources=[str(path)]), tmp_path / "corpora")


def test_the_others_stay_as_they_are(corpus, tmp_path):
    reasons = {3: "too odd", 0: "too short", 1: "too short"}
    screened = without_pairs(corpus, reasons, tmp_path / "corpora")
    left = np.setdiff1d(np.arange(20), list(reasons))
    np.testing.assert_array_equal(screened.questions, corpus.questions[left])
    np.testing.assert_array_equal(screened.answers, corpus.answers[left])
    assert screened.texts() == corpus.texts()
    manifest = screened.manifest
    assert manifest["digest"] == screened.folder.name != corpus.digest
    assert manifest["screened"] == {"pairs": 3, "corpus": corpus.digest}
    assert (manifest["pairs"], manifest["distinct_answers"]) == (17, 9)
    assert manifest["rows"] == corpus.manifest["rows"]
    assert manifest["reasons"]["too short"] == 2
    assert manifest["reasons"].items() >= corpus.manifest["reasons"].items()


def test_what_is_left_out_is_in_the_quarantine(corpus, tmp_path):
    screened = without_pairs(corpus, {4: "too odd"}, tmp_path / "corpora")
    before, after = (
        (c.folder / "quarantine.jsonl").read_text("utf-8").splitlines() for c in (corpus, screened)
    )
    assert after[:-1] == before
    assert json.loads(after[-1]) == {
        "file": "pairs", "line": 4, "reason": "too odd",
        "row": {"question": "question 4?", "answer": "answer 2"},
    }  # fmt: skip


def test_the_same_again_is_the_same_corpus(corpus, tmp_path):
    root = tmp_path / "corpora"
    first = without_pairs(corpus, {4: "too odd"}, root)
    written = (first.folder / "manifest.json").stat().st_mtime_ns
    assert without_pairs(corpus, {4: "too odd"}, root) == first
    assert (first.folder / "manifest.json").stat().st_mtime_ns == written
    assert without_pairs(corpus, {5: "too odd"}, root).digest != first.digest
    assert without_pairs(corpus, {4: "too short"}, root).digest != first.digest
    assert without_pairs(corpus, {}, root) == corpus


def test_nothing_left_is_an_error(corpus, tmp_path):
    with pytest.raises(DataError, match="All 20 pairs would be left out: too odd"):
        without_pairs(corpus, dict.fromkeys(range(20), "too odd"), tmp_path / "corpora")
