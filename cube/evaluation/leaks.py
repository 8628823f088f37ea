"""Test pairs that training holds as near copies: whoever memorises them looks good.

Splits keep equal texts and equal sets of words together; this looks at vectors, so it also finds
copies that were reworded, misspelled or damaged on their way into the data.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from cube.data.splits import Split
from cube.errors import DataError
from cube.evaluation.experiment import Experiment
from cube.ranking import normalized
from cube.sampling import sampled

NEAR_COPY = 0.999  # cosine: further apart than rounding, nearer than two ways to ask
_MOST_CHECKED = 2_000  # test pairs, drawn at random
_BLOCK_ROWS = 16_384


@dataclass(frozen=True)
class Leaks:
    """Which of the checked test pairs have a near copy in training.

    Attributes:
        checked: test pairs looked at, as positions among all pairs.
        leaked: those with a near copy.
        copies: the copies, as positions among all pairs.
        similarities: cosines of the questions.
    """

    checked: Int[np.ndarray, " n"]
    leaked: Int[np.ndarray, " m"]
    copies: Int[np.ndarray, " m"]
    similarities: Float[np.ndarray, " m"]

    @property
    def share(self) -> float:
        """Leaked pairs of the checked ones."""
        return len(self.leaked) / max(1, len(self.checked))


def find_leaks(experiment: Experiment) -> Leaks:
    """Return test pairs whose question and answer both have a near copy in one training pair.

    Turns of dialogues are left out: the same short turn is said in many dialogues.
    """
    slices = [p for name, p in experiment.slices.items() if name != "dialogue_turns"]
    pairs = np.concatenate([np.array([], np.int64), *slices])
    pairs = sampled(pairs, _MOST_CHECKED)
    training = np.flatnonzero(experiment.splits == Split.TRAIN)
    questions = normalized(experiment.gather(experiment.questions[pairs]))
    answers = normalized(experiment.gather(experiment.answers[pairs]))
    best = np.zeros(len(pairs))
    copy = np.full(len(pairs), -1)
    for start in range(0, len(training), _BLOCK_ROWS):
        block = training[start : start + _BLOCK_ROWS]
        theirs = normalized(experiment.gather(experiment.questions[block]))
        similarity = questions @ theirs.T
        near, column = np.nonzero(similarity >= NEAR_COPY)
        order = np.argsort(similarity[near, column], kind="stable")  # the last one stays
        for at in np.array_split(order, len(order) // _BLOCK_ROWS + 1):
            i, pair = near[at], block[column[at]]
            answered = normalized(experiment.gather(experiment.answers[pair]))
            found = similarity[i, column[at]]
            copied = np.einsum("nd,nd->n", answers[i], answered) >= NEAR_COPY
            better = copied & (found > best[i])
            best[i[better]], copy[i[better]] = found[better], pair[better]
    found = np.flatnonzero(copy >= 0)
    return Leaks(pairs, pairs[found], copy[found], best[found])


def check_leaks(leaks: Leaks, limit: float) -> None:
    """Refuse to go on with a larger share of leaked test pairs than the limit.

    Raises:
        DataError: naming how many and what to do.
    """
    if leaks.share > limit:
        raise DataError(
            f"Leak: {len(leaks.leaked)} of {len(leaks.checked)} test pairs ({leaks.share:.1%}, at "
            f"most {limit:.1%}) have a near copy in training, so the test would reward memory. "
            "Remove the copies (data.filters.near_duplicates: minhash), or raise "
            "evaluation.max_leaked_share if they are meant."
        )


def leaks_to_json(
    leaks: Leaks, limit: float, tests: list[str], copies: list[str]
) -> dict[str, Any]:
    """Return what `Leaks` in `cube.evaluation.schema` describes.

    Args:
        leaks: what was found.
        limit: share above which a run fails.
        tests: texts of the first leaked questions.
        copies: texts of their copies.
    """
    examples = [
        {"test": test, "training": copy, "similarity": min(1.0, float(similarity))}
        for test, copy, similarity in zip(tests, copies, leaks.similarities, strict=False)
    ]
    return {
        "checked": len(leaks.checked),
        "leaked": len(leaks.leaked),
        "share": leaks.share,
        "limit": limit,
        "examples": examples,
    }
