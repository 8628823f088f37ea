"""A row becomes a record or gets a reason."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cube.config import DataConfig
from cube.data.cleaning import caseless_words, clean_text
from cube.data.records import Dialogue, Pair, RecordParser, RowError, Text


def parse(row):
    return RecordParser(DataConfig(max_characters=100)).parse(row, "file")


def test_kinds_are_told_apart():
    assert parse({"question": " a\n b", "answer": "c"}) == Pair("a b", "c", "file")
    assert parse({"text": "a", "source": "s"}) == Text("a", "s")
    turns = [{"speaker": "user", "text": "a"}, {"speaker": "assistant", "text": "b"}]
    record = parse({"dialogue_id": 7, "turns": turns})
    assert isinstance(record, Dialogue)
    assert record.dialogue_id == "7"
    assert [turn.text for turn in record.turns] == ["a", "b"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (3, "expected an object"),
        ({}, "neither"),
        ({"Frage": "a", "Antwort": "b"}, "in data.columns, its fields are 'Frage, Antwort'"),
        ({"question": "a"}, "answer is missing"),
        ({"question": "a", "answer": None}, "answer is missing"),
        ({"question": "a", "answer": 5}, "answer is int"),
        ({"question": "a", "answer": "   "}, "answer is empty"),
        ({"question": "a", "answer": "b" * 101}, "101 characters"),
        ({"question": "a", "answer": "b\x00"}, "NUL byte"),
        ({"question": "a", "answer": "\ud800"}, "surrogate"),
        ({"question": "a", "answer": "b", "source": 3}, "source"),
        ({"turns": []}, "at least two"),
        ({"dialogue_id": "d", "turns": [{"speaker": "u", "text": "a"}]}, "at least two"),
        ({"dialogue_id": "d", "turns": [{"text": "a"}, {"text": "b"}]}, "turn 0"),
        ({"dialogue_id": "d", "turns": "ab"}, "list"),
        ({"question": "a", "answer": "b", "id": "c\0002"}, "id is not usable"),
        ({"question": "a", "answer": "b", "id": "c" * 1_001}, "id is not usable"),
    ],
)
def test_bad_rows_have_a_reason(row, reason):
    with pytest.raises(RowError, match=reason):
        parse(row)


@given(st.text())
def test_cleaning_is_idempotent(value):
    try:
        once = clean_text(value, "text", 10_000)
    except RowError:
        return
    assert clean_text(once, "text", 10_000) == once


@given(st.text(st.characters(max_codepoint=127)))
def test_words_of_plain_text_are_those_of_any_text(text):
    assert caseless_words(text) == caseless_words(f"{text} é")[:-1]


def test_letters_are_composed_and_nothing_else_is_changed():
    assert clean_text("cafe\u0301 \u2460 \ufb01x", "text", 99) == "caf\u00e9 \u2460 \ufb01x"
    assert clean_text("four", "text", 4) == "four"
    with pytest.raises(RowError, match="5 characters, at most 4"):
        clean_text("fives", "text", 4)


def test_an_answer_that_no_question_goes_with_is_counted():
    parser = RecordParser(DataConfig())
    assert parser.parse({"body": "A text.", "answer": "An answer."}, "f") == Text("A text.", "f")
    assert parser.removed == {"answers of texts, which no question goes with": 1}


@pytest.mark.parametrize("role", ["system", "Developer"])
def test_the_prompt_of_a_chat_is_no_turn(role):
    said = [("user", "a?"), ("assistant", "b"), ("system", "c")]
    messages = [{"role": who, "content": text} for who, text in [(role, "Be brief."), *said]]
    parser = RecordParser(DataConfig())
    chat = parser.parse({"messages": messages}, "file")
    assert isinstance(chat, Dialogue)
    assert [(turn.speaker, turn.text) for turn in chat.turns] == said
    assert parser.removed == {"system prompts of dialogues": 1}
    assert chat == parse({"messages": messages[1:]})
    for settings in (
        {"answer_speakers": [role]},
        {"answer_speakers": []},
        {"speakers": {role: "assistant"}},
    ):
        kept = RecordParser(DataConfig(**settings)).parse({"messages": messages}, "file")
        assert isinstance(kept, Dialogue)
        assert len(kept.turns) == 4


@pytest.mark.parametrize("prompt", ["", None, "long " * 9_000, "NUL \0"])
def test_a_prompt_that_is_no_turn_costs_no_chat(prompt):
    messages = [
        {"role": "system", "content": prompt},
        {"role": "user", "content": "a?"},
        {"role": "assistant", "content": "b"},
    ]
    assert parse({"messages": messages}) == parse({"messages": messages[1:]})
    with pytest.raises(RowError, match="text of turn 1"):
        parse({"messages": [messages[1], messages[0], messages[2]]})


def chat(*turns, **settings):
    """Return speakers and texts of a chat, and what was left out of it."""
    messages = [t if isinstance(t, dict) else {"role": t[0], "content": t[1]} for t in turns]
    parser = RecordParser(DataConfig(**settings))
    record = parser.parse({"messages": messages}, "file")
    assert isinstance(record, Dialogue)
    return [(turn.speaker, turn.text) for turn in record.turns], parser.removed


CALL = {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "weather"}}]}


@pytest.mark.parametrize(
    "turns",
    [
        [CALL, ("tool", '{"t": 21}')],
        [{**CALL, "content": "Let me look that up."}, ("tool", '{"t": 21}')],
        [{"role": "assistant", "content": "", "function_call": {"name": "f"}}, ("function", "21")],
        [("function_call", "{}"), ("observation", "21")],
        [("assistant", [{"type": "tool_use", "id": "t", "name": "w", "input": {}}]),
         ("user", [{"type": "tool_result", "tool_use_id": "t", "content": "21"}])],
    ],
)  # fmt: skip
def test_what_goes_to_and_from_tools_is_no_turn(turns):
    said = [("user", "Weather?"), ("assistant", "Sunny.")]
    found, removed = chat(said[0], *turns, said[1])
    assert found == said
    assert removed["turns of dialogues to and from tools"] == 2
    with pytest.raises(RowError, match="fewer than two turns are left"):
        chat(said[0], *turns)


def test_a_tool_that_is_renamed_or_answers_is_heard():
    turns = [("user", "2 + 2?"), ("tool", "4")]
    assert chat(*turns, speakers={"tool": "assistant"})[0][1] == ("assistant", "4")
    assert chat(*turns, answer_speakers=["tool"])[0] == turns
    with pytest.raises(RowError, match="text of turn 1 is missing"):
        chat(turns[0], {**CALL, "tool_calls": None})


def test_a_turn_in_parts_is_its_texts():
    picture = {"type": "image_url", "image_url": {"url": "http://localhost/cat.png"}}
    parts = [{"type": "text", "text": "What is"}, picture, {"type": "input_text", "text": "this?"}]
    found, removed = chat(("user", parts), ("assistant", ["A cat."]))
    assert found == [("user", "What is this?"), ("assistant", "A cat.")]
    assert removed == {"parts of turns that are no text": 1}
    for nothing in ([picture], [], [{"type": "text", "text": None}]):
        with pytest.raises(RowError, match="text of turn 0 is missing"):
            chat(("user", nothing), ("assistant", "A cat."))
