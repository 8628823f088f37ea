"""Baselines: the closed forms equal their textbook versions, and each learned one is tuned."""

import itertools
import re
from dataclasses import replace
from unittest.mock import Mock

import numpy as np
import pytest
from scipy.linalg import orthogonal_procrustes
from scipy.special import softmax
from sklearn.linear_model import Ridge

from cube.config import CoreConfig, EvaluationConfig, StageConfig, TrainingConfig
from cube.evaluation.baselines import LABELS, all_baselines, closed_form_baselines, cube_system
from cube.evaluation.baselines.bm25 import LENGTH_WEIGHTS, SATURATIONS, words_of
from cube.evaluation.baselines.linear import STRENGTHS, linear_baselines
from cube.evaluation.baselines.neighbours import COUNTS, TEMPERATURES
from cube.evaluation.baselines.trained import RIVAL_RULES, rival_core
from cube.evaluation.baselines.tuning import Tuning
from cube.evaluation.evaluate import judge_systems, to_json
from cube.evaluation.experiment import Experiment
from cube.lattice.core import Cube
from cube.ranking import TIE
from cube.training.trainer import Trainer

CONFIG = EvaluationConfig(bootstrap_resamples=300)


@pytest.fixture
def experiment(planted_experiment) -> Experiment:
    return planted_experiment


def systems_of(experiment):
    cube = Cube(48, CoreConfig())
    baselines = all_baselines(experiment, cube, lambda core: Cube(48, core))
    return [cube_system("cube", "cube", cube), *baselines]


def with_texts(experiment, texts):
    return replace(experiment, texts=lambda rows: [texts[row] for row in rows])


def find(experiment, name):
    return next(s for s in closed_form_baselines(experiment) if s.name == name)


def test_every_label_belongs_to_a_baseline_and_gives_its_place(experiment):
    names = [system.name for system in systems_of(experiment)[1:]]
    assert names == [name for name in LABELS if name != "bm25"]  # these pairs have no texts


def test_ridge_is_ridge(experiment):
    ridge = find(experiment, "ridge_raw")
    x, y = experiment.vectors[:400], experiment.vectors[600:1_000]
    questions = experiment.vectors[500:600]
    eigenvalue = np.linalg.eigvalsh((x - x.mean(0)).T @ (x - x.mean(0))).mean()
    candidates = [
        Ridge(alpha=strength * eigenvalue).fit(x, y).predict(questions) for strength in STRENGTHS
    ]
    errors = [np.abs(ridge.predict(questions) - candidate).max() for candidate in candidates]
    assert min(errors) < 1e-4


def test_residual_ridge_regresses_the_residual(experiment):
    x, y = experiment.vectors[:400], experiment.vectors[600:1_000]
    questions = experiment.vectors[500:600]
    candidates = []
    for intercept in (False, True):
        centred = x - x.mean(0) if intercept else x
        eigenvalue = np.linalg.eigvalsh(centred.T @ centred).mean()
        for strength in STRENGTHS:
            ridge = Ridge(alpha=strength * eigenvalue, fit_intercept=intercept).fit(x, y - x)
            candidates.append(ridge.predict(questions) + questions)
    found = find(experiment, "residual_ridge").predict(questions)
    assert min(np.abs(found - candidate).max() for candidate in candidates) < 1e-4


def test_where_no_question_tells_a_difference_the_penalty_is_strong(experiment):
    alike = Mock(spec=Tuning, mrr=lambda *_: 0.5, questions=experiment.vectors[:1])
    ridge = next(s for s in linear_baselines(experiment, alike) if s.name == "residual_ridge")
    questions = experiment.vectors[500:600]
    assert np.abs(ridge.predict(questions) - questions).max() < 0.01


def test_strong_penalties_towards_the_identity_are_the_identity(experiment):
    answers = experiment.answers.copy()
    answers[:400] = np.random.default_rng(0).permutation(answers[:400])
    shuffled = replace(experiment, answers=answers)
    questions = experiment.vectors[500:600]
    ridge = find(shuffled, "ridge_raw").predict(questions)
    towards = find(shuffled, "residual_ridge").predict(questions)
    distance = np.linalg.norm(towards - questions, axis=1).mean()
    assert distance < 0.5 * np.linalg.norm(ridge - questions, axis=1).mean()


