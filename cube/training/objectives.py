"""Losses. Shapes: B batch, T targets, D embedding dimension."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional


def same_answers(
    questions: Int[np.ndarray, " batch"], answers: Int[np.ndarray, " batch"]
) -> Int[Tensor, "2 n"]:
    """Return the pairs (i, j), i != j, where answer j is also right for question i.

    They would be false negatives: the same answer twice in a batch, or one question with two
    right answers. Few of all pairs are, so they are listed and not marked.
    """
    return torch.from_numpy(np.concatenate([_equal(questions), _equal(answers)], axis=1))


def _equal(rows: Int[np.ndarray, " n"]) -> Int[np.ndarray, "2 pairs"]:
    """Return all pairs of different positions that hold equal rows."""
    _, number, counts = np.unique(rows, return_inverse=True, return_counts=True)
    several = np.flatnonzero(counts[number] > 1)
    same = number[several, None] == number[several]
    np.fill_diagonal(same, False)
    return several[np.stack(np.nonzero(same))]


def near_duplicates(
    candidates: Float[Tensor, "candidates dim"], own: int, threshold: float
) -> Int[Tensor, "2 n"]:
    """Return the pairs (i, j), i != j, where candidate j is nearly the right answer i.

    Args:
        candidates: vectors; the first ones are the right answers, in order.
        own: how many questions there are.
        threshold: cosine from which two answers count as one.
    """
    candidates = functional.normalize(candidates, dim=-1)
    near = (candidates[:own] @ candidates.T >= threshold).fill_diagonal_(False)
    return near.nonzero().T


def contrastive_loss(
    predictions: Float[Tensor, "batch dim"],
    targets: Float[Tensor, "targets dim"],
    false_negatives: Int[Tensor, "2 n"],
    temperature: float | Float[Tensor, ""],
    symmetric: float = 0.0,
    dtype: torch.dtype | None = None,
) -> Float[Tensor, ""]:
    """InfoNCE (van den Oord et al. 2018): each prediction picks its own among the targets.

    All rows have length 1. Target i is right for prediction i; there may be more targets than
    predictions. Pairs (i, j) of `false_negatives` are left out. `symmetric` is the share of the
    loss by which right targets pick their own among the predictions (as in CLIP, Radford et al.
    2021). `dtype` is that of the factors of matrix products, by default their own.
    """
    scale = torch.as_tensor(1 / temperature, device=predictions.device)
    dtype = dtype or predictions.dtype
    loss = _Choice.apply(predictions, targets, false_negatives, scale, dtype)
    if symmetric:
        right, among = targets[: len(predictions)], false_negatives[1] < len(predictions)
        swapped = false_negatives[:, among].flip(0)
        back = _Choice.apply(right, predictions, swapped, scale, dtype)
        loss = (1 - symmetric) * loss + symmetric * back
    return loss


class _Choice(torch.autograd.Function):
    """Mean cross-entropy of row i picking candidate i, by scaled inner products.

    The softmax and then the gradient take the place of the logits. What autograd would make of the
    same formula holds five arrays of that size and spends most of a step on fetching their memory.
    """

    @staticmethod
    def forward(
        ctx: Any,
        rows_BD: Tensor,
        candidates_TD: Tensor,
        left_out: Tensor,
        scale: Tensor,
        dtype: torch.dtype,
    ) -> Tensor:
        candidates_TD = candidates_TD.to(dtype)
        x_BT = ((rows_BD * scale).to(dtype) @ candidates_TD.T).to(rows_BD.dtype)
        x_BT[left_out[0], left_out[1]] = -torch.inf
        torch.softmax(x_BT, dim=1, out=x_BT)
        right = x_BT.diagonal().clamp_min(torch.finfo(x_BT.dtype).tiny)
        loss = -right.log().mean()
        x_BT.diagonal().sub_(1)
        ctx.save_for_backward(rows_BD, candidates_TD, x_BT.to(dtype), scale)
        return loss

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride] - as the decorator types it
        ctx: Any, *outputs: Tensor
    ) -> tuple[Tensor | None, ...]:
        rows_BD, candidates_TD, x_BT, scale = ctx.saved_tensors
        weight = outputs[0] / len(rows_BD)
        by_scaled = (x_BT @ candidates_TD).to(rows_BD.dtype) * weight
        by_candidates = None
        if ctx.needs_input_grad[1]:
            scaled = (rows_BD * scale).to(x_BT.dtype)
            by_candidates = (x_BT.T @ scaled).to(rows_BD.dtype) * weight
        return by_scaled * scale, by_candidates, None, (by_scaled * rows_BD).sum(), None


def cosine_loss(
    predictions: Float[Tensor, "batch dim"], targets: Float[Tensor, "batch dim"]
) -> Float[Tensor, ""]:
    """Mean of 1 - cos, in [0, 2], of rows of length 1."""
    return 1 - (predictions * targets).sum(dim=-1).mean()


def centred_cosine_loss(
    predictions: Float[Tensor, "batch dim"],
    targets: Float[Tensor, "batch dim"],
    centre: Float[Tensor, " dim"],
) -> Float[Tensor, ""]:
    """Mean of 1 - cos of rows of length 1 as seen from `centre`, which a constant cannot win."""
    predictions, targets = (
        functional.normalize(rows - centre, dim=-1) for rows in (predictions, targets)
    )
    return cosine_loss(predictions, targets)


def squared_distance_loss(
    predictions: Float[Tensor, "batch dim"], targets: Float[Tensor, "batch dim"]
) -> Float[Tensor, ""]:
    """Mean squared Euclidean distance, lengths as they are: the MSE times the dimension."""
    return (predictions - targets).square().sum(dim=-1).mean()


def corrupt(
    vectors: Float[Tensor, "batch dim"], noise: float, dropped: float, generator: torch.Generator
) -> Float[Tensor, "batch dim"]:
    """Add a Gaussian noise vector of expected length `noise` x the row's own, then zero dimensions.

    Args:
        vectors: clean rows.
        noise: expected length of the noise relative to the row's.
        dropped: share of dimensions set to zero, each row its own.
        generator: on the device of the rows.
    """
    scale = noise * vectors.norm(dim=-1, keepdim=True) / vectors.shape[1] ** 0.5
    shape = vectors.shape
    normal = torch.randn(shape, generator=generator, device=vectors.device)
    kept = torch.rand(shape, generator=generator, device=vectors.device) >= dropped
    return (vectors + scale * normal) * kept
