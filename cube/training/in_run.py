"""Trainings that belong to a run: they read its experiment and write into its folder."""

from pathlib import Path

from safetensors.torch import load_file, save

from cube import storage
from cube.config import CoreConfig, TrainingConfig
from cube.lattice.core import Cube
from cube.runs import Run
from cube.training.dataset import TrainingSet
from cube.training.trainer import OnEvent, Trainer, TrainingResult


def train_in(
    run: Run,
    training: TrainingConfig,
    core: CoreConfig,
    folder: Path,
    on_event: OnEvent | None = None,
    data: TrainingSet | None = None,
) -> tuple[Cube, TrainingResult]:
    """Train on a run's data (or on part of it), resuming from a checkpoint in `folder`."""
    identity = storage.digest_of(
        [run.facts["digest"], training.model_dump(mode="json"), core.model_dump(mode="json")]
    )
    data = data or run.experiment.training_set
    return Trainer(training, core, data, folder, identity, on_event).train()


def side_training(
    run: Run,
    training: TrainingConfig,
    core: CoreConfig,
    folder: Path,
    data: TrainingSet | None = None,
) -> Cube:
    """Return a further cube of a run (a baseline, another seed), trained once and kept."""
    weights = folder / "weights.safetensors"
    if weights.is_file():
        cube = Cube(run.experiment.training_set.dimension, core)
        cube.load_state_dict(load_file(weights))
        return cube
    cube, _ = train_in(run, training, core, folder, data=data)
    storage.write_bytes(weights, save(cube.state_dict()))
    return cube
