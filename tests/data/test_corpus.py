"""A corpus: nothing lost, nothing twice, the same digest for the same input."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from cube.config import DataConfig, SplitConfig
from cube.data.corpus import build_corpus
from cube.data.splits import Split, slice_pairs
from cube.errors import DataError
from tests.conftest import write_jsonl

PAIRS = [
    {"question": "How do I reset it?", "answer": "Press reset.", "source": "a"},
    {"question": "reset how do i it", "answer": "Hold the button.", "source": "a"},
    {"question": "Is it free?", "answer": "Yes.", "source": "b"},
]
DIALOGUE = {
    "dialogue_id": "d1",
    "turns": [
        {"speaker": "user", "text": "one"},
        {"speaker": "assistant", "text": "two"},
        {"speaker": "user", "text": "three"},
        {"speaker": "assistant", "text": "four"},
    ],
}


def build(tmp_path, rows, **settings):
    path = write_jsonl(tmp_path / "rows.jsonl", rows)
    return build_corpus(DataConfig(sources=[str(path)], **settings), tmp_path / "corpora")


def test_rows_in_are_rows_kept_quarantined_and_merged(tmp_path):
    path = tmp_path / "rows.jsonl"
    lines = [json.dumps(row) for row in [*PAIRS, DIALOGUE, PAIRS[0]]]
    lines += ["{broken", "", '{"question": "a", "answer": ""}', '{"text": "bare"}', "[1]", "NaN"]
    path.write_bytes(b"\xef\xbb\xbf" + "\n".join(lines).encode() + b"\n\xff\xfe\n")
    corpus = build_corpus(DataConfig(sources=[str(path)]), tmp_path / "corpora")
    rows = corpus.manifest["rows"]
    assert rows == {"read": 11, "kept": 5, "quarantined": 5, "duplicates_merged": 1}
    entries = (corpus.folder / "quarantine.jsonl").read_text().splitlines()
    assert [json.loads(entry)["line"] for entry in entries] == [6, 8, 10, 11, 12]
    assert all(json.loads(entry)["reason"] for entry in entries)


def test_rows_point_at_their_texts(tmp_path):
    corpus = build(tmp_path, [*PAIRS, DIALOGUE], context_turns=2)
    texts = corpus.texts()
    pairs = corpus.pairs.to_pylist()
    assert [(texts[p["question"]], texts[p["answer"]]) for p in pairs[:3]] == [
        (row["question"], row["answer"]) for row in PAIRS
    ]
    assert [(texts[p["question"]], texts[p["answer"]], p["turn"]) for p in pairs[3:]] == [
        ("one", "two", 1),
        ("two\nthree", "four", 3),
    ]
    assert [[texts[row] for row in p["context"]] for p in pairs[3:]] == [["one"], ["two", "three"]]
    assert corpus.is_dialogue.tolist() == [False, False, False, True, True]
    assert corpus.num_texts == len(texts) == len(set(zip(*_text_keys(corpus), strict=True)))


def _text_keys(corpus):
    rows = [row for batch in corpus.iter_texts(2) for row in batch.to_pylist()]
    return [row["text_id"] for row in rows], [row["kind"] for row in rows]


def test_near_identical_questions_join_their_answers(tmp_path):
    group = build(tmp_path, PAIRS).pairs["group"].to_pylist()
    assert group[0] == group[1] != group[2]


def test_same_input_same_digest_and_no_second_build(tmp_path):
    first = build(tmp_path, PAIRS)
    stamp = (first.folder / "texts.parquet").stat().st_mtime_ns
    again = build(tmp_path, PAIRS)
    assert again.folder == first.folder
    assert (again.folder / "texts.parquet").stat().st_mtime_ns == stamp
    assert build(tmp_path, PAIRS, context_turns=1).digest != first.digest
    assert build(tmp_path, PAIRS[:2]).digest != first.digest


def test_groups_do_not_depend_on_the_order_of_rows(tmp_path):
    def group_of_text(rows):
        corpus = build(tmp_path, rows)
        texts = corpus.texts()
        pairs = corpus.pairs.to_pylist()
        return {(texts[p["question"]], texts[p["answer"]]): p["group"] for p in pairs}

    assert group_of_text(PAIRS) == group_of_text(PAIRS[::-1])


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "No rows"), (b"{}\n{}\n", "No usable row.*neither.*2 of 2")],
)
def test_a_file_without_a_usable_row_is_an_error(tmp_path, content, words):
    path = tmp_path / "x.jsonl"
    path.write_bytes(content)
    with pytest.raises(DataError, match=words):
        build_corpus(DataConfig(sources=[str(path)]), tmp_path / "corpora")
    assert not list((tmp_path / "corpora").iterdir())


def test_missing_and_odd_sources_are_errors(tmp_path):
    (tmp_path / "x.docx").write_text("x")
    (tmp_path / "empty").mkdir()
    for source, words in [
        ("no.jsonl", "No such"),
        ("x.docx", "unknown format"),
        ("empty", "No data file"),
    ]:
        with pytest.raises(DataError, match=words):
            build_corpus(DataConfig(sources=[str(tmp_path / source)]), tmp_path / "corpora")


def test_answers_of_the_same_words_are_one_answer_to_the_splits(tmp_path):
    spellings = (
        "Press button {}, then wait.",
        "press button {} then wait",
        "Then wait, press button {}!",
    )
    rows = [
        {"question": f"question {i}, wording {'abc'[j]}", "answer": spelling.format(i)}
        for i in range(80)
        for j, spelling in enumerate(spellings)
    ]
    path = write_jsonl(tmp_path / "faq.jsonl", rows)
    corpus = build_corpus(DataConfig(sources=[str(path)]), tmp_path / "corpora")
    assert len(np.unique(corpus.answers)) == 240
    assert corpus.manifest["groups"] == 80
    number = np.repeat(np.arange(80), 3)
    no_dialogue = np.zeros(240, bool)
    for seed in range(5):
        splits = corpus.splits(SplitConfig(seed=seed))
        trained = number[splits == Split.TRAIN]
        slices = slice_pairs(corpus.answer_wordings, no_dialogue, splits, most=240)
        assert len(slices["new_wordings"]) and len(slices["unseen_answers"])
        assert np.isin(number[slices["new_wordings"]], trained).all()
        assert not np.isin(number[slices["unseen_answers"]], trained).any()


def test_a_corpus_of_an_older_format_knows_an_answer_by_its_row(tmp_path):
    corpus = build(tmp_path, PAIRS)
    file = corpus.folder / "pairs.parquet"
    pq.write_table(pq.read_table(file).drop_columns("answer_wording"), file)
    assert corpus.answer_wordings.tolist() == corpus.answers.tolist()


def test_the_shipped_data_keeps_its_promises(tmp_path):
    config = DataConfig()
    corpus = build_corpus(config, tmp_path)
    assert corpus.manifest["rows"]["quarantined"] == 0
    assert corpus.manifest["rows"]["duplicates_merged"] == 0
    assert corpus.manifest["records"]["pairs"] >= 800
    assert corpus.manifest["records"]["dialogues"] >= 80
    faq = ~corpus.is_dialogue
    assert len(np.unique(corpus.answers[faq])) >= 250
    splits = corpus.splits(SplitConfig())
    trained = set(corpus.questions[splits == Split.TRAIN].tolist())
    assert trained.isdisjoint(corpus.questions[splits != Split.TRAIN].tolist())
    recent = build_corpus(config, tmp_path, ["cube:demo/next_week.jsonl"])
    shared = set(recent.texts()) & set(corpus.texts())
    assert not shared
