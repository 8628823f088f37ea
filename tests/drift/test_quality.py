from dataclasses import replace

import numpy as np
import pytest

from cube.config import CoreConfig
from cube.data.splits import Split, slice_pairs
from cube.drift import quality
from cube.drift.quality import Answered, judge_quality
from cube.evaluation.experiment import Experiment
from cube.lattice.core import Cube

PAIRS, DIMENSION = 600, 48


@pytest.fixture
def known() -> Experiment:
    """Questions near their answers, a third of them for the test."""
    generator = np.random.default_rng(0)
    answers = generator.standard_normal((PAIRS, DIMENSION)).astype(np.float32)
    vectors = np.concatenate([near(answers, 1), answers])
    splits = np.where(np.arange(PAIRS) % 3 == 0, Split.TEST, Split.TRAIN).astype(np.int8)
    right = np.arange(PAIRS, 2 * PAIRS)
    slices = slice_pairs(right, np.zeros(PAIRS, bool), splits, PAIRS)
    return Experiment(vectors, np.arange(PAIRS), right, splits, slices)


def near(answers: np.ndarray, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(answers.shape)
    return (answers + 1.5 * noise).astype(np.float32)


def recent(known: Experiment, count: int) -> Answered:
    """Return new questions for some of the answers, half of them not in the bank yet."""
    generator = np.random.default_rng(2)
    old = known.vectors[known.answers[: count // 2]]
    new = generator.standard_normal((count - len(old), DIMENSION)).astype(np.float32)
    answers = np.concatenate([old, new])
    return Answered(near(answers, 3), answers)


@pytest.mark.parametrize("count", [30, 200])
def test_answers_as_good_as_ever_are_no_alarm(known, count):
    judgement = judge_quality(cube(), recent(known, count), known, deviations=5)
    assert judgement is not None
    assert not judgement.drifted


@pytest.mark.parametrize("count", [60, 200])
def test_shuffled_answers_raise_the_alarm(known, count):
    right = recent(known, count)
    wrong = Answered(right.questions, np.roll(right.answers, 7, axis=0))
    judgement = judge_quality(cube(), wrong, known, deviations=5)
    assert judgement is not None
    assert judgement.drifted
    assert judgement.score > 0.3


def test_a_handful_of_questions_is_not_judged(known):
    assert judge_quality(cube(), recent(known, 6), known, deviations=5) is None


def cube() -> Cube:
    return Cube(DIMENSION, CoreConfig())


def test_recent_questions_are_compared_with_those_that_were_held_out(known):
    train, vectors = known.splits == Split.TRAIN, known.vectors.copy()
    vectors[known.questions[train]] = vectors[known.answers[train]]  # learned by heart
    learned = replace(known, vectors=vectors)
    judgement = judge_quality(cube(), recent(known, 200), learned, deviations=5)
    assert judgement is not None
    assert not judgement.drifted


def test_new_and_old_questions_are_ranked_among_equally_many_answers(known, monkeypatch):
    monkeypatch.setattr(quality, "_MOST_ANSWERS", 220)
    ranked = []
    ranks = quality._reciprocal_ranks
    monkeypatch.setattr(
        quality, "_reciprocal_ranks", lambda *of: (ranked.append(len(of[2].bank)), ranks(*of))[1]
    )
    assert judge_quality(cube(), recent(known, 40), known, deviations=5) is not None
    assert ranked == [220, 220]
