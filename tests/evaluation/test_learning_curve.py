"""The curve's expectation is a straight line through a quarter, a half and all of the data."""

import numpy as np
import pytest

from cube.config import EvaluationConfig
from cube.evaluation.learning_curve import learning_curve, part

CONFIG = EvaluationConfig(bootstrap_resamples=2_000)


def test_a_constant_gain_per_doubling_goes_on(planted_experiment):
    data = planted_experiment.training_set
    full = np.random.default_rng(0).uniform(0.3, 0.5, 200)
    curve = learning_curve(
        data, "unseen_answers", full, lambda _, share: full + 0.05 * np.log2(share), CONFIG
    )
    assert curve["gain"]["difference"] == pytest.approx(0.05)
    assert curve["expected"] == pytest.approx(full.mean() + 0.05)
    assert [point["pairs"] for point in curve["points"]] == [100, 200, 400]
    assert curve["doubled_pairs"] == 800


def test_the_parts_are_trained_on_and_drift_remembers_training_alone(planted_experiment):
    data, sizes = planted_experiment.training_set, []

    def score(part, share):
        sizes.append(part.num_pairs)
        return np.ones(5)

    learning_curve(data, "x", np.ones(5), score, CONFIG)
    assert sizes == [100, 200]
    kept = planted_experiment.reference_rows(10_000)
    assert set(kept.tolist()) == set(data.questions.tolist())


def test_a_single_pair_has_a_curve(planted_experiment):
    data = part(planted_experiment.training_set, 0.001, seed=0)
    curve = learning_curve(data, "x", np.ones(5), lambda _, share: np.ones(5), CONFIG)
    assert [point["pairs"] for point in curve["points"]] == [1, 1, 1]


def test_noise_widens_the_interval_and_no_score_exceeds_one(planted_experiment):
    data, generator = planted_experiment.training_set, np.random.default_rng(0)
    for level in (0.5, 0.99):
        full = np.full(50, level)
        noisy = learning_curve(
            data, "x", full, lambda _, share: generator.uniform(0, 1, 50), CONFIG
        )
        gain = noisy["gain"]
        assert gain["low"] <= gain["difference"] <= gain["high"]
        assert level + gain["high"] <= 1 + 1e-9
        assert noisy["expected"] == pytest.approx(level + gain["difference"])
        assert level > 0.9 or gain["high"] - gain["low"] > 0.1


def test_the_interval_is_as_wide_as_the_settings_say(planted_experiment):
    generator = np.random.default_rng(0)
    full, less = generator.uniform(0, 1, 200), generator.uniform(0, 1, 200)

    def width(config):
        curve = learning_curve(
            planted_experiment.training_set, "x", full, lambda _, share: share * less, config
        )
        return curve["gain"]["high"] - curve["gain"]["low"]

    usual = width(CONFIG)
    assert width(CONFIG.model_copy(update={"confidence": 0.6})) < 0.6 * usual
    assert width(CONFIG.model_copy(update={"bootstrap_resamples": 300})) != usual


def test_parts_are_nested_pairs_of_the_training_set(planted_experiment):
    data = planted_experiment.training_set
    quarter, half = part(data, 0.25, seed=1), part(data, 0.5, seed=1)
    assert set(quarter.questions) < set(half.questions) < set(data.questions)
    whole = dict(zip(data.questions, data.answers, strict=True))
    assert [whole[q] for q in half.questions] == half.answers.tolist()
    assert part(data, 0.5, seed=2).questions.tolist() != half.questions.tolist()
