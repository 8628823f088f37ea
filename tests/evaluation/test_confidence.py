"""A probability of 0.7 is right seven times in ten; a question from elsewhere is novel."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from cube.config import CoreConfig
from cube.evaluation.confidence import (
    Asked,
    Confidence,
    ask_twice,
    distances_to,
    fit_confidence,
    reliability,
)
from cube.lattice.core import Cube
from cube.ranking import RetrievalTask, normalized
from tests.evaluation.conftest import experiment_of


@pytest.fixture(scope="module")
def noisy():
    """3,000 pairs; how far a question lies from its answer differs, so some are surely right."""
    generator = np.random.default_rng(0)
    answers = normalized(generator.standard_normal((3_000, 16)))
    noise = generator.uniform(0.1, 2.0, (3_000, 1)) * generator.standard_normal((3_000, 16)) / 4
    return experiment_of(normalized(answers + noise), answers)


def test_probabilities_hold_on_the_test_part(noisy):
    cube, reference = Cube(16, CoreConfig()), noisy.reference_questions(1_000)
    confidence = fit_confidence(cube, noisy, reference)
    assert confidence is not None
    task = noisy.task("unseen_answers")
    questions = noisy.gather(task.questions)
    asked = ask_twice(cube.apply_to(questions), noisy.bank_vectors, task)
    novelty = confidence.novelty(questions, reference)[asked.questions]
    probability = confidence.probability(asked.top_scores, novelty)
    values = reliability(probability, asked, confidence.threshold)
    assert values["calibration_error"] < 0.05
    share = asked.right.mean()
    assert values["brier"] < share * (1 - share) * 0.8
    assert values["answered_accuracy"] > values["accuracy"] + 0.1
    assert values["answered_without"] < values["answered_share"] / 2
    assert Confidence(**json.loads(json.dumps(asdict(confidence)))) == confidence


def asked_of(right: np.ndarray, missing: np.ndarray | None = None) -> Asked:
    missing = np.zeros(len(right), bool) if missing is None else missing
    return Asked(np.arange(len(right)), np.empty((len(right), 0)), right, missing)


def test_a_question_is_asked_again_without_its_right_answers():
    predictions = np.eye(3, dtype=np.float32)[[0, 1]]
    bank = normalized(np.array([[9, 1, 1], [8, 3, 0], [1, 7, 2], [1, 1, 9], [0, 5, 5]], np.float32))
    cosines = predictions @ bank.T
    # The first question has two right answers, its nearest two; the second one wrong beside four.
    task = RetrievalTask(
        np.arange(2), np.arange(5), np.array([0, 2, 6]), np.array([0, 1, 0, 2, 3, 4])
    )
    asked = ask_twice(predictions, bank, task)
    assert asked.questions.tolist() == [0, 1, 0]  # with one answer left there is no lead
    assert asked.right.tolist() == [True, True, False]
    assert asked.missing.tolist() == [False, False, True]
    expected = [cosines[0, [0, 1]], cosines[1, [2, 4]], np.sort(cosines[0, [2, 3, 4]])[:0:-1]]
    np.testing.assert_allclose(asked.top_scores, expected, atol=1e-5)


def test_reliability_equals_a_plain_version():
    generator = np.random.default_rng(0)
    probability = generator.random(500)
    right = generator.random(500) < probability
    missing = ~right & (np.arange(500) % 2 == 0)
    values = reliability(probability, asked_of(right, missing), 0.8)
    error = 0.0
    for i, part in enumerate(values["bins"]):
        assert (part["low"], part["high"]) == (i / 10, (i + 1) / 10)
        inside = (probability >= i / 10) & (probability < (i + 1) / 10)
        assert part["questions"] == inside.sum()
        assert part["predicted"] == pytest.approx(probability[inside].mean())
        assert part["right"] == right[inside].mean()
        error += abs(probability[inside].sum() - right[inside].sum()) / 500
    assert values["calibration_error"] == pytest.approx(error)
    assert len(values["bins"]) == 10
    sure = probability >= 0.8
    assert values["answered_share"] == sure[~missing].mean()
    assert values["answered_accuracy"] == right[sure & ~missing].mean()
    assert values["answered_without"] == sure[missing].mean()
    assert (values["questions"], values["accuracy"]) == ((~missing).sum(), right[~missing].mean())
    assert values["right_share"] == right.mean()


def test_an_overconfident_probability_has_a_large_error():
    right = np.arange(100) % 2 == 0
    assert reliability(np.full(100, 1.0), asked_of(right), 0.5)[
        "calibration_error"
    ] == pytest.approx(0.5)
    unsure = reliability(np.full(100, 0.2), asked_of(right), 0.5)
    assert (unsure["answered_accuracy"], unsure["answered_without"]) == (None, None)


def test_questions_from_elsewhere_are_novel(noisy):
    reference = noisy.reference_questions(1_000)
    confidence = fit_confidence(Cube(16, CoreConfig()), noisy, reference)
    assert confidence is not None
    usual = noisy.gather(noisy.task("unseen_answers").questions)
    assert 0.4 < confidence.novelty(usual, reference).mean() < 0.6
    one_sided = reference[reference[:, 0] < 0]
    far = np.tile(np.eye(16, dtype=np.float32)[:1], (5, 1))
    assert distances_to(far, one_sided).min() > distances_to(usual, reference).max()


def test_too_few_questions_give_no_confidence(planted):
    questions, answers = (part[:60] for part in planted)
    few = experiment_of(questions, answers)
    assert fit_confidence(Cube(48, CoreConfig()), few, few.reference_questions(10)) is None


@pytest.mark.parametrize("known", [3, 40])
def test_the_distance_is_that_to_the_fifth_nearest_or_the_farthest_of_fewer(known):
    generator = np.random.default_rng(0)
    questions, reference = (
        generator.standard_normal((7, 16)),
        generator.standard_normal((known, 16)),
    )
    cosines = np.sort(normalized(questions) @ normalized(reference).T, axis=1)[:, ::-1]
    np.testing.assert_allclose(
        distances_to(questions, reference), 1 - cosines[:, min(known, 5) - 1]
    )


def test_a_probability_is_the_logistic_function_of_score_lead_and_novelty():
    confidence = Confidence([1.0, 2.0, -3.0], 0.5, [0.0], 100)
    scores, novelty = np.array([[0.9, 0.6], [0.4, 0.4]]), np.array([0.1, 0.8])
    logits = np.array([0.9 + 2 * 0.3 - 0.3 + 0.5, 0.4 - 2.4 + 0.5])
    np.testing.assert_allclose(confidence.probability(scores, novelty), 1 / (1 + np.exp(-logits)))
