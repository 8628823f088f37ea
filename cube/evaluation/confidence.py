"""How sure a cube is: a calibrated probability that its top answer is right, and novelty.

The probability is a logistic regression (Platt 1999) on the top score, its lead over the second
answer and the question's novelty, fitted on validation questions. Novelty is the distance to the
nearest training questions (Sun et al. 2022, "Out-of-Distribution Detection with Deep Nearest
Neighbors"), as the share of validation questions that are less novel.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from cube.evaluation.experiment import Experiment
from cube.lattice.core import Cube
from cube.ranking import Rows, normalized, search

NOVEL = 0.99  # novelty from which a question counts as unlike what training has seen
THRESHOLD = 0.5  # an answer more likely wrong than right is no answer
_NEIGHBOURS = 5
_MIN_QUESTIONS, _MOST_QUESTIONS = 30, 5_000
_QUANTILES = 101
_BINS = 10


@dataclass(frozen=True)
class Confidence:
    """A fitted confidence; plain numbers, saved with the model."""

    weights: list[float]  # of top score, lead and novelty
    bias: float
    distances: list[float]  # quantiles of validation questions' distances to training
    fitted_on: int
    threshold: float = THRESHOLD

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Confidence":
        """Read what `to_json` gave."""
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    def novelty(
        self, questions: Float[np.ndarray, "n D"], reference: Float[np.ndarray, "m D"]
    ) -> Float[np.ndarray, " n"]:
        """Return for each question the share of validation questions nearer to training, 0 to 1."""
        distances = distances_to(questions, reference)
        return np.searchsorted(self.distances, distances, side="right") / len(self.distances)

    def probability(
        self,
        top_scores: Float[np.ndarray, "n k"],
        novelty: Float[np.ndarray, " n"],
    ) -> Float[np.ndarray, " n"]:
        """Return the probability that each question's first answer is right.

        Args:
            top_scores: cosines of the first answers, best first; the lead needs two.
            novelty: see `novelty`.
        """
        logits = _features(top_scores, novelty) @ np.asarray(self.weights) + self.bias
        return 1 / (1 + np.exp(-logits))


def fit_confidence(
    cube: Cube, experiment: Experiment, reference: Float[np.ndarray, "m D"]
) -> Confidence | None:
    """Fit on validation questions; None with too few, or if nearly all are right or wrong.

    Args:
        cube: the trained cube.
        experiment: whose validation part is used.
        reference: a sample of training questions, saved with the model.
    """
    from sklearn.linear_model import LogisticRegression

    data = experiment.training_set
    task = data.validation.sample(_MOST_QUESTIONS, len(data.validation.bank), seed=0)
    questions = data.gather(task.questions)
    bank = Rows(data.vectors, task.bank)
    ranking = search(cube.apply_to(questions), bank, task, 2, normalized)
    right = ranking.ranks == 1
    if len(right) < _MIN_QUESTIONS or min(right.sum(), (~right).sum()) < 5:
        return None
    distances = distances_to(questions, reference)
    quantiles = np.quantile(distances, np.linspace(0, 1, _QUANTILES))
    unfitted = Confidence([], 0.0, quantiles.tolist(), len(right))
    features = _features(ranking.top_scores, unfitted.novelty(questions, reference))
    spread = np.maximum(features.std(axis=0), 1e-9)  # so that the ridge weighs all alike
    model = LogisticRegression().fit(features / spread, right)
    return Confidence(
        (model.coef_[0] / spread).tolist(),
        float(model.intercept_[0]),
        quantiles.tolist(),
        len(right),
    )


def distances_to(
    questions: Float[np.ndarray, "n D"], reference: Float[np.ndarray, "m D"]
) -> Float[np.ndarray, " n"]:
    """Return the cosine distance of each question to its fifth nearest training question."""
    reference = normalized(reference)
    distances = np.empty(len(questions))
    k = min(_NEIGHBOURS, len(reference))
    for start in range(0, len(questions), 1_000):
        scores = normalized(questions[start : start + 1_000]) @ reference.T
        distances[start : start + 1_000] = 1 - np.partition(scores, -k, axis=1)[:, -k]
    return distances


def reliability(probability: np.ndarray, right: np.ndarray, threshold: float) -> dict[str, Any]:
    """Return bins, errors and what the threshold does; `Confidence` in `cube.evaluation.schema`.

    The expected calibration error weighs every bin's gap by its questions (Guo et al. 2017).
    """
    number = np.minimum((probability * _BINS).astype(int), _BINS - 1)
    bins, error = [], 0.0
    for i in range(_BINS):
        inside = number == i
        filled = inside.any()
        predicted = float(probability[inside].mean()) if filled else None
        share = float(right[inside].mean()) if filled else None
        if predicted is not None and share is not None:
            error += abs(predicted - share) * inside.mean()
        bins.append(
            {
                "low": i / _BINS,
                "high": (i + 1) / _BINS,
                "questions": int(inside.sum()),
                "predicted": predicted,
                "right": share,
            }
        )
    answered = probability >= threshold
    return {
        "questions": len(right),
        "accuracy": float(right.mean()),
        "calibration_error": float(error),
        "brier": float(((probability - right) ** 2).mean()),
        "threshold": threshold,
        "answered_share": float(answered.mean()),
        "answered_accuracy": float(right[answered].mean()) if answered.any() else None,
        "bins": bins,
    }


def _features(top_scores: np.ndarray, novelty: np.ndarray) -> np.ndarray:
    top = np.asarray(top_scores, np.float64)
    lead = top[:, 0] - top[:, 1] if top.shape[1] > 1 else np.zeros(len(top))
    return np.column_stack([top[:, 0], lead, novelty])
