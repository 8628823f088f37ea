"""The steps of a run, each a function from paths to paths that is quick when its work is done.

`cube train` calls them in order; the Prefect tasks call one each.
"""

import json
import logging
import resource
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from cube import storage
from cube.config import Config, CoreConfig, TrainingConfig
from cube.data.corpus import Corpus, build_corpus
from cube.data.splits import Split
from cube.errors import DataError
from cube.evaluation.baselines import (
    System,
    closed_form_baselines,
    cube_system,
    untrained_random,
)
from cube.evaluation.evaluate import (
    Judged,
    find_examples,
    judge_systems,
    similarity_histograms,
    to_json,
)
from cube.evaluation.experiment import Experiment
from cube.evaluation.restoration import context_preservation, restoration
from cube.evaluation.targets import all_targets
from cube.lattice.core import Cube
from cube.model import REFERENCE_ROWS, load_model, save_model
from cube.registry import Registry
from cube.report.card import model_card
from cube.runs import Run, open_run
from cube.teacher.encoder import Teacher
from cube.teacher.vectors import Progress, Vectors, embed_corpus
from cube.training.speed import speedup_over_plain_loop
from cube.training.trainer import OnEvent, Trainer, TrainingResult

logger = logging.getLogger(__name__)

_EXAMPLES = 10


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


def start_run(config: Config, corpus: Corpus, vectors: Vectors) -> Run:
    """Open the run of this config on these vectors, and check that it can be trained and judged."""
    run = open_run(config, corpus, vectors)
    _check_splits(run.experiment)
    return run


def _check_splits(experiment: Experiment) -> None:
    counts = np.bincount(experiment.splits, minlength=3)
    if min(counts) == 0:
        names = ", ".join(f"{split.name.lower()} {counts[split]}" for split in Split)
        raise DataError(
            f"{counts.sum()} pairs are too few to train, validate and test ({names}). "
            "Add data or change data.splits."
        )


def train(run: Run, on_event: OnEvent | None = None) -> dict[str, Any]:
    """Train the cube of a run and save its model; returns the content of training.json."""
    if (done := run.read("training.json")) is not None and (run.folder / "model").is_dir():
        logger.info("run %s is trained already", run.run_id)
        return done
    config = run.config
    started = time.perf_counter()
    cube, result = _train(run, config.training, config.core, run.folder, on_event)
    seconds = time.perf_counter() - started
    run.write("timings.json", _timings(run, result, seconds))
    _save(run, cube, result)
    run.write("training.json", asdict(result))
    return asdict(result)


def _train(
    run: Run,
    training: TrainingConfig,
    core: CoreConfig,
    folder: Path,
    on_event: OnEvent | None = None,
) -> tuple[Cube, TrainingResult]:
    identity = storage.digest_of(
        [run.facts["digest"], training.model_dump(mode="json"), core.model_dump(mode="json")]
    )
    data = run.experiment.training_set
    return Trainer(training, core, data, folder, identity, on_event).train()


def _timings(run: Run, result: TrainingResult, seconds: float) -> dict[str, Any]:
    config = run.config
    data = run.experiment.training_set
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak_bytes = peak if sys.platform == "darwin" else peak * 1024
    return {
        "training_seconds": seconds,
        "epoch_seconds": seconds / max(1, result.steps) * result.steps_per_epoch,
        "peak_rss_gb": peak_bytes / 1e9,
        "speedup": speedup_over_plain_loop(config.training, config.core, data),
    }


def _save(run: Run, cube: Cube, result: TrainingResult) -> None:
    experiment = run.experiment
    train_pairs = experiment.splits == Split.TRAIN
    questions = np.unique(experiment.questions[train_pairs])
    keep = np.random.default_rng(0).permutation(len(questions))[:REFERENCE_ROWS]
    answers = np.unique(experiment.answers[train_pairs])
    trained_on = {
        "run": run.run_id,
        "corpus": run.facts["corpus"],
        "vectors": run.facts["vectors"],
        "pairs": int(train_pairs.sum()),
        "best_step": result.best_step,
    }
    save_model(
        run.folder / "model",
        cube,
        experiment.centre,
        experiment.gather(questions[np.sort(keep)]),
        Teacher(run.config.teacher),
        trained_on,
        model_card(run.config.name, cube, trained_on, run.config.teacher.model),
        bank=(run.corpus.texts(answers), experiment.gather(answers)),
    )


