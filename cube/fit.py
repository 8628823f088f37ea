"""Training and judging on stored vectors alone: row i of the answers answers row i of the queries.

No teacher, no texts. Equal answer rows are one answer, equal query rows are one question.
"""

import logging
import tempfile
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np

from cube.config import (
    Config,
    CoreConfig,
    EvaluationConfig,
    SplitConfig,
    TrainingConfig,
    load_config,
)
from cube.data.groups import join_groups
from cube.data.splits import Split, assign_splits, slice_pairs
from cube.data.vector_files import check_matrix, read_vectors
from cube.data.vector_pairs import lay_out
from cube.errors import DataError
from cube.evaluation.baselines import (
    AnySystem,
    all_baselines,
    cube_system,
    untrained_baselines,
    untrained_random,
)
from cube.evaluation.confidence import fit_confidence
from cube.evaluation.evaluate import judge_systems, to_json
from cube.evaluation.experiment import Experiment
from cube.evaluation.headroom import check_labels, look_ahead, refuse_shuffled
from cube.evaluation.leaks import check_leaks, find_leaks
from cube.evaluation.verdict import as_judged
from cube.lattice.core import Cube
from cube.model import REFERENCE_ROWS, SavedCube, check_replaceable, save_model
from cube.report.card import model_card
from cube.training.trainer import OnEvent, Trainer
from cube.training.trials import run_trials, with_trials

__all__ = ["apply_model", "evaluate_vectors", "fit_settings", "fit_vectors", "read_vectors"]

logger = logging.getLogger(__name__)

_HELD_OUT_SHARE = 0.08  # of answers and again of wordings, for validation and verdict each
_FEWEST_HELD_OUT = 45  # pairs: some more than the questions that a verdict asks for
_MOST_HELD_OUT = 1_000  # enough for a narrow interval; the rest is better trained on
_LARGEST_SHARE = 0.2
_SHORT = 0.3  # of questions: far less is learned from them than from those of length 1


def _check_pair(queries: np.ndarray, answers: np.ndarray) -> None:
    check_matrix(queries, "The queries")
    check_matrix(answers, "The answers")
    if queries.shape != answers.shape:
        raise DataError(
            f"Queries have shape {queries.shape}, answers {answers.shape}: row i of the answers "
            "must answer row i of the queries, in the same dimension."
        )


def _experiment(
    queries: np.ndarray, answers: np.ndarray, max_pairs: int, folder: Path
) -> Experiment:
    """Split pairs of vectors and lay them out."""
    _check_pair(queries, answers)
    vectors, asked, given = lay_out(queries, answers, folder)
    no_dialogue = np.zeros(len(queries), bool)
    groups = join_groups(given.keys, asked.keys)
    splits = assign_splits(groups, asked.keys, no_dialogue, _shares(len(queries)))
    slices = slice_pairs(given.number, no_dialogue, splits, max_pairs)
    return Experiment(vectors, asked.number, given.number, splits, slices)


def _warn_of_short(questions: np.ndarray) -> None:
    length = float(np.median(np.linalg.norm(questions, axis=1)))
    if length < _SHORT:
        logger.warning(
            "questions are of length %.2g: make queries and answers length 1, more is learned then",
            length,
        )


def _shares(num_pairs: int) -> SplitConfig:
    """Hold a bounded number of answers and of wordings out for validation and for the verdict."""
    bounded = np.clip(_HELD_OUT_SHARE * num_pairs, _FEWEST_HELD_OUT, _MOST_HELD_OUT)
    share = min(float(bounded) / num_pairs, _LARGEST_SHARE)
    return SplitConfig(
        unseen_validation=share,
        unseen_test=share,
        wording_validation=share,
        wording_test=share,
    )


def fit_settings(file: Path | None = None, overrides: list[str] | None = None) -> Config:
    """Return settings for `fit_vectors`: of a YAML file, else the defaults.

    Of the defaults only the dialogue stages: restoring is another goal and costs retrieval.

    Args:
        file: a config.
        overrides: such as "training.seed=1".

    Raises:
        ConfigError: when they are no valid config.
    """
    config = load_config(file, overrides)
    if file is not None:
        return config
    return config.model_copy(update={"training": config.training.dialogue_alone()})


