"""Rows nobody should trust: each is quarantined with file, line and reason, none is lost."""

import json

import pytest

from cube.data.rows import MAX_ROW_BYTES
from tests.data.helpers import ingest, pairs_of, quarantine_of

GOOD = {"question": "Fine?", "answer": "Yes."}


def read(tmp_path, *lines, name="rows.jsonl", **settings):
    """Return the corpus of these lines and a good one."""
    raw = [line if isinstance(line, bytes) else line.encode("utf-8") for line in lines]
    (tmp_path / name).write_bytes(b"\n".join([*raw, json.dumps(GOOD).encode()]) + b"\n")
    corpus = ingest(tmp_path, tmp_path / name, **settings)
    rows = corpus.manifest["rows"]
    assert rows["read"] == rows["kept"] + rows["quarantined"] + rows["duplicates_merged"]
    assert sum(corpus.manifest["reasons"].values()) == rows["quarantined"]
    assert ("Fine?", "Yes.") in pairs_of(corpus)
    return corpus


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"question": "a", "answer": "b"', "not valid JSON: Expecting ',' delimiter at column 32"),
        ("[1, 2]", "expected an object, got list"),
        ("null", "expected an object, got NoneType"),
        ('{"question": NaN, "answer": "b"}', "NaN is not JSON"),
        ('{"question": ' + "[" * 100_000, "nested too deeply"),
        ('{"question": ' + "9" * 5_000 + "}", "not valid JSON"),
        ("{}", "neither question and answer"),
        ('{"answer": "b"}', "question is missing"),
        ('{"question": "a"}', "answer is missing"),
        ('{"question": "a", "answer": null}', "answer is missing"),
        ('{"question": "a", "answer": ""}', "answer is empty"),
        ('{"question": "a", "answer": " \\u200b\\t "}', "answer is empty"),
        ('{"question": "a", "answer": 5}', "answer is int, not text"),
        ('{"question": "a", "answer": {"text": "b"}}', "answer is dict, not text"),
        ('{"question": ["a"], "answer": "b"}', "question is list, not text"),
        (b'{"question": "a", "answer": "\xff\xfe"}', "not UTF-8 at byte"),
        ("Как?".encode("cp1251"), "not UTF-8 at byte 0"),
        ('{"question": "a", "answer": "b\\u0000c"}', "a NUL byte"),
        (b'{"question": "a", "answer": "b\x00c"}', "not valid JSON"),
        ('{"question": "a", "answer": "b\\u001b[31m"}', "control characters, U+001B"),
        ('{"question": "a", "answer": "\\ud800"}', "half a surrogate pair"),
        ('{"question": "a", "answer": "b\\u202egnp.exe"}', "a direction override, U+202E"),
        (json.dumps({"question": "a", "answer": "b" * 1_000_000}), "has 1000000 characters"),
        ('{"question": "a?", "answer": "--- !!"}', "answer holds no letter and no digit"),
        ('{"question": "a?", "answer": "xxxxxxxxxxxxxxx"}', "one character repeated"),
        ('{"question": "a?", "answer": "\ufffd\ufffdber"}', "wrong encoding"),
        ('{"question": "So it is.", "answer": "so IT is"}', "are the same"),
        ('{"question": "a", "answer": "b", "source": 7}', "source must be text"),
        ('{"id": [1], "question": "a", "answer": "b"}', "id is list"),
        ('{"dialogue_id": 1, "turns": [{"speaker": "u", "text": "a"}]}', "at least two"),
        ('{"dialogue_id": 1, "turns": [{"speaker": "u", "text": "a"}, 5]}', "turn 1 needs"),
        ('{"dialogue_id": 1, "turns": [{"speaker": 1, "text": "a"}, "b"]}', "turn 0 needs"),
        ('{"dialogue_id": 1, "turns": {"a": 1}}', "turns must be a list"),
    ],
)
def test_a_bad_row_is_quarantined_with_its_line_and_reason(tmp_path, line, reason):
    corpus = read(tmp_path, "", line)
    (entry,) = quarantine_of(corpus)
    assert entry["file"] == "rows.jsonl"
    assert entry["line"] == 2
    assert reason in entry["reason"]
    assert (tmp_path / "corpora").is_dir()
    assert (corpus.folder / "quarantine.jsonl").stat().st_size < 50_000


