"""Trainers of other projects that a person might pick, each in its own process.

They need packages the project does without: `make peers` puts them into an environment of their
own, which sees the project's packages as well. `benchmarks.peer_trainers` runs there.
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cube.data.splits import Split
from cube.errors import CubeError
from cube.evaluation.baselines.system import System
from cube.evaluation.baselines.tuning import Tuning
from cube.evaluation.experiment import Experiment

PYTHON = Path.home() / ".cache" / "cube-peers" / "bin" / "python"
RATES = (1e-3, 3e-3)
_ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Peer:
    """Another trainer and how much it trains: options by number of pairs."""

    name: str
    label: str
    options: Callable[[int], dict[str, Any]]


PEERS = (
    Peer(
        "sentence_transformers",
        "sentence-transformers, Dense + MNRL",
        lambda pairs: {"batch": 1024, "steps": min(400, 150 * max(1, pairs // 1024))},
    ),
    Peer(
        "llama_index",
        "LlamaIndex adapter engine",
        lambda pairs: {"batch": 256, "epochs": min(15, max(5, 120_000 // pairs))},
    ),
)


@dataclass(frozen=True)
class Trained:
    """A peer's map, how long its training call took, and at which learning rate."""

    system: System
    seconds: float
    rate: float


def missing(python: Path) -> str | None:
    """Return what to do where the peers' environment is absent, or None."""
    if python.is_file():
        return None
    return f"Peers are left out: there is no {python}. `make peers` makes it."


def train(
    python: Path, peer: Peer, experiment: Experiment, seed: int, rate: float | None = None
) -> Trained:
    """Train a peer on the training pairs; without a rate, the best one on validation is taken."""
    train_pairs = np.flatnonzero(experiment.splits == Split.TRAIN)
    questions = experiment.gather(experiment.questions[train_pairs])
    answers = experiment.gather(experiment.answers[train_pairs])
    tuning = Tuning(experiment)
    options = {**peer.options(len(questions)), "seed": seed}
    trained = [
        _train(python, peer, questions, answers, {**options, "rate": r})
        for r in ([rate] if rate else RATES)
    ]
    return max(trained, key=lambda t: tuning.mrr(t.system.predict(tuning.questions), False))


def run_trainer(
    python: Path, name: str, questions: np.ndarray, answers: np.ndarray, options: dict[str, Any]
) -> dict[str, np.ndarray]:
    """Run a trainer in its own process; returns `weights`, `bias` and `seconds`.

    Raises:
        CubeError: with the end of what it wrote, when it fails.
    """
    with tempfile.TemporaryDirectory(prefix="cube-peer-") as folder:
        source, target = Path(folder) / "in.npz", Path(folder) / "out.npz"
        np.savez(source, questions=questions, answers=answers)
        command = [python, "-m", "benchmarks.peer_trainers", name, source, target]
        done = subprocess.run(
            [*map(str, command), json.dumps(options)], cwd=_ROOT, capture_output=True, text=True,
            check=False, env={**os.environ, "PYTHONPATH": str(_ROOT)},
        )  # fmt: skip
        if done.returncode:
            raise CubeError(f"{name} failed in {python}:\n{done.stderr[-2_000:]}")
        with np.load(target, allow_pickle=False) as file:
            return dict(file)


def _train(
    python: Path, peer: Peer, questions: np.ndarray, answers: np.ndarray, options: dict[str, Any]
) -> Trained:
    found = run_trainer(python, peer.name, questions, answers, options)
    weights, bias = found["weights"].T, found["bias"]
    system = System(
        peer.name, peer.label, lambda x: x @ weights + bias, num_parameters=weights.size + bias.size
    )
    return Trained(system, float(found["seconds"]), options["rate"])
