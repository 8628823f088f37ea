"""Several turns as one vector."""

import numpy as np

from cube.config import DataConfig
from cube.data.corpus import build_corpus
from cube.teacher.context import combine_turns, encode_question
from cube.teacher.vectors import embed_corpus
from tests.conftest import write_jsonl
from tests.fake_teacher import FakeTeacher, vector_of

DIALOGUE = {"dialogue_id": "d", "turns": ["one", "two", "three", "four", "five", "six"]}


def test_weights_decay_from_the_last_turn_back():
    turns = np.eye(3, dtype=np.float32)
    np.testing.assert_allclose(combine_turns(turns, 0.5, False), np.array([1, 2, 4]) / 7)
    unit = combine_turns(turns, 0.5, True)
    np.testing.assert_allclose(unit, np.array([1, 2, 4]) / 21**0.5, rtol=1e-6)
    np.testing.assert_array_equal(combine_turns(turns, 0.0, True), turns[2])
    np.testing.assert_array_equal(combine_turns(np.stack([turns[0], -turns[0]]), 1.0, True),
                                  -turns[0])  # fmt: skip


def test_the_corpus_and_a_question_asked_later_agree(tmp_path):
    path = write_jsonl(tmp_path / "d.jsonl", [DIALOGUE])
    for context in ("joined", "last", "decayed"):
        config = DataConfig(sources=[str(path)], context=context, context_decay=0.4)
        corpus = build_corpus(config, tmp_path / "corpora")
        teacher = FakeTeacher()
        vectors = embed_corpus(corpus, teacher, tmp_path)  # type: ignore[arg-type]
        last = corpus.pairs.to_pylist()[-1]
        turns = [corpus.texts()[row] for row in last["context"]]
        assert turns == ["three", "four", "five"]
        asked = encode_question(teacher, turns, context, 0.4)  # type: ignore[arg-type]
        np.testing.assert_allclose(vectors.matrix[last["question"]], asked[0], rtol=1e-5)
        if context == "decayed":
            parts = 0.16 * vector_of("three") + 0.4 * vector_of("four") + vector_of("five")
            np.testing.assert_allclose(asked[0], parts / np.linalg.norm(parts), rtol=1e-5)
            assert vectors.manifest["context_vectors"] == 2
