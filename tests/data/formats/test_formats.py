"""The same pairs come out of every format people have."""

import gzip
import io
import json
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cube.data.explain import explain_manifest
from cube.data.sources import SourceFile, told_apart
from cube.errors import DataError
from tests.conftest import write_jsonl
from tests.data.helpers import ingest, pairs_of, quarantine_of, run_command

PAIRS = [
    ("How do I reset it?", "Press reset, then wait."),
    ('What does "full" mean?', "Two things: a; b"),
    ("Как сбросить пароль?", "Нажмите «Сбросить»."),
]
ROWS = [{"question": q, "answer": a} for q, a in PAIRS]
JSONL = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)


def csv_of(delimiter: str, header=("question", "answer")) -> str:
    def quoted(text):
        return '"' + text.replace('"', '""') + '"'

    lines = [delimiter.join(header), *(delimiter.join(map(quoted, pair)) for pair in PAIRS)]
    return "\r\n".join(lines) + "\r\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", JSONL),
        ("a.NDJSON", JSONL.replace("\n", "\r\n\r\n")),
        ("a.json", json.dumps(ROWS, ensure_ascii=False, indent=2)),
        ("a.jsonl", json.dumps(ROWS, ensure_ascii=False)),
        ("a.jsonl", "[\n" + JSONL.replace("}\n{", "},\n{") + "]\n"),
        ("a.jsonl", "\n".join(json.dumps(row, indent=1) for row in ROWS)),
        ("a.jsonl", JSONL.replace("}\n", "},\r\n")),
        ("a.json", json.dumps({"version": 1, "data": ROWS})),
        ("a.json", json.dumps({"conversations": [{**row, "author": "x"} for row in ROWS]})),
        ("a.json", json.dumps({"source": "shop", "train": ROWS[:2], "test": ROWS[2:]})),
        ("a.json", json.dumps({"request": {"page": 1}, "data": ROWS})),
        ("a.json", json.dumps({name: [row[name] for row in ROWS] for name in ROWS[0]})),
        ("a.json", json.dumps({"question": dict(enumerate(q for q, _ in PAIRS)),
                               "answer": {str(i): PAIRS[i][1] for i in (2, 0, 1)}})),
        ("a.json", json.dumps({name: {str(i): row[name] for i, row in enumerate(ROWS)}
                               for name in ROWS[0]})),
        ("a.json", json.dumps({"version": "1.1", "data": [
            {"title": "A", "paragraphs": [{"context": "c", "qas": [
                {"question": q, "answers": [{"text": a, "answer_start": 0}]} for q, a in PAIRS]}]},
        ]})),
        ("a.json", JSONL),
        ("a.csv", csv_of(",")),
        ("a.csv", csv_of(";")),
        ("a.csv", csv_of("|", ("Query", "Response"))),
        ("a.csv", "sep=;\r\n" + csv_of(";")),
        ("a.csv", '"sep=~"\n' + csv_of("~")),
        ("a.csv", csv_of(",").replace("\r\n", "\r")),
        ("a.jsonl", JSONL.replace("\n", "\r")),
        ("a.tsv", csv_of("\t")),
        ("a.csv", "\n" + csv_of("\t", ("Question Text", "ANSWER_TEXT"))),
        ("a.txt", "".join(f"Q: {q}\nA: {a}\n\n" for q, a in PAIRS)),
        ("a.txt", "".join(f"question: {q}\nanswer: {a}\n" for q, a in PAIRS)),
        ("a.txt", "".join(f"Q{i}: {q}\nA{i}: {a}\n" for i, (q, a) in enumerate(PAIRS))),
    ],
)  # fmt: skip
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_text_formats_in_every_encoding_that_says_what_it_is(tmp_path, name, content, encoding):
    path = tmp_path / name
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    path.write_bytes(mark + content.encode(encoding))
    corpus = ingest(tmp_path, path)
    assert pairs_of(corpus) == PAIRS
    assert corpus.manifest["rows"]["quarantined"] == 0


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_compressed_files(tmp_path, suffix):
    path = tmp_path / f"a.jsonl{suffix}"
    codec = {".gz": "gzip", ".zst": "zstd"}[suffix]
    with pa.CompressedOutputStream(str(path), codec) as stream:
        stream.write(JSONL.encode())
    with path.open("ab") as file:  # two members one after another are one file
        file.write(_compressed(json.dumps({"question": "Another?", "answer": "Yes."}), suffix))
    assert pairs_of(ingest(tmp_path, path)) == [*PAIRS, ("Another?", "Yes.")]


