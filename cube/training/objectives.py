"""Losses. Shapes: B batch, D embedding dimension; vectors need not be normalised."""

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
) -> Float[Tensor, ""]:
    """InfoNCE (van den Oord et al. 2018): each prediction picks its own among the targets.

    Target i is right for prediction i; there may be more targets than predictions. `symmetric` is
    the share of the loss by which right targets pick their own among the predictions (as in CLIP,
    Radford et al. 2021).
    """
    predictions = functional.normalize(predictions, dim=-1)
    targets = functional.normalize(targets, dim=-1)
    logits = (predictions / temperature) @ targets.T
    if false_negatives.any():  # a pass over all logits, forward and back
        logits = logits.masked_fill(false_negatives, -torch.inf)
    right = torch.arange(len(logits), device=logits.device)
    loss = functional.cross_entropy(logits, right)
    if symmetric:
        back = functional.cross_entropy(logits[:, : len(logits)].T, right)
        loss = (1 - symmetric) * loss + symmetric * back
    return loss


def cosine_loss(
    predictions: Float[Tensor, "batch dim"], targets: Float[Tensor, "batch dim"]
) -> Float[Tensor, ""]:
    """Mean of 1 - cos, in [0, 2]."""
    return 1 - functional.cosine_similarity(predictions, targets, dim=-1).mean()


def centred_cosine_loss(
    predictions: Float[Tensor, "batch dim"],
    targets: Float[Tensor, "batch dim"],
    centre: Float[Tensor, " dim"],
) -> Float[Tensor, ""]:
    """Mean of 1 - cos of vectors of length 1 from `centre`, which a constant cannot win."""
    predictions = functional.normalize(predictions, dim=-1) - centre
    return cosine_loss(predictions, functional.normalize(targets, dim=-1) - centre)


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
