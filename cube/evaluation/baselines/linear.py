"""Linear maps in closed form: ridge regression, ridge towards the identity, a rotation."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from cube.data.splits import Split
from cube.evaluation.baselines.system import System, baseline
from cube.evaluation.baselines.tuning import Tuning
from cube.evaluation.experiment import Experiment

# Half decades, relative to the mean eigenvalue of the questions' covariance, so that one grid suits
# every teacher. The strongest first: it is taken where few questions tell no difference.
STRENGTHS = tuple(float(10 ** (i / 2)) for i in range(6, -5, -1))

_BLOCK_PAIRS = 16_384


@dataclass(frozen=True)
class AffineMap:
    """x -> (x - mean_x) weights + mean_y."""

    mean_x: Float[np.ndarray, " D"]
    mean_y: Float[np.ndarray, " D"]
    weights: Float[np.ndarray, "D D"]
    rank_centred: bool

    def __call__(self, x: Float[np.ndarray, "Q D"]) -> Float[np.ndarray, "Q D"]:
        """Map rows."""
        return (x - self.mean_x) @ self.weights + self.mean_y

    def named(self, name: str) -> System:
        """Return the map as a baseline."""
        size = self.weights.size + self.mean_x.size + self.mean_y.size
        return baseline(name, self, self.rank_centred, size)


class Moments:
    """Sums over training pairs that every closed form is solved from, gathered in blocks.

    Attributes:
        gram: of the questions with themselves, shape (D, D).
        cross: of the questions with their answers, shape (D, D).
    """

    def __init__(self, experiment: Experiment, mean_x: np.ndarray, mean_y: np.ndarray):
        self.mean_x, self.mean_y = mean_x, mean_y
        self.gram = np.zeros((len(mean_x),) * 2)
        self.cross = np.zeros_like(self.gram)
        pairs = np.flatnonzero(experiment.splits == Split.TRAIN)
        for start in range(0, len(pairs), _BLOCK_PAIRS):
            block = pairs[start : start + _BLOCK_PAIRS]
            x = experiment.gather(experiment.questions[block]) - mean_x
            y = experiment.gather(experiment.answers[block]) - mean_y
            self.gram += x.T @ x
            self.cross += x.T @ y

    @cached_property
    def _spectrum(self) -> tuple[np.ndarray, np.ndarray]:
        values, basis = np.linalg.eigh(self.gram)
        return values, basis

    def ridge(self, target: np.ndarray) -> Iterable[np.ndarray]:
        """Yield (gram + penalty I)^-1 target by strength (Hoerl & Kennard 1970)."""
        values, basis = self._spectrum
        projected = basis.T @ target
        for strength in STRENGTHS:
            penalty = max(strength * values.mean(), np.finfo(np.float32).tiny)  # of 1 question 0
            yield basis @ (projected / (values[:, None] + penalty))

    def map(self, weights: np.ndarray, rank_centred: bool) -> AffineMap:
        """Return the map with these weights."""
        return AffineMap(self.mean_x, self.mean_y, weights.astype(np.float32), rank_centred)


def linear_baselines(experiment: Experiment, tuning: Tuning) -> Iterator[System]:
    """Yield ridge (ranked raw and centred), ridge towards the identity, and Procrustes."""
    centre = experiment.centre
    centred = Moments(experiment, centre.question, centre.answer)

    def best(maps: Iterable[AffineMap]) -> AffineMap:
        return max(maps, key=lambda m: tuning.mrr(m(tuning.questions), m.rank_centred))

    def ridge(rank_centred: bool) -> AffineMap:
        solutions = centred.ridge(centred.cross)
        return best(centred.map(weights, rank_centred) for weights in solutions)

    yield ridge(False).named("ridge_raw")
    yield ridge(True).named("ridge_centred")
    none = np.zeros_like(centre.question)
    plain = Moments(experiment, none, none)
    yield best(_towards_identity(plain, centred)).named("residual_ridge")
    yield centred.map(_rotation(centred.cross), rank_centred=True).named("procrustes")


def _towards_identity(plain: Moments, centred: Moments) -> Iterable[AffineMap]:
    """Yield maps I + W with a penalty on W: about the plain identity, or about the centred one."""
    for moments, rank_centred in ((plain, False), (centred, True)):
        for residual in moments.ridge(moments.cross - moments.gram):
            yield moments.map(np.eye(len(residual)) + residual, rank_centred)


def _rotation(cross: np.ndarray) -> np.ndarray:
    """Return the orthogonal map that brings questions nearest to answers (Schönemann 1966)."""
    left, _, right = np.linalg.svd(cross)
    return left @ right
