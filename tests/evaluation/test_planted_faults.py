"""Faults planted in the data are found, named and, where the test would lie, refused."""

from dataclasses import replace
from unittest.mock import Mock

import numpy as np
import pytest

from cube import steps
from cube.config import EvaluationConfig
from cube.data.splits import Split
from cube.errors import DataError
from cube.evaluation.headroom import (
    Outlook,
    _likely,
    check_labels,
    headroom,
    look_ahead,
    refuse_shuffled,
)
from cube.evaluation.leaks import check_leaks, find_leaks, leaks_to_json
from cube.evaluation.schema.part import Interval
from cube.ranking import normalized
from tests.conftest import write_jsonl
from tests.evaluation.conftest import experiment_of

CONFIG = EvaluationConfig(bootstrap_resamples=2_000)
FINE = {"suspicious": False}  # of labels


def with_leak(planted, share: float, noise: float):
    """Copy test pairs over training pairs, with a little noise."""
    questions, answers = (part.copy() for part in planted)
    count = round(100 * share)
    generator = np.random.default_rng(0)
    for part in (questions, answers):
        part[:count] = part[500 : 500 + count]
        part[:count] += noise * generator.standard_normal((count, 48)).astype("f") / 48**0.5
    return experiment_of(questions, answers)


def test_a_planted_leak_is_found_and_refused(planted):
    leaks = find_leaks(with_leak(planted, share=0.3, noise=0.02))
    assert leaks.leaked.tolist() == list(range(500, 530))
    assert leaks.copies.tolist() == list(range(30))
    (example, *_) = leaks_to_json(leaks, 0.01, ["test"], ["copy"])["examples"]
    assert example["similarity"] == leaks.similarities[0] < 1
    with pytest.raises(DataError, match=r"Leak: 30 of 100 test pairs \(30.0%, at most 1.0%\)"):
        check_leaks(leaks, 0.01)
    check_leaks(leaks, 0.3)


def test_unlike_questions_or_answers_are_no_leak(planted, planted_experiment):
    assert find_leaks(planted_experiment).share == 0
    assert find_leaks(with_leak(planted, share=0.3, noise=0.3)).share == 0
    questions, answers = (part.copy() for part in planted)
    questions[:100] = questions[500:]  # asked again, but answered otherwise
    assert find_leaks(experiment_of(questions, answers)).share == 0


def test_turns_of_dialogues_may_repeat(planted):
    leaky = with_leak(planted, share=1.0, noise=0.0)
    turns = experiment_of(*planted, context=[])
    object.__setattr__(turns, "vectors", leaky.vectors)
    object.__setattr__(turns, "slices", {"dialogue_turns": leaky.slices["unseen_answers"]})
    assert len(find_leaks(turns).checked) == 0


def test_answers_that_belong_are_not_suspected(alike, planted_experiment):
    for experiment in (experiment_of(*alike), planted_experiment):
        labels = check_labels(look_ahead(experiment))
        assert not labels["suspicious"]
        assert labels["validation"] > 0.6


@pytest.mark.parametrize("everywhere", [True, False])
def test_shuffled_answers_are_named(alike, everywhere):
    questions, answers = alike
    shuffled = answers.copy()
    stop = len(answers) if everywhere else 400
    shuffled[:stop] = np.random.default_rng(0).permutation(answers[:stop])
    labels = check_labels(look_ahead(experiment_of(questions, shuffled)))
    assert labels["suspicious"]
    assert "look shuffled" in labels["sentence"]
    assert labels["training"] == pytest.approx(0.5, abs=0.05)


