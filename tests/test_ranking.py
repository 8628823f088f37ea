"""Ranks equal slow, plain versions; ties count against us."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cube.data.splits import Split
from cube.evaluation.experiment import Experiment
from cube.ranking import Ranking, RetrievalTask, Rows, normalized, search


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
    ranking = search(vectors[task.questions], bank, task, num_top=4)
    for i, question in enumerate(task.questions):
        right = {int(a) - 30 for q, a in zip(asked, answers, strict=True) if q == question}
        scores = bank @ vectors[question]
        assert ranking.ranks[i] == plain_rank(scores, right)
        np.testing.assert_allclose(ranking.top_scores[i], np.sort(scores)[:-5:-1], atol=2e-6)
        np.testing.assert_allclose(scores[ranking.top[i]], ranking.top_scores[i], atol=2e-6)


def test_blocks_change_neither_ranks_nor_first_answers(monkeypatch):
    vectors, _, _, task = make(1)
    whole = search(vectors[task.questions], vectors[task.bank], task, num_top=9)
    monkeypatch.setattr("cube.ranking._BLOCK_SCORES", 61)
    monkeypatch.setattr("cube.ranking._BLOCK_ANSWERS", 7)
    blocks = search(vectors[task.questions], vectors[task.bank], task, num_top=9)
    np.testing.assert_array_equal(whole.ranks, blocks.ranks)
    np.testing.assert_array_equal(whole.top, blocks.top)
    np.testing.assert_allclose(whole.top_scores, blocks.top_scores, atol=1e-6)


def test_copies_of_the_right_answer_count_against_us():
    bank = np.vstack([np.eye(4)[0]] * 21 + [np.eye(4)[1]]).astype(np.float32)
    task = RetrievalTask.from_pairs(np.array([0]), np.array([1]), np.arange(1, 23))
    assert search(np.eye(4, dtype=np.float32)[:1], bank, task).ranks[0] == 21


def test_a_question_with_two_right_answers_is_one_question():
    task = RetrievalTask.from_pairs(np.array([0, 0]), np.array([2, 3]), np.array([1, 2, 3]))
    assert len(task) == 1
    predictions = np.array([[1.0, 0]], np.float32)
    bank = np.array([[1, 0], [0.9, 0.1], [0, 1]], np.float32)
    assert search(predictions, bank, task).ranks.tolist() == [2]


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
    nothing = np.zeros((4, 0))
    ranking = Ranking(np.array([1, 4, 10, 11]), nothing.astype(int), nothing)
    np.testing.assert_allclose(ranking.reciprocal_ranks, [1, 0.25, 0.1, 0])


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
    ranks = [search(vectors[t.questions], vectors[t.bank], t).ranks for t in (task, full)]
    np.testing.assert_array_equal(*ranks)


def _right_rows(task, i):
    return set(task.bank[task.right[task.bounds[i] : task.bounds[i + 1]]].tolist())


def test_a_mapped_bank_ranks_as_one_in_memory_and_stays_readable(tmp_path):
    vectors, _, _, task = make(2)
    np.save(tmp_path / "v.npy", vectors)
    mapped = np.load(tmp_path / "v.npy", mmap_mode="r")
    predictions = vectors[task.questions]
    ranks = [search(predictions, Rows(m, task.bank), task).ranks for m in (vectors, mapped)]
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
    ranks = search(predictions, bank, task).ranks
    right = np.diff(task.bounds)
    wrong = np.arange(len(task)) == 3 if broken == "a question" else slice(None)
    np.testing.assert_array_equal(ranks[wrong], (1 + len(task.bank) - right)[wrong])
