"""Small experiments in which the truth is known."""

import numpy as np
import pytest

from cube.data.splits import Split
from cube.evaluation.experiment import Experiment


def experiment_of(questions: np.ndarray, answers: np.ndarray, **more) -> Experiment:
    """Take the first two thirds for training, a sixth for validation, the rest for the test."""
    count = len(questions)
    splits = np.full(count, Split.TRAIN, np.int8)
    splits[count * 4 // 6 : count * 5 // 6] = Split.VALIDATION
    splits[count * 5 // 6 :] = Split.TEST
    return Experiment(
        np.concatenate([questions, answers]).astype(np.float32),
        np.arange(count),
        count + np.arange(count),
        splits,
        {"unseen_answers": np.flatnonzero(splits == Split.TEST)},
        **more,
    )


@pytest.fixture
def planted_experiment(planted) -> Experiment:
    """600 pairs, 48 dimensions; a linear map brings questions to their answers."""
    return experiment_of(*planted)


@pytest.fixture
def alike(planted) -> tuple[np.ndarray, np.ndarray]:
    """600 questions that lie near their answers, as a good teacher's do."""
    _, answers = planted
    noise = np.random.default_rng(1).standard_normal(answers.shape) / answers.shape[1] ** 0.5
    return (answers + 0.6 * noise).astype(np.float32), answers
