"""A probability of 0.7 is right seven times in ten; a question from elsewhere is novel."""

import numpy as np
import pytest

from cube.config import CoreConfig
from cube.evaluation.confidence import Confidence, distances_to, fit_confidence, reliability
from cube.lattice.core import Cube
from cube.ranking import normalized, search
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
    ranking = search(cube.apply_to(questions), noisy.bank_vectors, task, 2, normalized)
    novelty = confidence.novelty(questions, reference)
    probability = confidence.probability(ranking.top_scores, novelty)
    right = ranking.ranks == 1
    values = reliability(probability, right, confidence.threshold)
    assert values["calibration_error"] < 0.08
    assert values["brier"] < right.mean() * (1 - right.mean()) * 0.8
    assert values["answered_accuracy"] > values["accuracy"] + 0.1
    assert Confidence.from_json(confidence.to_json()) == confidence


def test_reliability_equals_a_plain_version():
    generator = np.random.default_rng(0)
    probability = generator.random(500)
    right = generator.random(500) < probability
    values = reliability(probability, right, 0.8)
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
    assert values["answered_share"] == (probability >= 0.8).mean()


def test_an_overconfident_probability_has_a_large_error():
    right = np.arange(100) % 2 == 0
    assert reliability(np.full(100, 1.0), right, 0.5)["calibration_error"] == pytest.approx(0.5)
    assert reliability(np.full(100, 0.2), right, 0.5)["answered_accuracy"] is None


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
