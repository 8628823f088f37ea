"""Calibration: memory and whitening where they help, the frozen teacher where training hurt."""

from unittest.mock import Mock

import numpy as np
import pytest
import torch

from cube.config import CoreConfig, TrainingConfig
from cube.data.splits import Split
from cube.lattice.core import Cube
from cube.training import calibration
from cube.training.calibration import Calibration, _Answers, _Judge, _Setting, calibrate
from cube.training.dataset import TrainingSet, make_training_set
from cube.training.validation import Validation

DIMENSION, TOPICS, WORDINGS = 24, 60, 6


def data_of(question_answers: np.ndarray, unseen: int = 0) -> TrainingSet:
    """Questions are wordings of topics; `question_answers` says which answer each topic has."""
    generator = np.random.default_rng(0)
    topics = generator.normal(size=(TOPICS, DIMENSION))
    questions = np.repeat(topics, WORDINGS, axis=0)
    questions = questions + 0.3 * generator.normal(size=questions.shape)
    answers = generator.normal(size=(TOPICS, DIMENSION))
    vectors = np.concatenate([questions, answers + topics]).astype(np.float32)
    splits = np.full(len(questions), Split.TRAIN, np.int8)
    splits[::WORDINGS] = Split.VALIDATION
    splits[len(questions) - unseen * WORDINGS :] = Split.VALIDATION
    rows = len(questions) + np.repeat(question_answers, WORDINGS)
    return make_training_set(vectors, np.arange(len(questions)), rows, splits)


def cube_of(noise: float) -> Cube:
    cube = Cube(DIMENSION, CoreConfig(whitening=False))
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in cube.parameters():
            parameter.normal_(0, noise)
    return cube


def calibrated(cube: Cube, data: TrainingSet) -> Calibration:
    config = TrainingConfig()
    return calibrate(cube, data, config, Validation(data, config))


def test_new_wordings_of_answers_that_were_seen_are_remembered():
    data, cube = data_of(np.arange(TOPICS)), cube_of(0.0)
    before = cube.apply_to(data.gather(data.validation.questions))
    chosen = calibrated(cube, data)
    assert chosen.answers_share > 0
    assert chosen.memory_pairs == len(cube.memory) == data.num_pairs
    right = data.gather(data.validation.bank[data.validation.right])
    after = cube.apply_to(data.gather(data.validation.questions))
    assert (after * right).sum() > (before * right).sum()
    assert chosen.validation_mrr > 0.9


@pytest.mark.parametrize(("fewest", "is_chosen"), [(TOPICS, True), (TOPICS + 1, False)])
def test_by_too_few_questions_nothing_is_chosen(monkeypatch, fewest, is_chosen):
    monkeypatch.setattr(calibration, "_FEWEST_QUESTIONS", fewest)
    data, cube = data_of(np.arange(TOPICS)), cube_of(0.0)
    assert len(data.validation) == TOPICS
    chosen = calibrated(cube, data)
    assert (cube.memory is not None) is is_chosen
    assert (chosen.answers_share > 0) is is_chosen
    if not is_chosen:
        score = Validation(data, TrainingConfig()).score(cube)["validation_mrr"].mean()
        assert chosen == Calibration(1.0, 0, 0.0, 0.0, 0.0, 0.0, score)


