"""Error analysis and groups on answers of which we know what is wrong with them."""

import numpy as np
import pytest

from cube.config import EvaluationConfig
from cube.evaluation.baselines import System
from cube.evaluation.evaluate import judge_systems
from cube.evaluation.failures import distinguishing_words, failures, words_of
from cube.evaluation.groups import depth_of, groups_of, left_out, length_of, script_of
from cube.ranking import normalized
from tests.evaluation.conftest import experiment_of

CONFIG = EvaluationConfig(bootstrap_resamples=200, min_questions=20)


@pytest.fixture
def flawed():
    """Of 100 test questions 0–29 are about tax and lost, 30–39 have a near copy of their answer."""
    generator = np.random.default_rng(0)
    answers = normalized(generator.standard_normal((600, 32)))
    questions = normalized(answers + 0.3 * generator.standard_normal((600, 32)) / 32**0.5)
    topic = normalized(generator.standard_normal((1, 32)))
    questions[500:530] = normalized(topic + 0.05 * generator.standard_normal((30, 32)))
    answers[430:440] = normalized(answers[530:540] + 0.02 * generator.standard_normal((10, 32)))
    questions[530:540] = answers[430:440]
    experiment = experiment_of(questions, answers)
    texts = {i: f"how does topic {i} work" for i in range(1_200)}
    texts |= {500 + i: f"what tax applies in case {i}" for i in range(30)}
    systems = [System("cube", "cube", lambda x: x), System("identity", "i", lambda x: x)]
    return judge_systems(experiment, systems, CONFIG), experiment, texts


def test_failures_are_clustered_and_named(flawed):
    found = failures(*flawed)
    assert found["beyond"] == 10
    assert found["count"] >= 25
    assert found["clusters"][0]["words"][0] in {"tax", "applies", "case"}
    assert sum(cluster["questions"] for cluster in found["clusters"]) == found["count"]
    assert sum(cluster["share"] for cluster in found["clusters"]) == pytest.approx(1)
    assert "tax" in found["clusters"][0]["examples"][0]


def test_near_copies_of_the_right_answer_are_likely_wrong_labels(flawed):
    found = failures(*flawed)
    assert found["num_likely_wrong_labels"] == 10
    for entry in found["likely_wrong_labels"]:
        assert entry["similarity"] >= 0.9
        assert int(entry["found"].split()[3]) == int(entry["label"].split()[3]) - 100


def test_questions_far_from_their_answer_are_unanswerable(flawed):
    judged, _, _ = flawed
    ranks = judged.scores["unseen_answers"]["cube"].ranks
    found = failures(*flawed)
    assert found["num_unanswerable"] == (ranks > 60).sum() > 0
    shown = [entry["rank"] for entry in found["unanswerable"]]
    assert shown == sorted(shown, reverse=True)
    assert len(shown) <= 10


def test_distinguishing_words_are_frequent_inside_and_rare_outside():
    texts = ["the red car", "the red bus", "the blue car", "the green tree", "the old tree"]
    assert distinguishing_words([words_of(text) for text in texts], np.array([0, 1])) == ["red"]


def test_few_texts_are_not_named_by_words_without_meaning():
    inside = ["wo ist der drucker und der scanner", "ist der drucker an", "der alte ist und an"]
    outside = ["der tisch und stuhl", "was ist neu", "und nun", "hallo", "guten tag", "wer", "wie"]
    words = [words_of(text) for text in inside + outside]
    assert distinguishing_words(words, np.arange(3))[0] == "drucker"  # "der" is in all three
    texts = ["why is the car red", "why is the bus red", "a tree", "old trees", "where", "who"]
    assert distinguishing_words([words_of(text) for text in texts], np.arange(2)) == ["red"]


def test_groups_are_scored_apart(flawed):
    judged, _, _ = flawed
    by_system = judged.scores["unseen_answers"]
    cube = by_system["cube"]
    source = ["tax" if i < 30 else "other" for i in range(100)]
    groups = groups_of({"source": source, "script": ["Latin"] * 100}, by_system, CONFIG)
    assert [(group["value"], group["questions"]) for group in groups] == [
        ("other", 70),
        ("tax", 30),
    ]
    assert groups[1]["cube"] == pytest.approx(cube.reciprocal_ranks[:30].mean())
    assert groups[1]["cube"] < groups[0]["cube"]
    assert groups[0]["cube_minus_identity"]["difference"] == 0


def test_the_largest_parts_are_shown_and_the_others_are_counted(flawed):
    judged, _, _ = flawed
    # 20 sources of five questions each; one question of "b 19" comes from "b 03" instead.
    source = [f"b {i // 5:02d}" for i in range(99)] + ["b 03"]
    kinds = {"script": ["Latin"] * 50 + ["Cyrillic"] * 50, "source": source}
    groups = groups_of(kinds, judged.scores["unseen_answers"], CONFIG)
    shown = [group["value"] for group in groups if group["by"] == "source"]
    assert shown == ["b 03", *(f"b {i:02d}" for i in range(12) if i != 3)]
    assert left_out(kinds) == [{"by": "source", "parts": 8, "questions": 39}]
    assert left_out({"source": source[:60]}) == []


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("How do I sync?", "Latin"),
        ("Как войти в app?", "Cyrillic"),
        ("如何重置密码", "Cjk"),
        ("12 + 30?", "No letters"),
    ],
)
def test_scripts(text, script):
    assert script_of(text) == script


def test_lengths_and_depths():
    assert [length_of("word " * n) for n in (1, 4, 5, 8, 9, 16, 17)] == [
        "1–4 words", "1–4 words", "5–8 words", "5–8 words", "9–16 words", "9–16 words",
        "17 words or more",
    ]  # fmt: skip
    assert [depth_of(turn) for turn in (1, 8, 9, 40)] == [
        "turn 2", "turn 9", "turn 10 or later", "turn 10 or later",
    ]  # fmt: skip
