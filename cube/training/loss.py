"""The loss of a step: what the curriculum asks of the cube on the step's batches."""

from jaxtyping import Float
from torch import Tensor

from cube.config import TrainingConfig
from cube.lattice.core import Cube
from cube.training.batches import PairBatch, TextBatch
from cube.training.objectives import contrastive_loss, cosine_loss


def answering_loss(cube: Cube, batch: PairBatch, config: TrainingConfig) -> Float[Tensor, ""]:
    """Return the loss of moving questions to their answers, away from the others' answers."""
    predictions = cube(batch.questions)
    loss = contrastive_loss(predictions, batch.answers, batch.false_negatives, config.temperature)
    return loss + config.cosine_weight * cosine_loss(predictions, batch.answers)


def restoring_loss(cube: Cube, batch: TextBatch) -> Float[Tensor, ""]:
    """Return the loss of undoing the corruption."""
    return cosine_loss(cube(batch.corrupted), batch.clean)
