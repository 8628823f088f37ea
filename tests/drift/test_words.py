import numpy as np

from cube.drift.mmd import judge_mmd
from cube.drift.properties import judge_properties
from cube.drift.words import sees


def test_every_measure_is_explained():
    rows = np.random.default_rng(0).standard_normal((20, 4))
    texts = [f"how does it work {i}" for i in range(20)]
    methods = [judge_mmd(rows, rows, 5).method]
    methods += [judgement.method for judgement in judge_properties(texts, texts, 5)]
    assert all(sees(method) for method in methods)
