"""The vector matrix: row i is text i, and no text is encoded twice."""

import numpy as np
import pytest

from cube.config import DataConfig, TeacherConfig
from cube.data.corpus import build_corpus
from cube.errors import TeacherError
from cube.teacher.encoder import Teacher
from cube.teacher.vectors import embed_corpus
from tests.conftest import write_jsonl
from tests.fake_teacher import FakeTeacher

ROWS = [{"question": f"Question number {i}?", "answer": f"Answer {i % 3}."} for i in range(8)]


def corpus_of(tmp_path, rows, **settings):
    path = write_jsonl(tmp_path / "rows.jsonl", rows)
    return build_corpus(DataConfig(sources=[str(path)], **settings), tmp_path / "corpora")


def test_row_i_is_text_i_and_the_second_time_nothing_is_encoded(tmp_path):
    teacher = Teacher(TeacherConfig())
    corpus = corpus_of(tmp_path, ROWS)
    seen = []
    vectors = embed_corpus(corpus, teacher, tmp_path, lambda *done: seen.append(done))
    assert vectors.matrix.shape == (11, 384)
    assert (vectors.manifest["encoded"], vectors.manifest["cache_hits"]) == (11, 0)
    assert seen[-1] == (11, 11)
    np.testing.assert_allclose(vectors.matrix, teacher.encode(corpus.texts(), "query"), atol=1e-6)

    fresh = Teacher(TeacherConfig())
    assert embed_corpus(corpus, fresh, tmp_path).folder == vectors.folder
    assert "model" not in vars(fresh)  # the weights were not even loaded

    more = corpus_of(tmp_path, [*ROWS, {"question": "New?", "answer": "Answer 1."}])
    manifest = embed_corpus(more, teacher, tmp_path).manifest
    assert (manifest["encoded"], manifest["cache_hits"]) == (1, 11)


def test_a_teacher_that_cannot_be_loaded_leaves_no_cache(tmp_path):
    corpus = corpus_of(tmp_path, ROWS)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    with pytest.raises(TeacherError, match="Cannot load"):
        embed_corpus(corpus, Teacher(TeacherConfig(model=str(tmp_path / "model"))), tmp_path)
    assert not (tmp_path / "cache").exists()


def test_roles_get_their_own_prompts(tmp_path):
    config = TeacherConfig(query_prompt="query: ", passage_prompt="passage: ")
    same = [{"question": "Same text", "answer": "Same text"}]
    corpus = corpus_of(tmp_path, same, filters={"question_equals_answer": False})
    vectors = embed_corpus(corpus, Teacher(config), tmp_path)
    plain = Teacher(TeacherConfig())
    expected = plain.encode(["query: Same text", "passage: Same text"], "query")
    np.testing.assert_allclose(vectors.matrix, expected, atol=1e-6)


def test_float16_is_stored_and_gathered_as_float32(tmp_path):
    corpus = corpus_of(tmp_path, ROWS)
    vectors = embed_corpus(corpus, Teacher(TeacherConfig(dtype="float16")), tmp_path)
    assert vectors.matrix.dtype == np.float16
    assert vectors.rows(np.array([0, 1])).dtype == np.float32


def test_another_number_format_is_another_matrix(tmp_path):
    corpus, teacher = corpus_of(tmp_path, ROWS), FakeTeacher()
    for dtype in ("float32", "float16"):
        teacher.config = teacher.config.model_copy(update={"dtype": dtype})
        assert embed_corpus(corpus, teacher, tmp_path).matrix.dtype == dtype