def fit_vectors(
    queries: np.ndarray,
    answers: np.ndarray,
    out: Path | str,
    config: Config | None = None,
    on_event: OnEvent | None = None,
) -> dict[str, Any]:
    """Train a cube on pairs of vectors, write it to `out` and return its evaluation.

    Args:
        queries: shape (pairs, dim).
        answers: shape (pairs, dim); equal rows count as one answer.
        out: model folder to write; only a saved cube is replaced.
        config: `core`, `training` and `evaluation` are used; None: `fit_settings()`.
        on_event: told of every validation.

    Raises:
        DataError: when the matrices do not fit each other or there are too few pairs.
        ModelError: when `out` is there and not a saved cube.
    """
    out, config = Path(out).resolve(), config or fit_settings()
    check_replaceable(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".cube-", dir=out.parent) as scratch:
        experiment = _experiment(queries, answers, config.evaluation.max_pairs, Path(scratch))
        counts = np.bincount(experiment.splits, minlength=3)
        if min(counts) == 0:
            raise DataError(
                f"{len(queries)} pairs with {len(experiment.bank)} distinct answers are too few to "
                "hold out a validation and a test part. Add pairs of other questions and answers."
            )
        check_leaks(find_leaks(experiment), config.evaluation.max_leaked_share)
        data = experiment.training_set
        _warn_of_short(data.gather(data.questions[:1_000]))
        trials = run_trials(config.core, config.training, data)
        core, training = with_trials(config.core, config.training, trials)
        cube, result = Trainer(training, core, data, on_event=on_event).train()
        values = _judge(experiment, cube, training, config.evaluation)
        refuse_shuffled(values["verdict"], check_labels(look_ahead(experiment)))
        trained_on = {"pairs": int(counts[Split.TRAIN]), "best_step": result.best_step}
        reference = experiment.reference_questions(REFERENCE_ROWS)
        save_model(
            out,
            cube,
            experiment.centre,
            reference,
            None,
            trained_on,
            model_card(out.name, cube, trained_on, None),
            confidence=fit_confidence(cube, experiment, reference),
        )
    return values


def _judge(
    experiment: Experiment, cube: Cube, training: TrainingConfig, config: EvaluationConfig
) -> dict[str, Any]:
    def train(core: CoreConfig) -> Cube:
        return Trainer(training, core, experiment.training_set).train()[0]

    systems = [cube_system("cube", "cube", cube), *all_baselines(experiment, cube, train)]
    return _judge_unpromoted(experiment, systems, config)


def _judge_unpromoted(
    experiment: Experiment, systems: Sequence[AnySystem], config: EvaluationConfig
) -> dict[str, Any]:
    """Judge systems where there is no registry, so nothing is promoted."""
    values = to_json(judge_systems(experiment, systems, config), config)
    values["verdict"]["sentence"] = as_judged(values["verdict"]["sentence"])
    return values


def evaluate_vectors(
    saved: SavedCube, queries: np.ndarray, answers: np.ndarray, config: EvaluationConfig
) -> dict[str, Any]:
    """Judge a saved cube on pairs of vectors it was not trained on, against untrained maps.

    The bank is all distinct rows of `answers`. Which answers which question is learned by nothing:
    centring uses the means the cube was saved with, whitening the bank as it lies there.

    Raises:
        DataError: when the matrices do not fit each other.
        ModelError: when the dimension differs from the cube's.
    """
    _check_pair(queries, answers)
    saved.check_dimension(queries)
    # The caller's stays fitted to the index it is used with; a memory is large, and only read.
    cube = deepcopy(saved.cube, {id(saved.cube.memory): saved.cube.memory})
    with tempfile.TemporaryDirectory(prefix="cube-") as scratch:
        vectors, asked, given = lay_out(queries, answers, Path(scratch))
        experiment = Experiment(
            vectors,
            asked.number,
            given.number,
            np.full(len(queries), Split.TEST, np.int8),
            {"all_pairs": np.arange(len(queries))},
            known_centre=saved.centre,
            separate_banks=True,
        )
        cube.fit_to_index(experiment.index)
        systems = [
            cube_system("cube", "cube", cube),
            *untrained_baselines(saved.centre),
            untrained_random(cube.dimension, seed=0),
        ]
        return _judge_unpromoted(experiment, systems, config)


def apply_model(
    saved: SavedCube, vectors: np.ndarray, index: np.ndarray | None = None
) -> np.ndarray:
    """Move vectors of shape (rows, dim); rows of the result have length 1.

    Args:
        saved: the cube.
        vectors: questions.
        index: answers that will be searched, shape (A, dim), which a cube that whitens fits itself
            to; None: it stays as it is, at first as it was saved.

    Raises:
        DataError: when vectors or index are not a matrix of finite rows, none of them zero.
        ModelError: when the dimension differs from the cube's.
    """
    check_matrix(vectors, "The vectors")
    saved.check_dimension(vectors)
    saved.fit_to_index(index)
    return saved.cube.apply_to(vectors)
