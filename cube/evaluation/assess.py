"""The assessment of a run: everything `evaluation.json` holds, put together.

Systems are gathered (cube, baselines, champion), judged on every slice, and set beside what the
project wants to reach.
"""

from typing import Any

import numpy as np
from jaxtyping import Bool, Int
from safetensors.torch import load_file

from cube.config import CoreConfig
from cube.data.splits import Split
from cube.evaluation.advice import recommendations
from cube.evaluation.baselines import AnySystem, System, all_baselines, cube_system
from cube.evaluation.confidence import NOVEL, ask_twice, reliability
from cube.evaluation.dialogue import EncodeTurns, dialogue_measures
from cube.evaluation.evaluate import Judged, headline_of, judge_systems, score_systems, to_json
from cube.evaluation.examples import find_examples, similarity_histograms
from cube.evaluation.experiment import Experiment
from cube.evaluation.failures import failures
from cube.evaluation.groups import depth_of, groups_of, left_out, length_of, script_of
from cube.evaluation.headroom import refuse_shuffled
from cube.evaluation.learning_curve import learning_curve
from cube.evaluation.restoration import restoration
from cube.evaluation.schema import FORMAT, validated
from cube.evaluation.targets import all_targets
from cube.evaluation.views import embedding_map, movement
from cube.lattice.core import Cube
from cube.model import SavedCube, load_model
from cube.registry import Registry
from cube.runs import Run, run_of
from cube.teacher.context import combine_turns
from cube.teacher.encoder import Teacher
from cube.training.dataset import TrainingSet
from cube.trainings import settings_of, side_training

_EXAMPLES = 10


def assess(run: Run, rival: str | None, inputs: str) -> dict[str, Any]:
    """Judge the run's cube and write evaluation.json; returns its content.

    Args:
        run: a trained one.
        rival: version of the champion, if there is one.
        inputs: digest of all this depends on, kept so that it is not done twice.
    """
    config, experiment = run.config, run.experiment
    saved = load_model(run.folder / "model")
    systems = [cube_system("cube", "cube", saved.cube), *_baselines(run, saved.cube)]
    champion, champion_note, known = _champion_system(run, rival)
    if champion is not None:
        systems.append(champion)
    judged = judge_systems(experiment, systems, config.evaluation, {"champion": known})
    texts = _texts(run, judged)
    facts = {
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
        "champion": {"version": rival, "note": champion_note},
        "training": run.read("training.json"),
        "timings": run.read("timings.json"),
        **(run.read("outlook.json") or {}),
    }
    values = {**facts, **_judgement(run, judged), **_measures(run, judged, saved, systems)}
    values |= {
        "similarities": similarity_histograms(judged, ["identity", "cube"], judged.headline),
        "examples": find_examples(judged, _EXAMPLES, texts),
        "failures": failures(judged, experiment, texts),
        "embedding_map": embedding_map(judged, experiment, saved.cube, texts),
        "movement": movement(judged, experiment, saved.cube),
    }
    values["targets"] = [target.to_json() for target in all_targets(values)]
    values["recommendations"] = recommendations(values)
    run.write("evaluation.json", validated(values))
    return values


def _judgement(run: Run, judged: Judged) -> dict[str, Any]:
    """Return scores and verdict, slices divided into groups, and a fault of the labels named."""
    values = to_json(judged, run.config.evaluation)
    for name, by_system in judged.scores.items():
        kinds = _kinds(run, name, by_system["cube"].task.questions)
        values["slices"][name] |= {
            "groups": groups_of(kinds, by_system, run.config.evaluation),
            "groups_left_out": left_out(kinds),
        }
    outlook = run.read("outlook.json")
    if outlook is not None:
        refuse_shuffled(values["verdict"], outlook["label_check"])
    return values


def _kinds(run: Run, slice_name: str, questions: np.ndarray) -> dict[str, list[str]]:
    """Return by kind the part of every question; one asked twice counts where it is first."""
    pairs, corpus = run.experiment.slices[slice_name], run.corpus
    first = pairs[np.unique(run.experiment.questions[pairs], return_index=True)[1]]
    table = corpus.pairs.select(["source", "turn"]).take(first)
    texts = corpus.texts(questions)
    kinds = {
        "source": table["source"].to_pylist(),
        "question_length": [length_of(text) for text in texts],
        "script": [script_of(text) for text in texts],
    }
    if slice_name == "dialogue_turns":
        kinds["turn_depth"] = [depth_of(turn) for turn in table["turn"].to_pylist()]
    return kinds


def _measures(
    run: Run, judged: Judged, saved: SavedCube, systems: list[AnySystem]
) -> dict[str, Any]:
    """Return what is measured besides ranking the slices."""
    maps = [system for system in systems if isinstance(system, System)]
    compared = [system for system in maps if system.name in ("cube", "identity")]
    return {
        "stability": _stability(run, judged),
        "restoration": _restoration(run, saved.cube),
        "dialogue": dialogue_measures(
            run.experiment, compared, _turn_encoder(run), run.config.evaluation
        ),
        "learning_curve": _learning_curve(run, judged),
        "confidence": _confidence(run.experiment, saved),
    }


def _turn_encoder(run: Run) -> EncodeTurns | None:
    """Return the way this run's questions are made from turns; None if they hold the last only."""
    data, experiment = run.config.data, run.experiment
    normalize = run.config.teacher.normalize

    def combine(turns: list[list[int]]) -> np.ndarray:
        rows = (experiment.gather(np.array(some)) for some in turns)
        return np.stack([combine_turns(some, data.context_weights, normalize) for some in rows])

    def join(turns: list[list[int]]) -> np.ndarray:
        joined = ["\n".join(run.corpus.texts(np.array(some))) for some in turns]
        return Teacher(run.config.teacher).encode(joined, "query")

    return {"last": None, "weighted": combine, "joined": join}[data.context]


