"""The steps of a run, each a function from paths to paths that is quick when its work is done.

`cube train` calls them in order; the Prefect tasks call one each.
"""

import logging
import time
from dataclasses import asdict
from typing import Any

import numpy as np

from cube.config import Config
from cube.data.corpus import Corpus, build_corpus
from cube.data.splits import Split
from cube.errors import DataError
from cube.evaluation.assess import evaluate
from cube.evaluation.confidence import fit_confidence
from cube.evaluation.experiment import Experiment
from cube.evaluation.headroom import check_labels, headroom, look_ahead
from cube.evaluation.leaks import check_leaks, find_leaks, leaks_to_json
from cube.lattice.core import Cube
from cube.model import REFERENCE_ROWS, save_model
from cube.peak import peak_rss_bytes
from cube.registry import Registry, judgement_of
from cube.report.card import model_card
from cube.resume import resume_run
from cube.runs import Run, open_run, read_metrics
from cube.teacher.encoder import Teacher
from cube.teacher.vectors import Progress, Vectors, embed_corpus
from cube.training.in_run import core_of, train_in
from cube.training.result import TrainingResult
from cube.training.sampler import steps_per_epoch
from cube.training.speed import speedup_over_plain_loop
from cube.training.trainer import OnEvent

__all__ = [
    "embed",
    "evaluate",
    "ingest",
    "publish",
    "read_metrics",
    "start_run",
    "train",
    "training_budget",
]

logger = logging.getLogger(__name__)

_LEAKS_SHOWN = 10


def ingest(config: Config, sources: list[str] | None = None) -> Corpus:
    """Read the sources into a corpus."""
    corpus = build_corpus(config.data, config.home / "corpora", sources)
    rows = corpus.manifest["rows"]
    logger.info(
        "corpus %s: %d rows read, %d kept, %d quarantined, %d duplicates merged",
        corpus.digest,
        *(rows[key] for key in ("read", "kept", "quarantined", "duplicates_merged")),
    )
    return corpus


def embed(config: Config, corpus: Corpus, progress: Progress | None = None) -> Vectors:
    """Encode what the cache lacks and lay out the corpus's vectors."""
    return embed_corpus(corpus, Teacher(config.teacher), config.home, progress)


def start_run(
    config: Config,
    corpus: Corpus,
    vectors: Vectors,
    previous: Run | None = None,
    extend: bool = False,
) -> Run:
    """Open the run of this config on these vectors, and check that it can be trained and judged.

    With a previous run, exactly that one is gone on with, or extended: see `cube.resume`.
    """
    if previous is None:
        run = open_run(config, corpus, vectors)
    else:
        run = resume_run(previous, config, corpus, vectors, extend)
    _check_splits(run.experiment)
    _look_ahead(run)
    return run


def _look_ahead(run: Run) -> None:
    """Write outlook.json, what can be known before training; refuse a leak between the splits."""
    if run.read("outlook.json") is not None:
        return
    experiment, limit = run.experiment, run.config.evaluation.max_leaked_share
    leaks = find_leaks(experiment)
    check_leaks(leaks, limit)
    shown = [experiment.questions[pairs[:_LEAKS_SHOWN]] for pairs in (leaks.leaked, leaks.copies)]
    outlook = look_ahead(experiment)
    found = {
        "leaks": leaks_to_json(leaks, limit, *(run.corpus.texts(rows) for rows in shown)),
        "headroom": headroom(outlook, experiment),
        "label_check": check_labels(outlook),
    }
    for name in ("headroom", "label_check"):
        logger.info("%s", found[name]["sentence"])
    run.write("outlook.json", found)


def _check_splits(experiment: Experiment) -> None:
    counts = np.bincount(experiment.splits, minlength=3)
    if min(counts) == 0:
        names = ", ".join(f"{split.name.lower()} {counts[split]}" for split in Split)
        raise DataError(
            f"{counts.sum()} pairs are too few to train, validate and test ({names}). "
            "Add data or change data.splits."
        )


def training_budget(run: Run) -> int:
    """Return the most steps the training of a run may take."""
    training = run.config.training
    pairs = run.experiment.training_set.num_pairs
    return training.budget(steps_per_epoch(pairs, training.batch_size))


def train(run: Run, on_event: OnEvent | None = None) -> dict[str, Any]:
    """Train the cube of a run and save its model; returns the content of training.json."""
    if (done := run.read("training.json")) is not None and (run.folder / "model").is_dir():
        logger.info("run %s is trained already", run.run_id)
        return done
    config = run.config
    started = time.perf_counter()
    cube, result, profile = train_in(run, config.training, core_of(run), run.folder, on_event)
    seconds = time.perf_counter() - started
    run.write("timings.json", {**_timings(run, result, seconds), "profile": profile})
    _save(run, cube, result)
    run.write("training.json", asdict(result))
    return asdict(result)


def _timings(run: Run, result: TrainingResult, seconds: float) -> dict[str, Any]:
    config = run.config
    data = run.experiment.training_set
    return {
        "training_seconds": seconds,
        "epoch_seconds": seconds / max(1, result.steps) * result.steps_per_epoch,
        "peak_rss_gb": peak_rss_bytes() / 1e9,
        "speedup": speedup_over_plain_loop(config.training, core_of(run), data),
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


def publish(run: Run) -> dict[str, Any]:
    """Put the model into the registry and promote it if the gate lets it."""
    registry = Registry(run.config.home, run.config.name)
    judgement = judgement_of(run.read("evaluation.json"))
    settings = run.config.model_dump(mode="json")
    folder = registry.publish(run.folder / "model", run.version, judgement, settings)
    refusal = registry.refusal(run.version)
    if refusal is None:
        registry.promote(run.version)
    result = {
        "version": run.version,
        "path": str(folder),
        "promoted": refusal is None,
        "champion": registry.champion(),
        "sentence": refusal or judgement["sentence"],
    }
    run.write("published.json", result)
    return result
