"""The gate reads the slice that was asked for, else the first with enough questions."""

from dataclasses import replace

import numpy as np
import pytest

from cube.config import EvaluationConfig
from cube.data.splits import Split
from cube.evaluation.baselines import System
from cube.evaluation.evaluate import judge_systems, to_json

SYSTEMS = [System("cube", "cube", lambda x: x), System("identity", "identity", lambda x: x)]


@pytest.mark.parametrize(
    ("asked", "sizes", "headline"),
    [
        (None, (30, 60), "new_wordings"),
        (None, (29, 60), "unseen_answers"),
        (None, (9, 20), "unseen_answers"),  # neither has enough: the larger one
        (None, (20, 9), "new_wordings"),
        ("unseen_answers", (60, 5), "unseen_answers"),
        ("dialogue_turns", (30, 60), "new_wordings"),  # there are none
    ],
)
def test_the_gate_reads_one_slice_and_looks_at_the_others_with_enough_questions(
    planted_experiment, asked, sizes, headline
):
    pairs = np.flatnonzero(planted_experiment.splits == Split.TEST)
    parts = dict(zip(("new_wordings", "unseen_answers"), sizes, strict=True))
    slices = {name: pairs[:size] for name, size in parts.items()} | {"dialogue_turns": pairs[:0]}
    config = EvaluationConfig(bootstrap_resamples=100, min_questions=30, headline=asked)
    experiment = replace(planted_experiment, slices=slices)
    values = to_json(judge_systems(experiment, SYSTEMS, config), config)
    assert values["headline"] == headline
    judged = {name for name, part in values["slices"].items() if part["judged"]}
    assert judged == {name for name, size in parts.items() if size >= 30}
    rules = [reason["rule"] for reason in values["verdict"]["reasons"]]
    assert rules[3:] == [f"no_loss_on_{name}" for name in judged - {headline}]


def test_a_slice_counts_questions_of_one_answer_and_how_deep_right_answers_lie(planted_experiment):
    questions = planted_experiment.questions.copy()
    questions[501:505] = questions[500]  # has five answers
    experiment = replace(planted_experiment, questions=questions)
    config = EvaluationConfig(bootstrap_resamples=100)
    judged = judge_systems(experiment, SYSTEMS, config)
    part = to_json(judged, config)["slices"]["unseen_answers"]
    assert (part["questions"], part["single_answer_share"]) == (96, 95 / 96)
    curve, ranks = part["rank_curve"], judged.scores["unseen_answers"]["cube"].ranks
    assert curve["k"] == [1, 2, 5, 10, 20, 50, 100, 200, 500, 600]
    assert curve["found"]["cube"] == [(ranks <= k).mean() for k in curve["k"]]


def test_what_a_system_has_learned_by_heart_speaks_neither_for_nor_against_it(planted_experiment):
    experiment, config = planted_experiment, EvaluationConfig(bootstrap_resamples=100)
    learned = experiment.questions[experiment.slices["unseen_answers"]][:20]
    known = experiment.gather(learned)

    def by_heart(questions: np.ndarray) -> np.ndarray:
        answers = experiment.gather(learned + len(experiment.questions))
        near = np.argmax(questions @ known.T, axis=1)
        same = np.isclose(questions, known[near]).all(axis=1)
        return np.where(same[:, None], answers[near], questions)

    champion = System("champion", "champion", by_heart)
    systems = [System("cube", "cube", lambda q: q), SYSTEMS[1], champion]
    judged = judge_systems(experiment, systems, config)
    assert judged.intervals["unseen_answers"]["champion"].worse
    judged = judge_systems(experiment, systems, config, {"champion": learned})
    interval = judged.intervals["unseen_answers"]["champion"]
    assert (interval.low, interval.difference, interval.high) == (0, 0, 0)
