"""The trial of sizes: a hub where the map bends, none where answers are near or pairs few."""

import numpy as np
import pytest

from cube.config import CoreConfig, TrainingConfig, parse_config
from cube.data.splits import Split
from cube.training import sizing
from cube.training.dataset import TrainingSet, make_training_set
from cube.training.sizing import size_core

DIMENSION, PAIRS = 24, 1_500


def data_of(bent: bool) -> TrainingSet:
    """Answers lie near their questions, or where a rotation of absolute values puts them."""
    generator = np.random.default_rng(0)
    questions = generator.normal(size=(PAIRS, DIMENSION)).astype(np.float32)
    rotation = np.linalg.qr(generator.normal(size=(DIMENSION, DIMENSION)))[0]
    near = questions + 0.8 * generator.normal(size=questions.shape)
    answers = (np.abs(questions @ rotation) - 0.8) @ rotation if bent else near
    splits = np.full(PAIRS, Split.TRAIN, np.int8)
    splits[:400] = Split.VALIDATION
    vectors = np.concatenate([questions, answers.astype(np.float32)])
    return make_training_set(vectors, np.arange(PAIRS), PAIRS + np.arange(PAIRS), splits)


@pytest.fixture
def training() -> TrainingConfig:
    stage = {"name": "dialogue", "mode": "dialogue", "max_steps": 120, "learning_rate": 1e-2}
    autoencoder = {"name": "autoencoder", "mode": "autoencoder", "max_steps": 1}
    settings = {"batch_size": 256, "weight_decay": 0.01, "stages": [autoencoder, stage]}
    return parse_config({"training": settings}).training


@pytest.fixture
def small_trials(monkeypatch):
    monkeypatch.setattr(sizing, "MIN_PAIRS", 100)


@pytest.mark.usefixtures("small_trials")
def test_a_hub_is_taken_where_the_map_bends(training):
    found = size_core(CoreConfig(), training, data_of(bent=True))
    assert found.core.hub == DIMENSION // sizing.HUB_SHARE
    assert found.gain > 2 * found.standard_error > 0
    again = size_core(CoreConfig(), training, data_of(bent=True))
    assert again == found


@pytest.mark.usefixtures("small_trials")
def test_a_hub_is_left_out_where_answers_are_near(training):
    found = size_core(CoreConfig(), training, data_of(bent=False))
    assert found.core.hub == 0
    assert found.gain is not None


@pytest.mark.parametrize(
    ("core", "hub"),
    [
        (CoreConfig(), 0),  # too few pairs for a trial
        (CoreConfig(hub=7), 7),
        (CoreConfig(rule="dense"), 0),
    ],
)
def test_without_a_choice_there_is_no_trial(core, hub, training, monkeypatch):
    monkeypatch.setattr(sizing, "Trainer", None)
    found = size_core(core, training, data_of(bent=True))
    assert found.core.hub == hub
    assert found.gain is None
