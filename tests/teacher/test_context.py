"""Several turns as one vector."""

import numpy as np
import pytest

from cube.config import DataConfig, parse_config
from cube.data.corpus import build_corpus
from cube.errors import ConfigError
from cube.teacher.context import combine_turns, encode_question
from cube.teacher.vectors import embed_corpus
from tests.conftest import write_jsonl
from tests.fake_teacher import FakeTeacher, vector_of

DIALOGUE = {"dialogue_id": "d", "turns": ["one", "two", "three", "four", "five", "six"]}


def test_weights_go_from_the_last_turn_back_and_their_last_holds_for_all_before():
    turns = np.eye(4, dtype=np.float32)
    mean = combine_turns(turns, [1.0, 0.5, 0.25], False)
    np.testing.assert_allclose(mean, np.array([1, 1, 2, 4]) / 8)
    unit = combine_turns(turns[1:, 1:], [1.0, 0.5, 0.25, 0.9], True)
    np.testing.assert_allclose(unit, np.array([1, 2, 4]) / 21**0.5, rtol=1e-6)
    np.testing.assert_array_equal(combine_turns(turns, [1.0, 0.0], True), turns[3])


def test_turns_that_cancel_out_leave_the_last():
    turns = np.array([[1, 0], [-1, 0]], np.float32)
    np.testing.assert_array_equal(combine_turns(turns, [1.0], True), turns[1])


def test_the_last_turn_has_to_count():
    with pytest.raises(ConfigError, match="turn to answer"):
        parse_config({"data": {"context_weights": [0, 1]}})


def test_the_corpus_and_a_question_asked_later_agree(tmp_path):
    path = write_jsonl(tmp_path / "d.jsonl", [DIALOGUE])
    for context in ("joined", "last", "weighted"):
        config = DataConfig(sources=[str(path)], context=context, context_turns=3,
                            context_weights=[1, 0.4, 0.16])  # fmt: skip
        corpus = build_corpus(config, tmp_path / "corpora")
        teacher = FakeTeacher()
        vectors = embed_corpus(corpus, teacher, tmp_path)  # type: ignore[arg-type]
        last = corpus.pairs.to_pylist()[-1]
        turns = [corpus.texts()[row] for row in last["context"]]
        assert turns == ["three", "four", "five"]
        asked = encode_question(
            teacher,  # type: ignore[arg-type]
            ["one", "two", *turns],  # more than were seen in training
            context,
            config.context_turns,
            config.context_weights,
        )
        np.testing.assert_allclose(vectors.matrix[last["question"]], asked[0], rtol=1e-5)
        if context == "weighted":
            parts = 0.16 * vector_of("three") + 0.4 * vector_of("four") + vector_of("five")
            np.testing.assert_allclose(asked[0], parts / np.linalg.norm(parts), rtol=1e-5)
            assert vectors.manifest["context_vectors"] == 2
