"""The questions that every baseline's dials are chosen on: a sample of validation, never test."""

import numpy as np
from jaxtyping import Float

from cube.evaluation.experiment import Experiment
from cube.evaluation.metrics import normalized
from cube.evaluation.ranking import first_right_ranks, reciprocal_ranks
from cube.training.validation import MAX_BANK, MAX_QUESTIONS


class Tuning:
    """Scores predictions on as many validation questions as a training looks at.

    Attributes:
        task: the sampled questions and bank.
        questions: their vectors, shape (Q, D).
    """

    def __init__(self, experiment: Experiment):
        data = experiment.training_set
        self.task = data.validation.sample(MAX_QUESTIONS, MAX_BANK, seed=0)
        self.questions = data.gather(self.task.questions)
        bank = data.gather(self.task.bank)
        self._mean = experiment.centre.answer
        self._banks = {False: normalized(bank), True: normalized(bank - self._mean)}

    def mrr(self, predictions: Float[np.ndarray, "Q D"], rank_centred: bool) -> float:
        """Return MRR@10 of predictions for `questions`."""
        moved = normalized(predictions - self._mean if rank_centred else predictions)
        ranks = first_right_ranks(moved, self._banks[rank_centred], self.task)
        return float(reciprocal_ranks(ranks).mean())
