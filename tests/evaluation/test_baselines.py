"""Baselines: the closed forms equal their textbook versions, and each learned one is tuned."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from cube.config import CoreConfig, EvaluationConfig
from cube.data.splits import Split
from cube.evaluation.baselines import closed_form_baselines, cube_system, untrained_random
from cube.evaluation.evaluate import (
    find_examples,
    judge_systems,
    similarity_histograms,
    to_json,
)
from cube.evaluation.experiment import Experiment
from cube.lattice.core import Cube

CONFIG = EvaluationConfig(bootstrap_resamples=300)


@pytest.fixture
def experiment(planted) -> Experiment:
    questions, answers = planted
    count = len(questions)
    splits = np.full(count, Split.TRAIN, np.int8)
    splits[400:500], splits[500:] = Split.VALIDATION, Split.TEST
    return Experiment(
        np.concatenate([questions, answers]),
        np.arange(count),
        count + np.arange(count),
        splits,
        {"unseen_answers": np.arange(500, count)},
    )


def systems_of(experiment):
    cube = cube_system("cube", "cube", Cube(48, CoreConfig()))
    return [cube, *closed_form_baselines(experiment), untrained_random(experiment, 0)]


def test_ridge_is_ridge(experiment):
    ridge = next(s for s in closed_form_baselines(experiment) if s.name == "ridge_raw")
    x, y = experiment.vectors[:400], experiment.vectors[600:1_000]
    questions = experiment.vectors[500:600]
    eigenvalue = np.linalg.eigvalsh((x - x.mean(0)).T @ (x - x.mean(0))).mean()
    candidates = [
        Ridge(alpha=strength * eigenvalue).fit(x, y).predict(questions)
        for strength in (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
    ]
    errors = [np.abs(ridge.predict(questions) - candidate).max() for candidate in candidates]
    assert min(errors) < 1e-4


def test_an_untrained_cube_scores_what_the_teacher_scores(experiment):
    judged = judge_systems(experiment, systems_of(experiment), CONFIG)
    scores = judged.scores["unseen_answers"]
    np.testing.assert_array_equal(scores["cube"].ranks, scores["identity"].ranks)
    assert judged.intervals["unseen_answers"]["identity"].difference == 0


def test_the_order_is_what_it_must_be(experiment):
    judged = judge_systems(experiment, systems_of(experiment), CONFIG)
    mrr = {n: s.reciprocal_ranks.mean() for n, s in judged.scores["unseen_answers"].items()}
    assert mrr["ridge_centred"] > mrr["identity"] + 0.05
    assert mrr["random"] < 0.1
    assert mrr["mean_answer"] < 0.1


def test_a_constant_predictor_wins_raw_cosine_on_an_anisotropic_teacher_and_nothing_else(
    experiment,
):
    shifted = Experiment(
        experiment.vectors + 0.5,
        experiment.questions,
        experiment.answers,
        experiment.splits,
        experiment.slices,
    )
    judged = judge_systems(shifted, systems_of(shifted), CONFIG)
    values = to_json(judged, shifted, CONFIG)
    scores = values["slices"]["unseen_answers"]["scores"]
    assert scores["mean_answer"]["cosine"] > 0.9
    assert scores["mean_answer"]["mrr@10"] < 0.1
    assert not values["verdict"]["promote"]


def test_histograms_count_every_question_once(experiment):
    systems = systems_of(experiment)[:2]
    counts = similarity_histograms(experiment, systems, "unseen_answers")["counts"]
    for name in ("cube", "identity"):
        assert sum(counts[name]["right"]) == sum(counts[name]["best_wrong"]) == 100


def test_examples_are_those_that_changed_most(experiment):
    systems = systems_of(experiment)
    ridge = next(s for s in systems if s.name == "ridge_centred")
    moved = [cube_system("cube", "cube", Cube(48, CoreConfig()))]
    object.__setattr__(moved[0], "predict", ridge.predict)
    systems = [*moved, *systems[1:]]
    judged = judge_systems(experiment, systems, CONFIG)
    examples = find_examples(judged, experiment, {s.name: s for s in systems}, 10)
    gains = [1 / e["after"]["rank"] - 1 / e["before"]["rank"] for e in examples["better"]]
    assert len(gains) == 10
    assert min(gains) > 0
    for entry in examples["better"] + examples["worse"]:
        assert len(entry["after"]["top"]) == 3
        is_first = entry["after"]["top"][0]["row"] in entry["right"]
        assert is_first == (entry["after"]["rank"] == 1)
