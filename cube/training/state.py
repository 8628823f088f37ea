"""The state of a training: everything its next step depends on.

No random state is needed: batches and noise are pure functions of (seed, step).
"""

from copy import deepcopy
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from cube.lattice.core import Cube
from cube.training.curriculum import StageProgress
from cube.training.optimizer import Weights, on_cpu
from cube.training.validation import standard_error

Event = dict[str, Any]
UNTRAINED = -1  # before the first stage


@dataclass
class TrainingState:
    """Live state.

    Attributes:
        cube: what is trained.
        optimizer: its optimiser.
        average: running average of the cube's weights.
        best: `weights` of the best validation, its `step`, `stage` (-1: untrained), `mrr`, and
            `scores` by the metric that chooses, one a question or text.
        step: steps taken, over all stages.
        progress: within the curriculum.
        losses: of every step taken.
        history: events, the lines of metrics.jsonl.
        stage_ends: of the stages that are over.
        rollbacks: returns to an earlier state so far.
        log_temperature: trained beside the cube, where the temperature is learned.
    """

    cube: Cube
    optimizer: torch.optim.Optimizer
    average: Weights
    best: dict[str, Any]
    step: int = 0
    progress: StageProgress = field(default_factory=StageProgress)
    losses: list[float] = field(default_factory=list)
    history: list[Event] = field(default_factory=list)
    stage_ends: list[dict[str, Any]] = field(default_factory=list)
    rollbacks: int = 0
    log_temperature: torch.nn.Parameter | None = None

    @classmethod
    def untrained(
        cls,
        cube: Cube,
        optimizer: torch.optim.Optimizer,
        log_temperature: torch.nn.Parameter | None = None,
    ) -> "TrainingState":
        """Return the state before the first step."""
        weights = cube.state_dict()
        average = {name: value.clone() for name, value in weights.items()}
        best = {"weights": on_cpu(weights)}
        return cls(cube, optimizer, average, best, log_temperature=log_temperature)

    @property
    def parameters(self) -> list[torch.nn.Parameter]:
        """All that is trained."""
        learned = [] if self.log_temperature is None else [self.log_temperature]
        return [*self.cube.parameters(), *learned]

    def is_better(self, scores: Float[np.ndarray, " scored"], stage: int) -> bool:
        """Whether weights of a stage, validated just now, replace the best so far.

        Those of the same stage if they score higher; those of an earlier one unless they are surely
        worse, by a standard error. A few dozen questions cannot tell what a stage is worth, and
        would mostly choose what has learned nothing (docs/LOG.md).
        """
        if "scores" not in self.best:
            return True
        before = self.best["scores"].numpy()
        if stage == self.best["stage"]:
            return bool(scores.mean() > before.mean())
        gain = scores - before
        return bool(gain.mean() >= -standard_error(gain))

    def snapshot(self) -> dict[str, Any]:
        """Return a copy in plain values and tensors; it can be restored on another device."""
        return {
            "cube": on_cpu(self.cube.state_dict()),
            "optimizer": deepcopy(self.optimizer.state_dict()),
            "average": on_cpu(self.average),
            "best": self.best,  # replaced as a whole, never changed
            "step": self.step,
            "progress": asdict(self.progress),
            "losses": torch.tensor(self.losses, dtype=torch.float64),
            "history": list(self.history),
            "stage_ends": list(self.stage_ends),
            "rollbacks": self.rollbacks,
            "log_temperature": None
            if self.log_temperature is None
            else self.log_temperature.item(),
        }

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Be the state that a snapshot was taken of."""
        self.cube.load_state_dict(snapshot["cube"])
        self.optimizer.load_state_dict(snapshot["optimizer"])  # copies
        for name, value in snapshot["average"].items():
            self.average[name].copy_(value)
        self.best = snapshot["best"]
        self.step = snapshot["step"]
        self.progress = StageProgress(**snapshot["progress"])
        self.losses = snapshot["losses"].tolist()
        self.history = list(snapshot["history"])
        self.stage_ends = list(snapshot["stage_ends"])
        self.rollbacks = snapshot["rollbacks"]
        if self.log_temperature is not None:
            self.log_temperature.data.fill_(snapshot["log_temperature"])
