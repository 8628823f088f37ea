"""Multi-turn measures on dialogues in which copying, guessing and knowing are told apart."""

from dataclasses import replace

import numpy as np
import pytest

from cube.config import EvaluationConfig
from cube.data.splits import Split
from cube.evaluation.baselines import System
from cube.evaluation.dialogue import (
    _another_dialogue,
    coherence,
    context_ablation,
    context_preservation,
    dialogue_measures,
)
from cube.evaluation.experiment import Experiment
from cube.ranking import normalized

DIALOGUES, TURNS, DIMENSION = 30, 4, 64
CONFIG = EvaluationConfig(bootstrap_resamples=2_000)


@pytest.fixture
def talks() -> Experiment:
    """Dialogues of four turns; a question is the sum of the last two turns."""
    generator = np.random.default_rng(0)
    turns = normalized(generator.standard_normal((DIALOGUES * TURNS, DIMENSION)))
    questions, answers, context, dialogues = [], [], [], []
    for dialogue in range(DIALOGUES):
        for turn in range(2, TURNS):
            last = dialogue * TURNS + turn
            context.append([last - 2, last - 1])
            questions.append(turns[last - 2] + turns[last - 1])
            answers.append(last)
            dialogues.append(dialogue)
    count = len(questions)
    return Experiment(
        np.concatenate([turns, normalized(np.array(questions))]).astype(np.float32),
        DIALOGUES * TURNS + np.arange(count),
        np.array(answers),
        np.full(count, Split.TEST, np.int8),
        {"dialogue_turns": np.arange(count)},
        context,
        np.array(dialogues),
    )


def answers_of(talks):
    """Return a predictor that looks the true answer up: it knows every question."""
    questions = talks.gather(talks.questions)
    answers = talks.gather(talks.answers)
    return lambda x: answers[(normalized(x) @ questions.T).argmax(axis=1)]


def test_who_knows_the_answer_is_coherent_and_who_copies_is_not(talks):
    hits, chance = coherence(talks, answers_of(talks))
    assert hits.all()
    assert (chance == 1 / 4).all()
    copied, _ = coherence(talks, lambda x: x)
    assert not copied.any()


def test_equal_turns_of_a_dialogue_count_against_us(talks):
    vectors = talks.vectors.copy()
    vectors[0] = vectors[2]  # the first turn of the first dialogue is said again as the third
    object.__setattr__(talks, "vectors", vectors)
    hits, _ = coherence(talks, answers_of(talks))
    assert not hits[0]
    assert hits[1:].all()


def test_context_preservation_of_the_reference_and_of_a_copy(talks):
    assert context_preservation(talks, answers_of(talks)) == pytest.approx(1, abs=1e-5)
    assert context_preservation(talks, lambda x: x) > 2


def test_ablation_sees_who_uses_the_context(talks):
    asked = []

    def encode(turns):
        asked.append(turns)
        return np.stack([normalized(talks.gather(np.array(t))).sum(axis=0) for t in turns])

    systems = [System("cube", "cube", answers_of(talks)), System("identity", "i", lambda x: x)]
    values = dialogue_measures(talks, systems, encode, CONFIG)
    ablation = values["ablation"]
    assert ablation["true"] == 1
    (mixed,) = asked
    assert [turns[-1] for turns in mixed] == [turns[-1] for turns in talks.context]
    assert all(turns[0] != known[0] for turns, known in zip(mixed, talks.context, strict=True))
    assert ablation["gain"]["low"] > 0
    assert values["coherence"] == {"cube": 1.0, "identity": 0.0}

    last_turns = talks.gather(np.array([c[-1] for c in talks.context]))
    answers = talks.gather(talks.answers)
    deaf = System("cube", "cube", lambda x: answers[(x @ last_turns.T).argmax(axis=1)])
    values = dialogue_measures(talks, [deaf, systems[1]], encode, CONFIG)
    assert values["ablation"]["gain"]["difference"] < ablation["gain"]["difference"]


def test_turns_before_belong_to_their_question_in_any_order_and_asked_twice(talks):
    """Rows of questions fall where those of the pairs rise; the last question has a second pair."""
    order = np.concatenate([np.arange(DIALOGUES * TURNS), talks.questions[::-1]])
    mixed_up = replace(
        talks,
        vectors=talks.vectors[order],
        questions=np.append(talks.questions[::-1], talks.questions[0]),
        answers=np.append(talks.answers, talks.answers[0]),
        splits=np.append(talks.splits, Split.TEST),
        slices={"dialogue_turns": np.arange(len(talks.questions) + 1)},
        context=[*talks.context, talks.context[-1]],
        dialogues=np.append(talks.dialogues, talks.dialogues[-1]),
    )
    asked = []

    def encode(turns):
        asked.append(turns)
        return talks.gather(talks.questions)

    assert context_ablation(mixed_up, answers_of(talks), encode, CONFIG) is not None
    (turns,) = asked
    assert [some[-1] for some in turns] == [context[-1] for context in talks.context[::-1]]


def test_the_interval_of_the_ablation_is_as_wide_as_the_settings_say(talks):
    def encode(turns):
        return np.stack([normalized(talks.gather(np.array(t))).sum(axis=0) for t in turns])

    def width(config):
        ablation = context_ablation(talks, answers_of(talks), encode, config)
        assert ablation is not None
        return ablation["gain"]["high"] - ablation["gain"]["low"]

    usual = width(CONFIG)
    assert usual > 0
    assert width(CONFIG.model_copy(update={"confidence": 0.6})) < 0.6 * usual


def test_without_dialogues_or_context_nothing_is_claimed(talks, planted_experiment):
    systems = [System("cube", "cube", lambda x: x)]
    assert dialogue_measures(planted_experiment, systems, None, CONFIG) is None
    assert dialogue_measures(talks, systems, None, CONFIG)["ablation"] is None


def test_a_turn_that_is_answer_and_context_counts_once(talks):
    """As in a corpus: what was answered stands before the next turn as a row of its own."""
    rows = len(talks.vectors)
    answered = set(talks.answers.tolist())
    context = [[row + rows if row in answered else row for row in turns] for turns in talks.context]
    twice = replace(
        talks,
        vectors=np.concatenate([talks.vectors, talks.vectors]),
        context=context,
        texts=lambda numbers: [f"turn {number % rows}" for number in np.asarray(numbers)],
    )
    hits, chance = coherence(twice, answers_of(twice))
    assert hits.all()
    assert (chance == 1 / 4).all()


def test_turns_are_taken_from_another_dialogue():
    dialogues = np.repeat([3, 1, 2], [50, 2, 1])
    donors = _another_dialogue(dialogues)
    assert donors is not None
    assert (dialogues[donors] != dialogues).all()
    assert _another_dialogue(np.zeros(5)) is None
