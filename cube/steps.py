"""The steps of a run, each a function from paths to paths that is quick when its work is done.

`cube train` calls them in order; the Prefect tasks call one each. Whether there is anything to do
is known without torch, which takes seconds to load: only steps that have work import it.
"""

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from cube import storage
from cube.config import Config
from cube.data.corpus import Corpus, build_corpus
from cube.data.splits import Split
from cube.errors import DataError, GateError
from cube.evaluation.schema import FORMAT
from cube.lattice.shape import check_shape
from cube.registry import Registry, judgement_of
from cube.runs import Run, open_run
from cube.teacher.encoder import Teacher
from cube.teacher.vectors import Progress, Vectors, embed_corpus
from cube.training.sampler import steps_per_epoch

if TYPE_CHECKING:
    from cube.training.trainer import OnEvent

logger = logging.getLogger(__name__)


def ingest(config: Config, sources: list[str] | None = None) -> Corpus:
    """Read the sources into a corpus."""
    corpus = build_corpus(config.data, config.home / "corpora", sources, config.home)
    rows = corpus.manifest["rows"]
    logger.info(
        "corpus %s: %d rows read, %d kept, %d quarantined, %d duplicates merged",
        corpus.digest,
        *(rows[key] for key in ("read", "kept", "quarantined", "duplicates_merged")),
    )
    if rows["quarantined"]:
        logger.info("why, row by row: %s", corpus.folder / "quarantine.jsonl")
    return corpus


def embed(config: Config, corpus: Corpus, progress: Progress | None = None) -> Vectors:
    """Encode what the cache lacks and lay out the corpus's vectors.

    Raises:
        ConfigError: when they would not fit into the lattice, told before hours of encoding.
    """
    teacher = Teacher(config.teacher)
    if config.core.shape is not None:
        check_shape(config.core.shape, teacher.dimension)
    return embed_corpus(corpus, teacher, config.home, progress)


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
        from cube.resume import resume_run

        run = resume_run(previous, config, corpus, vectors, extend)
    found = run.read("outlook.json")
    if found is None:
        _check_splits(run)
    if found is None or not _drawn_as_now(run, found):
        _look_ahead(run)
    return run


def _drawn_as_now(run: Run, outlook: dict[str, Any]) -> bool:
    """Whether an outlook went by today's settings of the evaluation, no part of the run's name."""
    headroom, judging = outlook["headroom"], run.config.evaluation
    known = headroom.get("resamples"), headroom.get("confidence"), outlook["leaks"]["limit"]
    return known == (judging.bootstrap_resamples, judging.confidence, judging.max_leaked_share)


def _check_splits(run: Run) -> None:
    counts = np.bincount(run.corpus.splits(run.config.data.splits), minlength=3)
    if min(counts) == 0:
        names = ", ".join(f"{split.name.lower()} {counts[split]}" for split in Split)
        raise DataError(
            f"{counts.sum()} pairs are too few to train, validate and test ({names}). "
            "Add pairs or dialogues, as texts alone cannot be judged, or change data.splits."
        )


def _look_ahead(run: Run) -> None:
    """Write outlook.json, what can be known before training; refuse a leak between the splits."""
    from cube.evaluation.outlook import outlook

    found = outlook(run)
    for name in ("headroom", "label_check"):
        logger.info("%s", found[name]["sentence"])
    run.write("outlook.json", found)


def training_budget(run: Run) -> int:
    """Return the most steps the training of a run may take."""
    training = run.config.training
    pairs = run.experiment.training_set.num_pairs
    return training.budget(steps_per_epoch(pairs, training.batch_size))


def train(run: Run, on_event: "OnEvent | None" = None) -> dict[str, Any]:
    """Train the cube of a run and save its model; returns the content of training.json."""
    if (done := run.read("training.json")) is not None and (run.folder / "model").is_dir():
        logger.info("run %s is trained already", run.run_id)
        return done
    from cube.trainings import train_and_save

    return train_and_save(run, on_event)


def evaluate(run: Run) -> dict[str, Any]:
    """Judge the run's cube against baselines and champion; returns evaluation.json's content.

    An evaluation of the same cube against the same champion under the same settings is not made
    twice, and stands when the cube has become the champion itself.
    """
    if (done := _evaluation(run)) is not None:
        logger.info("run %s is evaluated already against the same rivals", run.run_id)
        return done
    from cube.evaluation.assess import assess

    return assess(run, Registry(run.config.home, run.config.name).champion(), _inputs(run))


def _evaluation(run: Run) -> dict[str, Any] | None:
    """Return the evaluation of a run if it is what would come out now."""
    done = run.read("evaluation.json")
    if done is None or done["inputs"] != _inputs(run):
        return None
    rival = Registry(run.config.home, run.config.name).champion()
    return done if rival in (done["champion"]["version"], run.version) else None


def _inputs(run: Run) -> str:
    """Return a digest of all that an evaluation depends on beside the champion."""
    return storage.digest_of(
        {
            "format": FORMAT,
            "run": run.facts["digest"],
            "evaluation": run.config.evaluation.model_dump(mode="json"),
        }
    )


def publish(run: Run) -> dict[str, Any]:
    """Put the model into the registry and promote it if the gate lets it.

    Whoever shares the run may have judged it by other limits meanwhile: then it is judged again.
    """
    registry = Registry(run.config.home, run.config.name)
    judgement = judgement_of(_evaluation(run) or evaluate(run))
    settings = run.config.model_dump(mode="json")
    folder = registry.publish(run.folder / "model", run.version, judgement, settings)
    refusal = None
    try:
        registry.promote(run.version)
    except GateError as error:
        refusal = str(error)
    result = {
        "version": run.version,
        "path": str(folder),
        "promoted": refusal is None,
        "champion": registry.champion(),
        "sentence": refusal or judgement["sentence"],
    }
    run.write("published.json", result)
    return result
