"""The trainer: runs a curriculum, validates, keeps the best weights, survives being killed."""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cube import storage
from cube.config import CoreConfig, StageConfig, TrainingConfig
from cube.lattice.core import Cube
from cube.training.batches import Batches
from cube.training.checkpoint import load_checkpoint, save_checkpoint
from cube.training.curriculum import StageProgress, learning_rate
from cube.training.dataset import TrainingSet
from cube.training.loss import answering_loss, restoring_loss
from cube.training.optimizer import copy_weights, make_optimizer, set_rate, update_average
from cube.training.result import TrainingResult, loss_convergence
from cube.training.sampler import steps_per_epoch
from cube.training.validation import Validation

logger = logging.getLogger(__name__)

Event = dict[str, Any]
OnEvent = Callable[[Event], None]

CHECKPOINT = "checkpoints/last.pt"
METRICS = "metrics.jsonl"


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
        self.optimizer = make_optimizer(self.cube, config, data.num_pairs)
        self.progress = StageProgress()
        self.step = 0
        self.skipped = 0
        self.losses: list[float] = []
        self.history: list[Event] = []
        self.stage_ends: list[dict[str, Any]] = []
        self.average = copy_weights(self.cube)
        self.best = {"step": 0, "score": -np.inf, "weights": self.average}
        self.epoch_steps = steps_per_epoch(data.num_pairs, config.batch_size)
        self._batches = Batches(data, config)
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
        set_rate(self.optimizer, rate)
        self.optimizer.zero_grad(set_to_none=True)
        loss = self._loss(stage)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.cube.parameters(), self.config.clip_norm)
        if torch.isfinite(loss) and torch.isfinite(norm):
            self.optimizer.step()
            update_average(self.average, self.cube, self.config.ema_decay, self.step)
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
            loss = loss + weight * restoring_loss(self.cube, self._batches.texts(self.step))
        if weight < 1:
            pairs = self._batches.pairs(self.step)
            loss = loss + (1 - weight) * answering_loss(self.cube, pairs, self.config)
        return loss

    def _budget(self, stage: StageConfig) -> int:
        return stage.budget(self.epoch_steps)

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
            "cube": copy_weights(self.cube),
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
            loss_convergence=loss_convergence(
                self.losses, self.epoch_steps, self.stage_ends[-1]["steps"]
            ),
            skipped_steps=self.skipped,
            stages=self.stage_ends,
        )
