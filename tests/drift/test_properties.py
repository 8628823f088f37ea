import numpy as np
import pytest

from cube.drift.properties import Vocabulary, judge_properties, text_properties

PLAIN = [f"how do i reach page {'abcdefghij'[i % 10]} today" for i in range(60)]


def drifted(current: list[str], reference: list[str]) -> set[str]:
    return {j.method for j in judge_properties(current, reference, deviations=5) if j.drifted}


def test_properties_of_a_text():
    vocabulary = Vocabulary(["where is page 7", "where is it"])
    values = text_properties(["where is página 12"], vocabulary, is_reference=False)
    assert values["characters"] == [18]
    assert values["words"] == [4]
    assert values["unknown words"] == [0.5]
    assert values["letters beyond ASCII"] == pytest.approx([1 / 13])
    assert values["digits"] == pytest.approx([2 / 18])


def test_a_reference_text_does_not_know_its_own_words():
    vocabulary = Vocabulary(["where is page 7", "where is it"])
    values = text_properties(["where is it"], vocabulary, is_reference=True)
    assert values["unknown words"] == pytest.approx([1 / 3])


def test_empty_and_wordless_texts_have_properties():
    values = text_properties(["", "?!"], Vocabulary([]), is_reference=False)
    assert all(np.isfinite(column).all() for column in values.values())


def test_more_of_the_same_is_no_drift():
    assert drifted(PLAIN[:30], PLAIN[30:]) == set()


def test_a_few_digits_among_thirty_are_chance():
    some = [text + (" 12" if i < 8 else "") for i, text in enumerate(PLAIN[:30])]
    assert drifted(some, PLAIN[30:]) == set()


def test_digits_everywhere_are_drift():
    assert "texts: digits" in drifted([text + " 12" for text in PLAIN[:30]], PLAIN[30:])


def test_a_word_of_its_own_in_every_text_is_usual_where_the_reference_has_one_too():
    old = [f"where is order a{i}" for i in range(80)]
    new = [f"where is order b{i}" for i in range(80)]
    assert "texts: unknown words" not in drifted(new, old)
    assert "texts: unknown words" in drifted(new, ["where is order a1"] * 80)