def test_procrustes_is_the_best_rotation(experiment):
    x, y = experiment.vectors[:400], experiment.vectors[600:1_000]
    found = find(experiment, "procrustes")
    assert found.rank_centred
    moved = found.predict(x) - y.mean(0)
    x, y = x - x.mean(0), y - y.mean(0)
    np.testing.assert_allclose(moved @ moved.T, x @ x.T, atol=1e-4)  # lengths and angles stay
    best = np.linalg.norm(x @ orthogonal_procrustes(x, y)[0] - y)
    assert np.linalg.norm(moved - y) == pytest.approx(best, rel=1e-5)


def test_knn_is_a_weighted_mean_of_the_nearest_answers(experiment):
    questions = experiment.vectors[500:600]
    found = find(experiment, "knn").predict(questions)
    similarities = questions @ experiment.vectors[:400].T
    errors = []
    for count in COUNTS:
        nearest = np.argsort(-similarities, axis=1)[:, :count]
        cosines = np.take_along_axis(similarities, nearest, axis=1)
        for temperature in TEMPERATURES:
            weights = softmax(cosines / temperature, axis=1)
            answers = experiment.vectors[600 + nearest]
            expected = (weights[:, :, None] * answers).sum(axis=1)
            errors.append(np.abs(found - expected).max())
    assert min(errors) < 1e-5


def test_bm25_ranks_as_its_formula_says(experiment, caplog):
    """Lucene's BM25 in plain Python, over every k1 and b of the grid."""
    generator = np.random.default_rng(0)
    words = [f"w{i}" for i in range(40)]
    texts = [" ".join(generator.choice(words, generator.integers(1, 9))) for _ in range(1_200)]
    texts[520], texts[1_130] = "Ω", ""  # no known word at all, and no word
    read = with_texts(experiment, texts)
    task = read.task("unseen_answers")
    answers = [re.findall(r"\w\w+", texts[row]) for row in task.bank]
    average = np.mean([len(answer) for answer in answers])
    holds = {word: sum(word in answer for answer in answers) for word in words}
    idf = {w: np.log(1 + (len(answers) - n + 0.5) / (n + 0.5)) for w, n in holds.items()}

    def score(question, answer, k1, b):
        held_back = k1 * (1 - b + b * len(answer) / average)
        counts = [answer.count(word) for word in question]
        return sum(idf[w] * n / (n + held_back) for w, n in zip(question, counts, strict=True) if n)

    with caplog.at_level("DEBUG"):
        found = find(read, "bm25").rank(task, 10)
    assert not [record for record in caplog.records if record.name.startswith("bm25s")]
    agreeing = []
    for k1, b in itertools.product(SATURATIONS, LENGTH_WEIGHTS):
        scores = np.array([
            [score(re.findall(r"\w\w+", texts[row]), answer, k1, b) for answer in answers]
            for row in task.questions[:30]
        ])  # fmt: skip
        right = scores[np.arange(30), task.right[:30]]
        agreeing.append((found.ranks[:30] == (scores >= right[:, None] - TIE).sum(axis=1)).all())
    assert any(agreeing)
    assert found.ranks[20] == len(task.bank)  # nothing in common: every other answer is ahead


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I can't sync 2 notes, Notion™ app_2 ✔️", ["can", "sync", "notes", "notion", "app_2"]),
        ("Не могу войти", ["не", "могу", "войти"]),
        ("Mu\u0308ller", ["müller"]),
        ("हिन्दी में 1️⃣", ["हिन्दी", "में"]),
        ("می\u200cروم", ["می\u200cروم"]),
        ("如何重置密码？", ["如何", "何重", "重置", "置密", "密码"]),
        ("税 ＡＢＣ用", ["税", "abc", "用"]),
        ("ｶﾞｲﾄﾞ・ノート2冊", ["ガイ", "イド", "ノー", "ート", "冊"]),
        ("비밀번호 변경", ["비밀", "밀번", "번호", "변경"]),
        ("รหัสผ่าน", ["รหั", "หัส", "สผ่", "ผ่า", "าน"]),
    ],
)  # fmt: skip
def test_words_keep_their_marks_and_scripts_without_spaces_give_pairs(text, words):
    assert words_of(text) == words


