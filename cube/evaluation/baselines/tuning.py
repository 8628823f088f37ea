"""The questions that every baseline's dials are chosen on: a sample of validation, never test."""

import numpy as np
from jaxtyping import Float

from cube.evaluation.experiment import Experiment
from cube.evaluation.metrics import rank_slice
from cube.training.validation import MAX_BANK, MAX_QUESTIONS


class Tuning:
    """Scores predictions on as many validation questions as a training looks at.

    Attributes:
        task: the sampled questions and bank.
        questions: their vectors, shape (Q, D).
        bank: its vectors, shape (A, D).
    """

    def __init__(self, experiment: Experiment):
        data = experiment.training_set
        self.task = data.validation.sample(MAX_QUESTIONS, MAX_BANK, seed=0)
        self.questions = data.gather(self.task.questions)
        self.bank = data.gather(self.task.bank)
        self._answer_mean = experiment.centre.answer

    def mrr(self, predictions: Float[np.ndarray, "Q D"], rank_centred: bool) -> float:
        """Return MRR@10 of predictions for `questions`."""
        ranking = rank_slice(predictions, self.bank, self.task, self._answer_mean, rank_centred)
        return float(ranking.reciprocal_ranks.mean())
