"""kNN: the answer to a question is the weighted mean of the answers to the nearest known ones."""

import itertools

import numpy as np
import torch
from jaxtyping import Float, Int

from cube.data.splits import Split
from cube.evaluation.baselines.system import System, baseline
from cube.evaluation.baselines.tuning import Tuning
from cube.evaluation.experiment import Experiment
from cube.ranking import normalized

COUNTS = (1, 3, 10, 30, 100)
TEMPERATURES = (0.02, 0.05, 0.1, 0.3)

_BLOCK_QUESTIONS, _BLOCK_PAIRS = 512, 16_384

Neighbours = tuple[Float[np.ndarray, "Q k"], Int[np.ndarray, "Q k"]]  # cosines, answer rows


def knn_baseline(experiment: Experiment, tuning: Tuning) -> System:
    """Return kNN with the number of neighbours, temperature and ranking best on validation."""
    found = _nearest(experiment, tuning.questions, max(COUNTS))

    def score(dials: tuple[int, float, bool]) -> float:
        count, temperature, rank_centred = dials
        return tuning.mrr(_mean_answers(experiment, found, count, temperature), rank_centred)

    count, temperature, rank_centred = max(
        itertools.product(COUNTS, TEMPERATURES, (False, True)), key=score
    )

    def predict(x: Float[np.ndarray, "Q D"]) -> Float[np.ndarray, "Q D"]:
        return _mean_answers(experiment, _nearest(experiment, x, count), count, temperature)

    return baseline("knn", predict, rank_centred)


def _mean_answers(
    experiment: Experiment, found: Neighbours, count: int, temperature: float
) -> Float[np.ndarray, "Q D"]:
    """Weight the first `count` neighbours' answers by softmax(cosine / temperature)."""
    cosines, answers = found[0][:, :count], found[1][:, :count]
    weights = np.exp((cosines - cosines[:, :1]) / temperature)
    weights /= weights.sum(axis=1, keepdims=True)
    means = np.empty((len(answers), experiment.vectors.shape[1]), np.float32)
    for start in range(0, len(answers), _BLOCK_QUESTIONS):
        rows = slice(start, start + _BLOCK_QUESTIONS)
        vectors = experiment.gather(answers[rows].ravel()).reshape(*answers[rows].shape, -1)
        means[rows] = np.einsum("qk,qkd->qd", weights[rows], vectors)
    return means


def _nearest(experiment: Experiment, x: Float[np.ndarray, "Q D"], count: int) -> Neighbours:
    """Return the training pairs whose questions are nearest, nearest first."""
    pairs = np.flatnonzero(experiment.splits == Split.TRAIN)
    count = min(count, len(pairs))
    queries = torch.from_numpy(normalized(x))
    best = torch.empty(len(x), 0)
    rows = torch.empty(len(x), 0, dtype=torch.int64)
    for start in range(0, len(pairs), _BLOCK_PAIRS):
        block = pairs[start : start + _BLOCK_PAIRS]
        known = torch.from_numpy(normalized(experiment.gather(experiment.questions[block])))
        answers = torch.from_numpy(experiment.answers[block])
        parts = queries.split(_BLOCK_QUESTIONS)
        top = [(part @ known.T).topk(min(count, len(block))) for part in parts]
        best = torch.cat([best, torch.cat([values for values, _ in top])], dim=1)
        rows = torch.cat([rows, torch.cat([answers[i] for _, i in top])], dim=1)
        best, order = best.topk(min(count, best.shape[1]))
        rows = rows.gather(1, order)
    return best.numpy(), rows.numpy()
