"""Quality drift: does the champion still find the answers people were given?

The newest questions that were answered are ranked by the champion among its own answers and the new
ones, and compared with its test questions in a bank of the same size.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from cube.data.splits import Split
from cube.drift.judgement import Judgement, judge, random_parts
from cube.evaluation.experiment import Experiment
from cube.gathering import gather_rows
from cube.lattice.core import Cube
from cube.ranking import RetrievalTask, normalized, search
from cube.sampling import sampled

SPLITS = 200
_SMALLEST = 0.05  # of MRR@10
_FEWEST = 10  # questions on either side
_MOST_QUESTIONS, _MOST_ANSWERS = 2_000, 5_000


class Answered(NamedTuple):
    """Questions with the answers they were given; row i of one belongs to row i of the other."""

    questions: Float[np.ndarray, "pairs dim"]
    answers: Float[np.ndarray, "pairs dim"]


def judge_quality(
    champion: Cube, recent: Answered, known: Experiment, deviations: float
) -> Judgement | None:
    """Compare MRR@10 on recent pairs with that on the champion's test pairs.

    Args:
        champion: the cube that serves.
        recent: vectors of the newest pairs.
        known: the experiment the champion was trained and tested on.
        deviations: see `judge`.

    Returns:
        The fall of MRR@10, or None where there are fewer than 10 questions on a side.
    """
    vectors, task = _among(recent, known)
    old_task = known.task_of(np.flatnonzero(known.splits == Split.TEST))
    if min(len(task), len(old_task)) < _FEWEST:
        return None
    most = min(len(known.bank), _MOST_ANSWERS)
    new = _reciprocal_ranks(champion, vectors, task.sample(_MOST_QUESTIONS, most, seed=0))
    old = _reciprocal_ranks(champion, known.vectors, old_task.sample(_MOST_QUESTIONS, most, seed=0))
    null_scores = np.array(
        [old[~mask].mean() - old[mask].mean() for mask in random_parts(len(old), len(new), SPLITS)]
    )
    fall = float(old.mean() - new.mean())
    return judge("fall of the champion's MRR@10", fall, null_scores, deviations, _SMALLEST)


def _among(
    recent: Answered, known: Experiment
) -> tuple[Float[np.ndarray, "rows dim"], RetrievalTask]:
    """Return recent questions, their answers and the known answers as one matrix, and the task.

    An answer that is in the bank already (the same vector) is right there, too.
    """
    bank = known.gather(sampled(known.bank, _MOST_ANSWERS))
    answers, answer_of = np.unique(
        np.concatenate([bank, recent.answers]), axis=0, return_inverse=True
    )
    questions, question_of = np.unique(recent.questions, axis=0, return_inverse=True)
    first = len(answers)
    task = RetrievalTask.from_pairs(
        first + question_of.ravel(),
        answer_of.ravel()[len(bank) :],
        np.arange(len(answers)),
    )
    return np.concatenate([answers, questions]), task


def _reciprocal_ranks(
    cube: Cube, vectors: Float[np.ndarray, "rows dim"], task: RetrievalTask
) -> Float[np.ndarray, " Q"]:
    predictions = cube.apply_to(gather_rows(vectors, task.questions))
    bank = normalized(gather_rows(vectors, task.bank))
    return search(predictions, bank, task).reciprocal_ranks
