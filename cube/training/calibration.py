"""After training: how far answers follow the core, draw on the memory, and are whitened.

All three are chosen on validation, and only ever to something better than the core alone by more
than chance explains. So a cube that learned nothing of use stays the frozen teacher.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from cube.config import TrainingConfig
from cube.evaluation.significance import standard_error
from cube.lattice.core import Cube
from cube.lattice.memory import Memory
from cube.lattice.whitening import Spectrum, Whitening
from cube.training.dataset import TrainingSet
from cube.training.validation import Validation

STRENGTHS = (0.75, 0.5, 0.25, 0.0)
SHARES = (0.25, 0.5, 1.0)
FLOORS = (None, 0.25, 0.5, 0.75)  # quantiles of how similar validation questions' nearest are
WHITENINGS = (0.1, 0.2, 0.3, 0.4, 0.5)

Setting = TypeVar("Setting")


@dataclass(frozen=True)
class Calibration:
    """What was chosen.

    Attributes:
        strength: share of the core in an answer, the rest is the question itself.
        memory_pairs: training pairs remembered; 0 where remembering does not help.
        memory_share: weight of what is remembered against a prediction of length 1.
        whitening: power of the inverse covariance of the index; 0 where it does not help.
        validation_mrr: MRR@10 of the answers so made.
    """

    strength: float
    memory_pairs: int
    memory_share: float
    whitening: float
    validation_mrr: float


def calibrate(
    cube: Cube, data: TrainingSet, config: TrainingConfig, validation: Validation
) -> Calibration:
    """Set `strength`, `memory` and `whitening` of a trained cube and return what was chosen."""
    judge = _Judge(data, validation)
    x_BD = torch.from_numpy(validation.questions)
    core = torch.from_numpy(cube.restore(validation.questions))
    plain = torch.nn.functional.normalize(x_BD, dim=-1)
    blends = {s: s * core + (1 - s) * plain for s in (1.0, *STRENGTHS)}
    strength, scores = judge.choose(1.0, ((s, blends[s]) for s in blends))
    cube.strength.fill_(strength)

    memory = _remember(data, cube.config.memory_pairs, config)
    share, reading = 0.0, torch.zeros(())
    if memory is not None:
        near = memory.neighbours(x_BD)
        share, scores = _choose_share(memory, near, blends[strength], judge)
        reading = memory.read(*near) if share else reading
        cube.memory = memory.to(cube.strength.device) if share else None
    pairs = len(memory) if memory is not None and share else 0

    whitening = 0.0
    if cube.config.whitening:
        drawn = {s: blend + reading for s, blend in blends.items()}
        index = Spectrum(validation.bank)
        (strength, whitening), scores = _choose_whitening(index, drawn, strength, judge)
        cube.strength.fill_(strength)
        if whitening:
            cube.whitening = Whitening.of(index, whitening).to(cube.strength.device)
    return Calibration(strength, pairs, share, whitening, float(scores.mean()))


def _remember(data: TrainingSet, limit: int, config: TrainingConfig) -> Memory | None:
    if limit == 0:
        return None
    kept = np.random.default_rng(config.seed).permutation(data.num_pairs)[:limit]
    pairs = np.unique(np.stack([data.questions[kept], data.answers[kept]]), axis=1)
    memory = Memory(*(torch.from_numpy(data.gather(rows)) for rows in pairs))
    memory.temperature.fill_(config.temperature)
    return memory


@torch.inference_mode()
def _choose_share(
    memory: Memory, neighbours: tuple[Tensor, Tensor], base: Tensor, judge: "_Judge"
) -> tuple[float, np.ndarray]:
    similarity, answers = neighbours
    best = similarity[:, 0].float()
    floors = [-torch.inf if q is None else float(best.quantile(q)) for q in FLOORS]

    def readings() -> Iterable[tuple[tuple[float, float], Tensor]]:
        yield (0.0, floors[0]), base
        for floor in floors:
            memory.floor.fill_(floor)
            memory.share.fill_(1.0)
            reading = memory.read(similarity, answers)
            for share in SHARES:
                yield (share, floor), base + share * reading

    (share, floor), scores = judge.choose((0.0, floors[0]), readings())
    memory.share.fill_(share)
    memory.floor.fill_(floor)
    return share, scores


def _choose_whitening(
    index: Spectrum, predictions: dict[float, Tensor], strength: float, judge: "_Judge"
) -> tuple[tuple[float, float], np.ndarray]:
    """Choose strength and whitening together: a core may only hurt what is whitened."""

    def whitened() -> Iterable[tuple[tuple[float, float], Tensor]]:
        yield (strength, 0.0), predictions[strength]
        for power in WHITENINGS:
            whiten = Whitening.of(index, power)
            for followed, rows in predictions.items():
                yield (followed, power), torch.nn.functional.normalize(whiten(rows), dim=-1)

    return judge.choose((strength, 0.0), whitened())


class _Judge:
    """Compares predictions for the validation questions."""

    def __init__(self, data: TrainingSet, validation: Validation):
        self._validation = validation
        task = validation.task
        first_right = task.bank[task.right[task.bounds[:-1]]]
        self._seen: Bool[np.ndarray, " Q"] = np.isin(first_right, data.answers)

    def choose(
        self, default: Setting, candidates: Iterable[tuple[Setting, Tensor]]
    ) -> tuple[Setting, Float[np.ndarray, " Q"]]:
        """Return the best candidate that is clearly better than the default, and its scores.

        Clearly: over all questions by more than a standard error, and neither on answers that
        training has seen nor on the others significantly worse (two standard errors).
        """
        scores = {name: self._score(prediction) for name, prediction in candidates}
        best = default
        for name, score in scores.items():
            better = score.mean() > scores[best].mean()
            if better and self._clearly_better(score - scores[default]):
                best = name
        return best, scores[best]

    def _clearly_better(self, gain: Float[np.ndarray, " Q"]) -> bool:
        parts = [part for part in (gain[self._seen], gain[~self._seen]) if len(part) > 1]
        no_part_suffers = all(part.mean() >= -2 * standard_error(part) for part in parts)
        return bool(gain.mean() > standard_error(gain) and no_part_suffers)

    def _score(self, predictions: Tensor) -> Float[np.ndarray, " Q"]:
        return self._validation.reciprocal_ranks(predictions.float().numpy())
