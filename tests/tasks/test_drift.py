import json

import numpy as np
import pytest

from cube.config import DriftConfig
from tasks.drift import compare

DIMENSION, RANK, TOPICS = 384, 24, 60


class Questions:
    """Vectors of questions that gather around topics, like those of a text encoder."""

    def __init__(self, seed: int):
        self._generator = np.random.default_rng(seed)
        self._directions = self._generator.standard_normal((RANK, DIMENSION))
        self.known = self._generator.standard_normal((TOPICS, RANK))
        self.new = self._generator.standard_normal((TOPICS, RANK))

    def ask(self, count: int, share_new: float = 0.0) -> np.ndarray:
        """Return `count` vectors of length 1, a share of them about new topics."""
        topics = np.where(
            self._generator.random((count, 1)) < share_new,
            self.new[self._generator.integers(TOPICS, size=count)],
            self.known[self._generator.integers(TOPICS, size=count)],
        )
        wording = topics + 0.3 * self._generator.standard_normal((count, RANK))
        rows = wording @ self._directions
        rows += self._generator.standard_normal(rows.shape)
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("count", [30, 300, 1000])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_halves_of_the_same_questions_are_no_drift(count, seed):
    questions = Questions(seed).ask(2 * count)
    result = compare(questions[:count], questions[count:], DriftConfig())
    assert result["judged"]
    assert not result["drifted"]
    assert len(result["null_scores"]) == DriftConfig().splits


@pytest.mark.parametrize("count", [160, 1000])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_mostly_new_topics_are_drift(count, seed):
    questions = Questions(seed)
    result = compare(questions.ask(count, share_new=0.75), questions.ask(1000), DriftConfig())
    assert result["drifted"]
    assert result["score"] > result["threshold"] >= 0.55


def test_a_handful_of_quite_other_questions_is_drift():
    questions = Questions(0)
    moved = questions.ask(30)
    moved[:, :40] += 0.2
    assert compare(moved, questions.ask(1000), DriftConfig())["drifted"]


def test_too_few_questions_are_not_judged():
    questions = Questions(0)
    result = compare(questions.ask(29, share_new=1.0), questions.ask(300), DriftConfig())
    assert (result["judged"], result["drifted"], result["score"]) == (False, False, None)
    assert "29 recent" in result["note"]


def test_rows_are_capped():
    questions = Questions(0)
    config = DriftConfig(max_rows=50, splits=5)
    result = compare(questions.ask(80), questions.ask(400), config)
    assert (result["current_rows"], result["reference_rows"]) == (50, 50)


def test_the_result_is_the_same_every_time_and_json():
    questions = Questions(0)
    recent, known = questions.ask(60), questions.ask(200)
    first, second = (compare(recent, known, DriftConfig(splits=5)) for _ in range(2))
    assert first == second == json.loads(json.dumps(first, allow_nan=False))
