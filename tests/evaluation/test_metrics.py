"""Every metric equals a slow, plain version or somebody else's implementation."""

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from cube.evaluation.metrics import SliceScores, score_slice
from cube.ranking import Ranking, RetrievalTask, Rows, normalized

QUESTIONS, ANSWERS = 40, 150


@pytest.fixture(scope="module")
def several():
    """Questions with one to six right answers, mostly near them."""
    generator = np.random.default_rng(7)
    answers = normalized(generator.standard_normal((ANSWERS, 8)))
    right = [generator.choice(ANSWERS, generator.integers(1, 7), replace=False) for _ in range(40)]
    centres = np.stack([answers[some].mean(axis=0) for some in right])
    questions = normalized(centres + 0.3 * generator.standard_normal((QUESTIONS, 8)))
    vectors = np.concatenate([questions, answers]).astype(np.float32)
    asked = np.repeat(np.arange(QUESTIONS), [len(some) for some in right])
    task = RetrievalTask.from_pairs(
        asked, QUESTIONS + np.concatenate(right), QUESTIONS + np.arange(ANSWERS)
    )
    return vectors, [set(some.tolist()) for some in right], task


def scores_of(vectors, task) -> SliceScores:
    mean = np.zeros(vectors.shape[1], np.float32)
    return score_slice(vectors[task.questions], Rows(vectors, task.bank), task, mean, False)


def test_depth_metrics_agree_with_sentence_transformers(several):
    import torch
    from sentence_transformers.sentence_transformer.evaluation import (
        InformationRetrievalEvaluator,
    )

    vectors, right, task = several
    evaluator = InformationRetrievalEvaluator(
        {str(i): "" for i in range(QUESTIONS)},
        {str(i): "" for i in range(ANSWERS)},
        {str(i): {str(a) for a in some} for i, some in enumerate(right)},
        precision_recall_at_k=[1, 5, 10],
    )
    cosines = torch.from_numpy(vectors[:QUESTIONS] @ vectors[QUESTIONS:].T)
    hits = [
        [
            {"corpus_id": str(a), "score": row[a].item()}
            for a in torch.argsort(row, descending=True).tolist()
        ]
        for row in cosines
    ]
    theirs, ours = evaluator.compute_metrics(hits), scores_of(vectors, task).summary()
    assert ours["mrr@10"] == pytest.approx(theirs["mrr@k"][10], abs=1e-6)
    assert ours["ndcg@10"] == pytest.approx(theirs["ndcg@k"][10], abs=1e-6)
    for k in (1, 5, 10):
        assert ours[f"hit@{k}"] == pytest.approx(theirs["accuracy@k"][k], abs=1e-6)
        assert ours[f"recall@{k}"] == pytest.approx(theirs["recall@k"][k], abs=1e-6)


def test_gain_agrees_with_scikit_learn(several):
    vectors, right, task = several
    relevant = np.array([[a in some for a in range(ANSWERS)] for some in right], float)
    expected = ndcg_score(relevant, vectors[:QUESTIONS] @ vectors[QUESTIONS:].T, k=10)
    assert scores_of(vectors, task).summary()["ndcg@10"] == pytest.approx(expected, abs=1e-6)


def test_one_of_100_is_what_drawing_candidates_gives(several):
    vectors, right, task = several
    cosines = vectors[:QUESTIONS] @ vectors[QUESTIONS:].T
    generator = np.random.default_rng(0)
    first = 0
    for _ in range(300):
        for i, some in enumerate(right):
            wrong = np.setdiff1d(np.arange(ANSWERS), list(some))
            drawn = generator.choice(wrong, 99, replace=False)
            first += cosines[i, list(some)].max() > cosines[i, drawn].max()
    ours = scores_of(vectors, task).summary()["1-of-100"]
    assert ours == pytest.approx(first / 300 / QUESTIONS, abs=0.01)


def test_hubs_equal_a_plain_count(several):
    vectors, _, task = several
    cosines = vectors[:QUESTIONS] @ vectors[QUESTIONS:].T
    counts = np.zeros(ANSWERS)
    for row in cosines:
        counts[np.argsort(-row)[:10]] += 1
    summary = scores_of(vectors, task).summary()
    centred = counts - counts.mean()
    skewness = (centred**3).mean() / (centred**2).mean() ** 1.5
    assert summary["hub_skewness"] == pytest.approx(skewness, abs=1e-6)
    assert summary["never_retrieved"] == (counts == 0).mean()


def test_one_hub_takes_everything():
    hub = np.linspace(1, 0.5, 30)  # the same ten answers are nearest to every question
    vectors = np.concatenate([np.tile(hub, (20, 1)), np.eye(30)]).astype(np.float32)
    task = RetrievalTask.from_pairs(np.arange(20), 20 + np.arange(20), 20 + np.arange(30))
    summary = scores_of(vectors, task).summary()
    assert summary["hub_skewness"] > 0
    assert summary["never_retrieved"] == pytest.approx(20 / 30)


