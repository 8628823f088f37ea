"""Losses. Shapes: B batch, T targets, D embedding dimension."""

from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional


def same_answer_mask(
    questions: Int[Tensor, " batch"], answers: Int[Tensor, " batch"]
) -> Bool[Tensor, "batch batch"]:
    """Mark the pairs (i, j), i != j, where answer j is also right for question i.

    They would be false negatives: the same answer twice in a batch, or one question with two
    right answers.
    """
    same = (answers[:, None] == answers[None, :]) | (questions[:, None] == questions[None, :])
    return same.fill_diagonal_(False)


def near_duplicate_mask(
    candidates: Float[Tensor, "candidates dim"], own: int, threshold: float
) -> Bool[Tensor, "own candidates"]:
    """Mark the pairs (i, j), i != j, where candidate j is nearly the right answer i.

    Args:
        candidates: vectors; the first ones are the right answers, in order.
        own: how many questions there are.
        threshold: cosine from which two answers count as one.
    """
    candidates = functional.normalize(candidates, dim=-1)
    return (candidates[:own] @ candidates.T >= threshold).fill_diagonal_(False)


def contrastive_loss(
    predictions: Float[Tensor, "batch dim"],
    targets: Float[Tensor, "targets dim"],
    false_negatives: Bool[Tensor, "batch targets"],
    temperature: float | Float[Tensor, ""],
    symmetric: float = 0.0,
    dtype: torch.dtype | None = None,
) -> Float[Tensor, ""]:
    """InfoNCE (van den Oord et al. 2018): each prediction picks its own among the targets.

    All rows have length 1. Target i is right for prediction i; there may be more targets than
    predictions. `symmetric` is the share of the loss by which right targets pick their own among
    the predictions (as in CLIP, Radford et al. 2021). `dtype` is that of the factors of matrix
    products, by default their own.
    """
    scale = torch.as_tensor(1 / temperature, device=predictions.device)
    dtype = dtype or predictions.dtype
    loss = _Choice.apply(predictions, targets, false_negatives, scale, dtype)
    if symmetric:
        right, masked = targets[: len(predictions)], false_negatives[:, : len(predictions)]
        back = _Choice.apply(right, predictions, masked.T, scale, dtype)
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
        masked_BT: Tensor,
        scale: Tensor,
        dtype: torch.dtype,
    ) -> Tensor:
        candidates_TD = candidates_TD.to(dtype)
        x_BT = ((rows_BD * scale).to(dtype) @ candidates_TD.T).to(rows_BD.dtype)
        x_BT.masked_fill_(masked_BT, -torch.inf)
        highest = x_BT.amax(dim=1, keepdim=True)
        missing = highest[:, 0] - x_BT.diagonal()
        total = x_BT.sub_(highest).exp_().sum(dim=1, keepdim=True)
        x_BT.div_(total).diagonal().sub_(1)
        ctx.save_for_backward(rows_BD, candidates_TD, x_BT.to(dtype), scale)
        return (missing + total[:, 0].log()).mean()

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
        generator: CPU generator; equal states give equal corruption on every device.
    """
    scale = noise * vectors.norm(dim=-1, keepdim=True) / vectors.shape[1] ** 0.5
    shape = vectors.shape
    normal = torch.randn(shape, generator=generator).to(vectors.device)
    kept = (torch.rand(shape, generator=generator) >= dropped).to(vectors.device)
    return (vectors + scale * normal) * kept