def _compressed(text: str, suffix: str) -> bytes:
    if suffix == ".gz":
        return gzip.compress(text.encode())
    packed = pa.compress(text.encode(), codec="zstd", asbytes=True)
    assert isinstance(packed, bytes)
    return packed


def test_quoted_line_feeds_stay_in_their_field(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('question,answer\n"one\ntwo, three",four\nfive,six\n')
    corpus = ingest(tmp_path, path)
    assert pairs_of(corpus) == [("one two, three", "four"), ("five", "six")]


def test_empty_columns_of_a_spreadsheet_have_no_name(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("Question;Answer;;\r\nOne?;two;;\r\nThree?;four;;note\r\n", newline="")
    corpus = ingest(tmp_path, path)
    assert pairs_of(corpus) == [("One?", "two"), ("Three?", "four")]
    assert corpus.manifest["unread_columns"] == {"a.csv": [""]}
    path.write_text("question,answer,answer\nOne?,two,three\n")
    with pytest.raises(DataError, match="names 'answer' twice"):
        ingest(tmp_path, path)


def test_cells_are_texts_unless_they_are_empty(tmp_path):
    answers = ["42", "true", "N/A", "nan", "NULL", "None", "", " "]
    rows = "".join(f"{i}?,{answer}\n" for i, answer in enumerate(answers))
    (tmp_path / "a.csv").write_text(f"question,answer\n{rows}")
    corpus = ingest(tmp_path, tmp_path / "a.csv")
    assert [answer for _, answer in pairs_of(corpus)] == answers[:-2]
    assert [row["line"] for row in quarantine_of(corpus)] == [8, 9]


def test_two_columns_of_one_name_are_refused_where_they_are_read(tmp_path):
    cells = [pa.array([text]) for text in ("One?", "two", "three")]
    path = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_arrays(cells, ["question", "answer", "answer"]), path)
    with pytest.raises(DataError, match=r"a\.parquet names 'answer' twice"):
        ingest(tmp_path, path)
    pq.write_table(pa.Table.from_arrays([*cells, cells[0]], ["question", "answer", "x", "x"]), path)
    assert pairs_of(ingest(tmp_path, path)) == [("One?", "two")]
    (tmp_path / "a.csv").write_text("question,x,answer,x\nOne?,,two,three\n")
    assert pairs_of(ingest(tmp_path, tmp_path / "a.csv")) == [("One?", "two")]


def test_the_delimiter_is_found_by_mapped_columns_too(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("Frage;Antwort, kurz\nEins?;zwei\n")
    columns = {"question": "Frage", "answer": "Antwort, kurz"}
    assert pairs_of(ingest(tmp_path, path, columns=columns)) == [("Eins?", "zwei")]


def test_a_named_encoding_is_used_and_none_is_guessed(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("question;answer\nКак?;Так.\nHow?;So.\n".encode("cp1251"))
    assert pairs_of(ingest(tmp_path, path, encoding="cp1251")) == [
        ("Как?", "Так."),
        ("How?", "So."),
    ]
    guessed = ingest(tmp_path, path)
    assert pairs_of(guessed) == [("How?", "So.")]
    assert "data.encoding" in quarantine_of(guessed)[0]["reason"]


def test_parquet_and_saved_datasets(tmp_path):
    table = pa.table({"prompt": [p[0] for p in PAIRS], "completion": [p[1] for p in PAIRS],
                      "unused": [1, 2, 3]})  # fmt: skip
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=2)
    assert pairs_of(ingest(tmp_path, tmp_path / "a.parquet")) == PAIRS

    folder = tmp_path / "saved"
    for split in ("train", "test"):
        (folder / split).mkdir(parents=True)
        with pa.ipc.new_stream(str(folder / split / "data-0.arrow"), table.schema) as writer:
            writer.write_table(table if split == "train" else table.slice(0, 1))
        state = {"_data_files": [{"filename": "data-0.arrow"}]}
        (folder / split / "state.json").write_text(json.dumps(state))
    (folder / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    corpus = ingest(tmp_path, folder)
    assert sorted(pairs_of(corpus)) == sorted(PAIRS)
    assert corpus.manifest["rows"]["duplicates_merged"] == 1
    assert pairs_of(ingest(tmp_path, folder / "train")) == PAIRS
    for pattern, splits in (
        ("sav*", ["saved/test", "saved/train"]),
        ("saved/t*", ["test", "train"]),
    ):
        found = ingest(tmp_path, tmp_path / pattern).manifest
        assert [source["file"] for source in found["sources"]] == splits
    everything = ingest(tmp_path, tmp_path / "**").manifest
    assert [s["file"] for s in everything["sources"]] == ["a.parquet", "saved/test", "saved/train"]
    assert everything["rows"]["quarantined"] == 0
    (tmp_path / "more.json").write_text(json.dumps([{"text": "more"}]))
    found = ingest(tmp_path, tmp_path / "**/*.json*").manifest
    assert [source["file"] for source in found["sources"]] == ["more.json"]
    assert {"dataset_dict.json", "state.json"} <= {entry["file"] for entry in found["skipped"]}
    with pytest.raises(DataError, match=r"matches .*/train/\*\. .* where its folder is named"):
        ingest(tmp_path, folder / "train/*")


def test_a_saved_dataset_cannot_name_files_outside(tmp_path):
    folder = tmp_path / "saved"
    folder.mkdir()
    (folder / "state.json").write_text('{"_data_files": [{"filename": "../../etc/passwd"}]}')
    with pytest.raises(DataError, match="outside"):
        ingest(tmp_path, folder)


def test_a_missing_part_of_a_saved_dataset_is_named(tmp_path):
    folder = tmp_path / "saved"
    folder.mkdir()
    (folder / "state.json").write_text('{"_data_files": [{"filename": "data-1.arrow"}]}')
    with pytest.raises(DataError, match=r"saved/data-1\.arrow: No such file"):
        ingest(tmp_path, folder)


def test_an_error_of_a_json_document_has_one_line_number(tmp_path):
    (tmp_path / "a.json").write_text('[{"question": "a?", "answer": "b"},\n]')
    with pytest.raises(DataError, match=r"from line 2 on: Expecting value\.$"):
        ingest(tmp_path, tmp_path / "a.json")


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}]},
        {"id": 5, "conversations": [{"from": "human", "value": "one"},
                                    {"from": "gpt", "value": "two"}]},
        {"dialog": ["one", "two"]},
    ],
)  # fmt: skip
@pytest.mark.parametrize("suffix", ["jsonl", "json"])
def test_chat_layouts(tmp_path, row, suffix):
    (tmp_path / f"a.{suffix}").write_text(json.dumps(row))
    assert pairs_of(ingest(tmp_path, tmp_path / f"a.{suffix}")) == [("one", "two")]