@pytest.mark.parametrize(
    ("question", "answer", "first", "second"),
    [
        ("请问{}怎么办", "关于{}的说明在这里", 0x4E00, 0x5E00),
        ("{}を教えて", "設定で{}が見えます", 0x6000, 0x7000),
        ("{} ठीक क्यों", "यह {} में देखें", 0x915, 0x93E),  # consonant and vowel sign
    ],
)
def test_bm25_finds_what_is_shared_in_any_script(experiment, question, answer, first, second):
    """Every answer shares one word with its question, which no plain run of letters shows."""
    names = [chr(first + i % 24) + chr(second + i // 24) for i in range(600)]
    texts = [question.format(name) for name in names] + [answer.format(name) for name in names]
    read = with_texts(experiment, texts)
    ranks = find(read, "bm25").rank(read.task("unseen_answers"), 10).ranks
    assert (ranks == 1).mean() > 0.9


def test_a_ranking_of_texts_is_judged_like_any_other_but_has_no_vectors(experiment):
    texts = [f"word{row % 600}" for row in range(1_200)]  # every question is its answer
    read = with_texts(experiment, texts)
    systems = systems_of(read)
    assert [system.name for system in systems[1:]] == list(LABELS)
    values = to_json(judge_systems(read, systems, CONFIG), CONFIG)
    scores = values["slices"]["unseen_answers"]["scores"]["bm25"]
    assert scores["mrr@10"] == scores["ndcg@10"] == scores["1-of-100"] == 1
    assert scores["cosine"] is None
    assert values["systems"]["bm25"]["ranks_by"] == "BM25"
    assert values["slices"]["unseen_answers"]["cube_minus"]["bm25"]["high"] < 0


@pytest.mark.parametrize("rule", ["low_rank", "mlp"])
@pytest.mark.parametrize("dimension", [48, 384])
def test_rivals_of_free_size_have_as_many_parameters_as_the_cube(rule, dimension):
    cube = Cube(dimension, CoreConfig())
    rival = Cube(dimension, rival_core(cube, rule))
    step = 2 * dimension + 1  # one more hidden number
    assert cube.num_parameters - step < rival.num_parameters <= cube.num_parameters


def test_nothing_is_learned_or_tuned_on_the_test_part(experiment):
    """Spoiling every vector that only test pairs use changes no baseline."""
    spoiled = experiment.vectors.copy()
    spoiled[500:600] = spoiled[1_100:1_200] = np.nan
    without = replace(experiment, vectors=spoiled)
    training = TrainingConfig(
        stages=[StageConfig(name="dialogue", mode="dialogue", max_steps=20)], validate_every=10
    )
    cube = Cube(48, CoreConfig())
    questions = experiment.vectors[500:600]

    def fitted(data):
        def train(core):
            return Trainer(training, core, data.training_set).train()[0]

        return all_baselines(data, cube, train)

    for known, unknown in zip(fitted(experiment), fitted(without), strict=True):
        np.testing.assert_array_equal(known.predict(questions), unknown.predict(questions))


def test_trained_rivals_learn(experiment):
    training = TrainingConfig(
        stages=[StageConfig(name="dialogue", mode="dialogue", max_steps=60, learning_rate=3e-3)],
        weight_decay=0.01,
    )
    cube = Cube(48, CoreConfig())
    data = experiment.training_set
    for rule in RIVAL_RULES:
        rival, result = Trainer(training, rival_core(cube, rule), data).train()
        assert result.best_validation_mrr > result.untrained_validation_mrr + 0.05, rule
        assert rival.config.rule == rule


def test_an_untrained_cube_scores_what_the_teacher_scores(experiment):
    judged = judge_systems(experiment, systems_of(experiment), CONFIG)
    scores = judged.scores["unseen_answers"]
    np.testing.assert_array_equal(scores["cube"].ranks, scores["identity"].ranks)
    assert judged.intervals["unseen_answers"]["identity"].difference == 0


def test_the_order_is_what_it_must_be(experiment):
    judged = judge_systems(experiment, systems_of(experiment), CONFIG)
    mrr = {n: s.reciprocal_ranks.mean() for n, s in judged.scores["unseen_answers"].items()}
    assert mrr["ridge_centred"] > mrr["identity"] + 0.05
    assert mrr["random"] < 0.1
    assert mrr["mean_answer"] < 0.1


def test_a_constant_predictor_wins_raw_cosine_on_an_anisotropic_teacher_and_nothing_else(
    experiment,
):
    shifted = replace(experiment, vectors=experiment.vectors + 0.5)
    judged = judge_systems(shifted, systems_of(shifted), CONFIG)
    values = to_json(judged, CONFIG)
    scores = values["slices"]["unseen_answers"]["scores"]
    assert scores["mean_answer"]["cosine"] > 0.9
    assert scores["mean_answer"]["mrr@10"] < 0.1
    assert not values["verdict"]["promote"]
