"""Two saved cubes on the same test questions, pair by pair."""

from typing import Any

from cube.config import EvaluationConfig
from cube.evaluation.baselines import cube_system
from cube.evaluation.evaluate import score_systems
from cube.evaluation.experiment import Experiment
from cube.evaluation.significance import paired_bootstrap
from cube.lattice.core import Cube


def compare_cubes(
    experiment: Experiment, first: Cube, second: Cube, config: EvaluationConfig
) -> dict[str, dict[str, Any]]:
    """Return by slice: `questions`, `bank`, MRR@10 of both, and second minus first.

    Args:
        experiment: whose test slices are scored; both cubes move vectors of its teacher.
        first: the cube to compare with, usually the champion.
        second: the challenger.
        config: resamples and confidence of the paired bootstrap.
    """
    systems = [cube_system("first", "first", first), cube_system("second", "second", second)]
    compared = {}
    for name, pairs in experiment.slices.items():
        if not len(pairs):
            continue
        scores = score_systems(experiment, systems, name)
        old, new = (scores[system.name].reciprocal_ranks for system in systems)
        interval = paired_bootstrap(new, old, config.bootstrap_resamples, config.confidence)
        compared[name] = {
            "questions": len(old),
            "bank": len(experiment.bank),
            "first": float(old.mean()),
            "second": float(new.mean()),
            "difference": interval.model_dump(),
        }
    return compared