@pytest.mark.parametrize("between", ["\n", ",\r\n", " \n\n"])
def test_a_line_may_be_the_turns_of_a_chat_alone(tmp_path, between):
    said = [("one", "two"), ("three", "four")]
    chats = [[{"role": "user", "content": a}, {"role": "assistant", "content": b}] for a, b in said]
    (tmp_path / "a.jsonl").write_text(between.join(map(json.dumps, [*chats, [], [3]])))
    corpus = ingest(tmp_path, tmp_path / "a.jsonl")
    assert pairs_of(corpus) == said
    assert [row["reason"] for row in quarantine_of(corpus)] == ["expected an object, got list"] * 2


@pytest.mark.parametrize(
    "broken",
    [
        {"data": [{"paragraphs": [{"context": "c"}]}, {"paragraphs": "x"}, {"paragraphs": []}]},
        {"question": ["a?", "b?", "c?"], "answer": ["d"]},
        {"version": 2, "rows": [], "train": [1, 2]},
    ],
)
def test_what_an_object_holds_is_quarantined_where_it_is_no_row(tmp_path, broken):
    (tmp_path / "a.json").write_text(json.dumps(broken))
    (tmp_path / "b.jsonl").write_text(JSONL)
    corpus = ingest(tmp_path, tmp_path / "a.json", tmp_path / "b.jsonl")
    assert pairs_of(corpus) == PAIRS
    assert corpus.manifest["rows"]["quarantined"] == len(broken.get("data", [broken]))


