"""Two cubes on the same questions."""

import pytest
import torch

from cube.config import CoreConfig, EvaluationConfig
from cube.evaluation.compare import compare_cubes
from cube.lattice.core import Cube
from cube.ranking import search

CONFIG = EvaluationConfig(bootstrap_resamples=200)


def spoiled(dimension: int) -> Cube:
    cube = Cube(dimension, CoreConfig())
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in cube.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return cube


def test_a_cube_is_no_better_than_itself(planted_experiment):
    cube = spoiled(48)
    (part,) = compare_cubes(planted_experiment, cube, cube, CONFIG).values()
    assert part["first"] == part["second"]
    assert part["difference"] == {"difference": 0.0, "low": 0.0, "high": 0.0}


def test_the_difference_is_that_of_the_questions_one_by_one(planted_experiment):
    first, second = Cube(48, CoreConfig()), spoiled(48)
    compared = compare_cubes(planted_experiment, first, second, CONFIG)
    assert list(compared) == ["unseen_answers"]
    part, task = compared["unseen_answers"], planted_experiment.task("unseen_answers")
    assert (part["questions"], part["bank"]) == (100, 600)
    questions = planted_experiment.gather(task.questions)
    bank = planted_experiment.gather(planted_experiment.bank)
    for name, cube in (("first", first), ("second", second)):
        ranking = search(cube.apply_to(questions), bank, task)
        assert part[name] == pytest.approx(ranking.reciprocal_ranks.mean(), abs=1e-6)
    difference = part["difference"]
    assert difference["difference"] == pytest.approx(part["second"] - part["first"])
    assert difference["low"] <= difference["difference"] <= difference["high"] < 0
