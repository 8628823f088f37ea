"""The loss of a step and its gradient: what the curriculum asks of the cube on the step's batch."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from cube.config import TrainingConfig
from cube.lattice.core import Cube
from cube.training.batches import Batch, PairBatch, TextBatch
from cube.training.objectives import (
    centred_cosine_loss,
    contrastive_loss,
    cosine_loss,
    squared_distance_loss,
)
from cube.training.precision import product_dtype


def answering_loss(
    cube: Cube,
    batch: PairBatch,
    config: TrainingConfig,
    log_temperature: Float[Tensor, ""] | None = None,
) -> Float[Tensor, ""]:
    """Return the loss of moving questions to their answers, away from the others' answers.

    Args:
        cube: what moves them.
        batch: questions and candidates, on the cube's device.
        config: temperature and weights of the terms; a term of weight 0 is not computed.
        log_temperature: logarithm of what a trained temperature is relative to the config's.
    """
    predictions = _predict(cube, batch.questions, config)
    moved, answers = normalize(predictions, dim=-1), normalize(batch.answers, dim=-1)
    right = slice(len(predictions))
    temperature = config.temperature
    if log_temperature is not None:
        temperature = temperature * log_temperature.exp()
    dtype = product_dtype(config.precision, predictions.device)
    symmetric = config.symmetric_share
    loss = contrastive_loss(moved, answers, batch.false_negatives, temperature, symmetric, dtype)
    loss = loss + config.cosine_weight * cosine_loss(moved, answers[right])
    if config.mse_weight:
        distance = squared_distance_loss(predictions, batch.answers[right])
        loss = loss + config.mse_weight * distance
    if batch.centre is not None:
        centred = centred_cosine_loss(moved, answers[right], batch.centre)
        loss = loss + config.centred_cosine_weight * centred
    return loss


def restoring_loss(cube: Cube, batch: TextBatch, config: TrainingConfig) -> Float[Tensor, ""]:
    """Return the loss of undoing the corruption."""
    restored = _predict(cube, batch.corrupted, config)
    return cosine_loss(normalize(restored, dim=-1), normalize(batch.clean, dim=-1))


def accumulate_gradient(
    cube: Cube,
    batch: Batch,
    restoring_weight: float,
    config: TrainingConfig,
    log_temperature: Float[Tensor, ""] | None = None,
) -> float:
    """Add the gradient of a batch to the parameters', and return its loss.

    Rows are taken `micro_batch_size` at a time, each question against all answers of the batch, so
    the sum is the gradient of the large batch and not of many small ones. Of a batch that several
    processes share, gradient and loss are this process's part of the sum.
    """
    total = torch.zeros((), device=cube.strength.device)
    if batch.pairs is not None:
        pairs = batch.pairs
        for start, stop in _parts(len(pairs.questions), config):
            share = (1 - restoring_weight) * (stop - start) / batch.num_pairs
            loss = share * answering_loss(cube, pairs.part(start, stop), config, log_temperature)
            loss.backward()
            total += loss.detach()
    if batch.texts is not None:
        texts = batch.texts
        for start, stop in _parts(len(texts.clean), config):
            share = restoring_weight * (stop - start) / batch.num_texts
            loss = share * restoring_loss(cube, texts.part(start, stop), config)
            loss.backward()
            total += loss.detach()
    return total.item()


def _parts(rows: int, config: TrainingConfig) -> list[tuple[int, int]]:
    size = config.micro_batch_size or max(rows, 1)
    return [(start, min(start + size, rows)) for start in range(0, rows, size)]


def _predict(
    cube: Cube, vectors: Float[Tensor, "rows dim"], config: TrainingConfig
) -> Float[Tensor, "rows dim"]:
    if product_dtype(config.precision, vectors.device) == torch.float32:
        return cube(vectors)
    with torch.autocast(vectors.device.type, torch.bfloat16):
        return cube(vectors).float()
