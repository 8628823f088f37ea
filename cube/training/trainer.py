"""The trainer: runs a curriculum, validates, keeps the best weights, survives being killed."""

import json
import logging
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cube import storage
from cube.config import CoreConfig, StageConfig, TrainingConfig
from cube.devices import usable_device
from cube.errors import DataError, ModelError, TrainingInterruptedError
from cube.lattice.core import Cube
from cube.training.batches import Batches
from cube.training.calibration import CALIBRATION_QUESTIONS, calibrate
from cube.training.checkpoint import Checkpoints
from cube.training.clock import Clock
from cube.training.curriculum import StepPlan, plan_step
from cube.training.dataset import TrainingSet
from cube.training.divergence import objection
from cube.training.interrupts import Interrupts
from cube.training.loss import accumulate_gradient
from cube.training.optimizer import make_optimizer, on_cpu, set_rate, update_average
from cube.training.prefetch import Prefetch
from cube.training.processes import Processes
from cube.training.result import TrainingResult, result_of
from cube.training.sampler import steps_per_epoch
from cube.training.state import UNTRAINED, Event, TrainingState
from cube.training.validation import Validation

logger = logging.getLogger(__name__)

OnEvent = Callable[[Event], None]

CHECKPOINTS = "checkpoints"
METRICS = "metrics.jsonl"
_LAYOUT_ROWS = 16_384  # enough for correlations between dimensions
_PREFETCHED = 2  # batches gathered ahead, where gathering leaves the cores idle


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
        facts: dict[str, Any] | None = None,
        on_event: OnEvent | None = None,
    ):
        """Prepare a training.

        Args:
            config: curriculum and optimiser.
            core: what is trained.
            data: what is learned from.
            folder: for checkpoints and metrics; none: nothing is written or resumed.
            facts: what the training is made of; a checkpoint made of anything else is refused.
            on_event: told of every validation, rollback and end of a stage.

        Raises:
            DataError: when there is nothing to learn from, or nothing to validate on.
        """
        if not data.num_pairs or not len(data.validation):
            raise DataError(
                f"{data.num_pairs} pairs to train on and {len(data.validation)} questions to "
                "validate on are too few: both are needed. Add pairs, or hold out others."
            )
        self.config = config
        self.data = data
        self.folder = folder
        self.on_event = on_event or (lambda event: None)
        self.processes = Processes.joined()
        self.clock = Clock()
        self.cube = Cube(data.dimension, core)
        if core.layout == "correlation":
            self.cube.reshaper.learn_layout(data.sample(_LAYOUT_ROWS))
        self.cube = self.cube.to(usable_device(config.device))
        device = self.cube.strength.device  # with its number: threads have devices of their own
        temperature = None
        if config.learn_temperature:
            temperature = torch.nn.Parameter(torch.zeros((), device=device))
        optimizer = make_optimizer(self.cube, config, data.num_pairs, temperature)
        self.state = TrainingState.untrained(self.cube, optimizer, temperature)
        self.epoch_steps = steps_per_epoch(data.num_pairs, config.batch_size)
        self._good = self.state.snapshot()  # what a divergence returns to
        batches = Batches(data, config, self.processes, device)
        self._batches = Prefetch(batches.load)
        # With vectors in memory both threads would contend for the same cores.
        self._ahead = _PREFETCHED if batches.waits else 0
        self.validation = Validation(data, config)
        self._interrupts = Interrupts()
        self._told_to_stop = False
        self._checkpoints = None
        if folder is not None and self.processes.is_first:
            self._checkpoints = Checkpoints(
                folder / CHECKPOINTS, facts or {}, config.keep_checkpoints
            )

    def train(self) -> tuple[Cube, TrainingResult]:
        """Run the curriculum to its end and return the best cube on validation.

        Raises:
            TrainingInterruptedError: after SIGTERM or SIGINT, when a checkpoint was written.
            ModelError: when the training diverges again and again, or the folder holds another.
        """
        if self._checkpoints is None:
            self._run()
        else:
            with self._checkpoints.opened(), self._interrupts:
                self._run()
        self.cube.load_state_dict(self.state.best["weights"])
        last = Validation(self.data, self.config, CALIBRATION_QUESTIONS)
        calibration = calibrate(self.cube, self.data, self.config, last)
        return self.cube, result_of(self.state, self.epoch_steps, calibration)

    def run_steps(self, steps: int) -> None:
        """Take steps without validating; what measurements of speed time."""
        with self._batches.running():
            for _ in range(steps):
                self._step(self._plan())

    def _run(self) -> None:
        state = self.state
        if not self._resume():
            self._validate("start", None)
        saved_at = time.monotonic()
        with self._batches.running():
            while state.progress.stage < len(self.config.stages):
                stage = self.config.stages[state.progress.stage]
                budget = stage.budget(self.epoch_steps)
                if reason := state.progress.finished(stage, budget):
                    self._end_stage(stage, reason)
                    self._save()
                    continue
                plan = self._plan()
                taken = self._step(plan)
                # What no validation looks at is not kept: every stage has one at its end.
                step = state.progress.step
                if taken and (step % self.config.validate_every == 0 or step == budget):
                    self._validate("validation", plan)
                if time.monotonic() - saved_at > self.config.checkpoint_seconds:
                    self._save()
                    saved_at = time.monotonic()
                if self._told_to_stop:
                    break
        if self._told_to_stop or self._interrupts.received:
            self._stop()

    # One step -----------------------------------------------------------------------------------

    def _plan(self, ahead: int = 0) -> StepPlan:
        progress = replace(self.state.progress, step=self.state.progress.step + ahead)
        return plan_step(self.config, progress, self.state.step + ahead, self.epoch_steps)

    def _step(self, plan: StepPlan) -> bool:
        """Take a step, or return to the last good state and say False."""
        state, parameters = self.state, self.state.parameters
        config = self.config.in_stage(self.config.stages[plan.stage])
        with self.clock.part("waiting for the batch"):
            batch = self._batches.get(plan, [self._plan(1 + i) for i in range(self._ahead)])
        with self.clock.part("forward and backward"):
            state.optimizer.zero_grad(set_to_none=True)
            loss = accumulate_gradient(
                self.cube, batch, plan.restoring_weight, config, state.log_temperature
            )
        with self.clock.part("optimiser and average"):
            stop = float(self._interrupts.received is not None)
            loss, stop = self.processes.sum_gradients(parameters, loss, stop)
            self._told_to_stop = stop > 0
            norm = torch.nn.utils.clip_grad_norm_(parameters, config.clip_norm).item()
            before = state.losses[len(state.losses) - state.progress.step :]
            if reason := objection(loss, norm, before, config.divergence):
                self._roll_back(reason, plan)
                return False
            set_rate(state.optimizer, plan.learning_rate)
            state.optimizer.step()
            update_average(state.average, self.cube, config.ema_decay, state.step)
        state.losses.append(loss)
        state.step += 1
        state.progress.step += 1
        return True

    def _roll_back(self, reason: str, plan: StepPlan) -> None:
        """Return to the last good state with a lower rate."""
        state, stage = self.state, self.config.stages[plan.stage]
        allowed = self.config.divergence
        if state.rollbacks == allowed.max_rollbacks:
            raise ModelError(
                f"The training diverged at step {plan.step}, stage {stage.name}: {reason}, after "
                f"{state.rollbacks} returns to a lower rate. Lower its learning_rate "
                f"({stage.learning_rate:g}), or look for vectors that are not finite."
            )
        history, rollbacks = state.history, state.rollbacks + 1
        state.restore(self._good)
        state.history, state.rollbacks = history, rollbacks
        state.progress.rate_scale *= allowed.rate_factor
        self._good = state.snapshot()
        logger.warning(
            "step %d: %s; back to step %d at a lower rate", plan.step, reason, state.step
        )
        self._record(
            {
                "event": "rollback",
                "step": plan.step,
                "stage": stage.name,
                "reason": reason,
                "back_to": state.step,
                "rate_scale": state.progress.rate_scale,
            }
        )

    # Validation and ends of stages --------------------------------------------------------------

    def _validate(self, kind: str, plan: StepPlan | None) -> None:
        state = self.state
        with self.clock.part("validation"):
            averaged = Cube.from_state(self.data.dimension, self.cube.config, state.average)
            averaged = averaged.to(self.cube.strength.device)
            scores = self.processes.from_first(lambda: self.validation.score(averaged))
        means = {metric: float(values.mean()) for metric, values in scores.items()}
        chosen_by = scores[self.config.selection_metric]
        number = UNTRAINED if plan is None else plan.stage
        if state.is_better(chosen_by, number):
            state.best = {
                "step": state.step,
                "stage": number,
                "mrr": means["validation_mrr"],
                "scores": torch.from_numpy(chosen_by),
                "weights": on_cpu(state.average),
            }
        stage = None if plan is None else self.config.stages[plan.stage]
        if stage is not None:
            state.progress.validated(means[stage.stopping_metric], stage, self.config.plateau)
        since = min(self.config.validate_every, state.progress.step)
        recent = state.losses[len(state.losses) - since :]
        self._record(
            {
                "event": kind,
                "step": state.step,
                "stage": stage.name if stage else None,
                "learning_rate": plan.learning_rate if plan else None,
                "restoring_weight": plan.restoring_weight if plan else None,
                "batch_size": plan.batch_size if plan else None,
                "competence": plan.competence if plan else None,
                "loss": float(np.mean(recent)) if recent else None,
                **means,
            }
        )
        self._remember_as_good()

    def _end_stage(self, stage: StageConfig, reason: str) -> None:
        state = self.state
        end = {"name": stage.name, "mode": stage.mode, "steps": state.progress.step}
        state.stage_ends.append({**end, "ended_by": reason, "last_step": state.step})
        state.progress = state.progress.next_stage()
        self._record({"event": "stage_end", **state.stage_ends[-1]})
        if self._checkpoints is not None:
            from safetensors.torch import save

            path = self._checkpoints.folder / f"stage-{stage.name}.safetensors"
            storage.write_bytes(path, save(state.average))
        self._remember_as_good()

    def _remember_as_good(self) -> None:
        """Be able to return to this state, unless it is the one to return from."""
        if all(parameter.isfinite().all() for parameter in self.state.parameters):
            self._good = self.state.snapshot()

    def _record(self, event: Event) -> None:
        self.state.history.append(event)
        self._write_metrics()
        self.on_event(event)

    def _write_metrics(self) -> None:
        if self.folder is not None and self.processes.is_first:
            lines = "".join(json.dumps(event) + "\n" for event in self.state.history)
            storage.write_bytes(self.folder / METRICS, lines.encode())

    # Checkpoints --------------------------------------------------------------------------------

    def _save(self) -> None:
        if self._checkpoints is not None:
            with self.clock.part("checkpoints"):
                state = {"now": self.state.snapshot(), "good": self._good}
                self._checkpoints.save(state, self.state.best["weights"])

    def _resume(self) -> bool:
        saved = self.processes.from_first(
            lambda: None if self._checkpoints is None else self._checkpoints.load()
        )
        if saved is None:
            return False
        self.state.restore(saved["now"])
        self._good = saved["good"]
        self._write_metrics()
        logger.info("training goes on from its checkpoint at step %d", self.state.step)
        return True

    def _stop(self) -> None:
        """Write a checkpoint and leave, after a signal to this process or another of the group."""
        self._save()
        number = self._interrupts.received or signal.SIGTERM
        raise TrainingInterruptedError(
            f"Training stopped by {signal.Signals(number).name} at step {self.state.step}, which "
            "is saved: the same command goes on from there.",
            number,
        )
