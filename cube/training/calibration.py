"""After training: how far answers follow the core, draw on the memory, and are whitened.

All of it is chosen on validation, one setting after the other, and only ever to something better
than before by more than a standard error, on few questions by one and a half. Of so many candidates
one may be that by chance; then it neither helps nor harms, and a cube that learned nothing of use
stays near the frozen teacher. On fewer than 30 questions chance may harm much, so nothing is chosen
(docs/LOG.md).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import product

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from cube.config import TrainingConfig
from cube.lattice.core import Cube
from cube.lattice.keys import Keys
from cube.lattice.memory import NOTHING, Memory, Shares
from cube.lattice.whitening import Spectrum, Whitening
from cube.sampling import sampled
from cube.training.dataset import TrainingSet
from cube.training.validation import Validation, standard_error

STRENGTHS = (1.0, 0.75, 0.5, 0.25, 0.0)
ANSWERS = (0.0, 0.1, 0.25, 0.5, 1.0)  # shares of what a memory reads
DIFFERENCES = (0.0, 0.1, 0.25, 0.5, 1.0)
NEAR_ANSWERS = (-0.25, -0.1, 0.0, 0.1, 0.25, 0.5, 1.0)
FLOORS = (None, 0.25, 0.5, 0.75)  # quantiles of how similar validation questions' nearest are
WHITENINGS = (0.1, 0.2, 0.3, 0.4, 0.5)
_FEWEST_QUESTIONS = 30
_FEW_QUESTIONS = 200  # two that rank better, and none worse, are more than a standard error
CALIBRATION_QUESTIONS = 5_000  # more than while training: seeds should come to the same choice
_GATHERED = 8_192  # rows
_MOST_BYTES = 640_000_000  # of a memory, a byte a number: 400,000 pairs of 800 dimensions
_MOST_ROUNDS = 4  # a setting may be worth more once others are chosen


@dataclass(frozen=True)
class Calibration:
    """What was chosen.

    Attributes:
        strength: share of the core in an answer, the rest is the question itself.
        memory_pairs: training pairs remembered; 0 where remembering does not help.
        answers_share: weight of the answers of near training questions against a prediction of
            length 1.
        differences_share: weight of the question minus those questions.
        near_answers_share: weight of the training answers nearest to the question; below 0:
            subtracted.
        whitening: power of the inverse covariance of the index; 0 where it does not help.
        validation_mrr: MRR@10 of the answers so made.
    """

    strength: float
    memory_pairs: int
    answers_share: float
    differences_share: float
    near_answers_share: float
    whitening: float
    validation_mrr: float


@dataclass(frozen=True)
class _Setting:
    strength: float = 1.0
    shares: Shares = NOTHING
    floor: float = -np.inf
    whitening: float = 0.0


def calibrate(
    cube: Cube, data: TrainingSet, config: TrainingConfig, validation: Validation
) -> Calibration:
    """Set `strength`, `memory` and `whitening` of a trained cube and return what was chosen."""
    can_tell = len(validation.task) >= _FEWEST_QUESTIONS
    memory = _remember(data, cube.config.memory_pairs if can_tell else 0, config)
    if memory is not None:
        memory = memory.to(cube.strength.device)
    answers = _Answers(cube, memory, validation)
    judge = _Judge(answers, data, validation)
    chosen = _Setting()
    for _ in range(_MOST_ROUNDS if can_tell else 0):
        before = chosen
        chosen = judge.choose(chosen, _strengths(chosen))
        if memory is not None:
            chosen = judge.choose(chosen, _pair_shares(chosen))
            chosen = judge.choose(chosen, _floors(chosen, answers.floors))
            chosen = judge.choose(chosen, _near_answer_shares(chosen))
        if cube.config.whitening:
            chosen = judge.choose(chosen, _whitenings(chosen))
        if chosen == before:
            break
    cube.strength.fill_(chosen.strength)
    cube.memory = None
    if memory is not None and any(chosen.shares):
        memory.use(chosen.shares, chosen.floor)
        cube.memory = memory
    if chosen.whitening:
        cube.whitening = Whitening.of(answers.index, chosen.whitening).to(cube.strength.device)
    return Calibration(
        chosen.strength,
        0 if cube.memory is None else len(cube.memory),
        *chosen.shares,
        chosen.whitening,
        float(judge.score(chosen).mean()),
    )


def _strengths(chosen: _Setting) -> Iterator[_Setting]:
    return (replace(chosen, strength=strength) for strength in STRENGTHS)


def _pair_shares(chosen: _Setting) -> Iterator[_Setting]:
    """Answers and differences together: by analogy they are worth more than each alone."""
    for answers, differences in product(ANSWERS, DIFFERENCES):
        shares = chosen.shares._replace(answers=answers, differences=differences)
        yield replace(chosen, shares=shares)


def _floors(chosen: _Setting, floors: list[float]) -> Iterator[_Setting]:
    """Floors and answers together: a share may only hurt where nothing is near."""
    for floor, answers in product(floors, ANSWERS):
        if answers or chosen.shares.differences:  # else no pair is read, at any floor
            yield replace(chosen, floor=floor, shares=chosen.shares._replace(answers=answers))


def _near_answer_shares(chosen: _Setting) -> Iterator[_Setting]:
    return (replace(chosen, shares=chosen.shares._replace(near_answers=s)) for s in NEAR_ANSWERS)


def _whitenings(chosen: _Setting) -> Iterator[_Setting]:
    """Strength and whitening together: a core may only hurt what is whitened."""
    for power, strength in product((0.0, *WHITENINGS), STRENGTHS):
        yield replace(chosen, whitening=power, strength=strength)


def _remember(data: TrainingSet, limit: int, config: TrainingConfig) -> Memory | None:
    if limit == 0:
        return None
    limit = min(limit, _MOST_BYTES // (2 * data.dimension))
    kept = sampled(data.num_pairs, limit, config.seed)
    questions, answers = np.unique(np.stack([data.questions[kept], data.answers[kept]]), axis=1)
    distinct, answer_of = np.unique(answers, return_inverse=True)
    memory = Memory(_keys(data, questions), _keys(data, distinct), torch.from_numpy(answer_of))
    memory.temperature.fill_(config.temperature)
    return memory


def _keys(data: TrainingSet, rows: Int[np.ndarray, " n"]) -> Keys:
    """Gather in blocks: as float32, half a million rows would take as much as all the rest."""
    keys = Keys(len(rows), data.dimension)
    for start in range(0, len(rows), _GATHERED):
        keys.put(start, torch.from_numpy(data.gather(rows[start : start + _GATHERED])))
    return keys


class _Answers:
    """Answers to the validation questions by settings; what settings share is computed once."""

    def __init__(self, cube: Cube, memory: Memory | None, validation: Validation):
        self._memory, self._bank = memory, validation.bank
        device = cube.strength.device
        self._questions = torch.from_numpy(validation.questions).to(device)
        self._core = torch.from_numpy(cube.restore(validation.questions)).to(device)
        self._plain = normalize(self._questions, dim=-1)
        self._near = None if memory is None else memory.neighbours(self._questions)
        self._read_pairs = cache(self._near_pairs)
        self._whiten = cache(lambda power: Whitening.of(self.index, power).to(device))

    @cached_property
    def index(self) -> Spectrum:
        """Of the answers that are searched."""
        return Spectrum(self._bank)

    @property
    def floors(self) -> list[float]:
        """Floors to choose among."""
        assert self._near is not None
        best = self._near.question_similarity[:, 0].float()
        return [-np.inf if q is None else float(best.quantile(q)) for q in FLOORS]

    @torch.inference_mode()
    def __call__(self, setting: _Setting) -> Float[np.ndarray, "Q dim"]:
        """Return the answers, of length 1; as `Cube.answer` would."""
        y_QD = setting.strength * self._core + (1 - setting.strength) * self._plain
        if any(setting.shares):
            read = self._read_pairs(setting.floor)
            y_QD = y_QD + setting.shares.weigh(*read, self._near_answers)
        if setting.whitening:
            y_QD = self._whiten(setting.whitening)(y_QD)
        return normalize(y_QD, dim=-1).float().cpu().numpy()

    def _near_pairs(self, floor: float) -> tuple[Tensor, Tensor]:
        memory, near = self._memory, self._near
        assert memory is not None
        assert near is not None
        memory.floor.fill_(floor)
        return memory.near_pairs(self._questions, near.question_similarity, near.pairs)

    @cached_property
    def _near_answers(self) -> Tensor:
        memory, near = self._memory, self._near
        assert memory is not None
        assert near is not None
        return memory.near_answers(near.answer_similarity, near.answers)


class _Judge:
    """Compares settings by the validation questions."""

    def __init__(self, answers: _Answers, data: TrainingSet, validation: Validation):
        task = validation.task
        first_right = task.bank[task.right[task.bounds[:-1]]]
        self._seen: Bool[np.ndarray, " Q"] = np.isin(first_right, data.answers)
        self._errors = 1.5 if len(task) < _FEW_QUESTIONS else 1.0
        self.score = cache(lambda setting: validation.reciprocal_ranks(answers(setting)))

    def choose(self, current: _Setting, candidates: Iterable[_Setting]) -> _Setting:
        """Return the best candidate that is clearly better than the current setting, or that.

        Clearly: over all questions by more than a standard error, or one and a half of them, while
        neither on answers that training has seen nor on the others it is significantly worse (two
        standard errors) than the core alone.
        """
        best = current
        for candidate in candidates:
            gain = self.score(candidate) - self.score(current)
            better = self.score(candidate).mean() > self.score(best).mean()
            surely = gain.mean() > self._errors * standard_error(gain)
            if better and surely and not self._harms(candidate):
                best = candidate
        return best

    def _harms(self, setting: _Setting) -> bool:
        gain = self.score(setting) - self.score(_Setting())
        parts = [part for part in (gain[self._seen], gain[~self._seen]) if len(part) > 1]
        return any(part.mean() < -2 * standard_error(part) for part in parts)
