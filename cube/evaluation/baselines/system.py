"""What is compared: a map of vectors, or a ranking of texts, under a name and a label."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from cube.lattice.core import Cube
from cube.ranking import Ranking, RetrievalTask

Predict = Callable[[Float[np.ndarray, "Q D"]], Float[np.ndarray, "Q D"]]

# Every baseline by name, in the order of reports.
LABELS = {
    "identity": "frozen teacher (identity)",
    "centred_identity": "frozen teacher, centred",
    "whitened_identity": "frozen teacher, whitened by the bank",
    "mean_answer": "mean answer (constant)",
    "ridge_raw": "ridge regression, raw scores",
    "ridge_centred": "ridge regression, centred scores",
    "residual_ridge": "ridge regression towards the identity",
    "procrustes": "orthogonal Procrustes rotation, centred",
    "low_rank": "low-rank residual map, equal parameters",
    "dense": "dense residual map, same objective",
    "mlp": "residual MLP, equal parameters",
    "knn": "nearest training questions (kNN)",
    "bm25": "BM25 on the texts",
    "random": "random map",
}


@dataclass(frozen=True)
class System:
    """A map from questions to predicted answers and the way its predictions are ranked."""

    name: str
    label: str
    predict: Predict
    rank_centred: bool = False
    num_parameters: int = 0

    @property
    def ranks_by(self) -> str:
        """What the bank is sorted by."""
        return "centred cosine" if self.rank_centred else "cosine"


@dataclass(frozen=True)
class TextSystem:
    """A ranking of texts: it predicts no vector, so only its ranks can be judged.

    Attributes:
        rank: ranks a task's bank and returns so many first answers.
        ranks_by: what the bank is sorted by.
    """

    name: str
    label: str
    rank: Callable[[RetrievalTask, int], Ranking]
    ranks_by: str
    num_parameters: int = 0


AnySystem = System | TextSystem


def baseline(
    name: str, predict: Predict, rank_centred: bool = False, num_parameters: int = 0
) -> System:
    """Return a baseline under the label it has everywhere."""
    return System(name, LABELS[name], predict, rank_centred, num_parameters)


def cube_system(name: str, label: str, cube: Cube) -> System:
    """Wrap a trained cube (or a dense map in a cube's place)."""
    return System(name, label, cube.apply_to, num_parameters=cube.num_parameters)
