"""Objectives equal plain loops on small arrays; what is switched off changes nothing."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy, normalize

from cube.config import CoreConfig, TrainingConfig, parse_config
from cube.data.splits import Split
from cube.errors import ConfigError
from cube.lattice.core import Cube
from cube.training.batches import Batches, PairBatch
from cube.training.candidates import Candidates
from cube.training.curriculum import StageProgress, plan_step
from cube.training.dataset import make_training_set
from cube.training.loss import accumulate_gradient, answering_loss
from cube.training.objectives import (
    centred_cosine_loss,
    contrastive_loss,
    cosine_loss,
    near_duplicates,
    squared_distance_loss,
)
from cube.training.processes import Processes
from cube.training.trainer import Trainer

STAGE = {"name": "dialogue", "mode": "dialogue", "max_steps": 12, "learning_rate": 3e-3}


def config(**changes) -> TrainingConfig:
    settings = {"batch_size": 16, "validate_every": 4, "stages": [STAGE]}
    return parse_config({"training": settings | changes}).training


@pytest.fixture
def data():
    """40 questions, 24 answers: some questions have two answers, most answers two questions."""
    generator = np.random.default_rng(0)
    vectors = generator.standard_normal((64, 12)).astype(np.float32)
    questions = np.concatenate([np.arange(40), np.arange(8)])
    answers = np.concatenate([40 + np.arange(40) % 24, 40 + 10 + np.arange(8)])
    splits = np.full(48, Split.TRAIN, np.int8)
    splits[30:40] = Split.VALIDATION
    return make_training_set(vectors, questions, answers, splits)


def cosine(x, y):
    return float(x @ y / (np.linalg.norm(x) * np.linalg.norm(y)))


def listed(pairs: torch.Tensor) -> set[tuple[int, int]]:
    return {(i, j) for i, j in pairs.T.tolist()}


def plan_of(settings, step=0):
    return plan_step(settings, StageProgress(), step, 1)


@pytest.mark.parametrize("symmetric", [0.0, 0.3, 1.0])
def test_contrastive_loss_equals_plain_loops(symmetric):
    generator = np.random.default_rng(0)
    x, y = generator.standard_normal((4, 5)), generator.standard_normal((7, 5))
    left_out = torch.tensor([[0, 3, 1], [2, 1, 6]])
    masked = listed(left_out)
    forth, back = [], []
    for i in range(4):
        scores = [cosine(x[i], y[j]) / 0.1 for j in range(7) if (i, j) not in masked]
        forth.append(math.log(sum(map(math.exp, scores))) - cosine(x[i], y[i]) / 0.1)
        scores = [cosine(x[j], y[i]) / 0.1 for j in range(4) if (j, i) not in masked]
        back.append(math.log(sum(map(math.exp, scores))) - cosine(x[i], y[i]) / 0.1)
    expected = (1 - symmetric) * np.mean(forth) + symmetric * np.mean(back)
    rows = [normalize(torch.from_numpy(a), dim=-1) for a in (x, y)]
    loss = contrastive_loss(*rows, left_out, temperature=0.1, symmetric=symmetric)
    assert loss.item() == pytest.approx(expected)


@pytest.mark.parametrize("symmetric", [0.0, 0.3])
def test_the_gradient_of_the_contrastive_loss_is_what_autograd_makes_of_the_formula(symmetric):
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.randn(n, 5, generator=generator, dtype=torch.float64) for n in (4, 7))
    left_out = torch.tensor([[0, 3, 1], [2, 1, 6]])
    masked = torch.zeros(4, 7, dtype=torch.bool)
    masked[left_out[0], left_out[1]] = True
    temperature = torch.tensor(0.1, dtype=torch.float64)

    def formula(x, y, temperature):
        logits = (x @ y.T / temperature).masked_fill(masked, -torch.inf)
        forth = cross_entropy(logits, torch.arange(4))
        back = cross_entropy(logits[:, :4].T, torch.arange(4))
        return (1 - symmetric) * forth + symmetric * back

    def ours(x, y, temperature):
        return contrastive_loss(x, y, left_out, temperature, symmetric)

    gradients = []
    for loss in (formula, ours):
        inputs = [tensor.clone().requires_grad_() for tensor in (x, y, temperature)]
        (3 * loss(*inputs)).backward()
        gradients.append([tensor.grad for tensor in inputs])
    torch.testing.assert_close(*gradients)


def test_products_in_bfloat16_change_loss_and_gradient_by_rounding_alone():
    generator = torch.Generator().manual_seed(0)
    x, y = (normalize(torch.randn(64, 32, generator=generator), dim=-1) for _ in range(2))
    none = torch.zeros(2, 0, dtype=torch.int64)
    results = []
    for dtype in (torch.float32, torch.bfloat16):
        moved = x.clone().requires_grad_()
        loss = contrastive_loss(moved, y, none, 0.05, dtype=dtype)
        loss.backward()
        results.append((loss.item(), moved.grad))
    (exact, gradient), (rounded, other) = results
    assert rounded != exact
    assert rounded == pytest.approx(exact, rel=1e-2)
    assert (gradient - other).norm() < 0.02 * gradient.norm()


def test_terms_equal_plain_loops():
    generator = np.random.default_rng(0)
    x, y, mean = (generator.standard_normal(shape) for shape in ((4, 5), (4, 5), 5))
    unit = [v / np.linalg.norm(v, axis=1, keepdims=True) for v in (x, y)]
    centred = np.mean([1 - cosine(a - mean, b - mean) for a, b in zip(*unit, strict=True)])
    squared = np.mean([sum((a - b) ** 2) for a, b in zip(x, y, strict=True)])
    x, y, mean = map(torch.from_numpy, (x, y, mean))
    rows = [normalize(vectors, dim=-1) for vectors in (x, y)]
    assert centred_cosine_loss(*rows, mean).item() == pytest.approx(centred)
    assert squared_distance_loss(x, y).item() == pytest.approx(squared)


def test_a_constant_wins_the_cosine_but_not_the_centred_one():
    generator = torch.Generator().manual_seed(0)
    mean = torch.tensor([3.0, 0, 0, 0])
    answers = torch.nn.functional.normalize(mean + torch.randn(500, 4, generator=generator), dim=1)
    centre = answers.mean(dim=0)
    constant = (centre + 1e-3 * torch.randn(500, 4, generator=generator)).float()
    constant = torch.nn.functional.normalize(constant, dim=1)
    assert torch.cosine_similarity(constant, answers).mean() > 0.8
    assert centred_cosine_loss(constant, answers, centre) > 0.8


def test_near_duplicates_are_those_above_the_threshold():
    vectors = torch.tensor([[1.0, 0], [0.99, 0.1], [0, 2], [3, 0.01]])
    assert listed(near_duplicates(vectors, 2, 0.95)) == {(0, 1), (0, 3), (1, 0), (1, 3)}


def test_each_term_adds_what_it_is_weighted():
    torch.manual_seed(0)
    cube = Cube(12, CoreConfig(gated=False))
    batch = PairBatch(
        torch.randn(3, 12), torch.randn(5, 12), torch.zeros(2, 0, dtype=torch.int64), torch.ones(12)
    )
    right = batch.answers[:3]
    unit = [normalize(rows, dim=-1) for rows in (batch.questions, right)]
    plain = answering_loss(cube, dataclasses.replace(batch, centre=None), config(cosine_weight=0))
    for setting, term in (
        ({"cosine_weight": 0.5}, cosine_loss(*unit)),
        ({"mse_weight": 0.5}, squared_distance_loss(batch.questions, right)),
        ({"centred_cosine_weight": 0.5}, centred_cosine_loss(*unit, batch.centre)),
    ):
        loss = answering_loss(cube, batch, config(**{"cosine_weight": 0, **setting}))
        torch.testing.assert_close(loss, plain + 0.5 * term)


def test_by_default_the_candidates_are_the_batch_and_nothing_else_is_masked(data):
    batch = Batches(data, config(), Processes()).load(plan_of(config())).pairs
    assert len(batch.answers) == len(batch.questions) == 16
    assert batch.centre is None


@pytest.mark.parametrize(
    "changes",
    [
        {"extra_candidates": 6},
        {"extra_candidates": 1_000},
        {"hard_negatives": 2},
        {"hard_negatives": 100, "extra_candidates": 3},
    ],
)
def test_candidates_and_false_negatives_equal_plain_loops(data, changes):
    candidates, right = Candidates(data, config(**changes)), {}
    for question, answer in zip(data.questions, data.answers, strict=True):
        right.setdefault(question, set()).add(answer)
    bank = sorted(set(data.answers.tolist()))
    picked = np.random.default_rng(1).permutation(data.num_pairs)[:10]
    questions, answers = data.questions[picked], data.answers[picked]
    rows, false_negatives = candidates.of(questions, answers, step=3)
    false_negatives = listed(false_negatives)
    assert np.array_equal(rows[:10], answers)
    more = set(rows[10:].tolist())
    assert len(more) == len(rows) - 10 and not more & set(answers.tolist())

    hard = set()
    for question in questions:
        wrong = [a for a in bank if a not in right[question]]
        wrong.sort(key=lambda a, q=question: -cosine(data.vectors[q], data.vectors[a]))
        hard |= set(wrong[: changes.get("hard_negatives", 0)])
    assert hard - set(answers.tolist()) <= more
    if changes.get("extra_candidates", 0) >= len(bank):
        assert more | set(answers.tolist()) == set(bank)
    else:
        assert len(more - hard) <= changes.get("extra_candidates", 0)
    for i, question in enumerate(questions):
        for j in range(len(rows)):
            assert ((i, j) in false_negatives) == (i != j and rows[j] in right[question])


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(6, 9)), min_size=1, max_size=20))
def test_an_answer_that_another_question_brings_may_be_right_for_this_one_as_well(pairs):
    questions, answers = np.array(pairs).T
    vectors = np.random.default_rng(0).normal(size=(10, 8)).astype(np.float32)
    splits = np.full(len(pairs), Split.TRAIN, np.int8)
    candidates = Candidates(make_training_set(vectors, questions, answers, splits), config())
    rows, false_negatives = candidates.of(questions, answers, step=0)
    assert np.array_equal(rows, answers)
    expected = {
        (i, j)
        for i, j in np.ndindex(len(pairs), len(pairs))
        if i != j and ((questions[i], answers[j]) in set(pairs))
    }
    assert listed(false_negatives) == expected


def test_drawn_candidates_are_a_function_of_seed_and_step(data):
    def drawn(step, **changes):
        candidates = Candidates(data, config(extra_candidates=5, **changes))
        return candidates.of(data.questions[:2], data.answers[:2], step)[0].tolist()

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    assert drawn(1) != drawn(1, seed=1)


def test_near_duplicates_of_the_right_answer_are_masked_in_a_batch(data):
    settings = config(near_duplicate_cosine=0.3, extra_candidates=8)
    batch = Batches(data, settings, Processes()).load(plan_of(settings)).pairs
    plain = Batches(data, config(extra_candidates=8), Processes()).load(plan_of(settings)).pairs
    count = 0
    found, known = listed(batch.false_negatives), listed(plain.false_negatives)
    for i in range(len(batch.questions)):
        assert (i, i) not in found
        for j in range(len(batch.answers)):
            near = cosine(batch.answers[i].numpy(), batch.answers[j].numpy()) >= 0.3 and i != j
            assert ((i, j) in found) == ((i, j) in known or near)
            count += near
    assert count > 10


def test_noise_is_added_to_questions_and_does_not_depend_on_processes(data):
    settings = config(question_noise=0.5)
    plain = Batches(data, config(), Processes()).load(plan_of(settings)).pairs
    noisy = Batches(data, settings, Processes()).load(plan_of(settings)).pairs
    assert torch.equal(noisy.answers, plain.answers)
    added = (noisy.questions - plain.questions).norm(dim=1) / plain.questions.norm(dim=1)
    assert 0.35 < added.mean() < 0.65
    halves = [Batches(data, settings, Processes(i, 2)).load(plan_of(settings)) for i in (0, 1)]
    assert torch.equal(torch.cat([half.pairs.questions for half in halves]), noisy.questions)


@pytest.mark.parametrize(
    "changes", [{"extra_candidates": 6, "hard_negatives": 1}, {"near_duplicate_cosine": 0.3}]
)
def test_micro_batches_have_the_gradient_of_the_whole(data, changes):
    cube, settings = Cube(12, CoreConfig(gated=False)), config(**changes)
    batch = Batches(data, settings, Processes()).load(plan_of(settings)).pairs
    whole = answering_loss(cube, batch, settings)
    parts = [answering_loss(cube, batch.part(i, i + 4), settings) for i in range(0, 16, 4)]
    torch.testing.assert_close(torch.stack(parts).mean(), whole)


def test_the_centre_is_the_mean_answer_of_training(data):
    used = data.vectors[np.unique(data.answers)]
    mean = (used / np.linalg.norm(used, axis=1, keepdims=True)).mean(axis=0)
    centre = Candidates(data, config(centred_cosine_weight=0.1)).centre
    np.testing.assert_allclose(centre.numpy(), mean, atol=1e-6)


def test_a_learned_temperature_is_trained_resumed_and_no_part_of_the_cube(data):
    settings = config(learn_temperature=True, temperature=1.0)
    easy = dataclasses.replace(data, questions=data.answers)  # the identity is right: be sharp
    trainer = Trainer(settings, CoreConfig(memory_pairs=0), easy)
    cube, _ = trainer.train()
    assert trainer.state.log_temperature.item() < -0.005
    assert not any("temperature" in name for name in cube.state_dict())
    snapshot = trainer.state.snapshot()
    other = Trainer(settings, CoreConfig(memory_pairs=0), data)
    other.state.restore(snapshot)
    assert other.state.log_temperature.item() == trainer.state.log_temperature.item()
    batch = Batches(data, settings, Processes()).load(plan_of(settings)).pairs
    halved = answering_loss(cube, batch, settings, torch.tensor(0.5).log())
    torch.testing.assert_close(halved, answering_loss(cube, batch, config(temperature=0.5)))


@pytest.mark.parametrize("changes", [{"micro_batch_size": 4}, {"processes": 2}])
def test_a_symmetric_loss_needs_the_whole_batch(changes):
    with pytest.raises(ConfigError, match="all questions of a batch at once"):
        config(symmetric_share=0.5, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"symmetric_share": 0.5},
        {"mse_weight": 1.0, "centred_cosine_weight": 1.0},
        {"extra_candidates": 10, "hard_negatives": 2, "near_duplicate_cosine": 0.9},
        {"question_noise": 0.2, "learn_temperature": True},
    ],
)
def test_every_objective_trains_alike_twice_and_unlike_the_default(data, changes):
    def weights(**changes):
        trainer = Trainer(config(**changes), CoreConfig(memory_pairs=0), data)
        trainer.run_steps(4)
        return torch.cat([p.detach().flatten() for p in trainer.cube.parameters()])

    assert torch.equal(weights(**changes), weights(**changes))
    assert not torch.equal(weights(**changes), weights())


def test_noise_is_that_of_the_stage_and_new_at_every_step(data):
    quiet = {"name": "quiet", "mode": "mixed", "max_steps": 9, "noise": 0.0}
    loud = {"name": "loud", "mode": "mixed", "max_steps": 9, "noise": 0.9}
    settings = config(stages=[quiet, loud], dropped_dimensions=0.0, question_noise=0.3)
    batches = Batches(data, settings, Processes())

    def noise_of(stage: int, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        batch = batches.load(plan_step(settings, StageProgress(stage=stage), step, 1))
        plain = Batches(data, config(), Processes()).load(plan_of(config(), step)).pairs
        return batch.texts.corrupted - batch.texts.clean, batch.pairs.questions - plain.questions

    assert noise_of(0, 0)[0].abs().max() < 1e-6
    first, later = noise_of(1, 0), noise_of(1, 1)
    for now, then in zip(first, later, strict=True):
        assert now.norm() > 0.1
        assert abs(float(normalize(now, dim=-1)[0] @ normalize(then, dim=-1)[0])) < 0.9


def test_a_step_weighs_restoring_against_answering(data):
    settings = config(stages=[{"name": "mixed", "mode": "mixed", "max_steps": 9}])
    plan = plan_step(settings, StageProgress(), 0, 1)
    batch = Batches(data, settings, Processes()).load(plan)
    cube = Cube(12, CoreConfig())
    answering = accumulate_gradient(cube, dataclasses.replace(batch, texts=None), 0.0, settings)
    restoring = accumulate_gradient(cube, dataclasses.replace(batch, pairs=None), 1.0, settings)
    both = accumulate_gradient(cube, batch, 0.2, settings)
    assert both == pytest.approx(0.8 * answering + 0.2 * restoring, rel=1e-4)


def test_hard_negatives_are_wrong_also_where_the_teacher_ranks_the_right_answer_first(data):
    vectors = data.vectors.copy()
    vectors[data.questions] = vectors[data.answers]
    easy = dataclasses.replace(data, vectors=vectors)
    one = slice(20, 21)  # of a question with one answer
    rows, _ = Candidates(easy, config(hard_negatives=1)).of(
        data.questions[one], data.answers[one], step=0
    )
    assert len(rows) == 2
