"""The trainer learns, keeps the best weights, repeats itself exactly and survives being killed."""

import dataclasses

import numpy as np
import pytest
import torch

from cube.config import CoreConfig, TrainingConfig, parse_config
from cube.data.splits import Split
from cube.errors import ConfigError, DataError
from cube.gathering import Gatherer
from cube.lattice.core import Cube
from cube.lattice.layout import correlation_order
from cube.training.dataset import TrainingSet, make_training_set
from cube.training.optimizer import decay_of, update_average
from cube.training.speed import plain_loop, speedup_over_plain_loop, trainer_loop
from cube.training.state import UNTRAINED
from cube.training.trainer import Trainer
from cube.training.validation import Validation, standard_error

SETTINGS = {
    "batch_size": 64,
    "validate_every": 10,
    "weight_decay": 0.01,
    "stages": [
        {"name": "autoencoder", "mode": "autoencoder", "max_steps": 20},
        {"name": "mixed", "mode": "mixed", "max_steps": 20},
        {"name": "dialogue", "mode": "dialogue", "max_steps": 60, "learning_rate": 3e-3},
    ],
}


def config(**changes) -> TrainingConfig:
    return parse_config({"training": {**SETTINGS, **changes}}).training


def training_set(planted) -> TrainingSet:
    questions, answers = planted
    count = len(questions)
    splits = np.full(count, Split.TRAIN, np.int8)
    splits[400:500], splits[500:] = Split.VALIDATION, Split.TEST
    vectors = np.concatenate([questions, answers])
    return make_training_set(vectors, np.arange(count), count + np.arange(count), splits)


@pytest.fixture
def data(planted) -> TrainingSet:
    return training_set(planted)


def weights_of(cube) -> torch.Tensor:
    return torch.cat([value.detach().flatten() for value in cube.parameters()])


def test_it_learns_what_can_be_learned(data):
    _, result = Trainer(config(), CoreConfig(), data).train()
    assert result.best_validation_mrr > result.untrained_validation_mrr + 0.1
    assert result.steps == 100
    assert result.skipped_steps == 0
    assert [stage["name"] for stage in result.stages] == ["autoencoder", "mixed", "dialogue"]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_weights_are_float32_however_matrices_are_multiplied(data, precision):
    cube, result = Trainer(config(precision=precision), CoreConfig(), data).train()
    assert {weight.dtype for weight in cube.parameters()} == {torch.float32}
    assert result.best_validation_mrr > result.untrained_validation_mrr + 0.1


def test_the_autoencoder_stage_restores_better_than_doing_nothing(data):
    stages = [{"name": "autoencoder", "mode": "autoencoder", "max_steps": 60}]
    trainer = Trainer(config(stages=stages), CoreConfig(), data)
    trainer.train()
    restored = [e["validation_restored_cosine"] for e in trainer.state.history if "loss" in e]
    assert restored[-1] > restored[0] + 0.005


def test_held_out_texts_are_not_restored_in_training(data):
    assert set(data.texts.tolist()).isdisjoint(range(400, 600))  # questions held out
    assert set(data.texts.tolist()).isdisjoint(range(1_000, 1_200))  # their answers
    assert set(data.validation.bank.tolist()).isdisjoint(range(1_100, 1_200))  # test answers
    assert data.validation_texts.tolist() == list(range(400, 500))  # restored in validation


def test_the_best_weights_are_returned_not_the_last(data):
    trainer = Trainer(config(), CoreConfig(), data)
    cube, result = trainer.train()
    scores = {e["step"]: e["validation_mrr"] for e in trainer.state.history if "loss" in e}
    assert scores[result.best_step] == max(scores.values()) == result.best_validation_mrr
    best = trainer.state.best["weights"]
    assert all(torch.equal(best[name], value) for name, value in cube.named_parameters())
    kept = Cube.from_state(data.dimension, CoreConfig(), best)  # what was scored is what is kept
    assert _mrr(kept, data) == result.best_validation_mrr


