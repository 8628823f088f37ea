"""The assessment of a run: everything `evaluation.json` holds, put together.

Systems are gathered (cube, baselines, champion), judged on every slice, and set beside what the
project wants to reach.
"""

import logging
from typing import Any

from safetensors.torch import load_file

from cube import storage
from cube.config import CoreConfig
from cube.data.corpus import Corpus
from cube.data.splits import Split
from cube.evaluation.baselines import AnySystem, System, all_baselines, cube_system
from cube.evaluation.evaluate import (
    Judged,
    find_examples,
    judge_systems,
    score_systems,
    similarity_histograms,
    to_json,
)
from cube.evaluation.restoration import context_preservation, restoration
from cube.evaluation.targets import all_targets
from cube.lattice.core import Cube
from cube.model import load_model
from cube.registry import Registry
from cube.runs import Run
from cube.teacher.encoder import Teacher
from cube.training.in_run import side_training

logger = logging.getLogger(__name__)

FORMAT = 2
_EXAMPLES = 10


def evaluate(run: Run) -> dict[str, Any]:
    """Judge the run's cube against baselines and champion; returns evaluation.json's content.

    An evaluation of the same cube against the same champion under the same settings is not made
    twice.
    """
    registry = Registry(run.config.home, run.config.name)
    rival = registry.champion()
    inputs = storage.digest_of(
        {
            "format": FORMAT,
            "run": run.facts["digest"],
            "evaluation": run.config.evaluation.model_dump(mode="json"),
            "rival": None if rival == run.version else rival,
        }
    )
    done = run.read("evaluation.json")
    if done is not None and done["inputs"] == inputs:
        logger.info("run %s is evaluated already against the same rivals", run.run_id)
        return done
    config, experiment = run.config, run.experiment
    saved = load_model(run.folder / "model")
    systems = [cube_system("cube", "cube", saved.cube), *_baselines(run, saved.cube)]
    champion, champion_note = _champion_system(run, rival)
    if champion is not None:
        systems.append(champion)
    judged = judge_systems(experiment, systems, config.evaluation)
    by_name = {s.name: s for s in systems if isinstance(s, System)}
    shown = [by_name["identity"], by_name["cube"]]
    training, timings = run.read("training.json"), run.read("timings.json")
    stability = _stability(run, judged)
    restored = _restoration(run, saved.cube)
    values = {
        "format": FORMAT,
        "inputs": inputs,
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
            "version": rival,
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


def _baselines(run: Run, cube: Cube) -> list[AnySystem]:
    """Tune all baselines; rival maps are trained to answer alone, which ranks best."""
    training = run.config.training.dialogue_alone()

    def train(core: CoreConfig) -> Cube:
        return side_training(run, training, core, run.folder / "baselines" / core.rule)

    return all_baselines(run.experiment, cube, train)


def _stability(run: Run, judged: Judged) -> dict[str, Any]:
    """Train with further seeds and compare MRR@10 on the headline slice."""
    config, experiment = run.config, run.experiment
    mrr = [float(judged.scores[judged.headline]["cube"].reciprocal_ranks.mean())]
    for i in range(1, config.evaluation.extra_seeds + 1):
        seed = config.training.seed + i
        training = config.training.model_copy(update={"seed": seed})
        cube = side_training(run, training, config.core, run.folder / "seeds" / str(seed))
        system = cube_system("cube", "cube", cube)
        scores = score_systems(experiment, [system], judged.headline)["cube"]
        mrr.append(float(scores.reciprocal_ranks.mean()))
    spread = max(mrr) - min(mrr) if len(mrr) > 1 else None
    return {"seeds": len(mrr), "mrr@10": mrr, "spread": spread}


def _champion_system(run: Run, version: str | None) -> tuple[System | None, str]:
    registry = Registry(run.config.home, run.config.name)
    if version is None:
        return None, "there was no champion yet"
    if version == run.version:
        return None, "this version is the champion"
    saved = load_model(registry.path(version))
    if saved.config["fingerprints"] != Teacher(run.config.teacher).fingerprints:
        return None, f"champion {version} has another teacher and cannot be compared"
    return cube_system("champion", f"champion {version}", saved.cube), f"compared with {version}"


def _restoration(run: Run, cube: Cube) -> dict[str, Any]:
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
