"""The training of a run: its cube, what it took, and the model folder it leaves."""

import time
from dataclasses import asdict
from typing import Any

import numpy as np

from cube.config import CoreConfig, TrainingConfig
from cube.data.splits import Split
from cube.evaluation.confidence import fit_confidence
from cube.lattice.core import Cube
from cube.model import REFERENCE_ROWS, save_model
from cube.peak import peak_rss_bytes
from cube.report.card import model_card
from cube.runs import Run
from cube.teacher.encoder import Teacher
from cube.training.result import TrainingResult
from cube.training.speed import speedup_over_plain_loop
from cube.training.trainer import OnEvent
from cube.trainings import settings_of, steps_taken, train_in


def train_and_save(run: Run, on_event: OnEvent | None = None) -> dict[str, Any]:
    """Train, write timings.json, model/ and training.json; returns the content of the last."""
    core, training = settings_of(run)  # trials are not part of the time an epoch is told from
    begun = steps_taken(run, training, core)  # by a process that was killed
    started = time.perf_counter()
    cube, result, profile = train_in(run, training, core, run.folder, on_event)
    seconds = time.perf_counter() - started
    timings = _timings(run, core, training, result, seconds, result.steps - begun)
    run.write("timings.json", {**timings, "profile": profile})
    _save(run, cube, result)
    run.write("training.json", asdict(result))
    return asdict(result)


def _timings(
    run: Run,
    core: CoreConfig,
    training: TrainingConfig,
    result: TrainingResult,
    seconds: float,
    steps: int,
) -> dict[str, Any]:
    """Return what the training cost; `seconds` went into `steps` of all its steps."""
    data = run.experiment.training_set
    return {
        "training_seconds": seconds,
        "epoch_seconds": seconds / steps * result.steps_per_epoch if steps else None,
        "peak_rss_gb": peak_rss_bytes() / 1e9,
        "speedup": speedup_over_plain_loop(training, core, data),
    }


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
