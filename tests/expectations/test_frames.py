from pathlib import Path

import numpy as np
import pytest

from cube import storage
from cube.config import DataConfig, FilterConfig
from cube.data.corpus import build_corpus
from cube.teacher.vectors import Vectors
from expectations import embeddings_frame, frames, load_suite, pairs_frame, validate
from tests.conftest import write_jsonl


def unit_rows(count: int = 300, dimension: int = 24) -> np.ndarray:
    rows = np.random.default_rng(0).standard_normal((count, dimension)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def stored(folder: Path, matrix: np.ndarray) -> Vectors:
    np.save(folder / "vectors.npy", matrix)
    storage.write_json(folder / "manifest.json", {"digest": "0"})
    return Vectors(folder)


def check(folder: Path, matrix: np.ndarray, **options) -> dict:
    return validate(embeddings_frame(stored(folder, matrix), **options), load_suite("embeddings"))


def failures(result: dict) -> dict[str, list]:
    return {
        entry["column"]: [example["row"] for example in entry["examples"]]
        for entry in result["expectations"]
        if not entry["success"]
    }


def test_good_vectors_meet_everything(tmp_path):
    result = check(tmp_path, unit_rows())
    assert result["success"]
    assert failures(result) == {}


def test_half_precision_is_good_enough(tmp_path):
    assert check(tmp_path, unit_rows().astype(np.float16))["success"]


def test_bad_vectors_are_found_by_row(tmp_path):
    matrix = unit_rows()
    matrix[3, 5] = np.nan
    matrix[4, 0] = np.inf
    matrix[7] = 0
    matrix[9] *= 3
    result = check(tmp_path, matrix)
    assert not result["success"]
    assert failures(result) == {"finite": [3, 4], "is_zero": [7], "unit_error": [7, 9]}


def test_a_teacher_that_does_not_normalise_may_have_any_length(tmp_path):
    result = check(tmp_path, 7 * unit_rows(), unit_length=False)
    assert failures(result) == {}


def test_many_duplicates_are_a_warning_unless_they_are_the_same_text_in_both_roles(tmp_path):
    matrix = np.concatenate([unit_rows(150), unit_rows(150)])
    result = check(tmp_path, matrix)
    assert result["success"]
    assert list(failures(result)) == [None]
    kinds = ["query"] * 150 + ["passage"] * 150
    assert failures(check(tmp_path, matrix, kinds=kinds)) == {}


def test_chunks_make_no_difference(tmp_path, monkeypatch):
    vectors = stored(tmp_path, unit_rows())
    whole = embeddings_frame(vectors)
    monkeypatch.setattr(frames, "_CHUNK_ROWS", 7)
    assert embeddings_frame(vectors).equals(whole)


@pytest.fixture
def corpus(tmp_path):
    rows = [
        {"question": "Where is my bill?", "answer": "Under Settings."},
        {"question": "Same", "answer": "Same"},
        {"question": "Кто там?", "answer": "Me & <you>"},
    ]
    lenient = DataConfig(filters=FilterConfig(question_equals_answer=False))
    return build_corpus(lenient, tmp_path, [str(write_jsonl(tmp_path / "faq.jsonl", rows))])


def test_pairs_frame_has_the_texts_of_every_pair(corpus):
    frame = pairs_frame(corpus)
    assert frame["question"].tolist() == ["Where is my bill?", "Same", "Кто там?"]
    assert frame["answer"].tolist() == ["Under Settings.", "Same", "Me & <you>"]
    assert frame["question_is_answer"].tolist() == [False, True, False]
    assert frame["row"].tolist() == [0, 1, 2]
    assert set(frame["source"]) == {"faq"}
