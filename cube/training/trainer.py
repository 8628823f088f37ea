"""The trainer: runs a curriculum, validates, keeps the best weights, survives being killed."""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cube import storage
from cube.config import CoreConfig, StageConfig, TrainingConfig
from cube.lattice.core import Cube
from cube.training.checkpoint import load_checkpoint, save_checkpoint
from cube.training.curriculum import StageProgress, learning_rate
from cube.training.dataset import TrainingSet
from cube.training.objectives import contrastive_loss, corrupt, cosine_loss, same_answer_mask
from cube.training.sampler import batch_rows, steps_per_epoch, stream_seed
from cube.training.validation import Validation

logger = logging.getLogger(__name__)

Event = dict[str, Any]
OnEvent = Callable[[Event], None]

_PAIRS, _TEXTS, _NOISE = range(3)  # independent random streams of one seed
_CONVERGED_OVER = 16  # steps compared at the end of training if an epoch has fewer


_PRIOR_PAIRS, _STRONGEST_DECAY = 10_000, 20.0

CHECKPOINT = "checkpoints/last.pt"
METRICS = "metrics.jsonl"


@dataclass(frozen=True)
class TrainingResult:
    """What a training came to. Numbers only: the cube itself is returned beside it."""

    steps: int
    best_step: int
    best_validation_mrr: float
    untrained_validation_mrr: float
    steps_per_epoch: int
    loss_convergence: float | None  # relative change of the mean loss, last epoch to the one before
    skipped_steps: int  # steps whose loss or gradient was not finite
    stages: list[dict[str, Any]]


