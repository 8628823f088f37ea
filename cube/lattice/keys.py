"""Vectors of length 1 in a byte a number: compared with questions and averaged, block by block."""

import torch
from jaxtyping import Float, Int, Int8
from torch import Tensor, nn
from torch.nn.functional import normalize

_BLOCK_KEYS = 4_096  # compared at once: 6 MB as float32 stay near the processor
_BLOCK_ROWS = 256  # questions at once
_LARGEST = 127  # of an int8, the same to both sides of 0


class Keys(nn.Module):
    """Rows of steps[i] * numbers[i]; the cosine to what a row was made of is above .9999.

    Attributes:
        numbers: int8, (n, dim).
        steps: what 1 of a row's numbers stands for, (n,).
    """

    numbers: Int8[Tensor, "n dim"]
    steps: Float[Tensor, " n"]

    def __init__(self, count: int, dimension: int):
        """Make room for so many vectors, all zero until they are put there."""
        super().__init__()
        self.register_buffer("numbers", torch.zeros(count, dimension, dtype=torch.int8))
        self.register_buffer("steps", torch.zeros(count))

    @classmethod
    def of(cls, vectors: Float[Tensor, "n dim"]) -> "Keys":
        """Return the keys of vectors of any length."""
        keys = cls(*vectors.shape)
        keys.put(0, vectors)
        return keys

    def put(self, start: int, vectors: Float[Tensor, "m dim"]) -> None:
        """Write vectors, made of length 1, to the rows from `start` on; zero rows stay zero."""
        vectors = normalize(vectors.float(), dim=-1)
        here = slice(start, start + len(vectors))
        steps = vectors.abs().amax(dim=-1) / _LARGEST
        self.steps[here] = steps
        steps = steps.clamp_min(torch.finfo(torch.float32).tiny)
        self.numbers[here] = (vectors / steps[:, None]).round().to(torch.int8)

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, rows: Int[Tensor, "*b"] | slice) -> Float[Tensor, "*b dim"]:
        """Return vectors by row."""
        return self.steps[rows].unsqueeze(-1) * self.numbers[rows]

    def nearest(
        self, x_BD: Float[Tensor, "batch dim"], count: int
    ) -> tuple[Float[Tensor, "batch k"], Int[Tensor, "batch k"]]:
        """Return cosine and row of the nearest keys, nearest first; k is at most their number."""
        count = min(count, len(self))
        questions = normalize(x_BD, dim=-1)
        # Written in place: small results kept between large blocks would leave holes in memory.
        similarity = questions.new_full((len(questions), count), -torch.inf)
        rows = torch.zeros_like(similarity, dtype=torch.int64)
        for start in range(0, len(self), _BLOCK_KEYS):
            here = slice(start, start + _BLOCK_KEYS)
            block, steps = self.numbers[here].to(x_BD.dtype).T, self.steps[here]
            for first in range(0, len(questions), _BLOCK_ROWS):
                some = slice(first, first + _BLOCK_ROWS)
                found = (questions[some] @ block).mul_(steps).topk(min(count, len(steps)), dim=-1)
                known = torch.cat([similarity[some], found.values], dim=-1)
                best = known.topk(count, dim=-1)
                known_rows = torch.cat([rows[some], found.indices + start], dim=-1)
                similarity[some], rows[some] = best.values, known_rows.gather(-1, best.indices)
        return similarity, rows

    def weighted_sum(
        self, weights_BK: Float[Tensor, "batch k"], rows_BK: Int[Tensor, "batch k"]
    ) -> Float[Tensor, "batch dim"]:
        """Return for every question the weighted sum of its keys."""
        blocks = zip(weights_BK.split(_BLOCK_ROWS), rows_BK.split(_BLOCK_ROWS), strict=True)
        return torch.cat([torch.einsum("bk,bkd->bd", w, self[rows]) for w, rows in blocks])
