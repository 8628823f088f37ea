"""Public sets: sources are read as their formats say; parts share no answer and no question."""

import itertools

from benchmarks.public_sets import divide, examples, glossary, packages


def test_a_synopsis_is_answered_by_its_description():
    long = "It keeps notes in order and finds them again, on one machine or many of them."
    text = f"Package: a\nDescription-en: keeps notes\n {long}\n .\n Second part.\n\n"
    text += "Package: b\nDescription-en: too short\n Nothing much.\n"
    assert packages(text) == [("keeps notes", f"{long} Second part.")]


def test_a_term_is_taken_out_of_its_own_entry():
    about = b"00-database-info\n   Written for a test.\n"
    entry = (
        b"latch\n\n   <hardware> A Latch keeps one bit until it is told otherwise; two latches\n"
    )
    entry += b"   keep two of them.\n"
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    size = digits[len(entry) // 64] + digits[len(entry) % 64]
    index = f"00-database-info\tA\t{digits[len(about)]}\nlatch\t{digits[len(about)]}\t{size}\n"
    [(question, answer)] = glossary(index, about + entry)
    assert question == "What is latch?"
    assert answer.startswith("A it keeps one bit until")
    assert "latch" not in answer.lower()


def test_sentences_are_answered_by_synonyms_and_gloss():
    lines = "  1 the licence\n"
    lines += "00001 04 v 02 put_off 0 delay(p) 0 000 | do it later; "
    lines += '"she put off the visit"; "wait"; "they delay what is due"\n'
    assert examples(lines) == [
        ("she put off the visit", "put off, delay: do it later"),
        ("they delay what is due", "put off, delay: do it later"),
    ]


def test_parts_share_neither_answers_nor_questions():
    pairs = [(f"Question {i % 80}", f"answer {i // 2}") for i in range(200)]
    parts = divide(pairs)
    assert {name: bool(rows) for name, rows in parts.items()} == dict.fromkeys(parts, True)
    for one, other in itertools.combinations(parts.values(), 2):
        for column in (0, 1):
            assert not {row[column] for row in one} & {row[column] for row in other}