class Trainer:
    """Trains one cube on one training set.

    With a folder, `metrics.jsonl` and `checkpoints/` are written there, and a training that was
    killed goes on from its last checkpoint to bit-identical weights. Wall times go to events only,
    so files of equal trainings are equal.
    """

    def __init__(
        self,
        config: TrainingConfig,
        core: CoreConfig,
        data: TrainingSet,
        folder: Path | None = None,
        identity: str = "",
        on_event: OnEvent | None = None,
    ):
        self.config = config
        self.data = data
        self.folder = folder
        self.identity = identity
        self.on_event = on_event or (lambda event: None)
        self.device = torch.device(config.device)
        self.cube = Cube(data.dimension, core).to(self.device)
        self.optimizer = torch.optim.AdamW(
            self.cube.parameters(), lr=1e-3, weight_decay=decay_of(config, data.num_pairs)
        )
        self.progress = StageProgress()
        self.step = 0
        self.skipped = 0
        self.losses: list[float] = []
        self.history: list[Event] = []
        self.stage_ends: list[dict[str, Any]] = []
        self.average = self._weights()
        self.best = {"step": 0, "score": -np.inf, "weights": self.average}
        self.epoch_steps = steps_per_epoch(data.num_pairs, config.batch_size)
        self._validation = Validation(data, config)

    def train(self) -> tuple[Cube, TrainingResult]:
        """Run the curriculum to its end and return the best cube on validation."""
        if not self._resume():
            self._validate("start", stage=None)
        saved_at = time.monotonic()
        while self.progress.stage < len(self.config.stages):
            stage = self.config.stages[self.progress.stage]
            if reason := self.progress.finished(stage, self._budget(stage)):
                self._end_stage(stage, reason)
                self._save()
                continue
            self._step(stage)
            if self.progress.step % self.config.validate_every == 0:
                self._validate("validation", stage)
            if time.monotonic() - saved_at > self.config.checkpoint_seconds:
                self._save()
                saved_at = time.monotonic()
        self.cube.load_state_dict(self.best["weights"])
        return self.cube, self._result()

    def run_steps(self, stage: StageConfig, steps: int) -> None:
        """Take steps of one stage without validating; what the speed measurement times."""
        for _ in range(steps):
            self._step(stage)

    # One step -----------------------------------------------------------------------------------

    def _step(self, stage: StageConfig) -> None:
        warmup = self.config.warmup_share
        rate = learning_rate(stage.learning_rate, self.progress.step, self._budget(stage), warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        loss = self._loss(stage)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.cube.parameters(), self.config.clip_norm)
        if torch.isfinite(loss) and torch.isfinite(norm):
            self.optimizer.step()
            self._update_average()
        else:
            self.skipped += 1
            logger.warning("step %d skipped: loss or gradient is not finite", self.step)
        self.losses.append(loss.item())
        self.step += 1
        self.progress.step += 1

    def _loss(self, stage: StageConfig) -> Tensor:
        weight = stage.restoring_weight
        loss = torch.zeros((), device=self.device)
        if weight > 0:
            loss = loss + weight * self._restoring_loss()
        if weight < 1:
            loss = loss + (1 - weight) * self._answering_loss()
        return loss

    def _restoring_loss(self) -> Tensor:
        clean = self._gather(self.data.texts[self._positions(len(self.data.texts), _TEXTS)])
        generator = torch.Generator().manual_seed(stream_seed(self.config.seed, _NOISE, self.step))
        corrupted = corrupt(clean, self.config.noise, self.config.dropped_dimensions, generator)
        return cosine_loss(self.cube(corrupted), clean)

    def _answering_loss(self) -> Tensor:
        positions = self._positions(self.data.num_pairs, _PAIRS)
        questions, answers = self.data.questions[positions], self.data.answers[positions]
        predictions = self.cube(self._gather(questions))
        targets = self._gather(answers)
        mask = same_answer_mask(torch.from_numpy(questions), torch.from_numpy(answers))
        loss = contrastive_loss(predictions, targets, mask.to(self.device), self.config.temperature)
        return loss + self.config.cosine_weight * cosine_loss(predictions, targets)

    def _positions(self, num_rows: int, stream: int) -> np.ndarray:
        return batch_rows(num_rows, self.config.batch_size, self.config.seed, stream, self.step)

    def _gather(self, rows: np.ndarray) -> Tensor:
        return torch.from_numpy(self.data.gather(rows)).to(self.device)

    def _budget(self, stage: StageConfig) -> int:
        return stage.budget(self.epoch_steps)

    # Averaged weights ---------------------------------------------------------------------------

    def _weights(self) -> dict[str, Tensor]:
        return {k: v.detach().cpu().clone() for k, v in self.cube.state_dict().items()}

    @torch.no_grad()
    def _update_average(self) -> None:
        # The decay grows from 0, so that the first averages are not stuck at the start.
        decay = min(self.config.ema_decay, self.step / (self.step + 10))
        for name, value in self.cube.state_dict().items():
            self.average[name].lerp_(value.cpu(), 1 - decay)

    # Validation ---------------------------------------------------------------------------------

    def _validate(self, kind: str, stage: StageConfig | None) -> None:
        averaged = Cube(self.data.dimension, self.cube.config)
        averaged.load_state_dict(self.average)
        mrr, restored = self._validation.score(averaged)
        if mrr > self.best["score"]:
            weights = {name: value.clone() for name, value in self.average.items()}
            self.best = {"step": self.step, "score": mrr, "weights": weights}
        if stage is not None:
            self.progress.validated(restored if stage.restoring_weight == 1 else mrr)
        recent = self.losses[-self.config.validate_every :]
        self._record(
            {
                "event": kind,
                "step": self.step,
                "stage": stage.name if stage else None,
                "learning_rate": self.optimizer.param_groups[0]["lr"] if stage else None,
                "restoring_weight": stage.restoring_weight if stage else None,
                "loss": float(np.mean(recent)) if recent else None,
                "validation_mrr": mrr,
                "validation_restored_cosine": restored,
            }
        )

    def _end_stage(self, stage: StageConfig, reason: str) -> None:
        end = {"name": stage.name, "mode": stage.mode, "steps": self.progress.step}
        self.stage_ends.append({**end, "ended_by": reason, "last_step": self.step})
        self._record({"event": "stage_end", **self.stage_ends[-1]})
        if self.folder is not None:
            from safetensors.torch import save

            path = self.folder / "checkpoints" / f"stage-{stage.name}.safetensors"
            storage.write_bytes(path, save(self.average))
        self.progress.next_stage()

    def _record(self, event: Event) -> None:
        self.history.append(event)
        self._write_metrics()
        self.on_event(event)

    def _write_metrics(self) -> None:
        if self.folder is not None:
            lines = "".join(json.dumps(event) + "\n" for event in self.history)
            storage.write_bytes(self.folder / METRICS, lines.encode())

    # Checkpoints --------------------------------------------------------------------------------

    def _save(self) -> None:
        if self.folder is None:
            return
        state = {
            "identity": self.identity,
            "step": self.step,
            "progress": asdict(self.progress),
            "cube": self._weights(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average,
            "best": self.best,
            "skipped": self.skipped,
            "losses": torch.tensor(self.losses, dtype=torch.float64),
            "history": self.history,
            "stage_ends": self.stage_ends,
        }
        save_checkpoint(self.folder / CHECKPOINT, state)

    def _resume(self) -> bool:
        if self.folder is None:
            return False
        state = load_checkpoint(self.folder / CHECKPOINT, self.identity)
        if state is None:
            return False
        self.step = state["step"]
        self.progress = StageProgress(**state["progress"])
        self.cube.load_state_dict(state["cube"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average, self.best = state["average"], state["best"]
        self.skipped = state["skipped"]
        self.losses = state["losses"].tolist()
        self.history, self.stage_ends = state["history"], state["stage_ends"]
        self._write_metrics()
        logger.info("training goes on from its checkpoint at step %d", self.step)
        return True

    # Result -------------------------------------------------------------------------------------

    def _result(self) -> TrainingResult:
        return TrainingResult(
            steps=self.step,
            best_step=self.best["step"],
            best_validation_mrr=self.best["score"],
            untrained_validation_mrr=self.history[0]["validation_mrr"],
            steps_per_epoch=self.epoch_steps,
            loss_convergence=self._convergence(),
            skipped_steps=self.skipped,
            stages=self.stage_ends,
        )

    def _convergence(self) -> float | None:
        window = max(self.epoch_steps, _CONVERGED_OVER)
        last_stage = self.stage_ends[-1]["steps"]
        if last_stage < 2 * window:
            return None
        last, before = np.mean(self.losses[-window:]), np.mean(self.losses[-2 * window : -window])
        return float(abs(last - before) / before)


def decay_of(config: TrainingConfig, num_pairs: int) -> float:
    """Return the weight decay: the config's, or a prior worth a fixed number of pairs.

    Weights of zero are the identity, so decay is a prior for the frozen teacher; like any prior it
    gives way as data comes in (see docs/LOG.md for the sizes it was chosen on).
    """
    if config.weight_decay is not None:
        return config.weight_decay
    return min(_STRONGEST_DECAY, _PRIOR_PAIRS / num_pairs)