def _mrr(cube, data):
    return float(Validation(data, config()).score(cube)["validation_mrr"].mean())


@pytest.mark.parametrize(
    ("stage", "scores", "better"),
    [
        (1, [0.5, 0.5, 0.9], True),
        (1, [0.5, 0.5, 0.7], False),  # of the same stage, and no higher
        (2, [0.5, 0.5, 0.7], True),
        (2, [0.9, 0.5, 0.2], True),  # worse by .033, and a standard error of .23
        (2, [0.4, 0.4, 0.5], False),  # worse by .13, and a standard error of .03
        (2, [0.5, 0.5, np.nan], False),
    ],
)
def test_what_a_later_stage_learned_is_kept_unless_it_is_surely_worse(data, stage, scores, better):
    state = Trainer(config(), CoreConfig(), data).state
    assert state.is_better(np.array(scores), UNTRAINED)  # there was nothing yet
    state.best |= {"stage": 1, "scores": torch.tensor([0.5, 0.5, 0.7], dtype=torch.float64)}
    assert state.is_better(np.array(scores), stage) is better


def test_one_question_that_is_answered_worse_is_not_surely_worse(data):
    state = Trainer(config(), CoreConfig(), data).state
    for count in range(2, 60):  # of some, the mean is rounded to more than a standard error
        before = np.linspace(0.1, 1, count)
        state.best |= {"stage": 1, "scores": torch.from_numpy(before)}
        scores = before.copy()
        scores[0] -= 0.07
        assert state.is_better(scores, 2)
        gain = before - scores  # nor is a setting or a trial surely better by it
        assert not gain.mean() > standard_error(gain)


def test_few_validation_questions_do_not_keep_a_cube_untrained(data):
    """All of them may be answered already, and tell nothing of what is learned."""
    untrained, task = Cube(data.dimension, CoreConfig()), data.validation
    ranks = Validation(data, config()).score(untrained)["validation_mrr"]
    easy = np.flatnonzero(ranks == 1)[:19]
    few = dataclasses.replace(
        task, questions=task.questions[easy], right=task.right[easy], bounds=np.arange(20)
    )
    cube, result = Trainer(
        config(), CoreConfig(), dataclasses.replace(data, validation=few)
    ).train()
    assert result.untrained_validation_mrr == 1
    assert _mrr(cube, data) > _mrr(untrained, data) + 0.05


def test_a_stage_is_validated_at_its_end_however_many_steps_it_has(data):
    stages = [
        {"name": "autoencoder", "mode": "autoencoder", "max_steps": 4},
        {"name": "dialogue", "mode": "dialogue", "max_steps": 18, "learning_rate": 1e-2},
    ]
    trainer = Trainer(config(stages=stages), CoreConfig(), data)
    _, result = trainer.train()
    _, restored, answered, last = (e for e in trainer.state.history if "loss" in e)
    assert (restored["step"], answered["step"], last["step"]) == (4, 14, 22)
    assert restored["loss"] == pytest.approx(np.mean(trainer.state.losses[:4]))
    assert answered["loss"] == pytest.approx(np.mean(trainer.state.losses[4:14]))  # its own alone
    assert result.best_step == 22


