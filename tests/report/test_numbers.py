import math

import pytest

from cube.report import numbers

THIN = "\N{NARROW NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"


@pytest.mark.parametrize("write", [numbers.fixed, numbers.signed, numbers.percent, numbers.count,
                                   numbers.compact, numbers.duration])  # fmt: skip
@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_what_is_missing_is_said_to_be_missing(write, value) -> None:
    assert write(value) == "not measured"
    assert numbers.with_unit(write(value), "GB") == "not measured"


def test_signs() -> None:
    assert numbers.signed(0.0794) == "+0.079"
    assert numbers.signed(-0.0261) == f"{MINUS}0.026"
    assert numbers.signed(-0.0001) == numbers.signed(0.0001) == numbers.fixed(-0.0001) == "0.000"


def test_compact_numbers_have_no_exponent() -> None:
    assert numbers.compact(0.0029265) == "0.00293"
    assert numbers.compact(1.4513) == "1.45"
    assert numbers.compact(0) == numbers.compact(0.0) == "0"
    assert numbers.compact(62592) == f"62{THIN}592"
    assert numbers.compact(-1234.5) == f"{MINUS}1{THIN}234"
    assert "e" not in numbers.compact(1e-20)


def test_sentences_have_their_numbers_written_like_tables() -> None:
    told = "2,312 questions (-0.066, interval -0.090 to +0.041), 61% of 1,602,000."
    assert numbers.typeset(told) == (
        f"2{THIN}312 questions ({MINUS}0.066, interval {MINUS}0.090 to +0.041), "
        f"61{THIN}% of 1{THIN}602{THIN}000."
    )
    assert numbers.typeset("(-0.000 to +0.000)") == "(0.000 to 0.000)"
    names = "1-of-100 of faq-2, run 0a-1, x=1,2 and 3,4567, --3"
    assert numbers.typeset(names) == names


def test_long_texts_keep_their_end_the_turn_to_answer() -> None:
    turns = "\n".join(["It is about my phone."] * 20 + ["How do I print from it?"])
    short = numbers.shorten(turns, 60)
    assert short == "It is about my phone.\nIt is … How do I print from it?"
    assert numbers.shorten(short, 60) == short
    assert len(numbers.shorten("x" * 400, 60)) == 63  # one word


def test_durations_and_days() -> None:
    assert numbers.duration(11.02) == f"11.0{THIN}s"
    assert numbers.duration(83) == f"1{THIN}min 23{THIN}s"
    assert numbers.duration(7260) == f"2{THIN}h 1{THIN}min"
    assert numbers.day("2026-11-22T16:31:51+00:00") == "22 November 2026, 16:31 UTC"
    assert numbers.day("yesterday") == "yesterday"
