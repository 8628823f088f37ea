"""Trainings that belong to a run: they read its experiment and write into its folder."""

import shutil
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load_file, save
from torch import distributed

from cube import storage
from cube.config import CoreConfig, TrainingConfig
from cube.data.splits import Split
from cube.errors import ModelError
from cube.evaluation.confidence import fit_confidence
from cube.lattice.core import Cube
from cube.locks import locked
from cube.model import REFERENCE_ROWS, save_model
from cube.peak import peak_rss_bytes
from cube.report.card import model_card
from cube.runs import Run
from cube.teacher.encoder import Teacher
from cube.training.checkpoint import Checkpoints
from cube.training.curriculum import StageProgress
from cube.training.dataset import TrainingSet
from cube.training.launch import run_in_processes
from cube.training.processes import Processes
from cube.training.result import TrainingResult
from cube.training.speed import speedup_over_plain_loop
from cube.training.state import Event
from cube.training.tracking import trackers
from cube.training.trainer import CHECKPOINTS, OnEvent, Trainer
from cube.training.trials import Trial, run_trials, with_trials

TRIALS = "trials.json"


def train_and_save(run: Run, on_event: OnEvent | None = None) -> dict[str, Any]:
    """Train, write timings.json, model/ and training.json; returns the content of the last."""
    core, training = settings_of(run)  # trials are not part of the time an epoch is told from
    begun = _steps_taken(run)  # by a process that was killed
    started = time.perf_counter()
    cube, result, profile = train_in(run, training, core, run.folder, on_event)
    seconds, steps = time.perf_counter() - started, result.steps - begun
    timings = {
        "training_seconds": seconds,
        "epoch_seconds": seconds / steps * result.steps_per_epoch if steps else None,
        "peak_rss_gb": peak_rss_bytes() / 1e9,
        "speedup": speedup_over_plain_loop(training, core, run.experiment.training_set),
        "profile": profile,
    }
    run.write("timings.json", timings)
    _save(run, cube, result)
    run.write("training.json", asdict(result))
    return asdict(result)


def _steps_taken(run: Run) -> int:
    saved = _checkpoints(run).load()
    return 0 if saved is None else int(saved["now"]["step"])


def _save(run: Run, cube: Cube, result: TrainingResult) -> None:
    experiment = run.experiment
    train_pairs = experiment.splits == Split.TRAIN
    reference = experiment.reference_questions(REFERENCE_ROWS)
    answers = np.unique(experiment.answers[train_pairs])
    trained_on = {
        "run": run.run_id,
        "corpus": run.facts["corpus"],
        "vectors": run.facts["vectors"],
        "pairs": int(train_pairs.sum()),
        "best_step": result.best_step,
        "context": run.config.data.context,
        "context_turns": run.config.data.context_turns,
        "context_weights": run.config.data.context_weights,
    }
    save_model(
        run.folder / "model",
        cube,
        experiment.centre,
        reference,
        Teacher(run.config.teacher),
        trained_on,
        model_card(run.config.name, cube, trained_on, run.config.teacher.model),
        bank=(run.corpus.texts(answers), experiment.gather(answers)),
        confidence=fit_confidence(cube, experiment, reference),
    )


def settings_of(run: Run) -> tuple[CoreConfig, TrainingConfig]:
    """Return the settings of a run, with what they leave open chosen, once."""
    core, training = run.config.core, run.config.training
    if (known := run.read(TRIALS)) is None:
        with locked(run.folder / ".trials.lock"):
            known = run.read(TRIALS) or _try_what_is_open(run)
    return with_trials(core, training, [Trial(**trial) for trial in known])


def _try_what_is_open(run: Run) -> list[dict[str, Any]]:
    """Run the trials, on from where they were stopped, and keep what they found alone."""
    begun = run.folder / "trials"
    core, training = run.config.core, run.config.training
    found = run_trials(core, training, run.experiment.training_set, begun)
    known = [asdict(trial) for trial in found]
    run.write(TRIALS, known)
    shutil.rmtree(begun, ignore_errors=True)
    return known


def train_in(
    run: Run,
    training: TrainingConfig,
    core: CoreConfig,
    folder: Path,
    on_event: OnEvent | None = None,
    data: TrainingSet | None = None,
) -> tuple[Cube, TrainingResult, list[dict[str, Any]]]:
    """Train on a run's data (or a part), going on from a checkpoint in `folder` if there is one.

    Returns:
        The cube, what the training came to, and where its time went (see `clock`).
    """
    if data is None and training.processes > 1 and not distributed.is_initialized():
        where = (Run(run.folder, run.config), training, core, folder)  # without what it has read
        run_in_processes(training.processes, training.device, train_in, *where)
        # They are done: what follows finds their last checkpoint and trains no step.
    data = data or run.experiment.training_set
    names = training.tracking if Processes.joined().is_first else []
    with trackers(names, folder) as tell:

        def hear(event: Event) -> None:
            tell(event)
            if on_event is not None:
                on_event(event)

        trainer = Trainer(training, core, data, folder, _facts(run, training, core), hear)
        cube, result = trainer.train()
    return cube, result, trainer.clock.to_json()


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
        dimension = run.experiment.training_set.dimension
        return Cube.from_state(dimension, core, load_file(weights))
    cube, *_ = train_in(run, training, core, folder, data=data)
    storage.write_bytes(weights, save(cube.state_dict()))
    return cube


def carry_over(previous: Run, run: Run) -> None:
    """Let a run that extends another begin with the other's last state.

    A training that was over goes on with its last stage, with its patience anew. Nothing happens
    where the run has begun already.

    Raises:
        ModelError: when the other run has no checkpoint.
    """
    if (run.folder / CHECKPOINTS).is_dir():
        return
    never = ModelError(f"{previous.folder} was never trained: there is nothing to extend.")
    if (trials := previous.read(TRIALS)) is None:
        raise never
    run.write(TRIALS, trials)
    ours, theirs = (_checkpoints(one) for one in (run, previous))
    saved = theirs.load()
    if saved is None:
        raise never
    state = saved["now"]
    if state["progress"]["stage"] == len(previous.config.training.stages):
        end = state["stage_ends"].pop()
        progress = StageProgress(len(previous.config.training.stages) - 1, end["steps"])
        state["progress"] = asdict(progress)
    state["history"].append({"event": "extended", "step": state["step"], "run": previous.run_id})
    with storage.atomic_folder(ours.folder) as temporary:
        for path in theirs.folder.glob("stage-*.safetensors"):
            shutil.copy(path, temporary)
        begun = Checkpoints(temporary, ours.facts, ours.keep)
        begun.save({"now": state, "good": state}, state["best"]["weights"])


def _checkpoints(run: Run) -> Checkpoints:
    """Return the checkpoints of a run's own training."""
    core, training = settings_of(run)
    facts = _facts(run, training, core)
    return Checkpoints(run.folder / CHECKPOINTS, facts, training.keep_checkpoints)


def _facts(run: Run, training: TrainingConfig, core: CoreConfig) -> dict[str, Any]:
    """Return what a training of a run is made of."""
    return {
        "data": {name: run.facts[name] for name in ("corpus", "vectors")},
        "splits": run.config.data.splits.model_dump(mode="json"),
        "training": training.identity(),
        "core": core.model_dump(mode="json"),
    }