def test_equal_seeds_equal_bits_and_other_seeds_other_bits(data):
    first, second, other = (
        weights_of(Trainer(config(seed=seed), CoreConfig(), data).train()[0]) for seed in (1, 1, 2)
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_batches_gathered_ahead_are_those_that_are_asked_for(data, monkeypatch):
    """Also after the end of a stage and a rollback, when others were expected."""
    losses = []
    for ahead in (False, True):
        told = iter([None] * 54 + ["an explosion"])
        monkeypatch.setattr("cube.training.trainer.objection", lambda *_, t=told: next(t, None))
        monkeypatch.setattr(Gatherer, "waits", property(lambda _, a=ahead: a))
        trainer = Trainer(config(), CoreConfig(memory_pairs=0), data)
        trainer.train()
        assert (trainer._ahead > 0) is ahead
        assert trainer.state.rollbacks == 1
        losses.append(trainer.state.losses)
    assert losses[0] == losses[1]


def test_a_training_that_makes_nothing_better_returns_the_identity(data):
    generator = np.random.default_rng(0)
    shuffled = TrainingSet(
        data.vectors,
        data.questions,
        generator.permutation(data.answers),
        data.texts,
        data.validation,
        data.validation_texts,
    )
    stages = [{"name": "dialogue", "mode": "dialogue", "max_steps": 40, "learning_rate": 0.05}]
    cube, result = Trainer(config(stages=stages, ema_decay=0), CoreConfig(), shuffled).train()
    assert result.best_step == 0
    questions = torch.from_numpy(data.gather(data.questions))
    assert torch.equal(cube(questions), questions)


def test_a_layout_is_learned_from_training_vectors_before_the_first_step(data):
    core = CoreConfig(layout="correlation")
    used = np.unique(np.concatenate([data.questions, data.answers]))
    changed = np.array(data.vectors)
    unused = np.setdiff1d(np.arange(len(changed)), used)
    changed[unused] = changed[unused][:, ::-1]  # of validation and test: nothing may follow
    orders = []
    for vectors in (data.vectors, changed):
        cube = Trainer(config(), core, dataclasses.replace(data, vectors=vectors)).cube
        orders.append(cube.reshaper.order.clone())
    assert torch.equal(*orders)
    assert torch.equal(orders[0], torch.from_numpy(correlation_order(data.gather(used))))
    stages = [{"name": "dialogue", "mode": "dialogue", "max_steps": 5}]
    cube, _ = Trainer(config(stages=stages), core, data).train()
    assert torch.equal(cube.reshaper.order, orders[0])


def test_the_plain_loop_it_is_compared_with_learns_the_same(data):
    assert speedup_over_plain_loop(config(), CoreConfig(), data, steps=5) > 0
    settings = config(stages=SETTINGS["stages"][2:])
    (ours, _), (plain, _) = (
        loop(settings, CoreConfig(), data, steps=60) for loop in (trainer_loop, plain_loop)
    )
    untrained = _mrr(Cube(data.dimension, CoreConfig()), data)
    for cube in (ours, plain):
        assert _mrr(cube, data) > untrained + 0.1


def test_a_step_moves_the_weights_by_the_rate_of_its_plan(data):
    """The first step of Adam is as long as the rate, whatever the gradient."""

    def moved(rate: float) -> torch.Tensor:
        stage = {**SETTINGS["stages"][2], "learning_rate": rate}
        trainer = Trainer(config(stages=[stage], warmup_share=0), CoreConfig(), data)
        trainer.run_steps(1)
        return weights_of(trainer.cube)

    assert moved(1e-3).abs().max() == pytest.approx(1e-3, rel=1e-2)
    torch.testing.assert_close(moved(2e-3), 2 * moved(1e-3))


def test_a_gradient_is_no_longer_than_it_may_be(data):
    def length(most: float) -> float:
        settings = config(stages=SETTINGS["stages"][2:], clip_norm=most)
        trainer = Trainer(settings, CoreConfig(), data)
        trainer.run_steps(1)
        return torch.cat([p.grad.flatten() for p in trainer.state.parameters]).norm().item()

    usual = length(1e3)
    assert usual > 0.1
    assert length(0.1) == pytest.approx(0.1, rel=1e-3)


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_what_is_kept_is_averaged_as_is_set(data, decay):
    settings = config(stages=SETTINGS["stages"][2:], ema_decay=decay)
    trainer = Trainer(settings, CoreConfig(), data)
    expected = weights_of(trainer.cube)
    for step in range(8):
        trainer.run_steps(1)
        expected = expected.lerp(weights_of(trainer.cube), 1 - min(decay, step / (step + 10)))
    average = torch.cat(
        [trainer.state.average[n].flatten() for n, _ in trainer.cube.named_parameters()]
    )
    torch.testing.assert_close(average, expected)


def test_the_pull_towards_the_identity_gives_way_to_data():
    pulls = [decay_of(config(weight_decay=None), pairs) for pairs in (100, 1_000, 10_000, 100_000)]
    assert pulls == [20.0, 10.0, 1.0, 0.1]
    assert decay_of(config(weight_decay=0.5), 100) == 0.5


def test_turns_before_held_out_answers_are_not_restored():
    """Rows 0-3 and 4-7 are the turns of two dialogues, row 8 is said in both, row 9 in neither."""
    vectors = np.eye(10, dtype=np.float32)
    questions, answers = np.array([0, 2, 4, 6]), np.array([1, 3, 5, 7])
    context = [[0, 8], [0, 1, 2], [4, 8], [4, 5, 6]]
    splits = np.array([Split.TRAIN, Split.TRAIN, Split.TEST, Split.TEST])
    made = make_training_set(vectors, questions, answers, splits, context=context)
    assert made.texts.tolist() == [0, 1, 2, 3, 8, 9]


@pytest.mark.parametrize("kept", [Split.TRAIN, Split.VALIDATION])
def test_nothing_to_train_or_to_validate_on_is_an_error(planted, kept):
    questions, answers = planted
    rows = np.arange(len(questions))
    splits = np.full(len(rows), kept, np.int8)
    made = make_training_set(
        np.concatenate([questions, answers]), rows, rows + len(rows), splits, own_bank=True
    )
    with pytest.raises(DataError, match="are too few"):
        Trainer(config(), CoreConfig(), made)


def test_a_device_that_is_not_there_is_replaced_by_the_cpu(data, caplog):
    trainer = Trainer(config(device="cuda:77"), CoreConfig(), data)
    assert trainer.cube.strength.device.type == "cpu"
    assert "the CPU works instead" in caplog.text
    with pytest.raises(ConfigError, match="device 'tpux'"):
        Trainer(config(device="tpux"), CoreConfig(), data)


def test_a_stage_trains_by_its_own_settings(data):
    stage = {"name": "dialogue", "mode": "dialogue", "max_steps": 20, "learning_rate": 3e-3}
    by_stage = config(stages=[{**stage, "temperature": 0.5}])
    by_default, by_all = config(stages=[stage]), config(stages=[stage], temperature=0.5)
    found = [
        weights_of(Trainer(settings, CoreConfig(memory_pairs=0), data).train()[0])
        for settings in (by_stage, by_all, by_default)
    ]
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_an_average_begins_with_the_first_weights():
    cube = Cube(12, CoreConfig())
    average = {name: torch.full_like(value, 7.0) for name, value in cube.named_parameters()}
    update_average(average, cube, decay=0.99, step=0)
    for name, value in cube.named_parameters():
        assert torch.equal(average[name], value)


def test_what_training_answers_a_question_with_is_right_in_validation_too():
    splits = np.array([Split.TRAIN, Split.VALIDATION, Split.TRAIN], np.int8)
    vectors = np.eye(6, dtype=np.float32)
    task = make_training_set(vectors, np.array([0, 0, 1]), np.array([3, 4, 5]), splits).validation
    assert task.questions.tolist() == [0]
    assert set(task.bank[task.right].tolist()) == {3, 4}


def test_the_average_grows_over_all_stages_and_a_temperature_is_not_decayed(data, monkeypatch):
    steps = []
    monkeypatch.setattr(
        "cube.training.trainer.update_average", lambda *arguments: steps.append(arguments[-1])
    )
    trainer = Trainer(config(learn_temperature=True), CoreConfig(memory_pairs=0), data)
    trainer.train()
    assert steps == list(range(100))
    decays = [group["weight_decay"] for group in trainer.state.optimizer.param_groups]
    assert decays == [0.01, 0.0]
