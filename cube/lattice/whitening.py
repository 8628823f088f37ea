"""Whitening of predictions by the covariance of the answers that are searched.

The directions in which an index varies most tell its topics apart, not the answers of one topic. A
prediction y becomes y C^-p, where C is the covariance of the index's answers and p between 0 and 1
says how far those directions are turned down; with p = 1 answers rank as by linear discriminant
analysis with C inside of every class (Hariharan, Malik & Ramanan 2012), but for its bias. Only the
question moves: the index stays as it is, and another index is another C.
"""

from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from cube.sampling import sampled

_MOST_ANSWERS = 8_192  # enough for a covariance
_LEAST_VARIANCE = 1e-6  # of vectors of length 1: below it they are all equal
_LEAST_VALUE = 1e-6  # of an eigenvalue relative to their mean


@runtime_checkable
class Answers(Protocol):
    """Vectors of answers, (A, dim): a matrix, or rows that are gathered where they are indexed."""

    def __len__(self) -> int: ...

    def __getitem__(self, positions: np.ndarray, /) -> Float[np.ndarray, "n dim"]: ...


class Spectrum:
    """Eigenvalues of a covariance, relative to their mean, and its eigenvectors."""

    def __init__(self, answers: Answers):
        """Take the covariance of answers of length 1, shrunk as by Ledoit & Wolf (2004).

        Args:
            answers: of an index; of more than 8,192 a sample, always the same.
        """
        from sklearn.covariance import ledoit_wolf

        chosen = sampled(len(answers), _MOST_ANSWERS)
        vectors = nn.functional.normalize(
            torch.from_numpy(np.asarray(answers[chosen], np.float32)), dim=-1
        )
        dimension = vectors.shape[1]
        self.values, self.basis = torch.ones(dimension).double(), torch.eye(dimension).double()
        if len(vectors) < 2:
            return
        covariance = torch.from_numpy(ledoit_wolf(vectors.double().numpy())[0])
        if covariance.trace() > _LEAST_VARIANCE:
            values, self.basis = torch.linalg.eigh(covariance)
            self.values = (values / values.mean()).clamp_min(_LEAST_VALUE)

    def power(self, exponent: float) -> Float[Tensor, "dim dim"]:
        """Return a power of the covariance."""
        return ((self.basis * self.values**exponent) @ self.basis.T).float()


class Whitening(nn.Module):
    """y -> y C^-p. Nothing in here is trained; p is chosen on validation."""

    matrix: Tensor
    strength: Tensor

    def __init__(self, dimension: int):
        """Make one that changes nothing."""
        super().__init__()
        self.register_buffer("matrix", torch.eye(dimension))
        self.register_buffer("strength", torch.tensor(0.0))

    @classmethod
    def of(cls, index: Spectrum, strength: float) -> "Whitening":
        """Return the whitening by an index with p = `strength`."""
        whitening = cls(len(index.values))
        whitening.matrix.copy_(index.power(-strength))
        whitening.strength.fill_(strength)
        return whitening

    def fit_to(self, answers: Answers) -> None:
        """Whiten by another index, as much as before."""
        self.matrix.copy_(Spectrum(answers).power(-self.strength.item()))

    def forward(self, y_BD: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch dim"]:
        """Turn down what the index varies by most; lengths of rows change."""
        return y_BD @ self.matrix
