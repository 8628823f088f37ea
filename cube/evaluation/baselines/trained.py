"""Baselines trained with the cube's own objective, budget and early stopping."""

from collections.abc import Callable

from cube.config import CoreConfig
from cube.evaluation.baselines.system import LABELS, System, cube_system
from cube.lattice.core import Cube

RIVAL_RULES = ("low_rank", "dense", "mlp")

Train = Callable[[CoreConfig], Cube]


def rival_core(cube: Cube, rule: str) -> CoreConfig:
    """Return the core of a rival: a map alone; one of free size has as many parameters."""
    alone = {"memory_pairs": 0, "whitening": False, "hub": 0}
    changes = {"rule": rule, "max_parameters": cube.num_parameters}
    return cube.config.model_copy(update=alone | changes)


def trained_baselines(cube: Cube, train: Train) -> list[System]:
    """Train a rival by every rule."""
    return [cube_system(rule, LABELS[rule], train(rival_core(cube, rule))) for rule in RIVAL_RULES]