def evaluate(run: Run) -> dict[str, Any]:
    """Judge the run's cube against baselines and champion; returns evaluation.json's content."""
    config, experiment = run.config, run.experiment
    saved = load_model(run.folder / "model")
    systems = [cube_system("cube", "cube", saved.cube), *closed_form_baselines(experiment)]
    systems += _trained_baselines(run)
    systems.append(untrained_random(experiment, config.training.seed))
    champion, champion_note = _champion_system(run)
    if champion is not None:
        systems.append(champion)
    judged = judge_systems(experiment, systems, config.evaluation)
    by_name = {system.name: system for system in systems}
    shown = [by_name["identity"], by_name["cube"]]
    training, timings = run.read("training.json"), run.read("timings.json")
    stability = _stability(run, judged)
    restored = _restoration(run, saved.cube)
    values = {
        "format": 1,
        "run": run.run_id,
        "version": run.version,
        "created": run.facts["created"],
        "dimension": saved.cube.dimension,
        "lattice": list(saved.cube.reshaper.shape),
        "parameters": saved.cube.num_parameters,
        "teacher": config.teacher.model,
        "splits": {s.name.lower(): int((experiment.splits == s).sum()) for s in Split},
        **to_json(judged, experiment, config.evaluation),
        "champion": {
            "version": Registry(config.home, config.name).champion(),
            "note": champion_note,
        },
        "training": training,
        "timings": timings,
        "stability": stability,
        "restoration": restored,
        "similarities": similarity_histograms(experiment, shown, judged.headline),
        "examples": _with_texts(run.corpus, find_examples(judged, experiment, by_name, _EXAMPLES)),
    }
    facts = _target_facts(run, judged, values, by_name)
    values["targets"] = [target.to_json() for target in all_targets(facts)]
    run.write("evaluation.json", values)
    return values


def _trained_baselines(run: Run) -> list[System]:
    """Train (or load) the dense map with the cube's own objective, stages and early stopping."""
    core = run.config.core.model_copy(update={"rule": "dense"})
    cube = _side_training(run, run.config.training, core, run.folder / "baselines" / "dense")
    return [cube_system("dense", "dense residual map, same objective", cube)]


def _side_training(run: Run, training: TrainingConfig, core: CoreConfig, folder: Path) -> Cube:
    from safetensors.torch import load_file, save

    weights = folder / "weights.safetensors"
    if weights.is_file():
        cube = Cube(run.experiment.training_set.dimension, core)
        cube.load_state_dict(load_file(weights))
        return cube
    cube, _ = _train(run, training, core, folder)
    storage.write_bytes(weights, save(cube.state_dict()))
    return cube


def _stability(run: Run, judged: Judged) -> dict[str, Any]:
    """Train with further seeds and compare MRR@10 on the headline slice."""
    config, experiment = run.config, run.experiment
    mrr = [float(judged.scores[judged.headline]["cube"].reciprocal_ranks.mean())]
    for i in range(1, config.evaluation.extra_seeds + 1):
        seed = config.training.seed + i
        training = config.training.model_copy(update={"seed": seed})
        cube = _side_training(run, training, config.core, run.folder / "seeds" / str(seed))
        identity = next(system for system in judged.systems if system.name == "identity")
        systems = [cube_system("cube", "cube", cube), identity]
        quick = config.evaluation.model_copy(update={"bootstrap_resamples": 100})
        scores = judge_systems(experiment, systems, quick).scores[judged.headline]["cube"]
        mrr.append(float(scores.reciprocal_ranks.mean()))
    spread = max(mrr) - min(mrr) if len(mrr) > 1 else None
    return {"seeds": len(mrr), "mrr@10": mrr, "spread": spread}


