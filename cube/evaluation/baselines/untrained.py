"""Baselines that know no more of the training data than its means."""

from collections.abc import Iterator

import numpy as np

from cube.evaluation.baselines.system import System, baseline
from cube.evaluation.experiment import Centre


def untrained_baselines(centre: Centre) -> Iterator[System]:
    """Yield the frozen teacher, raw and centred, and the constant prediction."""
    yield baseline("identity", lambda x: x)
    yield baseline(
        "centred_identity",
        lambda x: x - centre.question + centre.answer,
        rank_centred=True,
        num_parameters=2 * len(centre.answer),
    )
    yield baseline(
        "mean_answer",
        lambda x: np.broadcast_to(centre.answer, x.shape),
        num_parameters=len(centre.answer),
    )


def untrained_random(dimension: int, seed: int) -> System:
    """Return a random rotation of the space: what a map that learned nothing scores."""
    normal = np.random.default_rng(seed).standard_normal((dimension, dimension))
    rotation = np.linalg.qr(normal)[0].astype(np.float32)
    return baseline("random", lambda x: x @ rotation, num_parameters=dimension**2)
