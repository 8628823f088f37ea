"""Ranks and metrics equal slow, plain versions; ties count against us."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score, top_k_accuracy_score

from cube.data.splits import Split
from cube.evaluation.experiment import Experiment
from cube.evaluation.metrics import score_slice
from cube.ranking import RetrievalTask, Rows, first_right_ranks, normalized, reciprocal_ranks


def make(seed: int, questions: int = 30, bank: int = 20, dimension: int = 5):
    generator = np.random.default_rng(seed)
    vectors = normalized(generator.standard_normal((questions + bank, dimension)))
    asked = generator.integers(0, questions, questions * 2)
    answers = questions + generator.integers(0, bank, questions * 2)
    task = RetrievalTask.from_pairs(asked, answers, questions + np.arange(bank))
    return vectors.astype(np.float32), asked, answers, task


def plain_rank(scores: np.ndarray, right: set[int]) -> int:
    best = max(scores[i] for i in right)
    return 1 + sum(scores[i] >= best - 1e-6 for i in range(len(scores)) if i not in right)


@settings(deadline=None)
@given(st.integers(0, 1_000))
def test_ranks_equal_a_plain_loop(seed):
    vectors, asked, answers, task = make(seed)
    bank = vectors[task.bank]
    ranks = first_right_ranks(vectors[task.questions], bank, task)
    for i, question in enumerate(task.questions):
        right = {int(a) - 30 for q, a in zip(asked, answers, strict=True) if q == question}
        assert ranks[i] == plain_rank(bank @ vectors[question], right)


def test_blocks_do_not_change_ranks(monkeypatch):
    vectors, _, _, task = make(1)
    whole = first_right_ranks(vectors[task.questions], vectors[task.bank], task)
    monkeypatch.setattr("cube.ranking._BLOCK_SCORES", 61)
    monkeypatch.setattr("cube.ranking._BLOCK_ANSWERS", 7)
    blocks = first_right_ranks(vectors[task.questions], vectors[task.bank], task)
    np.testing.assert_array_equal(whole, blocks)


def test_copies_of_the_right_answer_count_against_us():
    bank = np.vstack([np.eye(4)[0]] * 21 + [np.eye(4)[1]]).astype(np.float32)
    task = RetrievalTask.from_pairs(np.array([0]), np.array([1]), np.arange(1, 23))
    assert first_right_ranks(np.eye(4, dtype=np.float32)[:1], bank, task)[0] == 21


def test_a_question_with_two_right_answers_is_one_question():
    task = RetrievalTask.from_pairs(np.array([0, 0]), np.array([2, 3]), np.array([1, 2, 3]))
    assert len(task) == 1
    predictions = np.array([[1.0, 0]], np.float32)
    bank = np.array([[1, 0], [0.9, 0.1], [0, 1]], np.float32)
    assert first_right_ranks(predictions, bank, task).tolist() == [2]


def test_right_answers_known_elsewhere_are_right_here():
    task = RetrievalTask.from_pairs(
        np.array([0]), np.array([2]), np.array([1, 2]),
        known_questions=np.array([0, 5]), known_answers=np.array([1, 1]),
    )  # fmt: skip
    assert task.right.tolist() == [0, 1]


def test_what_a_question_is_answered_with_in_training_is_right_in_the_test():
    splits = np.array([Split.TRAIN, Split.TEST, Split.TRAIN])
    questions, answers = np.array([0, 0, 1]), np.array([3, 4, 5])
    pairs = {"unseen_answers": np.array([1])}
    experiment = Experiment(np.eye(6, dtype=np.float32), questions, answers, splits, pairs)
    task = experiment.task("unseen_answers")
    assert set(task.bank[task.right].tolist()) == {3, 4}


def test_reciprocal_ranks_stop_at_ten():
    np.testing.assert_allclose(reciprocal_ranks(np.array([1, 4, 10, 11])), [1, 0.25, 0.1, 0])


@settings(deadline=None)
@given(st.integers(0, 200))
def test_a_sample_keeps_questions_with_all_their_right_answers(seed):
    vectors, _, _, task = make(seed)
    sample = task.sample(7, 15, seed)
    assert len(sample) == min(7, len(task))
    assert len(sample.bank) == min(len(task.bank), max(15, len(np.unique(sample.right))))
    whole = {q: _right_rows(task, i) for i, q in enumerate(task.questions.tolist())}
    for i, question in enumerate(sample.questions.tolist()):
        assert _right_rows(sample, i) == whole[question]
    full = task.sample(10_000, 10_000, seed)
    ranks = [first_right_ranks(vectors[t.questions], vectors[t.bank], t) for t in (task, full)]
    np.testing.assert_array_equal(*ranks)


def _right_rows(task, i):
    return set(task.bank[task.right[task.bounds[i] : task.bounds[i + 1]]].tolist())


def single_answer_task(seed):
    generator = np.random.default_rng(seed)
    vectors = normalized(generator.standard_normal((60, 6))).astype(np.float32)
    right = generator.integers(0, 20, 40)
    task = RetrievalTask.from_pairs(np.arange(40), 40 + right, np.arange(40, 60))
    return vectors, right, task


def test_metrics_agree_with_scikit_learn():
    vectors, right, task = single_answer_task(3)
    scores = vectors[:40] @ vectors[40:].T
    summary = score_slice(vectors[:40], vectors[40:], task, np.zeros(6, "f"), False).summary()
    for k in (1, 5, 10):
        expected = top_k_accuracy_score(right, scores, k=k, labels=np.arange(20))
        assert summary[f"hit@{k}"] == pytest.approx(expected, abs=1e-6)
    # With one right answer the discounted gain is a function of the rank alone.
    ranks = first_right_ranks(vectors[:40], vectors[40:], task)
    gains = np.where(ranks <= 10, 1 / np.log2(1 + ranks), 0).mean()
    assert gains == pytest.approx(ndcg_score(np.eye(20)[right], scores, k=10), abs=1e-6)


def test_metrics_agree_with_sentence_transformers():
    import torch
    from sentence_transformers.sentence_transformer.evaluation import (
        InformationRetrievalEvaluator,
    )

    vectors, right, task = single_answer_task(4)
    evaluator = InformationRetrievalEvaluator(
        {str(i): "" for i in range(40)},
        {str(i): "" for i in range(20)},
        {str(i): {str(a)} for i, a in enumerate(right)},
    )
    hits = []
    scores = torch.from_numpy(vectors[:40] @ vectors[40:].T)
    for row in scores:
        order = torch.argsort(row, descending=True).tolist()
        hits.append([{"corpus_id": str(a), "score": row[a].item()} for a in order])
    theirs = evaluator.compute_metrics(hits)
    ours = score_slice(vectors[:40], vectors[40:], task, np.zeros(6, "f"), False).summary()
    assert ours["mrr@10"] == pytest.approx(theirs["mrr@k"][10], abs=1e-6)
    for k in (1, 5, 10):
        assert ours[f"hit@{k}"] == pytest.approx(theirs["accuracy@k"][k], abs=1e-6)


def test_centred_cosines_subtract_the_mean_answer():
    vectors, _, task = single_answer_task(5)
    mean = np.full(6, 3.0, np.float32)
    shifted = score_slice(vectors[:40] + mean, vectors[40:] + mean, task, mean, True)
    plain = score_slice(vectors[:40], vectors[40:], task, np.zeros(6, "f"), False)
    np.testing.assert_allclose(
        shifted.closeness.centred_cosines, plain.closeness.cosines, atol=1e-5
    )
    np.testing.assert_array_equal(shifted.ranks, plain.ranks)
    assert (
        shifted.closeness.cosines.mean() > 0.9
    )  # an anisotropic teacher: everything looks alike, raw


def test_contrastive_accuracy_of_the_best_and_the_worst():
    bank = np.eye(4, dtype=np.float32)
    task = RetrievalTask.from_pairs(np.array([0]), np.array([1]), np.arange(1, 5))
    for prediction, expected in [([1, 0, 0, 0], 1.0), ([-1, 0, 0, 0], 0.0)]:
        scores = score_slice(np.array([prediction], "f"), bank, task, np.zeros(4, "f"), False)
        assert scores.summary()["contrastive_accuracy"] == expected


def test_a_mapped_bank_ranks_as_one_in_memory_and_stays_readable(tmp_path):
    vectors, _, _, task = make(2)
    np.save(tmp_path / "v.npy", vectors)
    mapped = np.load(tmp_path / "v.npy", mmap_mode="r")
    predictions = vectors[task.questions]
    ranks = [first_right_ranks(predictions, Rows(m, task.bank), task) for m in (vectors, mapped)]
    np.testing.assert_array_equal(*ranks)
    np.testing.assert_array_equal(mapped, vectors)


@pytest.mark.parametrize("broken", ["a question", "all answers"])
def test_what_is_not_a_number_ranks_last(broken):
    vectors, _, _, task = make(seed=1)
    predictions, bank = vectors[task.questions], vectors[task.bank]
    if broken == "a question":
        predictions[3] = np.nan
    else:
        bank[:] = np.nan
    ranks = first_right_ranks(predictions, bank, task)
    right = np.diff(task.bounds)
    wrong = np.arange(len(task)) == 3 if broken == "a question" else slice(None)
    np.testing.assert_array_equal(ranks[wrong], (1 + len(task.bank) - right)[wrong])


def test_a_right_answer_is_never_counted_as_a_wrong_one():
    vectors = normalized(np.random.default_rng(0).standard_normal((12, 5))).astype(np.float32)
    only = RetrievalTask.from_pairs(np.arange(8), np.full(8, 8), np.array([8]))
    bank = vectors[only.bank]
    summary = score_slice(vectors[:8], bank, only, np.zeros(5, np.float32), False).summary()
    assert summary["random_centred_cosine"] is summary["relevance_margin"] is None

    task = RetrievalTask.from_pairs(np.arange(8), np.repeat([8, 9, 10, 11], 2), 8 + np.arange(4))
    bank = np.eye(4, 5, dtype=np.float32)
    predictions = bank[np.repeat([0, 1, 2, 3], 2)]
    summary = score_slice(predictions, bank, task, np.zeros(5, np.float32), False).summary()
    assert summary["centred_cosine"] == 1
    assert summary["random_centred_cosine"] == 0