def _champion_system(run: Run) -> tuple[System | None, str]:
    registry = Registry(run.config.home, run.config.name)
    version = registry.champion()
    if version is None:
        return None, "there was no champion yet"
    if version == run.version:
        return None, "this version is the champion"
    saved = load_model(registry.path(version))
    if saved.config["fingerprints"] != Teacher(run.config.teacher).fingerprints:
        return None, f"champion {version} has another teacher and cannot be compared"
    return cube_system("champion", f"champion {version}", saved.cube), f"compared with {version}"


def _restoration(run: Run, cube: Cube) -> dict[str, Any]:
    from safetensors.torch import load_file

    cubes = {"final": cube}
    stage = next((s for s in run.config.training.stages if s.mode == "autoencoder"), None)
    if stage is not None:
        path = run.folder / "checkpoints" / f"stage-{stage.name}.safetensors"
        restorer = Cube(cube.dimension, run.config.core)
        restorer.load_state_dict(load_file(path))
        cubes["autoencoder"] = restorer
    return restoration(run.experiment, cubes, run.config.training)


def _target_facts(
    run: Run, judged: Judged, values: dict[str, Any], systems: dict[str, System]
) -> dict[str, Any]:
    headline = values["slices"][judged.headline]
    cube, identity = headline["scores"]["cube"], headline["scores"]["identity"]
    restored = values["restoration"]
    return {
        "questions": headline["questions"],
        "bank": headline["bank"],
        "restored": restored["autoencoder"]["cosine"] if "autoencoder" in restored else None,
        "corrupted": restored["corrupted"]["cosine"],
        "cosine": cube["cosine"],
        "identity_cosine": identity["cosine"],
        "mean_answer_cosine": headline["scores"]["mean_answer"]["cosine"],
        "centred_cosine": cube["centred_cosine"],
        "identity_centred_cosine": identity["centred_cosine"],
        "random_centred_cosine": cube["random_centred_cosine"],
        "context": context_preservation(run.experiment, systems["cube"].predict),
        "identity_context": context_preservation(run.experiment, systems["identity"].predict),
        "loss_convergence": values["training"]["loss_convergence"],
        "skipped_steps": values["training"]["skipped_steps"],
        "peak_rss_gb": values["timings"]["peak_rss_gb"],
        "epoch_seconds": values["timings"]["epoch_seconds"],
        "speedup": values["timings"]["speedup"],
        "over_random": headline["cube_minus"]["random"]["low"],
        "spread": values["stability"]["spread"],
        "seeds": values["stability"]["seeds"],
    }


def _with_texts(corpus: Corpus, examples: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    texts = corpus.texts()

    def resolve(entry: dict[str, Any]) -> dict[str, Any]:
        shown = {
            key: {
                "rank": entry[key]["rank"],
                "top": [
                    {"text": texts[top["row"]], "score": top["score"],
                     "right": top["row"] in entry["right"]}
                    for top in entry[key]["top"]
                ],
            }
            for key in ("before", "after")
        }  # fmt: skip
        right = [texts[row] for row in entry["right"]]
        return {"question": texts[entry["question"]], "right": right, **shown}

    return {kind: [resolve(entry) for entry in entries] for kind, entries in examples.items()}


def publish(run: Run) -> dict[str, Any]:
    """Put the model into the registry and promote it if the verdict says so."""
    evaluation = run.read("evaluation.json")
    registry = Registry(run.config.home, run.config.name)
    folder = registry.publish(run.folder / "model", run.version)
    verdict = evaluation["verdict"]
    if verdict["promote"]:
        registry.promote(run.version, verdict["sentence"])
    result = {
        "version": run.version,
        "path": str(folder),
        "promoted": verdict["promote"],
        "champion": registry.champion(),
        "sentence": verdict["sentence"],
    }
    run.write("published.json", result)
    return result


def read_metrics(run: Run) -> list[dict[str, Any]]:
    """Return the events of a run's metrics.jsonl."""
    lines = (run.folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]
