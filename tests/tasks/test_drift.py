import json
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.drift import with_typos
from cube.config import Config, DriftConfig, TeacherConfig
from cube.drift.judgement import judge
from cube.drift.samples import Sample, reference_questions
from cube.teacher.encoder import Teacher
from tasks.drift_page import compare
from tests.tasks.questions import Questions

CONFIG = DriftConfig(splits=5)


def found(current: Sample, reference: Sample) -> set[str]:
    return {j.method for j in compare(current, reference, CONFIG) if j.drifted}


def vectors(rows: np.ndarray) -> Sample:
    return Sample(rows)


def halves_found(count: int, tries: int) -> list[set[str]]:
    """Return what is found between random halves of the same questions."""
    questions = Questions(0)
    return [
        found(vectors(questions.ask(count)), vectors(questions.ask(count))) for _ in range(tries)
    ]


@pytest.mark.parametrize("count", [30, 300])
def test_halves_of_the_same_questions_are_no_drift(count):
    assert halves_found(count, tries=4) == [set()] * 4


@pytest.mark.slow
@pytest.mark.parametrize("count", [30, 300, 3000])
def test_twenty_halves_of_the_same_questions_are_no_drift(count):
    assert halves_found(count, tries=20) == [set()] * 20


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_quarter_of_another_domain_in_a_thousand_is_drift(seed):
    questions = Questions(seed)
    new = vectors(questions.ask(1000, share_new=0.25))
    assert "maximum mean discrepancy" in found(new, vectors(questions.ask(1000)))


def test_mostly_new_topics_are_drift_by_every_measure():
    questions = Questions(0)
    new = vectors(questions.ask(500, share_new=0.75))
    assert found(new, vectors(questions.ask(1000))) == {
        "maximum mean discrepancy",
        "domain classifier AUC",
    }


def test_a_handful_of_quite_other_questions_is_drift():
    questions = Questions(0)
    moved = questions.ask(30)
    moved[:, :40] += 0.2
    assert found(vectors(moved), vectors(questions.ask(1000)))


def test_the_result_is_the_same_every_time_and_json():
    questions = Questions(0)
    recent, known = vectors(questions.ask(60)), vectors(questions.ask(200))
    first, second = ([j.to_json() for j in compare(recent, known, CONFIG)] for _ in range(2))
    assert first == second == json.loads(json.dumps(first, allow_nan=False))


def test_a_threshold_is_never_below_what_is_worth_noticing():
    calm = judge("m", 0.04, np.zeros(20), deviations=5, smallest=0.05)
    assert (calm.threshold, calm.drifted) == (0.05, False)
    noisy = judge("m", 0.04, np.array([0.0, 0.02]), deviations=5, smallest=0.05)
    assert noisy.threshold == pytest.approx(0.06)


@cache
def demo_questions() -> tuple[list[str], list[str]]:
    """Return English and Russian questions of the demo."""
    path = Path(__file__).parents[2] / "cube" / "demo" / "pairs.jsonl"
    lines = path.read_text("utf-8").splitlines()
    texts = list(dict.fromkeys(json.loads(line)["question"] for line in lines))
    english = [text for text in texts if text.isascii()]
    order = np.random.default_rng(0).permutation(len(english))
    return [english[i] for i in order], [text for text in texts if not text.isascii()]


@pytest.fixture(scope="module")
def teacher() -> Teacher:
    return Teacher(TeacherConfig())


def encoded(teacher: Teacher, texts: list[str]) -> Sample:
    return Sample(teacher.encode(texts, "query"), texts)


def test_typos_and_another_language_are_drift_and_more_of_the_same_is_not(teacher):
    english, russian = demo_questions()
    known = encoded(teacher, english[:150])
    assert found(encoded(teacher, english[150:200]), known) == set()
    spoiled = encoded(teacher, with_typos(english[150:200]))
    assert {"maximum mean discrepancy", "texts: unknown words"} <= found(spoiled, known)
    foreign = found(encoded(teacher, russian[:40]), known)
    assert {"maximum mean discrepancy", "texts: letters beyond ASCII"} <= foreign


def test_the_reference_is_what_the_champion_was_trained_on(monkeypatch):
    def run_of(row: int) -> SimpleNamespace:
        experiment = SimpleNamespace(reference_rows=lambda _: row, gather=lambda _: np.ones(1))
        return SimpleNamespace(experiment=experiment, corpus=SimpleNamespace(texts=lambda r: [r]))

    champion = SimpleNamespace(reference=lambda: np.zeros(1))
    known = iter([run_of(1), None])  # of the champion; then it was pruned
    monkeypatch.setattr("cube.drift.samples.run_of", lambda *_: next(known))
    assert reference_questions(Config(), champion, run_of(2)).texts == [1]
    assert reference_questions(Config(), champion, run_of(2)).texts == []
    assert reference_questions(Config(), None, run_of(2)).texts == [2]