def _learning_curve(run: Run, judged: Judged) -> dict[str, Any] | None:
    config, name = run.config, judged.headline
    if not config.evaluation.learning_curve:
        return None

    core, training = settings_of(run)

    def score(data: TrainingSet, share: float) -> np.ndarray:
        folder = run.folder / "learning_curve" / f"{share:g}"
        cube = side_training(run, training, core, folder, data)
        system = cube_system("cube", "cube", cube)
        return score_systems(run.experiment, [system], name)["cube"].reciprocal_ranks

    full = judged.scores[name]["cube"].reciprocal_ranks
    data, seed = run.experiment.training_set, config.training.seed
    return learning_curve(data, name, full, score, config.evaluation, seed)


def _confidence(experiment: Experiment, saved: SavedCube) -> dict[str, Any] | None:
    """Return how reliable the saved confidence is on all test questions."""
    confidence = saved.confidence()
    if confidence is None:
        return None
    task = experiment.task_of(np.concatenate(list(experiment.slices.values())))
    questions = experiment.gather(task.questions)
    predictions = saved.cube.apply_to(questions)
    asked = ask_twice(predictions, experiment.bank_vectors, task)
    novelty = confidence.novelty(questions, saved.reference())
    probability = confidence.probability(asked.top_scores, novelty[asked.questions])
    return {
        "fitted_on": confidence.fitted_on,
        "novel_share": float((novelty > NOVEL).mean()),
        **reliability(probability, asked, confidence.threshold),
    }


def _texts(run: Run, judged: Judged) -> dict[int, str]:
    """Return the texts the headline slice can show, by row."""
    scores = judged.scores[judged.headline]
    task = scores["cube"].task
    shown = [task.bank[scores[name].ranking.top].ravel() for name in ("cube", "identity")]
    rows = np.unique(np.concatenate([task.questions, task.bank[task.right], *shown]))
    return dict(zip(rows.tolist(), run.corpus.texts(rows), strict=True))


def _baselines(run: Run, cube: Cube) -> list[AnySystem]:
    """Tune all baselines; rival maps are trained to answer alone, which ranks best."""
    training = settings_of(run)[1].dialogue_alone()

    def train(core: CoreConfig) -> Cube:
        return side_training(run, training, core, run.folder / "baselines" / core.rule)

    return all_baselines(run.experiment, cube, train)


def _stability(run: Run, judged: Judged) -> dict[str, Any]:
    """Train with further seeds and compare MRR@10 on the headline slice."""
    config, experiment = run.config, run.experiment
    mrr = [float(judged.scores[judged.headline]["cube"].reciprocal_ranks.mean())]
    core, training = settings_of(run)
    for i in range(1, config.evaluation.extra_seeds + 1):
        seed = training.seed + i
        again = training.model_copy(update={"seed": seed})
        cube = side_training(run, again, core, run.folder / "seeds" / str(seed))
        system = cube_system("cube", "cube", cube)
        scores = score_systems(experiment, [system], judged.headline)["cube"]
        mrr.append(float(scores.reciprocal_ranks.mean()))
    spread = max(mrr) - min(mrr) if len(mrr) > 1 else None
    return {"seeds": len(mrr), "mrr@10": mrr, "spread": spread}


def _champion_system(
    run: Run, version: str | None
) -> tuple[System | None, str, Int[np.ndarray, " n"]]:
    """Return the champion if it can be compared, how, and the test questions it has learned."""
    registry, nothing = Registry(run.config.home, run.config.name), np.array([], np.int64)
    if version is None:
        return None, "there was no champion yet", nothing
    if version == run.version:
        return None, "this version is the champion", nothing
    saved = load_model(registry.path(version))
    if saved.config["fingerprints"] != Teacher(run.config.teacher).fingerprints:
        return None, f"champion {version} has another teacher and cannot be compared", nothing
    experiment, config = run.experiment, run.config.evaluation
    test = experiment.slices[headline_of(experiment, config)]
    known = np.unique(experiment.questions[test[_trained_on(run, saved, test)]])
    left = len(np.unique(experiment.questions[test])) - len(known)
    if len(known) and left < config.min_questions:
        note = f"champion {version} was trained on all but {left} of these questions"
        return None, f"{note} and cannot be compared", nothing
    note = f"compared with {version}"
    if len(known):
        note += f", on the {left:,} questions it was not trained on"
    return cube_system("champion", f"champion {version}", saved.cube), note, known


def _trained_on(run: Run, saved: SavedCube, pairs: np.ndarray) -> Bool[np.ndarray, " n"]:
    """Return of which pairs a cube has learned the question; of none where its run was pruned.

    Questions move from training to test where splits are drawn anew, and a few as data changes.
    What the run has learned as well, as turns that many dialogues share, gives nobody a lead.
    """
    trained = run_of(run.config, saved)
    if trained is None:
        return np.zeros(len(pairs), bool)
    theirs = trained.corpus.splits(trained.config.data.splits) == Split.TRAIN
    asked, own = run.corpus.wordings, run.experiment.splits == Split.TRAIN
    alone = np.setdiff1d(trained.corpus.wordings[theirs], asked[own])
    return np.isin(asked[pairs], alone)


def _restoration(run: Run, cube: Cube) -> dict[str, Any]:
    cubes = {"final": cube}
    stage = next((s for s in run.config.training.stages if s.mode == "autoencoder"), None)
    if stage is not None:
        path = run.folder / "checkpoints" / f"stage-{stage.name}.safetensors"
        cubes["autoencoder"] = Cube.from_state(cube.dimension, cube.config, load_file(path))
    return restoration(run.experiment, cubes, run.config.training)
