"""Baselines: what a person could use instead of a cube, on the same vectors and the same scorer.

Each learned one gets the care the cube gets: its strength is chosen on validation MRR.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from cube.data.splits import Split
from cube.evaluation.experiment import Centre, Experiment
from cube.evaluation.metrics import score_slice
from cube.lattice.core import Cube

Predict = Callable[[Float[np.ndarray, "Q D"]], Float[np.ndarray, "Q D"]]

# Rules that rival maps are trained with, by the cube's own trainer.
TRAINED_BASELINES = {
    "dense": "dense residual map, same objective",
    "low_rank": "low-rank residual map, equal parameters",
}

_RIDGE_STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)


@dataclass(frozen=True)
class System:
    """A map from questions to predicted answers and the way its predictions are ranked."""

    name: str
    label: str
    predict: Predict
    rank_centred: bool = False
    num_parameters: int = 0


def untrained_baselines(centre: Centre) -> Iterator[System]:
    """Yield the baselines that know no more of the training data than its means."""
    yield System("identity", "frozen teacher (identity)", lambda x: x)
    yield System(
        "centred_identity",
        "frozen teacher, centred",
        lambda x: x - centre.question + centre.answer,
        rank_centred=True,
        num_parameters=2 * len(centre.answer),
    )
    yield System(
        "mean_answer",
        "mean answer (constant)",
        lambda x: np.broadcast_to(centre.answer, x.shape),
        num_parameters=len(centre.answer),
    )


def closed_form_baselines(experiment: Experiment) -> Iterator[System]:
    """Yield the baselines that need no gradient."""
    yield from untrained_baselines(experiment.centre)
    for rank_centred in (False, True):
        yield _best_ridge(experiment, rank_centred)


def cube_system(name: str, label: str, cube: Cube) -> System:
    """Wrap a trained cube (or a dense map in a cube's place)."""
    return System(name, label, cube.apply_to, num_parameters=cube.num_parameters)


def untrained_random(experiment: Experiment, seed: int) -> System:
    """A random rotation of the space: what a map that learned nothing scores."""
    dimension = experiment.vectors.shape[1]
    normal = np.random.default_rng(seed).standard_normal((dimension, dimension))
    rotation = np.linalg.qr(normal)[0].astype(np.float32)
    return System("random", "random map", lambda x: x @ rotation, num_parameters=dimension**2)


def _best_ridge(experiment: Experiment, rank_centred: bool) -> System:
    """Ridge regression from centred questions to centred answers.

    The strength is relative to the mean eigenvalue of the questions' covariance, so the same grid
    suits every teacher; the one with the best validation MRR@10 is taken.
    """
    train = experiment.splits == Split.TRAIN
    mean_x, mean_y = experiment.centre.question, experiment.centre.answer
    gram, cross = _moments(experiment, np.flatnonzero(train), mean_x, mean_y)
    values, basis = np.linalg.eigh(gram)
    projected = basis.T @ cross
    data = experiment.training_set
    questions, bank = data.gather(data.validation.questions), data.gather(data.validation.bank)
    best_score, best_weights = -1.0, None
    for strength in _RIDGE_STRENGTHS:
        penalty = strength * values.mean()
        weights = (basis @ (projected / (values[:, None] + penalty))).astype(np.float32)
        predictions = (questions - mean_x) @ weights + mean_y
        scores = score_slice(predictions, bank, data.validation, mean_y, rank_centred)
        score = float(scores.reciprocal_ranks.mean())
        if score > best_score:
            best_score, best_weights = score, weights
    assert best_weights is not None
    weights = best_weights
    kind = "centred" if rank_centred else "raw"
    return System(
        f"ridge_{kind}",
        f"ridge regression, {kind} scores",
        lambda x: (x - mean_x) @ weights + mean_y,
        rank_centred,
        num_parameters=weights.size + mean_x.size + mean_y.size,
    )


def _moments(
    experiment: Experiment, pairs: np.ndarray, mean_x: np.ndarray, mean_y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the covariance sums of centred questions, and of questions with answers, in blocks."""
    dimension = len(mean_x)
    gram = np.zeros((dimension, dimension))
    cross = np.zeros((dimension, dimension))
    for block in np.array_split(pairs, max(1, len(pairs) // 16_384)):
        x = experiment.gather(experiment.questions[block]) - mean_x
        y = experiment.gather(experiment.answers[block]) - mean_y
        gram += x.T @ x
        cross += x.T @ y
    return gram, cross
