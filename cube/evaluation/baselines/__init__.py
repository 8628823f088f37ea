"""Baselines: what a person could use instead of a cube, on the same vectors and the same scorer.

Each learned one gets the care the cube gets: its dials are chosen on validation.
"""

from collections.abc import Iterator

from cube.evaluation.baselines.bm25 import bm25_baseline
from cube.evaluation.baselines.linear import linear_baselines
from cube.evaluation.baselines.neighbours import knn_baseline
from cube.evaluation.baselines.system import (
    LABELS,
    AnySystem,
    Predict,
    System,
    TextSystem,
    cube_system,
)
from cube.evaluation.baselines.trained import Train, trained_baselines
from cube.evaluation.baselines.tuning import Tuning
from cube.evaluation.baselines.untrained import untrained_baselines, untrained_random
from cube.evaluation.baselines.whitened import whitened_baseline
from cube.evaluation.experiment import Experiment
from cube.lattice.core import Cube

__all__ = [
    "LABELS",
    "AnySystem",
    "Predict",
    "System",
    "TextSystem",
    "all_baselines",
    "closed_form_baselines",
    "cube_system",
    "untrained_baselines",
    "untrained_random",
]


def all_baselines(experiment: Experiment, cube: Cube, train: Train) -> list[AnySystem]:
    """Return every baseline, tuned on validation.

    Args:
        experiment: what to learn from and tune on; its test part is not touched.
        cube: rivals of free size get as many parameters.
        train: trains a core on the experiment as the cube was trained.
    """
    systems = [*closed_form_baselines(experiment), *trained_baselines(cube, train)]
    systems.append(untrained_random(cube.dimension, seed=0))
    return sorted(systems, key=lambda system: list(LABELS).index(system.name))


def closed_form_baselines(experiment: Experiment) -> Iterator[AnySystem]:
    """Yield the baselines that need no gradient, each tuned when its turn comes."""
    yield from untrained_baselines(experiment.centre)
    tuning = Tuning(experiment)
    yield whitened_baseline(experiment, tuning)
    yield from linear_baselines(experiment, tuning)
    yield knn_baseline(experiment, tuning)
    if experiment.texts is not None:
        yield bm25_baseline(experiment.texts, tuning)
