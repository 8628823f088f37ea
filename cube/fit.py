"""Training and judging on stored vectors alone: row i of the answers answers row i of the queries.

No teacher, no texts. Equal answer rows are one answer, equal query rows are one question.
"""

import hashlib
import logging
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from cube.config import Config, CoreConfig, EvaluationConfig, SplitConfig, TrainingConfig
from cube.data.splits import Split, assign_splits, slice_pairs
from cube.data.vector_files import read_vectors
from cube.errors import DataError
from cube.evaluation.baselines import (
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
from cube.lattice.core import Cube
from cube.model import REFERENCE_ROWS, SavedCube, save_model
from cube.report.card import model_card
from cube.training.trainer import OnEvent, Trainer
from cube.training.trials import run_trials, with_trials

__all__ = ["apply_model", "evaluate_vectors", "fit_vectors", "read_vectors"]

logger = logging.getLogger(__name__)

_BLOCK_ROWS = 16_384
_HELD_OUT_SHARE = 0.08  # of answers and again of wordings, for validation and verdict each
_HELD_OUT_PAIRS = 1_000  # enough for a narrow interval; the rest is better trained on


def first_rows(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return for each row the first row equal to it, and a 64-bit key of its content."""
    first: dict[bytes, int] = {}
    rows = np.empty(len(matrix), np.int64)
    keys = np.empty(len(matrix), np.uint64)
    for i, row in enumerate(matrix):
        digest = hashlib.blake2b(np.ascontiguousarray(row).tobytes(), digest_size=16).digest()
        rows[i] = first.setdefault(digest, i)
        keys[i] = int.from_bytes(digest[:8], "little")
    return rows, keys


def _stack(queries: np.ndarray, answers: np.ndarray, folder: Path) -> np.ndarray:
    """Lay both matrices out in one memory-mapped file, queries first."""
    shape = (len(queries) + len(answers), queries.shape[1])
    stacked = np.lib.format.open_memmap(folder / "vectors.npy", "w+", np.float32, shape)
    for part, offset in ((queries, 0), (answers, len(queries))):
        for start in range(0, len(part), _BLOCK_ROWS):
            block = part[start : start + _BLOCK_ROWS]
            stacked[offset + start : offset + start + len(block)] = block
    stacked.flush()
    return np.load(folder / "vectors.npy", mmap_mode="r", allow_pickle=False)


def _check_pair(queries: np.ndarray, answers: np.ndarray) -> None:
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
    question_rows, question_keys = first_rows(queries)
    answer_rows, answer_keys = first_rows(answers)
    no_dialogue = np.zeros(len(queries), bool)
    groups = _join_groups(answer_keys, question_keys)
    splits = assign_splits(groups, question_keys, no_dialogue, _shares(len(queries)))
    return Experiment(
        _stack(queries, answers, folder),
        question_rows,
        answer_rows + len(queries),
        splits,
        slice_pairs(answer_rows, no_dialogue, splits, max_pairs),
    )


def _join_groups(answer_keys: np.ndarray, question_keys: np.ndarray) -> np.ndarray:
    """Give pairs that share an answer or a question, directly or through others, one key."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    answers = np.unique(answer_keys, return_inverse=True)[1]
    questions = np.unique(question_keys, return_inverse=True)[1] + answers.max() + 1
    nodes = int(questions.max()) + 1
    links = coo_array((np.ones(len(answers), np.int8), (answers, questions)), (nodes, nodes))
    component = connected_components(links, directed=False)[1][answers]
    smallest = np.full(component.max() + 1, np.iinfo(np.uint64).max, np.uint64)
    np.minimum.at(smallest, component, answer_keys)
    return smallest[component]


def _shares(num_pairs: int) -> SplitConfig:
    """Hold a bounded number of answers and of wordings out for validation and for the verdict."""
    share = min(_HELD_OUT_SHARE, _HELD_OUT_PAIRS / num_pairs)
    return SplitConfig(
        unseen_validation=share,
        unseen_test=share,
        wording_validation=share,
        wording_test=share,
    )


def fit_vectors(
    queries: np.ndarray,
    answers: np.ndarray,
    out: Path,
    config: Config,
    on_event: OnEvent | None = None,
) -> dict[str, Any]:
    """Train a cube on pairs of vectors, write it to `out` and return its evaluation.

    Args:
        queries: shape (pairs, dim).
        answers: shape (pairs, dim); equal rows count as one answer.
        out: model folder to write.
        config: `core`, `training` and `evaluation` are used.
        on_event: told of every validation.

    Raises:
        DataError: when the matrices do not fit each other or there are too few pairs.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".cube-", dir=out.parent) as scratch:
        experiment = _experiment(queries, answers, config.evaluation.max_pairs, Path(scratch))
        counts = np.bincount(experiment.splits, minlength=3)
        if min(counts) == 0:
            raise DataError(
                f"{len(queries)} pairs with {len(experiment.bank)} distinct answers are too few to "
                "hold out a validation and a test part. Add pairs."
            )
        check_leaks(find_leaks(experiment), config.evaluation.max_leaked_share)
        data = experiment.training_set
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
    judged = judge_systems(experiment, systems, config)
    return to_json(judged, experiment, config)


def evaluate_vectors(
    saved: SavedCube, queries: np.ndarray, answers: np.ndarray, config: EvaluationConfig
) -> dict[str, Any]:
    """Judge a saved cube on pairs of vectors it was not trained on, against untrained maps.

    The bank is all distinct rows of `answers`. Which answers which question is learned by nothing:
    centring uses the means the cube was saved with, whitening the bank as it lies there.
    """
    _check_pair(queries, answers)
    saved.check_dimension(queries)
    with tempfile.TemporaryDirectory(prefix="cube-") as scratch:
        question_rows, _ = first_rows(queries)
        answer_rows, _ = first_rows(answers)
        experiment = Experiment(
            _stack(queries, answers, Path(scratch)),
            question_rows,
            answer_rows + len(queries),
            np.full(len(queries), Split.TEST, np.int8),
            {"all_pairs": np.arange(len(queries))},
            known_centre=saved.centre,
            separate_banks=True,
        )
        saved.cube.fit_to_index(experiment.index)
        systems = [
            cube_system("cube", "cube", saved.cube),
            *untrained_baselines(saved.centre),
            untrained_random(saved.cube.dimension, seed=0),
        ]
        judged = judge_systems(experiment, systems, config)
        return to_json(judged, experiment, config)


def apply_model(
    saved: SavedCube, vectors: np.ndarray, index: np.ndarray | None = None
) -> np.ndarray:
    """Move vectors of shape (rows, dim); rows of the result have length 1.

    Args:
        saved: the cube.
        vectors: questions.
        index: answers that will be searched, shape (A, dim), which a cube that whitens fits itself
            to; None: as it was saved.

    Raises:
        ModelError: when the dimension differs from the cube's.
    """
    saved.check_dimension(vectors)
    saved.fit_to_index(index)
    return saved.cube.apply_to(vectors)