def test_headroom_says_whether_an_adapter_helps(alike, planted_experiment):
    ahead = look_ahead(planted_experiment)
    helps = headroom(ahead, FINE, planted_experiment, CONFIG)
    assert helps["likely"] == "yes"
    assert helps["ceiling"] == 1
    assert helps["copied_share"] == 0
    assert f"{helps['linear_name']} changes it by +0." in helps["sentence"]
    doubted = headroom(ahead, {"suspicious": True}, planted_experiment, CONFIG)
    assert doubted["likely"] == "unsure"  # what is gained on shuffled answers is chance
    _, answers = alike
    perfect = experiment_of(answers, answers)
    found = headroom(look_ahead(perfect), FINE, perfect, CONFIG)
    assert found["likely"] == "no"
    assert found["identity"] == 1
    assert "; no closed-form map is better: " in found["sentence"]


def test_the_interval_of_the_headroom_is_as_wide_as_the_settings_say(planted_experiment):
    ahead = look_ahead(planted_experiment)

    def width(config):
        found = headroom(ahead, FINE, planted_experiment, config)
        assert found["confidence"] == config.confidence
        assert found["resamples"] == config.bootstrap_resamples
        return found["gain"]["high"] - found["gain"]["low"]

    usual = width(CONFIG)
    assert width(CONFIG.model_copy(update={"confidence": 0.6})) < 0.6 * usual
    assert width(CONFIG.model_copy(update={"bootstrap_resamples": 300})) != usual


def test_copies_in_the_bank_lower_the_ceiling(alike):
    questions, answers = alike
    copied = answers.copy()
    copied[400:500] = copied[300:400]  # every validation answer has a copy in training
    experiment = experiment_of(questions, copied)
    found = headroom(look_ahead(experiment), FINE, experiment, CONFIG)
    assert found["copied_share"] == 1
    assert found["ceiling"] == pytest.approx(0.5)
    assert found["known_answer_share"] == 0  # another row, though an equal one
    rows = experiment.answers.copy()
    rows[400:425] = rows[300:325]
    known = replace(experiment, answers=rows)
    assert headroom(look_ahead(known), FINE, known, CONFIG)["known_answer_share"] == 0.25


@pytest.mark.parametrize(
    ("gain", "room", "likely"),
    [
        ((0.1, 0.05, 0.15), 0.3, "yes"),
        ((0.0, -0.02, 0.02), 0.3, "unsure"),
        ((0.0, -0.02, 0.004), 0.3, "no"),
        ((0.0, -0.02, 0.02), 0.004, "no"),  # nothing is left to gain
    ],
)
def test_headroom_is_denied_where_nothing_is_gained_or_left(gain, room, likely):
    difference, low, high = gain
    assert _likely(Interval(difference=difference, low=low, high=high), room) == likely


@pytest.mark.parametrize("suspicious", [True, False])
def test_shuffled_answers_are_never_promoted(suspicious):
    verdict = {"promote": True, "sentence": "Promoted: better.", "reasons": []}
    labels = {"suspicious": suspicious, "sentence": "The answers look shuffled.",
              "training": 0.4, "learned": 0.7}  # fmt: skip
    refuse_shuffled(verdict, labels)
    assert verdict["promote"] is not suspicious
    assert verdict["sentence"].startswith("Not promoted: The answers" if suspicious else "Promoted")
    (reason,) = verdict["reasons"]
    assert reason["passed"] is not suspicious
    assert "40% in training, 70% after the best closed-form map" in reason["measured"]


@pytest.mark.slow
def test_answers_shuffled_in_training_stop_the_gate_and_are_named(small_config):
    corpus = steps.ingest(small_config)
    run = steps.start_run(small_config, corpus, steps.embed(small_config, corpus))
    (run.folder / "outlook.json").unlink()
    experiment = run.experiment
    train = np.flatnonzero(experiment.splits == Split.TRAIN)
    shuffled = np.random.default_rng(0).permutation(experiment.answers[train])
    answers = experiment.answers.copy()
    answers[train] = shuffled
    run.__dict__["experiment"] = replace(experiment, answers=answers)
    steps._look_ahead(run)
    steps.train(run)
    values = steps.evaluate(run)
    assert not values["verdict"]["promote"]
    assert "The answers look shuffled" in values["verdict"]["sentence"]
    assert any("how questions and answers were joined" in say for say in values["recommendations"])


