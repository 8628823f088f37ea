"""Histograms count every question once; examples are the questions that changed most."""

import pytest

from cube.config import CoreConfig, EvaluationConfig
from cube.evaluation.baselines import closed_form_baselines, cube_system
from cube.evaluation.baselines.system import System
from cube.evaluation.evaluate import judge_systems
from cube.evaluation.examples import find_examples, similarity_histograms
from cube.lattice.core import Cube

CONFIG = EvaluationConfig(bootstrap_resamples=300)


@pytest.fixture
def judged(planted_experiment):
    baselines = list(closed_form_baselines(planted_experiment))
    ridge = next(system for system in baselines if system.name == "ridge_raw")
    cube = System("cube", "cube", ridge.predict)
    return judge_systems(planted_experiment, [cube, *baselines], CONFIG)


def test_histograms_count_every_question_once(judged):
    counts = similarity_histograms(judged, ["cube", "identity"], "unseen_answers")["counts"]
    for name in ("cube", "identity"):
        assert sum(counts[name]["right"]) == sum(counts[name]["best_wrong"]) == 100


def test_the_best_wrong_answer_is_not_a_right_one(planted_experiment):
    systems = [cube_system("cube", "cube", Cube(48, CoreConfig()))]
    systems.append(System("identity", "identity", lambda x: x))
    judged = judge_systems(planted_experiment, systems, CONFIG)
    assert find_examples(judged, 10, {}) == {"better": [], "worse": []}  # nothing changed
    scores = judged.scores["unseen_answers"]["cube"]
    first = scores.ranking.top[scores.ranks == 1, 0]
    assert set(first) <= set(scores.task.right.tolist())
    assert scores.retrieved_right[:, 0].sum() == (scores.ranks == 1).sum()


def test_examples_are_those_that_changed_most(judged, planted_experiment):
    texts = {row: f"text {row}" for row in range(len(planted_experiment.vectors))}
    examples = find_examples(judged, 10, texts)
    gains = [1 / e["after"]["rank"] - 1 / e["before"]["rank"] for e in examples["better"]]
    assert len(gains) == 10
    assert gains == sorted(gains, reverse=True)
    assert min(gains) > 0
    for entry in examples["better"] + examples["worse"]:
        top = entry["after"]["top"]
        assert len(top) == 3
        assert (
            top[0]["right"] == (top[0]["text"] in entry["right"]) == (entry["after"]["rank"] == 1)
        )
