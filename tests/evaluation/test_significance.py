"""Intervals say what they claim."""

import numpy as np

from cube.evaluation.significance import paired_bootstrap


def test_equal_scores_have_no_difference():
    scores = np.random.default_rng(0).random(50)
    interval = paired_bootstrap(scores, scores)
    assert (interval.difference, interval.low, interval.high) == (0, 0, 0)
    assert not interval.better
    assert not interval.worse


def test_pairing_makes_a_small_steady_gain_visible():
    base = np.random.default_rng(0).random(100)
    assert paired_bootstrap(base + 0.01, base).better
    assert paired_bootstrap(base, base + 0.01).worse


def test_blocks_and_repetitions_do_not_change_it(monkeypatch):
    ours, theirs = np.random.default_rng(0).random((2, 30))
    whole = paired_bootstrap(ours, theirs, resamples=500)
    assert paired_bootstrap(ours, theirs, resamples=500) == whole
    assert paired_bootstrap(ours, theirs, resamples=500, seed=1) != whole


def test_intervals_cover_the_truth():
    generator = np.random.default_rng(1)
    covered = 0
    for _ in range(200):
        differences = 0.1 + generator.standard_normal(120)
        interval = paired_bootstrap(differences, np.zeros(120), resamples=1_000)
        covered += interval.low <= 0.1 <= interval.high
    assert 0.90 <= covered / 200 <= 0.985