def test_turns_one_a_row_become_dialogues(tmp_path):
    (tmp_path / "a.csv").write_text(
        "dialogue_id,speaker,utterance\n1,user,one\n1,assistant,two\n2,user,three\n2,assistant,four\n"
    )
    corpus = ingest(tmp_path, tmp_path / "a.csv")
    assert pairs_of(corpus) == [("one", "two"), ("three", "four")]
    assert corpus.manifest["rows"] == {
        "read": 4, "kept": 4, "quarantined": 0, "duplicates_merged": 0,
    }  # fmt: skip


def test_columns_with_unusual_names_are_mapped(tmp_path):
    (tmp_path / "a.csv").write_text("Frage,Antwort,question\neins,zwei,no\n")
    corpus = ingest(
        tmp_path, tmp_path / "a.csv", columns={"question": "Frage", "answer": "Antwort"}
    )
    assert pairs_of(corpus) == [("eins", "zwei")]
    with pytest.raises(DataError, match=r"no column that is known: 'Frage'.*data\.columns"):
        (tmp_path / "b.csv").write_text("Frage,Antwort\neins,zwei\n")
        ingest(tmp_path, tmp_path / "b.csv")


def test_lines_are_texts(tmp_path):
    (tmp_path / "a.txt").write_text("one\n\ntwo\n")
    corpus = ingest(tmp_path, tmp_path / "a.txt")
    assert corpus.texts() == ["one", "two"]
    assert corpus.manifest["records"]["texts"] == 2


def test_blocks_that_are_not_whole_are_quarantined(tmp_path):
    (tmp_path / "a.txt").write_text("Q: one\nA: two\nmore\nQ: lost\nQ: a\nA: b\nA: c\n")
    corpus = ingest(tmp_path, tmp_path / "a.txt")
    assert pairs_of(corpus) == [("one", "two more")]
    assert [(e["line"], e["reason"]) for e in quarantine_of(corpus)] == [
        (4, "answer is missing"),
        (5, "has two answers: begin every question with Q:"),
    ]


def test_a_title_above_blocks_is_quarantined(tmp_path):
    (tmp_path / "a.txt").write_text("\nOur FAQ\n=======\n\nQ: one\nA: two\n\nQ: three\nA: four\n")
    corpus = ingest(tmp_path, tmp_path / "a.txt")
    assert pairs_of(corpus) == [("one", "two"), ("three", "four")]
    (entry,) = quarantine_of(corpus)
    assert (entry["line"], entry["row"]) == (2, {"text": "Our FAQ\n======="})
    (tmp_path / "a.txt").write_text("A note.\nQ: is a letter.\nSo is R.\n")
    assert len(ingest(tmp_path, tmp_path / "a.txt").texts()) == 3


def test_a_mark_without_a_colon_is_read_in_little_time(tmp_path):
    (tmp_path / "a.txt").write_text("a" + " " * 100_000 + "x\n")
    started = time.process_time()
    assert len(ingest(tmp_path, tmp_path / "a.txt", max_characters=200_000).texts()) == 1
    assert time.process_time() - started < 5


def test_folders_globs_and_odd_names(tmp_path):
    folder = tmp_path / "мои данные [1]"
    (folder / "sub" / "looks like.jsonl").mkdir(parents=True)
    for name, text in [("a.jsonl", "a"), ("sub/b c.csv", "b"), ("sub/looks like.jsonl/c.txt", "c")]:
        content = {"jsonl": json.dumps({"text": text}), "csv": f"text\n{text}\n", "txt": text}
        (folder / name).write_text(content[name.rsplit(".", 1)[-1]])
    (folder / "README.md").write_text("not data")
    corpus = ingest(tmp_path, folder)
    assert sorted(corpus.texts()) == ["a", "b", "c"]
    assert corpus.manifest["skipped"] == [{"file": "README.md", "reason": "unknown format '.md'"}]
    assert [s["file"] for s in corpus.manifest["sources"]] == [
        "a.jsonl", "sub/b c.csv", "sub/looks like.jsonl/c.txt",
    ]  # fmt: skip
    assert ingest(tmp_path, tmp_path / "*" / "a.json*").texts() == ["a"]
    with pytest.raises(DataError, match="No file matches"):
        ingest(tmp_path, tmp_path / "*.nothing")


