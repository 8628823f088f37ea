"""Trials take what gains on validation: a hub where the map bends, none where answers are near."""

import os
import signal

import numpy as np
import pytest

from cube.config import CoreConfig, TrainingConfig, parse_config
from cube.data.splits import Split
from cube.errors import TrainingInterruptedError
from cube.training import trials as trials_module
from cube.training.dataset import TrainingSet, make_training_set
from cube.training.trials import run_trials, with_trials

DIMENSION, PAIRS = 24, 1_500
SMALL, LARGE = 2, 10  # a twelfth of the dimensions, and five


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


def clustered_data() -> TrainingSet:
    """Vectors lie at a few places, in all directions: no linear map tells them from noise."""
    generator = np.random.default_rng(0)
    places = generator.normal(size=(2 * DIMENSION, DIMENSION))
    vectors = places[generator.integers(len(places), size=2 * PAIRS)]
    vectors = vectors + 0.1 * generator.normal(size=vectors.shape)
    splits = np.full(PAIRS, Split.TRAIN, np.int8)
    splits[:400] = Split.VALIDATION
    numbers = np.arange(PAIRS)
    return make_training_set(vectors.astype(np.float32), numbers, PAIRS + numbers, splits)


@pytest.fixture
def training() -> TrainingConfig:
    stage = {"name": "dialogue", "mode": "dialogue", "max_steps": 120, "learning_rate": 1e-2}
    autoencoder = {"name": "autoencoder", "mode": "autoencoder", "max_steps": 1}
    settings = {"batch_size": 256, "weight_decay": 0.01, "stages": [autoencoder, stage]}
    return parse_config({"training": settings}).training


def settled(core, training, data):
    trials = run_trials(core, training, data)
    return *with_trials(core, training, trials), {(t.setting, t.value): t for t in trials}


def test_a_hub_is_taken_where_the_map_bends(training):
    core, chosen, trials = settled(CoreConfig(), training, data_of(bent=True))
    assert core.hub == LARGE
    large = trials["core.hub", LARGE]
    assert large.gain > 2 * large.standard_error > 0
    assert (core, chosen, trials) == settled(CoreConfig(), training, data_of(bent=True))


def test_a_hub_is_left_out_where_answers_are_near(training, caplog):
    with caplog.at_level("INFO"):
        core, _, trials = settled(CoreConfig(), training, data_of(bent=False))
    decided = "4 trainings to decide on training.hard_negatives and core.hub come first"
    assert caplog.messages[0] == decided
    assert core.hub == 0
    assert not trials["core.hub", SMALL].taken
    assert not trials["core.hub", LARGE].taken


@pytest.mark.parametrize("errors", [-0.1, 0.9, 1.1, 1.9, 2.1])
def test_what_is_taken_gains_by_enough_standard_errors(training, monkeypatch, errors):
    """Hard negatives by one, a large hub by two, a small one by none; each with those before."""
    tried = []

    def ranks(core, training, *_):
        tried.append((training.hard_negatives, core.hub))
        noise = np.resize([1.0, -1.0], 100)  # of which the error of the mean is about a tenth
        steps = (training.hard_negatives > 0) + core.hub / SMALL - (core.hub == LARGE) * 3
        return np.zeros(100) if not steps else steps * (noise + errors * 0.1005)

    monkeypatch.setattr(trials_module, "_scores", ranks)
    core, chosen, trials = settled(CoreConfig(), training, data_of(bent=False))
    hard = trials["training.hard_negatives", 2]
    assert hard.gain / hard.standard_error == pytest.approx(errors, rel=1e-3)
    assert chosen.hard_negatives == (2 if errors > 1 else 0)
    assert trials["core.hub", SMALL].taken is (errors > 0)
    assert tried == [(0, 0), (2, 0), (chosen.hard_negatives, SMALL), (chosen.hard_negatives, LARGE)]
    assert core.hub == (LARGE if errors > 2 else SMALL if errors > 0 else 0)


def test_what_is_set_is_not_tried(training):
    set_ = training.model_copy(update={"hard_negatives": 5})
    core, chosen, trials = settled(CoreConfig(hub=7), set_, data_of(bent=True))
    assert (core.hub, chosen.hard_negatives, trials) == (7, 5, {})


def test_where_mining_takes_long_hard_negatives_are_not_tried(training, monkeypatch):
    monkeypatch.setattr(trials_module, "_MOST_COMPARED", 10_000)
    _, chosen, trials = settled(CoreConfig(), training, data_of(bent=False))
    assert list(trials) == [("core.hub", SMALL), ("core.hub", LARGE)]
    assert chosen.hard_negatives == 0


def test_a_curriculum_that_never_answers_is_tried_by_what_it_restores(training, monkeypatch):
    stage = training.stages[0].model_copy(update={"max_steps": 120, "learning_rate": 1e-2})
    alone = training.model_copy(update={"stages": [stage]})
    data = clustered_data()
    core, chosen, trials = settled(CoreConfig(), alone, data)
    assert list(trials) == [("core.hub", SMALL), ("core.hub", LARGE)]
    assert (core.hub, chosen.hard_negatives) == (LARGE, 0)
    assert {trial.measure for trial in trials.values()} == {"restored cosine"}
    monkeypatch.setattr(trials_module, "MIN_QUESTIONS", len(data.validation_texts) + 1)
    assert run_trials(CoreConfig(), alone, data) == []


def test_a_rule_without_a_hub_may_still_have_hard_negatives(training):
    _, _, trials = settled(CoreConfig(rule="dense"), training, data_of(bent=True))
    assert list(trials) == [("training.hard_negatives", 2)]


def test_with_few_questions_there_is_no_trial(training, monkeypatch):
    monkeypatch.setattr(trials_module, "Trainer", None)
    monkeypatch.setattr(trials_module, "MIN_QUESTIONS", 401)
    core, chosen, trials = settled(CoreConfig(), training, data_of(bent=True))
    assert (core.hub, chosen.hard_negatives, trials) == (0, 0, {})


def test_trials_train_one_stage_without_memory_and_whitening(training, monkeypatch):
    seen = set()

    class Watched(trials_module.Trainer):
        def __init__(self, settings, core, data, folder):
            stages = tuple(stage.name for stage in settings.stages)
            seen.add((core.memory_pairs, core.whitening, stages))
            super().__init__(settings, core, data, folder)

    monkeypatch.setattr(trials_module, "Trainer", Watched)
    short = [stage.model_copy(update={"max_steps": 1}) for stage in training.stages]
    run_trials(CoreConfig(), training.model_copy(update={"stages": short}), data_of(bent=False))
    assert seen == {(0, False, ("dialogue",))}


def test_trials_that_were_stopped_go_on_to_the_same(training, tmp_path, monkeypatch):
    stages = [stage.model_copy(update={"max_steps": 20}) for stage in training.stages]
    short = training.model_copy(update={"stages": stages})
    data, step, taken = data_of(bent=True), trials_module.Trainer._step, []

    def counted(trainer, plan):
        taken.append(plan.step)
        if len(taken) == 50:  # in the third of four trainings
            os.kill(os.getpid(), signal.SIGTERM)
        return step(trainer, plan)

    undisturbed = run_trials(CoreConfig(), short, data)
    monkeypatch.setattr(trials_module.Trainer, "_step", counted)
    with pytest.raises(TrainingInterruptedError):
        run_trials(CoreConfig(), short, data, tmp_path)
    assert run_trials(CoreConfig(), short, data, tmp_path) == undisturbed
    assert len(taken) == 80
