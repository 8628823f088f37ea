"""Rows with a list of answers: every answer becomes a pair, or is quarantined by itself."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cube.data.explain import explain_manifest
from cube.data.formats import parquet
from cube.errors import DataError
from tests.conftest import write_jsonl
from tests.data.helpers import ingest, pairs_of, quarantine_of

PAIRS = [("How?", "So."), ("How?", "Like this.")]
ANSWERS = [answer for _, answer in PAIRS]


def read(tmp_path, *rows, **settings):
    """Return the corpus of these rows and a plain one."""
    path = write_jsonl(tmp_path / "a.jsonl", [*rows, {"question": "Fine?", "answer": "Yes."}])
    corpus = ingest(tmp_path, path, **settings)
    counts = corpus.manifest["rows"]
    assert counts["read"] == counts["kept"] + counts["quarantined"] + counts["duplicates_merged"]
    assert pairs_of(corpus)[-1] == ("Fine?", "Yes.")
    return corpus


@pytest.mark.parametrize(
    "row",
    [
        {"query": "How?", "pos": ANSWERS, "neg": ["No."]},
        {"question": "How?", "answers": ANSWERS},
        {"query": "How?", "positives": ANSWERS},
        {"anchor": "How?", "positive": ANSWERS, "negative": ["No."]},
        {"id": "x", "question": "How?", "answers": {"text": ANSWERS, "answer_start": [1, 5]}},
        {"вопрос": "How?", "Ответы": ANSWERS},
    ],
)
@pytest.mark.parametrize("suffix", ["jsonl", "json", "parquet"])
def test_every_answer_of_a_list_becomes_a_pair(tmp_path, row, suffix):
    path = tmp_path / f"a.{suffix}"
    if suffix == "parquet":
        pq.write_table(pa.Table.from_pylist([row]), path)
    else:
        path.write_text(json.dumps([row] if suffix == "json" else row))
    corpus = ingest(tmp_path, path)
    assert pairs_of(corpus) == PAIRS
    assert corpus.texts() == ["How?", *ANSWERS]
    assert corpus.manifest["rows"] == {
        "read": 2, "kept": 2, "quarantined": 0, "duplicates_merged": 0,
    }  # fmt: skip
    assert len(set(corpus.pairs["group"].to_pylist())) == 1


def test_negatives_are_said_to_be_unread(tmp_path):
    rows = [
        {"anchor": "a", "positive": "b", "negative": "c"},
        {"query": "d", "pos": ["e"], "neg": ["f"]},
    ]
    corpus = read(tmp_path, *rows)
    assert pairs_of(corpus)[:2] == [("a", "b"), ("d", "e")]
    assert "not read: 'negative', 'neg'" in explain_manifest(corpus.manifest)


def test_an_answer_that_is_there_twice_is_merged(tmp_path):
    corpus = read(tmp_path, {"question": "How?", "answers": ["So.", " So.\n", "So."]})
    assert pairs_of(corpus)[:-1] == [("How?", "So.")]
    assert corpus.manifest["rows"]["duplicates_merged"] == 2


def test_a_bad_answer_costs_itself_only(tmp_path):
    answers = ["So.", 5, None, "", ["So."], "--", {"text": "So."}, "How?", "Like this."]
    corpus = read(tmp_path, {"q": "How?", "pos": answers})
    assert pairs_of(corpus)[:-1] == PAIRS
    assert [(entry["line"], entry["reason"], entry["row"]) for entry in quarantine_of(corpus)] == [
        (1, "answer 2 is int, not text", {"answer": 5}),
        (1, "answer 3 is missing", {"answer": None}),
        (1, "answer 4 is empty", {"answer": ""}),
        (1, "answer 5 is list, not text", {"answer": ["So."]}),
        (1, "answer holds no letter and no digit", {"answer": "--"}),
        (1, "answer 7 is dict, not text", {"answer": {"text": "So."}}),
        (1, "question and answer are the same", {"answer": "How?"}),
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"question": "a", "answers": []}, "answer is an empty list"),
        ({"question": "a", "answers": {"text": [], "answer_start": []}}, "answer is an empty list"),
        ({"question": "a", "answers": {"text": "b"}}, "answer is dict, not text"),
        ({"question": "a", "answers": None}, "answer is missing"),
        ({"question": None, "answers": ["b", "c"]}, "question is missing"),
        ({"question": "a", "answers": ["b", "c"], "source": 7}, "source must be text"),
        ({"question": "a", "answers": ["b", "c"], "id": [1]}, "id is list"),
        ({"question": "a" * 20_001, "answers": ["b"] * 5_000}, "question has 20001 characters"),
        ({"question": "a", "answers": list(map(str, range(10_001)))}, "has 10001 answers, at most"),
        ({"question": "a", "pos": ["b"] * 1_000_000}, "has 1000000 answers, at most 10000 are"),
    ],
)
def test_a_row_without_a_usable_list_or_question_is_quarantined_once(tmp_path, row, reason):
    corpus = read(tmp_path, row)
    (entry,) = quarantine_of(corpus)
    assert (entry["file"], entry["line"]) == ("a.jsonl", 1)
    assert reason in entry["reason"]


def test_bad_answers_do_not_repeat_their_question_in_the_quarantine(tmp_path):
    corpus = read(tmp_path, {"question": "a" * 2_000, "answers": [5] * 2_000})
    assert len(quarantine_of(corpus)) == 2_000
    assert (corpus.folder / "quarantine.jsonl").stat().st_size < 500_000


def test_a_long_list_goes_through_in_batches(tmp_path, monkeypatch):
    from cube.data import builder

    monkeypatch.setattr(builder, "_BATCH_RECORDS", 100)
    sizes = []
    admit = builder.Admission.admit

    def counted(self, candidates, files):
        sizes.append(len(candidates))
        return admit(self, candidates, files)

    monkeypatch.setattr(builder.Admission, "admit", counted)
    answers = [f"answer {i}" for i in range(10_000)]
    corpus = read(tmp_path, {"question": "a", "answers": answers})
    assert pairs_of(corpus)[:-1] == [("a", answer) for answer in answers]
    assert max(sizes) == 100


def test_a_question_is_worked_on_once_for_all_its_answers(tmp_path, monkeypatch):
    from cube.data import splits

    seen = []
    words = splits.caseless_words
    monkeypatch.setattr(splits, "caseless_words", lambda text: seen.append(text) or words(text))
    read(tmp_path, {"question": "a? " * 5_000, "answers": [f"b{i}" for i in range(2_000)]})
    assert sum(text.startswith("a?") for text in seen) == 1
    assert len(seen) == len(set(seen)) > 2_000  # every answer once as well


def test_ids_tell_the_answers_of_a_list_apart(tmp_path):
    rows = [
        {"id": 1, "question": "a", "answers": ["b", "c"]},
        {"id": 1, "question": "a", "answers": ["b", "c"]},
        {"id": 1, "question": "a", "answer": "b"},
        {"id": 1, "question": "a", "answers": ["b", "other"]},
        {"id": 1, "question": "a", "answer": "other"},
        *({"id": f"1{mark}2", "question": "d", "answer": "e"} for mark in "#-/. "),
    ]
    corpus = read(tmp_path, *rows)
    assert pairs_of(corpus)[:-1] == [("a", "b"), ("a", "c"), ("d", "e")]
    assert [(entry["line"], entry["reason"]) for entry in quarantine_of(corpus)] == [
        (4, "id '1, answer 2' stood for other content before"),
        (5, "id '1' stood for other content before"),
    ]
    assert corpus.manifest["rows"] == {
        "read": 14, "kept": 4, "quarantined": 2, "duplicates_merged": 8,
    }  # fmt: skip


def test_a_list_in_a_column_of_any_name_is_mapped(tmp_path):
    row = {"question": "no", "answers": ["no"], "Frage": "How?", "gut": ANSWERS}
    corpus = read(tmp_path, row, columns={"question": "Frage", "answer": "gut"})
    assert pairs_of(corpus)[:-1] == PAIRS
    row = {"question": "How?", "text": "an article", "answers": ANSWERS}
    corpus = read(tmp_path, row, columns={"answer": "answers"})
    assert pairs_of(corpus)[:-1] == PAIRS


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ({"question": "a", "answer": "b", "answers": ["c"], "pos": "NOUN"}, "pairs"),
        ({"text": "a", "pos": "NOUN"}, "texts"),
        ({"question": "a", "text": "an article", "answers": ["b"]}, "texts"),
        ({"dialogue_id": 1, "utterance": "a", "turns": ["a", "b"], "pos": "NOUN"}, "dialogues"),
    ],
)
def test_rows_that_are_usable_without_a_list_are_what_they_were(tmp_path, row, kind):
    corpus = read(tmp_path, row)
    assert corpus.manifest["records"][kind] == 1 + (kind == "pairs")
    assert "c" not in corpus.texts()
    assert not {"answers", "pos"} & set(corpus.manifest["columns"]["a.jsonl"].values())


def test_turns_one_a_row_may_have_parts_of_speech(tmp_path):
    (tmp_path / "a.csv").write_text(
        "dialogue_id,speaker,utterance,pos\n1,user,one,NUM\n1,assistant,two,NUM\n"
    )
    assert pairs_of(ingest(tmp_path, tmp_path / "a.csv")) == [("one", "two")]


@pytest.mark.parametrize("rows", [1, 2_000])
def test_a_parquet_file_that_claims_absurd_lists(tmp_path, rows):
    path = tmp_path / "a.parquet"
    count = 2_000_000
    same = pa.DictionaryArray.from_arrays(pa.array([0], pa.int8()).take([0] * count), ["same"])
    ends = pa.array([0] * rows + [count], pa.int32())
    lists = pa.ListArray.from_arrays(ends, same)
    pq.write_table(pa.table({"query": ["a"] * rows, "neg": lists}), path)
    with pytest.raises(DataError, match="answer is missing"):  # what is not read is not judged
        ingest(tmp_path, path)
    pq.write_table(pa.table({"query": ["a"] * rows, "pos": lists}), path)
    assert path.stat().st_size < 10_000
    with pytest.raises(DataError, match=r"values in lists in .* bytes: a decompression bomb"):
        ingest(tmp_path, path)


def test_a_parquet_file_with_many_short_lists_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "_FREE_LISTED", 0)
    lists = [[f"answer {i} {j}" for j in range(5)] for i in range(2_000)]
    table = pa.table({"query": [f"question {i}" for i in range(2_000)], "pos": lists})
    pq.write_table(table, tmp_path / "a.parquet")
    assert len(ingest(tmp_path, tmp_path / "a.parquet").answers) == 10_000


def test_of_a_preference_the_chosen_answer_is_read(tmp_path):
    row = {"prompt": "How?", "chosen": "So.", "rejected": "Never."}
    write_jsonl(tmp_path / "a.jsonl", [row, {"question": "Why?", "answer": "No.", "chosen": True}])
    corpus = ingest(tmp_path, tmp_path / "a.jsonl")
    assert pairs_of(corpus) == [("How?", "So."), ("Why?", "No.")]
    assert corpus.manifest["unread_columns"] == {"a.jsonl": ["rejected", "chosen"]}


def turns(*texts: str) -> list[dict[str, str]]:
    """Return what a user and an assistant say in turn."""
    return [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(texts)]


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": turns("How?"), "chosen": turns("How?", "So.")[1:]},
        {"prompt": turns("How?"), "completion": turns("How?", "So.")[1:]},
        {"prompt": "How?", "chosen": turns("How?", "So.")[1:]},
        {"prompt": "How?", "chosen": turns("How?", "So.")},
        {"chosen": turns("How?", "So.")},
    ],
)
@pytest.mark.parametrize("suffix", ["jsonl", "json", "parquet"])
def test_a_preference_of_turns_is_read_as_the_chosen_dialogue(tmp_path, row, suffix):
    row["rejected"] = [{"role": "assistant", "content": "Never."}]
    path = tmp_path / f"a.{suffix}"
    if suffix == "parquet":
        pq.write_table(pa.Table.from_pylist([row]), path)
    else:
        path.write_text(json.dumps(row))
    corpus = ingest(tmp_path, path)
    assert pairs_of(corpus) == [("How?", "So.")]
    assert corpus.manifest["records"]["dialogues"] == 1


def test_the_turns_of_a_preference_follow_a_prompt_of_several(tmp_path):
    said = turns("How?", "With what?", "A key.", "So.")
    system = {"role": "system", "content": "Be kind."}
    write_jsonl(tmp_path / "a.jsonl", [{"prompt": [system, *said[:3]], "chosen": said[3:]}])
    corpus = ingest(tmp_path, tmp_path / "a.jsonl", context="last")
    assert pairs_of(corpus) == [("How?", "With what?"), ("A key.", "So.")]
