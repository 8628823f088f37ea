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
    """Differences of reciprocal ranks: mostly 0, sometimes large, as real ones are."""
    generator = np.random.default_rng(1)
    ours, theirs = (1 / generator.geometric(share, 100_000) for share in (0.5, 0.4))
    same = generator.random(100_000) < 0.6
    theirs[same] = ours[same]
    truth = (ours - theirs).mean()
    covered = 0
    for _ in range(200):
        drawn = generator.integers(0, 100_000, 250)
        interval = paired_bootstrap(ours[drawn], theirs[drawn], resamples=1_000)
        covered += interval.low <= truth <= interval.high
    assert 0.92 <= covered / 200 <= 0.98