def test_a_line_of_100_mb_is_passed_over_in_pieces(tmp_path):
    import tracemalloc

    path = tmp_path / "rows.jsonl"
    with path.open("wb") as file:
        file.write(b'{"question": "a", "answer": "')
        for _ in range(100):
            file.write(b"b" * 1_000_000)
        file.write(b'"}\n' + json.dumps(GOOD).encode())
    tracemalloc.start()
    corpus = ingest(tmp_path, path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * MAX_ROW_BYTES
    assert pairs_of(corpus) == [("Fine?", "Yes.")]
    (entry,) = quarantine_of(corpus)
    assert entry["line"] == 1
    assert "longer than" in entry["reason"]


def test_invisible_characters_are_removed_and_counted_or_quarantined(tmp_path):
    line = '{"question": "a\\u200bb\\u2066?", "answer": "می\u200cخواهم 👩\u200d🚀"}'
    corpus = read(tmp_path, line)
    assert pairs_of(corpus)[0] == ("ab?", "می\u200cخواهم 👩\u200d🚀")  # joiners carry meaning
    assert corpus.manifest["cleaned"]["invisible characters"] == 2
    strict = read(tmp_path, line, filters={"invisible_characters": "quarantine"})
    assert "U+200B" in quarantine_of(strict)[0]["reason"]


def test_right_to_left_text_is_ordinary_text(tmp_path):
    line = json.dumps({"question": "מה שלומך?", "answer": "شكرا جزيلا"})
    assert pairs_of(read(tmp_path, line))[0] == ("מה שלומך?", "شكرا جزيلا")


def test_an_id_with_other_content_is_quarantined_and_a_repetition_merged(tmp_path):
    rows = [
        {"id": 1, "question": "a", "answer": "b"},
        {"id": "1", "question": "a", "answer": "b"},
        {"id": 1, "question": "a", "answer": "other"},
        {"dialogue_id": "d", "turns": ["one", "two"]},
        {"dialogue_id": "d", "turns": ["one", "three"]},
    ]
    corpus = read(tmp_path, *map(json.dumps, rows))
    assert [(e["line"], e["reason"]) for e in quarantine_of(corpus)] == [
        (3, "id '1' stood for other content before"),
        (5, "id 'd' stood for other content before"),
    ]
    assert corpus.manifest["rows"]["duplicates_merged"] == 1


def test_one_id_in_two_files_is_no_clash(tmp_path):
    for name, answer in [("a.jsonl", "b"), ("b.jsonl", "c")]:
        row = {"id": 1, "question": "a", "answer": answer}
        (tmp_path / name).write_text(json.dumps(row))
    corpus = ingest(tmp_path, tmp_path / "a.jsonl", tmp_path / "b.jsonl")
    assert pairs_of(corpus) == [("a", "b"), ("a", "c")]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("one\ntoo,many,fields\n", [(2, "has 1 fields"), (3, "has 3 fields")]),
        ('"never closed,b\nc,d\n', [(2, "never closes")]),
        ('"a"b,c\n', [(2, "not valid CSV")]),
        ("a,\n,b\n", [(2, "answer is empty"), (3, "question is empty")]),
        ("a\x00,b\n", [(2, "a NUL byte")]),
        ("=HYPERLINK(1),b\n", []),
    ],
)
def test_ragged_and_broken_csv(tmp_path, content, expected):
    path = tmp_path / "a.csv"
    path.write_text(f"question,answer\n{content}Fine?,Yes.\n", newline="")
    corpus = ingest(tmp_path, path)
    assert ("Fine?", "Yes.") in pairs_of(corpus)
    entries = quarantine_of(corpus)
    assert [entry["line"] for entry in entries] == [line for line, _ in expected]
    for entry, (_, reason) in zip(entries, expected, strict=True):
        assert reason in entry["reason"]


def test_a_quote_that_never_closes_costs_one_line_of_many(tmp_path):
    path = tmp_path / "a.csv"
    rows = "".join(f"q{i},a{i}\n" for i in range(5_000))
    path.write_text(f'question,answer\n"open,b\n{rows}')
    corpus = ingest(tmp_path, path)
    assert corpus.manifest["rows"]["kept"] == 5_000
    assert corpus.manifest["rows"]["quarantined"] == 1


def test_half_a_surrogate_in_utf_16_costs_its_line(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeffone\ntw\ud800o\nthree\n".encode("utf-16-le", "surrogatepass"))
    corpus = ingest(tmp_path, path)
    assert corpus.texts() == ["one", "three"]
    assert "surrogate" in quarantine_of(corpus)[0]["reason"]


def test_near_duplicates_are_quarantined_where_asked_for(tmp_path):
    text = "The museum opens every day except Monday from nine in the morning until six."
    rows = [
        {"question": "When does the museum open?", "answer": text},
        {"question": "When does the museum open?", "answer": text.replace("six.", "six")},
        {"question": "when does the Museum open", "answer": text.upper()},
        {"question": "Where is the museum?", "answer": "Next to the river, behind the bridge."},
        {"question": "When does the museum open?", "answer": text},
    ]
    lines = list(map(json.dumps, rows))
    assert read(tmp_path, *lines).manifest["rows"]["quarantined"] == 0
    corpus = read(tmp_path, *lines, filters={"near_duplicates": "minhash"})
    assert [e["line"] for e in quarantine_of(corpus)] == [2, 3]
    assert quarantine_of(corpus)[0]["reason"] == "nearly repeats line 1 of 'rows.jsonl'"
    assert corpus.manifest["rows"]["duplicates_merged"] == 1


@pytest.mark.parametrize(("similarity", "refused"), [(0.8, 0), (0.7, 1)])
def test_how_near_a_near_duplicate_is_is_a_setting(tmp_path, similarity, refused):
    words = [f"word{i}" for i in range(60)]
    other = [*words[:-8], *(f"else{i}" for i in range(8))]  # shares three quarters of all shingles
    lines = [json.dumps({"text": " ".join(some)}) for some in (words, other)]
    filters = {"near_duplicates": "minhash", "near_duplicate_similarity": similarity}
    assert read(tmp_path, *lines, filters=filters).manifest["rows"]["quarantined"] == refused


def test_filters_can_be_switched_off(tmp_path):
    line = '{"question": "...", "answer": "..."}'
    assert read(tmp_path, line).manifest["rows"]["quarantined"] == 1
    off = {"junk": False, "question_equals_answer": False}
    assert read(tmp_path, line, filters=off).manifest["rows"]["quarantined"] == 0
    short = read(tmp_path, '{"question": "abc", "answer": "b"}', filters={"min_characters": 3})
    assert "shorter than 3" in quarantine_of(short)[0]["reason"]
