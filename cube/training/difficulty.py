"""How hard pairs are for the frozen teacher: the order in which a paced curriculum shows them."""

from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from cube.ranking import normalized
from cube.sampling import sampled
from cube.training.dataset import TrainingSet

_BLOCK_ROWS = 2_048
_BANK = 2_048  # answers a rank is taken among


def easiest_first(
    data: TrainingSet, difficulty: Literal["similarity", "rank"], seed: int
) -> Int[np.ndarray, " pairs"]:
    """Return the positions of all training pairs, the easiest first.

    `similarity`: by the cosine of question and answer, nearest first. `rank`: by how many of a
    sample of answers lie nearer to the question than its own, equal ranks by similarity.
    """
    bank = None
    if difficulty == "rank":
        bank = normalized(data.gather(sampled(np.unique(data.answers), _BANK, seed)))
    ranks, similarities = _measure(data, bank)
    return np.lexsort((-similarities, ranks))


def _measure(
    data: TrainingSet, bank: Float[np.ndarray, "bank dim"] | None
) -> tuple[Int[np.ndarray, " pairs"], Float[np.ndarray, " pairs"]]:
    ranks = np.zeros(data.num_pairs, np.int32)
    similarities = np.empty(data.num_pairs, np.float32)
    for start in range(0, data.num_pairs, _BLOCK_ROWS):
        block = slice(start, start + _BLOCK_ROWS)
        questions = normalized(data.gather(data.questions[block]))
        answers = normalized(data.gather(data.answers[block]))
        similarities[block] = (questions * answers).sum(axis=1)
        if bank is not None:
            nearer = questions @ bank.T > similarities[block, None] + 1e-6
            ranks[block] = nearer.sum(axis=1)
    return ranks, similarities
