"""The discrepancy of vectors equals plain loops, and so do its scores without drift."""

import numpy as np
import pytest

from cube.drift.judgement import random_parts
from cube.drift.mmd import SPLITS, judge_mmd


def plain_mmd(a, b, width):
    """Return the unbiased estimate of the squared distance, kernel by kernel."""

    def mean(pairs):
        return np.mean([np.exp(-((x - y) ** 2).sum() / width) for x, y in pairs])

    def within(rows):
        return mean([(x, y) for i, x in enumerate(rows) for j, y in enumerate(rows) if i != j])

    return within(a) + within(b) - 2 * mean([(x, y) for x in a for y in b])


@pytest.mark.parametrize(("rows", "part"), [(7, 7), (30, 15)])
def test_scores_equal_plain_loops(rows, part):
    generator = np.random.default_rng(0)
    current, reference = generator.standard_normal((2, 30, 4))
    current = current[:rows] + 0.5
    judgement = judge_mmd(current, reference, deviations=3)
    distances = [((x - y) ** 2).sum() for i, x in enumerate(reference) for y in reference[:i]]
    width = np.median(distances)
    assert judgement.score == pytest.approx(plain_mmd(current, reference, width), abs=1e-6)
    masks = list(random_parts(30, rows, SPLITS))
    assert {mask.sum() for mask in masks} == {part}
    expected = [plain_mmd(reference[mask], reference[~mask], width) for mask in masks[:3]]
    assert judgement.null_scores[:3] == pytest.approx(expected, abs=1e-6)
    null = np.array(judgement.null_scores)
    assert judgement.threshold == pytest.approx(null.mean() + 3 * null.std())
    assert judgement.drifted == (judgement.score > judgement.threshold)


def test_a_reference_of_one_vector_has_no_width_and_no_drift():
    same = np.ones((20, 4))
    judgement = judge_mmd(same, same, deviations=3)
    assert judgement.score == pytest.approx(0, abs=1e-9)
    assert not judgement.drifted
