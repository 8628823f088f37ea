"""Questions to watch: vectors that gather around topics."""

import numpy as np

DIMENSION, RANK, TOPICS = 384, 24, 60


class Questions:
    """Vectors of questions that gather around topics, like those of a text encoder."""

    def __init__(self, seed: int):
        self._generator = np.random.default_rng(seed)
        self._directions = self._generator.standard_normal((RANK, DIMENSION))
        self.known = self._generator.standard_normal((TOPICS, RANK))
        # Another domain: other topics, around another centre.
        self.new = self._generator.standard_normal((TOPICS, RANK))
        self.new += self._generator.standard_normal(RANK)

    def ask(self, count: int, share_new: float = 0.0) -> np.ndarray:
        """Return `count` vectors of length 1, a share of them about new topics."""
        topics = np.where(
            self._generator.random((count, 1)) < share_new,
            self.new[self._generator.integers(TOPICS, size=count)],
            self.known[self._generator.integers(TOPICS, size=count)],
        )
        wording = topics + 0.3 * self._generator.standard_normal((count, RANK))
        rows = wording @ self._directions
        rows += self._generator.standard_normal(rows.shape)
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