def test_what_cannot_be_read_as_the_format_that_is_named_is_passed_over(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    pq.write_table(pa.table({"text": ["a"]}), folder / "a.table")
    (folder / "b.jsonl.gz").write_bytes(b"")
    corpus = ingest(tmp_path, folder, format="parquet")
    assert corpus.texts() == ["a"]
    (skipped,) = corpus.manifest["skipped"]
    assert skipped["file"] == "b.jsonl.gz"
    assert "compressed" in skipped["reason"]


def test_files_of_one_name_are_told_apart_by_their_folders(tmp_path):
    for day in ("1", "2"):
        (tmp_path / day / "log").mkdir(parents=True)
        rows = [{"question": f"a {day}?", "answer": "b"}, {f"odd {day}": 1}]
        write_jsonl(tmp_path / day / "log" / "chat.jsonl", rows)
    write_jsonl(tmp_path / "faq.jsonl", [{"question": "c?", "answer": "d"}])
    names = ["1/log/chat.jsonl", "2/log/chat.jsonl"]
    for sources in (["*/log/*.jsonl"], ["1/log/chat.jsonl", "2/log/*"], ["1", "2"]):
        corpus = ingest(tmp_path, *(tmp_path / name for name in sources), tmp_path / "faq.jsonl")
        assert [s["file"] for s in corpus.manifest["sources"]] == [*names, "faq.jsonl"]
        assert [entry["file"] for entry in quarantine_of(corpus)] == names
        unread = corpus.manifest["unread_columns"]
        assert unread == {names[0]: ["odd 1"], names[1]: ["odd 2"]}


def test_many_files_of_one_name_are_told_apart_as_fast_as_files_of_many():
    def seconds(names):
        files = [
            SourceFile(Path(f"/{i}/log/{name}"), name, "jsonl") for i, name in enumerate(names)
        ]
        started = time.process_time()
        labels = {file.label for file in told_apart(files)}
        assert len(labels) == len(files)
        return time.process_time() - started

    assert seconds(["a"] * 5_000) < 0.5 + 10 * seconds(map(str, range(5_000)))


def test_standard_input(tmp_path, monkeypatch):
    class Stdin:
        buffer = io.BytesIO(JSONL.encode())

    monkeypatch.setattr(sys, "stdin", Stdin)
    corpus = ingest(tmp_path, "-")
    assert pairs_of(corpus) == PAIRS
    assert corpus.manifest["sources"][0]["file"] == "stdin"
    assert [p.name for p in (tmp_path / "corpora").iterdir()] == [corpus.digest]
    with pytest.raises(DataError, match="empty"):
        ingest(tmp_path, "-")
    with pytest.raises(DataError, match=r"nope\.jsonl"):
        ingest(tmp_path, "-", tmp_path / "nope.jsonl")
    assert not list((tmp_path / "corpora").glob(".stdin*"))


def test_standard_input_is_named_by_a_hyphen_on_the_command_line(tmp_path, monkeypatch, capsys):
    class Stdin:
        buffer = io.BytesIO(JSONL.encode())

    monkeypatch.setattr(sys, "stdin", Stdin)
    code, out, _ = run_command(["ingest", "-", "--out", tmp_path / "corpora", "--explain"], capsys)
    assert code == 0
    assert "stdin (jsonl)" in out
    code, _, error = run_command(["ingest", "--explian", "--out", tmp_path / "c"], capsys)
    assert code == 2
    assert "Unknown option: --explian" in error


def test_columns_are_told_by_every_layout_of_a_file_with_those_that_are_not_read(tmp_path):
    rows = [{"q": "one", "a": "two", "mood": 1}, {"prompt": "three", "response": "four"}]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "b.csv").write_text("conv,who,msg,likes\n1,user,five,3\n1,assistant,six,4\n")
    names = {"dialogue_id": "conv", "speaker": "who", "text": "msg"}
    manifest = ingest(tmp_path, tmp_path / "a.jsonl", tmp_path / "b.csv", columns=names).manifest
    assert manifest["columns"] == {"a.jsonl": {"question": "q", "answer": "a"}, "b.csv": names}
    assert manifest["unread_columns"] == {"a.jsonl": ["mood"], "b.csv": ["likes"]}
    assert "not read: 'likes'" in explain_manifest(manifest)


