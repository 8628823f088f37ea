"""The phrase bank: a predicted embedding is decoded to the nearest texts of a fixed set."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from cube.ranking import normalized


@dataclass(frozen=True)
class Phrase:
    """A text of the bank and its cosine with the prediction, in [-1, 1]."""

    text: str
    score: float


class PhraseBank:
    """Texts and their vectors."""

    def __init__(self, texts: list[str], vectors: Float[np.ndarray, "texts dim"]):
        self._texts = texts
        self._vectors = normalized(np.asarray(vectors, np.float32))

    def __len__(self) -> int:
        return len(self._texts)

    def nearest(
        self, predictions: Float[np.ndarray, "rows dim"], count: int = 3
    ) -> list[list[Phrase]]:
        """Return the nearest phrases of every prediction, best first."""
        scores = normalized(predictions) @ self._vectors.T
        order = np.argsort(-scores, axis=1, kind="stable")[:, :count]
        return [
            [Phrase(self._texts[i], float(row[i])) for i in best]
            for row, best in zip(scores, order, strict=True)
        ]