def test_answers_without_rhyme_or_reason_are_not_remembered():
    data = data_of(np.random.default_rng(1).permutation(TOPICS), unseen=TOPICS // 2)
    seen = np.isin(data.validation.bank[data.validation.right], data.answers)
    assert seen.any()
    assert not seen.all()
    data = TrainingSet(
        data.vectors, data.questions, np.roll(data.answers, 17), data.texts, data.validation,
        data.validation_texts,
    )  # fmt: skip
    chosen = calibrated(cube_of(0.0), data)
    assert (chosen.answers_share, chosen.differences_share) == (0.0, 0.0)


def in_families(questions: np.ndarray, answers: np.ndarray) -> TrainingSet:
    """Pairs of which every other one is held out."""
    pairs = len(questions)
    vectors = np.concatenate([questions, answers]).astype(np.float32)
    splits = np.where(np.arange(pairs) % 2, Split.TRAIN, Split.VALIDATION).astype(np.int8)
    return make_training_set(vectors, np.arange(pairs), pairs + np.arange(pairs), splits, True)


def test_answers_are_read_by_analogy():
    generator = np.random.default_rng(0)
    family = np.repeat(generator.normal(size=(12, 2, DIMENSION)), 50, axis=0)
    own = generator.normal(size=(600, DIMENSION))
    # Every family asks and answers in its own place; in both one lies to another as it does there.
    data = in_families(3 * family[:, 0] + own, 3 * family[:, 1] + own)
    cube = cube_of(0.0)
    chosen = calibrated(cube, data)
    assert chosen.answers_share > 0
    assert chosen.differences_share > 0
    without = calibrated(Cube(DIMENSION, CoreConfig(memory_pairs=0, whitening=False)), data)
    assert chosen.validation_mrr > without.validation_mrr + 0.5


@pytest.mark.parametrize("rivals", [False, True])
def test_answers_near_a_question_are_added_or_subtracted_by_what_they_tell(rivals):
    generator = np.random.default_rng(0)
    family = np.repeat(generator.normal(size=(60, DIMENSION)), 10, axis=0)
    own = generator.normal(size=family.shape)
    if rivals:  # the family is in all questions, and what is asked for is little
        questions, answers = 3 * family + own, family + own
        questions[1::2] = generator.normal(size=own[1::2].shape)  # near questions tell nothing
    else:  # what is asked for is the family, in a noisy question
        questions, answers = family + 1.5 * own, family + 0.3 * generator.normal(size=own.shape)
    data = in_families(questions, answers)
    chosen = calibrated(cube_of(0.0), data)
    assert (chosen.near_answers_share < 0) if rivals else (chosen.near_answers_share > 0)


def test_a_core_that_only_hurts_has_no_say():
    data = data_of(np.arange(TOPICS))
    cube = Cube(DIMENSION, CoreConfig(memory_pairs=0))
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in cube.parameters():
            parameter.normal_(0, 1.0)
    assert calibrated(cube, data).strength == 0
    questions = data.gather(data.validation.questions)
    np.testing.assert_allclose(
        cube.apply_to(questions),
        questions / np.linalg.norm(questions, axis=1, keepdims=True),
        atol=1e-5,
    )


@pytest.mark.parametrize("limit", [0, 10])
def test_no_more_is_remembered_than_the_config_allows(limit):
    data = data_of(np.arange(TOPICS))
    cube = Cube(DIMENSION, CoreConfig(memory_pairs=limit))
    assert calibrated(cube, data).memory_pairs <= limit


def test_no_more_is_remembered_than_there_is_room_for(monkeypatch):
    monkeypatch.setattr(calibration, "_MOST_BYTES", 2 * DIMENSION * 200)
    assert calibrated(cube_of(0.0), data_of(np.arange(TOPICS))).memory_pairs == 200


def noisy_data(loud: bool) -> TrainingSet:
    """Answers vary ten times as much in some directions as in others.

    So does the noise of the questions, if it is loud there; otherwise it is loudest elsewhere.
    """
    generator = np.random.default_rng(0)
    pairs, spread = 600, np.geomspace(1, 10, DIMENSION)
    answers = spread * generator.normal(size=(pairs, DIMENSION))
    noise = generator.normal(size=answers.shape) * (1.2 * spread if loud else 10 / spread)
    vectors = np.concatenate([answers + noise, answers]).astype(np.float32)
    splits = np.where(np.arange(pairs) % 2, Split.TRAIN, Split.VALIDATION).astype(np.int8)
    return make_training_set(vectors, np.arange(pairs), pairs + np.arange(pairs), splits)


@pytest.mark.parametrize("loud", [True, False])
def test_answers_are_whitened_where_what_varies_most_says_least(loud):
    data = noisy_data(loud)
    cube = Cube(DIMENSION, CoreConfig(memory_pairs=0))
    plain = Cube(DIMENSION, CoreConfig(memory_pairs=0, whitening=False))
    chosen, without = calibrated(cube, data), calibrated(plain, data)
    assert (chosen.whitening > 0) is loud
    assert (cube.whitening is not None) is loud
    assert without.whitening == 0
    assert plain.whitening is None
    gain = chosen.validation_mrr - without.validation_mrr
    assert gain > 0.02 if loud else gain == 0


@pytest.mark.parametrize("hurt", ["seen", "unseen", None])
def test_nothing_is_chosen_that_harms_questions_of_seen_or_of_unseen_answers(hurt):
    data, config = data_of(np.arange(TOPICS), unseen=20), TrainingConfig()
    judge = _Judge(Mock(spec=_Answers), data, Validation(data, config))
    seen = data.validation.questions < (TOPICS - 20) * WORDINGS
    assert (seen.sum(), (~seen).sum()) == (40, 120)
    harmed = {"seen": seen, "unseen": ~seen, None: np.zeros(160, bool)}[hurt]
    core, other = _Setting(), _Setting(strength=0.5)
    gains = {core: np.zeros(160), other: np.where(harmed, -0.1, 1.0)}
    judge.score = gains.get
    assert gains[other].mean() > 0.1
    assert judge.choose(core, [other]) == (core if hurt else other)


@pytest.mark.parametrize(
    ("seen", "unseen", "few", "chosen"),
    [
        (0.7, 0.7, False, False),  # together just under one standard error
        (0.8, 0.8, False, True),
        (1.05, 1.05, True, False),  # together just under one and a half
        (1.15, 1.15, True, True),
        (-2.1, 20.0, False, False),
        (-1.9, 20.0, False, True),
        (20.0, -2.1, False, False),
        (20.0, -1.9, False, True),
    ],
)
def test_what_is_chosen_gains_by_errors_and_harms_by_less_than_two(
    seen, unseen, few, chosen, monkeypatch
):
    def gains(errors: float, count: int) -> np.ndarray:
        """Return gains whose mean is so many of its standard errors."""
        return np.resize([1.0, -1.0], count) + errors / (count - 1) ** 0.5

    monkeypatch.setattr(calibration, "_FEW_QUESTIONS", 161 if few else 160)
    data, config = data_of(np.arange(TOPICS), unseen=20), TrainingConfig()
    judge = _Judge(Mock(spec=_Answers), data, Validation(data, config))
    core, other = _Setting(), _Setting(strength=0.5)
    scores = {core: np.zeros(160), other: np.concatenate([gains(seen, 40), gains(unseen, 120)])}
    judge.score = scores.get
    assert judge.choose(core, [other]) == (other if chosen else core)


def test_a_memory_is_read_at_the_temperature_of_the_training():
    data, cube, config = data_of(np.arange(TOPICS)), cube_of(0.0), TrainingConfig(temperature=0.1)
    calibrate(cube, data, config, Validation(data, config))
    assert cube.memory is not None
    assert cube.memory.temperature.item() == pytest.approx(0.1)


def test_a_cube_answers_as_it_was_judged(monkeypatch):
    """With every setting at its last value, whatever it is worth."""

    def choose(judge, _, candidates):
        *_, last = candidates
        judge.score(last)
        return last

    monkeypatch.setattr(_Judge, "choose", choose)
    data, cube, config = data_of(np.arange(TOPICS)), cube_of(0.1), TrainingConfig()
    cube.config = CoreConfig()
    validation = Validation(data, config)
    chosen = calibrate(cube, data, config, validation)
    assert cube.memory is not None and cube.whitening is not None
    assert cube.memory.floor.isfinite()
    assert (chosen.strength, chosen.answers_share, chosen.whitening) == (0.0, 1.0, 0.5)
    ranks = validation.reciprocal_ranks(cube.apply_to(validation.questions))
    assert ranks.mean() == pytest.approx(chosen.validation_mrr)


def test_choices_that_never_settle_come_to_an_end(monkeypatch):
    rounds = []

    def choose(judge, current, _):
        rounds.append(current)
        return _Setting(strength=1.0 - current.strength)

    monkeypatch.setattr(_Judge, "choose", choose)
    data, config = data_of(np.arange(TOPICS)), TrainingConfig()
    cube = Cube(DIMENSION, CoreConfig(memory_pairs=0, whitening=False))
    chosen = calibrate(cube, data, config, Validation(data, config))
    assert [setting.strength for setting in rounds] == [1.0, 0.0, 1.0, 0.0]
    assert chosen.strength == cube.strength.item() == 1.0


def test_a_validation_ranks_among_no_more_answers_than_it_has_time_for(monkeypatch):
    monkeypatch.setattr("cube.training.validation.MAX_BANK", 25)
    validation = Validation(data_of(np.arange(TOPICS)), TrainingConfig(), max_questions=10)
    assert (len(validation.questions), len(validation.bank)) == (10, 25)
