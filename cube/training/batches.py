"""What a step reads: vectors of pairs to answer and of texts to restore, drawn by (seed, step).

Every process of a training reads its own share of the questions and texts, and all the answers:
they are frozen, so the negatives of the whole batch need no exchange between processes.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from cube.config import TrainingConfig
from cube.gathering import Gatherer
from cube.training.candidates import Candidates
from cube.training.curriculum import StepPlan
from cube.training.dataset import TrainingSet
from cube.training.difficulty import easiest_first
from cube.training.objectives import corrupt, near_duplicates
from cube.training.processes import Processes
from cube.training.sampler import batch_rows, paced_rows, stream_seed

_CPU = torch.device("cpu")
_PAIRS, _TEXTS, _NOISE = range(3)  # independent random streams of one seed
_QUESTION_NOISE = 5  # after those of validation and of candidates


@dataclass(frozen=True)
class PairBatch:
    """Questions, and all answers to choose among: answer i is right for question i.

    Pairs (i, j) of `false_negatives` are no negatives: answer j is right for question i as well.
    """

    questions: Float[Tensor, "own dim"]
    answers: Float[Tensor, "candidates dim"]
    false_negatives: Int[Tensor, "2 n"]
    centre: Float[Tensor, " dim"] | None = None  # mean training answer, where a loss needs it

    def part(self, start: int, stop: int) -> "PairBatch":
        """Return some of the questions with all answers, their own first."""
        if stop - start == len(self.questions):
            return self  # to search among the false negatives would wait for a GPU
        asked, wrongly = self.false_negatives
        here = (asked >= start) & (asked < stop)
        moved = torch.stack([asked[here] - start, (wrongly[here] - start) % len(self.answers)])
        answers = self.answers.roll(-start, 0) if start else self.answers
        return PairBatch(self.questions[start:stop], answers, moved, self.centre)

    def to(self, device: torch.device) -> "PairBatch":
        """Move to a device."""
        return PairBatch(
            self.questions.to(device),
            self.answers.to(device),
            self.false_negatives.to(device),
            None if self.centre is None else self.centre.to(device),
        )


@dataclass(frozen=True)
class TextBatch:
    """Corrupted vectors and the clean ones to restore."""

    corrupted: Float[Tensor, "own dim"]
    clean: Float[Tensor, "own dim"]

    def part(self, start: int, stop: int) -> "TextBatch":
        """Return some of the rows."""
        return TextBatch(self.corrupted[start:stop], self.clean[start:stop])


@dataclass(frozen=True)
class Batch:
    """This process's share of a step; None where the step's weights ask for nothing.

    Attributes:
        pairs: to answer.
        texts: to restore.
        num_pairs: rows of the whole batch, over all processes.
        num_texts: likewise.
    """

    pairs: PairBatch | None
    texts: TextBatch | None
    num_pairs: int
    num_texts: int


class Batches:
    """The batches of a training, each a pure function of the settings and the step's plan."""

    def __init__(
        self,
        data: TrainingSet,
        config: TrainingConfig,
        processes: Processes,
        device: torch.device = _CPU,
    ):
        """Prepare candidates and orders.

        Args:
            data: to draw from.
            config: of the training.
            processes: that share every batch.
            device: where batches are wanted.
        """
        self._data, self._config, self._processes = data, config, processes
        self._device, self._gather = device, Gatherer(data.vectors, device)
        self._candidates = Candidates(data, config)
        # The pairs in order of difficulty, for every measure that a stage paces by.
        pacings = [stage.pacing for stage in config.stages if stage.pacing is not None]
        self._orders = {
            pacing.difficulty: easiest_first(data, pacing.difficulty, config.seed)
            for pacing in pacings
        }

    @property
    def waits(self) -> bool:
        """Whether loading leaves the cores idle, so that it is worth a thread."""
        return self._gather.waits

    def load(self, plan: StepPlan) -> Batch:
        """Gather what a step asks for."""
        pairs, num_pairs = self._pairs(plan) if plan.restoring_weight < 1 else (None, 0)
        texts, num_texts = self._texts(plan) if plan.restoring_weight > 0 else (None, 0)
        return Batch(pairs, texts, num_pairs, num_texts)

    def _pairs(self, plan: StepPlan) -> tuple[PairBatch, int]:
        positions = self._pair_positions(plan)
        own = self._processes.share(len(positions))
        positions = np.roll(positions, -own.start)  # this process's own come first
        count = own.stop - own.start
        questions, answers = self._data.questions[positions], self._data.answers[positions]
        rows, right = self._candidates.of(questions, answers, plan.step)
        candidates, right = self._gather(rows), right[:, right[0] < count]
        if self._config.near_duplicate_cosine is not None:
            near = near_duplicates(candidates, count, self._config.near_duplicate_cosine)
            right = torch.cat([right, near.cpu()], dim=1)
        if self._config.question_noise:
            asked = self._noisy(self._gather(questions), own.start, plan.step)[:count]
        else:
            asked = self._gather(questions[:count])
        batch = PairBatch(asked, candidates, right, self._candidates.centre)
        return batch.to(self._device), len(positions)

    def _noisy(self, asked: Tensor, start: int, step: int) -> Tensor:
        """Add noise that does not depend on how questions are shared among processes."""
        seed = stream_seed(self._config.seed, _QUESTION_NOISE, step)
        generator = torch.Generator(self._device).manual_seed(seed)
        whole = corrupt(asked.roll(start, 0), self._config.question_noise, 0.0, generator)
        return whole.roll(-start, 0)

    def _pair_positions(self, plan: StepPlan) -> np.ndarray:
        pairs, seed = self._data.num_pairs, self._config.seed
        if plan.competence == 1:
            return batch_rows(pairs, plan.batch_size, seed, _PAIRS, plan.step)
        pacing = self._config.stages[plan.stage].pacing
        assert pacing is not None
        # Never fewer than a batch: a batch holds no pair twice.
        pool = min(pairs, max(plan.batch_size, round(plan.competence * pairs)))
        order = self._orders[pacing.difficulty]
        return order[paced_rows(pool, plan.batch_size, seed, _PAIRS, plan.step)]

    def _texts(self, plan: StepPlan) -> tuple[TextBatch, int]:
        seed, rows = self._config.seed, self._data.texts
        positions = batch_rows(len(rows), plan.batch_size, seed, _TEXTS, plan.step)
        own = self._processes.share(len(positions))
        clean = self._gather(rows[positions])  # all: the noise of a row must not depend on shares
        generator = torch.Generator(self._device)
        generator.manual_seed(stream_seed(seed, _NOISE, plan.step))
        config = self._config.in_stage(self._config.stages[plan.stage])
        corrupted = corrupt(clean, *config.corruption, generator)
        return TextBatch(corrupted[own], clean[own]), len(positions)
