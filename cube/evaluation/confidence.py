"""How sure a cube is: a calibrated probability that its top answer is right, and novelty.

The probability is a logistic regression (Platt 1999) on the top score, its lead over the second
answer and the question's novelty, fitted on validation questions, each asked twice: as it is, and
of a bank without its right answers, which is what a question nobody has answered yet meets (as in
SQuAD 2.0, Rajpurkar et al. 2018). Novelty is the distance to the
nearest training questions (Sun et al. 2022, "Out-of-Distribution Detection with Deep Nearest
Neighbors"), as the share of validation questions that are less novel.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from cube.evaluation.experiment import Experiment
from cube.lattice.core import Cube
from cube.ranking import Bank, RetrievalTask, Rows, normalized, search

NOVEL = 0.99  # novelty from which a question counts as unlike what training has seen
THRESHOLD = 0.5  # an answer more likely wrong than right is no answer
_NEIGHBOURS = 5
_MIN_QUESTIONS, _MOST_QUESTIONS = 30, 5_000
_MIN_OF_A_KIND = 5  # right, wrong
_QUANTILES = 101
_MOST_RIGHT = 100  # answers of one question looked past to find the first wrong ones
_BINS = 10


@dataclass(frozen=True)
class Asked:
    """Questions asked of a bank, then once more where their right answers are not in it.

    Attributes:
        questions: position in the task.
        top_scores: of the first two answers, best first.
        right: whether the first answer is right.
        missing: whether the right answers were left out.
    """

    questions: Int[np.ndarray, " n"]
    top_scores: Float[np.ndarray, "n k"]
    right: Bool[np.ndarray, " n"]
    missing: Bool[np.ndarray, " n"]


def ask_twice(predictions: Float[np.ndarray, "Q D"], bank: Bank, task: RetrievalTask) -> Asked:
    """Ask every question with its right answers, and without if two others are left then.

    Args:
        predictions: unit vectors, one a question of the task.
        bank: answers, of any length but zero.
        task: which of them are right.
    """
    several = np.diff(task.bounds)
    most = min(int(several.max(initial=0)), _MOST_RIGHT)
    ranking = search(predictions, bank, task, 2 + most, normalized)
    number = np.arange(len(task))
    right = np.repeat(number, several) * len(task.bank) + task.right
    is_right = np.isin(number[:, None] * len(task.bank) + ranking.top, right)
    wrong_first = np.argsort(is_right, axis=1, kind="stable")
    others = np.take_along_axis(ranking.top_scores, wrong_first, axis=1)
    again = np.flatnonzero((~is_right).sum(axis=1) >= 2)
    return Asked(
        np.concatenate([number, again]),
        np.concatenate([ranking.top_scores[:, :2], others[again, :2]]),
        np.concatenate([ranking.ranks == 1, np.zeros(len(again), bool)]),
        np.repeat([False, True], [len(number), len(again)]),
    )


@dataclass(frozen=True)
class Confidence:
    """A fitted confidence; plain numbers, saved with the model."""

    weights: list[float]  # of top score, lead and novelty
    bias: float
    distances: list[float]  # quantiles of validation questions' distances to training
    fitted_on: int
    threshold: float = THRESHOLD

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
    """Fit on validation questions; None with too few, or if hardly any is answered right.

    Args:
        cube: the trained cube.
        experiment: whose validation part is used.
        reference: a sample of training questions, saved with the model.
    """
    from sklearn.linear_model import LogisticRegression

    data = experiment.training_set
    task = data.validation.sample(_MOST_QUESTIONS, len(data.validation.bank), seed=0)
    questions = data.gather(task.questions)
    asked = ask_twice(cube.apply_to(questions), Rows(data.vectors, task.bank), task)
    if len(task) < _MIN_QUESTIONS or min(asked.right.sum(), (~asked.right).sum()) < _MIN_OF_A_KIND:
        return None
    distances = distances_to(questions, reference)
    quantiles = np.quantile(distances, np.linspace(0, 1, _QUANTILES))
    unfitted = Confidence([], 0.0, quantiles.tolist(), len(task))
    novelty = unfitted.novelty(questions, reference)[asked.questions]
    features = _features(asked.top_scores, novelty)
    spread = np.maximum(features.std(axis=0), 1e-9)  # so that the ridge weighs all alike
    model = LogisticRegression().fit(features / spread, asked.right)
    return Confidence(
        (model.coef_[0] / spread).tolist(),
        float(model.intercept_[0]),
        quantiles.tolist(),
        len(task),
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


def reliability(probability: np.ndarray, asked: Asked, threshold: float) -> dict[str, Any]:
    """Return bins, errors and what the threshold does; `Confidence` in `cube.evaluation.schema`.

    Bins and errors are over all that was asked; what is answered is told apart by whether the right
    answers were there. The expected calibration error weighs every bin's gap by its questions (Guo
    et al. 2017).
    """
    right, here = asked.right, ~asked.missing
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
    missed = answered[asked.missing]
    return {
        "questions": int(here.sum()),
        "accuracy": float(right[here].mean()),
        "right_share": float(right.mean()),
        "calibration_error": float(error),
        "brier": float(((probability - right) ** 2).mean()),
        "threshold": threshold,
        "answered_share": float(answered[here].mean()),
        "answered_accuracy": _mean(right[answered & here]),
        "answered_without": _mean(missed),
        "bins": bins,
    }


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None


def _features(top_scores: np.ndarray, novelty: np.ndarray) -> np.ndarray:
    top = np.asarray(top_scores, np.float64)
    lead = top[:, 0] - top[:, 1] if top.shape[1] > 1 else np.zeros(len(top))
    return np.column_stack([top[:, 0], lead, novelty])