def test_a_leak_in_the_files_stops_the_run_before_training(small_config, tmp_path):
    data = small_config.data.model_copy(update={"sources": [str(tmp_path / "l.jsonl")]})
    config = small_config.model_copy(update={"data": data})
    generator = np.random.default_rng(0)
    words = [
        "reset",
        "password",
        "sync",
        "invoice",
        "export",
        "offline",
        "theme",
        "login",
        "backup",
        "share",
    ]
    rows = []
    for i in range(120):
        some = " ".join(generator.choice(words, 4, replace=False))
        question, answer = f"How about {some} number {i}", f"Open {some} and choose {i}"
        # The teacher is uncased and blind to accents: other words to the splits, one vector to it.
        rows += [{"question": question, "answer": answer}]
        rows += [{"question": question.replace("o", "ó"), "answer": answer.replace("o", "ó")}]
    write_jsonl(tmp_path / "l.jsonl", rows)
    corpus = steps.ingest(config)
    vectors = steps.embed(config, corpus)
    with pytest.raises(DataError, match="Leak: "):
        steps.start_run(config, corpus, vectors)
    judging = config.evaluation.model_copy(update={"max_leaked_share": 1.0})
    allowed = config.model_copy(update={"evaluation": judging})
    run = steps.start_run(allowed, corpus, vectors)
    assert run.read("outlook.json")["leaks"]["limit"] == 1
    with pytest.raises(DataError, match="Leak: "):  # a run that was begun is held to it as well
        steps.start_run(config, corpus, vectors)


def test_a_constant_added_to_all_vectors_changes_cosines_and_no_verdict(alike):
    from cube.config import CoreConfig, EvaluationConfig
    from cube.evaluation.baselines import closed_form_baselines, cube_system
    from cube.evaluation.evaluate import judge_systems, to_json
    from cube.lattice.core import Cube

    config = EvaluationConfig(bootstrap_resamples=300)
    found = []
    for shift in (0.0, 2.0):
        experiment = experiment_of(*(normalized(part) + shift / 48**0.5 for part in alike))
        cube = cube_system("cube", "cube", Cube(48, CoreConfig()))
        systems = [cube, *closed_form_baselines(experiment)]
        found.append(to_json(judge_systems(experiment, systems, config), config))
    plain, shifted = (values["slices"]["unseen_answers"]["scores"] for values in found)
    assert shifted["mean_answer"]["cosine"] > 0.85 > plain["mean_answer"]["cosine"]
    assert shifted["mean_answer"]["mrr@10"] < 0.05
    assert found[0]["verdict"]["promote"] == found[1]["verdict"]["promote"]


@pytest.mark.parametrize(
    ("training", "validation", "learned", "suspicious"),
    [
        (0.4, 0.7, 0.7, True),  # held-out answers are nearer: only training was joined wrongly
        (0.4, 0.4, 0.4, True),  # nothing that was learned carries over
        (0.4, 0.5, 0.7, False),  # an odd teacher, from which something is learned
        (0.7, 0.95, 0.95, False),
        (0.7, 0.7, 0.4, False),
    ],
)
def test_labels_are_doubted_for_two_reasons_only(training, validation, learned, suspicious):
    def scored(accuracy):
        return Mock(summary=lambda: {"contrastive_accuracy": accuracy})

    parts = {"training": training, "identity": validation, "best": learned}
    outlook = Mock(spec=Outlook, **{name: scored(value) for name, value in parts.items()})
    labels = check_labels(outlook)
    assert labels["suspicious"] is suspicious
    told = ", after the best closed-form map in 70%." in labels["sentence"]
    assert told is (training < 0.5 and not suspicious)  # else 40% would speak against it