def test_a_dialogue_without_an_answering_speaker_is_quarantined(tmp_path):
    turns = [{"speaker": "customer", "text": "hm?"}, {"speaker": "operator", "text": "yes."}]
    (tmp_path / "a.jsonl").write_text(
        json.dumps({"dialogue_id": "1", "turns": turns}) + '\n{"question": "q", "answer": "b"}\n'
    )
    corpus = ingest(tmp_path, tmp_path / "a.jsonl")
    assert corpus.manifest["rows"]["quarantined"] == 1
    (rejected,) = quarantine_of(corpus)
    assert "its speakers are 'customer', 'operator'" in rejected["reason"]
    corpus = ingest(tmp_path, tmp_path / "a.jsonl", answer_speakers=["operator"])
    assert ("hm?", "yes.") in pairs_of(corpus)


TABLE = [
    {"question": "How?", "answer": "So.", "text": None, "turns": None},
    {"question": None, "answer": None, "text": "A bare text.", "turns": None},
    {"question": None, "answer": None, "text": None, "turns": [
        {"speaker": "user", "text": "Hi?"}, {"speaker": "assistant", "text": "Hello."}]},
    {"question": "Why?", "answer": None, "text": None, "turns": None},
    {"question": "Why?", "answer": None, "text": "A note.", "turns": None},
    {"question": None, "answer": None, "text": None, "turns": None},
]  # fmt: skip


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_empty_columns_of_other_kinds_of_rows_say_nothing(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    if suffix == "parquet":
        pq.write_table(pa.Table.from_pylist(TABLE), path)
    else:
        write_jsonl(path, TABLE)
    corpus = ingest(tmp_path, path)
    assert pairs_of(corpus) == [("How?", "So."), ("Hi?", "Hello.")]
    assert "A bare text." in corpus.texts()
    assert corpus.manifest["records"] == {"pairs": 1, "dialogues": 1, "texts": 1}
    assert [(entry["line"], entry["reason"]) for entry in quarantine_of(corpus)][:2] == [
        (4, "answer is missing"),
        (5, "answer is missing"),
    ]


def test_a_table_of_turns_and_pairs(tmp_path):
    (tmp_path / "a.csv").write_text(
        "thread_id,role,text,question,answer\n1,user,Hi?,,\n1,assistant,Hello.,,\n,,,How?,So.\n"
        ",,A bare text.,,\n"
    )
    corpus = ingest(tmp_path, tmp_path / "a.csv")
    assert pairs_of(corpus) == [("Hi?", "Hello."), ("How?", "So.")]
    assert corpus.manifest["records"] == {"pairs": 1, "dialogues": 1, "texts": 1}


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_an_instruction_is_read_with_its_input(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    rows = [
        {"instruction": "Translate.", "input": "cat", "output": "Katze"},
        {"instruction": "Translate.", "input": "dog", "output": "Hund"},
        {"instruction": "Name a colour.", "input": "", "output": "Red"},
        {"instruction": "Name a number.", "input": None, "output": "Six"},
        {"instruction": None, "input": "What is a cow?", "output": "An animal"},
    ]
    if suffix == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        write_jsonl(path, rows)
    corpus = ingest(tmp_path, path)
    assert pairs_of(corpus) == [
        ("Translate. cat", "Katze"),
        ("Translate. dog", "Hund"),
        ("Name a colour.", "Red"),
        ("Name a number.", "Six"),
        ("What is a cow?", "An animal"),
    ]
    assert corpus.manifest["columns"] == {
        f"a.{suffix}": {"question": "instruction", "answer": "output", "input": "input"}
    }
    alone = ingest(tmp_path, path, columns={"question": "instruction"})
    assert pairs_of(alone)[0] == ("Translate.", "Katze")