def test_alignment_and_uniformity_equal_their_definitions(several):
    vectors, right, task = several
    questions, answers = vectors[:QUESTIONS], vectors[QUESTIONS:]
    squared = [((questions[i] - answers[a]) ** 2).sum() for i, s in enumerate(right) for a in s]
    pairs = [
        np.exp(-2 * ((questions[i] - questions[j]) ** 2).sum())
        for i in range(QUESTIONS)
        for j in range(i)
    ]
    summary = scores_of(vectors, task).summary()
    assert summary["alignment"] == pytest.approx(np.mean(squared), abs=1e-5)
    assert summary["uniformity"] == pytest.approx(np.log(np.mean(pairs)), abs=1e-5)


def test_a_constant_prediction_is_neither_uniform_nor_relevant(several):
    vectors, _, task = several
    answers = vectors[QUESTIONS:]
    mean = answers.mean(axis=0)
    constant = np.broadcast_to(mean, (QUESTIONS, 8))
    summary = score_slice(constant, Rows(vectors, task.bank), task, mean, False).summary()
    assert summary["uniformity"] == pytest.approx(0, abs=1e-5)
    assert summary["relevance_margin"] == pytest.approx(0, abs=1e-5)


def test_twenty_copies_of_the_right_answers_count_against_us(several):
    vectors, right, _ = several
    questions, answers = vectors[:QUESTIONS], vectors[QUESTIONS:]
    first = np.array([min(some) for some in right])
    bank = np.concatenate([answers, np.repeat(answers[first], 20, axis=0)])
    asked, rows = np.arange(QUESTIONS), QUESTIONS + np.arange(len(bank))
    task = RetrievalTask.from_pairs(asked, QUESTIONS + first, rows)
    summary = score_slice(
        answers[first], Rows(np.concatenate([questions, bank]), rows), task, np.zeros(8, "f"), False
    ).summary()
    assert summary["mrr@10"] == summary["hit@10"] == summary["ndcg@10"] == 0
    assert summary["cosine"] == pytest.approx(1, abs=1e-5)


def test_one_of_100_draws_99_wrong_answers():
    """A question whose second answer of 101 is right fails by the only one before it."""
    task = RetrievalTask.from_pairs(np.array([0]), np.array([1]), np.arange(1, 102))
    ranking = Ranking(np.array([2]), np.zeros((1, 1), np.int64), np.zeros((1, 1)))
    found = SliceScores(ranking, task, None).summary()["1-of-100"]
    assert found == pytest.approx(1 / 100)  # the one of 100 wrong answers that is not drawn


def test_centred_cosines_subtract_the_mean_answer(several):
    vectors, _, task = several
    plain = scores_of(vectors, task)
    shifted, mean = vectors + 3, np.full(8, 3, np.float32)
    scores = score_slice(shifted[task.questions], Rows(shifted, task.bank), task, mean, True)
    np.testing.assert_allclose(scores.closeness.centred_cosines, plain.closeness.cosines, atol=1e-5)
    np.testing.assert_array_equal(scores.ranks, plain.ranks)
    assert scores.closeness.cosines.mean() > 0.9  # everything looks alike, raw


def test_contrastive_accuracy_of_the_best_and_the_worst():
    bank = np.eye(4, dtype=np.float32)
    task = RetrievalTask.from_pairs(np.array([0]), np.array([1]), np.arange(1, 5))
    for prediction, expected in [([1, 0, 0, 0], 1.0), ([-1, 0, 0, 0], 0.0)]:
        scores = score_slice(np.array([prediction], "f"), bank, task, np.zeros(4, "f"), False)
        assert scores.summary()["contrastive_accuracy"] == expected


def test_a_right_answer_is_never_counted_as_a_wrong_one():
    vectors = normalized(np.random.default_rng(0).standard_normal((12, 5))).astype(np.float32)
    only = RetrievalTask.from_pairs(np.arange(8), np.full(8, 8), np.array([8]))
    bank = vectors[only.bank]
    summary = score_slice(vectors[:8], bank, only, np.zeros(5, np.float32), False).summary()
    assert summary["random_centred_cosine"] is summary["relevance_margin"] is None
    assert summary["hub_skewness"] == 0

    task = RetrievalTask.from_pairs(np.arange(8), np.repeat([8, 9, 10, 11], 2), 8 + np.arange(4))
    bank = np.eye(4, 5, dtype=np.float32)
    predictions = bank[np.repeat([0, 1, 2, 3], 2)]
    summary = score_slice(predictions, bank, task, np.zeros(5, np.float32), False).summary()
    assert summary["centred_cosine"] == 1
    assert summary["random_centred_cosine"] == 0
