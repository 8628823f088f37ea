"""Sets: found under any usual name, divided as their files say, refused with a reason."""

import numpy as np
import pytest

from benchmarks.quality import main as quality
from benchmarks.sets import Part, find_sets, make_set, read_npz
from cube.data.splits import Split
from cube.errors import DataError


def part(rows: slice, texts=False) -> Part:
    vectors = np.random.default_rng(0).standard_normal((2, 60, 8)).astype(np.float32)
    words = tuple([f"{kind}{i}" for i in range(60)[rows]] for kind in "qa") if texts else None
    return Part(vectors[0, rows], vectors[1, rows], words)


def test_finds_sets_by_prefix_by_folder_and_without_either(tmp_path):
    names = ["a.train.jsonl", "a.test.jsonl", "a.dev.jsonl", "sub/train.csv", "sub/test.csv"]
    names += ["b_train.jsonl.gz", "b_test.parquet", "lonely.train.jsonl", "notes.txt"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = find_sets(tmp_path)
    assert sorted(found) == ["a", "b", "sub"]
    assert found["a"][Split.VALIDATION].name == "a.dev.jsonl"
    assert found["b"][Split.TRAIN].name == "b_train.jsonl.gz"
    assert list(find_sets(tmp_path / "sub")) == ["sub"]


def test_refuses_a_folder_without_a_set_and_a_part_given_twice(tmp_path):
    (tmp_path / "train.jsonl").touch()
    with pytest.raises(DataError, match="holds no set"):
        find_sets(tmp_path)
    (tmp_path / "train.csv").touch()
    with pytest.raises(DataError, match="same part"):
        find_sets(tmp_path)


def test_carves_validation_from_train_by_answer_and_leaves_test_alone():
    parts = {Split.TRAIN: part(slice(0, 40)), Split.TEST: part(slice(40, 60))}
    doubled = Part(parts[Split.TRAIN].questions, np.repeat(parts[Split.TRAIN].answers[:20], 2, 0))
    made = make_set("s", {**parts, Split.TRAIN: doubled})
    splits, answers = made.experiment.splits, made.experiment.answers
    held_out = splits == Split.VALIDATION
    assert 0 < held_out.sum() < 20
    assert not np.isin(answers[held_out], answers[splits == Split.TRAIN]).any()
    assert (np.flatnonzero(splits == Split.TEST) == np.arange(40, 60)).all()
    assert len(made.task) == len(made.task.bank) == 20


def test_texts_and_vectors_of_a_row_belong_together():
    parts = {
        Split.TRAIN: part(slice(0, 30), texts=True),
        Split.VALIDATION: part(slice(30, 40), texts=True),
        Split.TEST: part(slice(40, 60), texts=True),
    }
    made = make_set("s", parts, limit=8)
    experiment = made.experiment
    assert np.bincount(experiment.splits).tolist() == [8, 8, 8]
    assert experiment.texts(made.task.questions) == [f"q{i}" for i in range(40, 48)]
    assert experiment.texts(made.task.bank) == [f"a{i}" for i in range(40, 48)]
    whole = part(slice(None))
    np.testing.assert_array_equal(experiment.gather(made.task.bank), whole.answers[40:48])


def test_reads_an_npz_and_names_what_is_missing(tmp_path):
    q, a = np.ones((4, 8), np.float32), np.full((4, 8), 2, np.float32)
    np.savez(tmp_path / "v.npz", train_q=q, train_a=a, test_q=q, test_a=a)
    assert sorted(read_npz(tmp_path / "v.npz")) == [Split.TRAIN, Split.TEST]
    parts = {"train_q": q, "train_a": a, "test_q": q, "test_a": a, "dev_q": q, "dev_a": a}
    np.savez(tmp_path / "d.npz", **parts)
    assert sorted(read_npz(tmp_path / "d.npz")) == [Split.TRAIN, Split.VALIDATION, Split.TEST]
    np.savez(tmp_path / "w.npz", train_q=q, train_a=a, test_q=q)
    with pytest.raises(DataError, match="lacks test_q or _a"):
        read_npz(tmp_path / "w.npz")
    np.savez(tmp_path / "x.npz", train_q=q, train_a=a[:3], test_q=q, test_a=a)
    with pytest.raises(DataError, match="must be equal matrices"):
        read_npz(tmp_path / "x.npz")


def test_vectors_that_nothing_can_be_learned_from_are_refused_by_name(tmp_path):
    names = ("train_q", "train_a", "test_q", "test_a")
    whole = {name: np.ones((4, 8), np.float32) for name in names}
    wrong = {
        "train_q": whole["train_q"] * np.nan,
        "test_a": whole["test_a"] * 0,
        "train_a": whole["train_a"].astype(complex),
    }
    for name, array in wrong.items():
        np.savez(tmp_path / "v.npz", **{**whole, name: array})
        with pytest.raises(DataError, match=f"v.npz#{name}"):
            read_npz(tmp_path / "v.npz")
    narrow = {name: whole[name][:, :4] for name in ("test_q", "test_a")}
    np.savez(tmp_path / "v.npz", **{**whole, **narrow})
    with pytest.raises(DataError, match="parts of 4 and 8 dimensions"):
        read_npz(tmp_path / "v.npz")
    np.save(tmp_path / "v.npy", whole["train_q"])
    with pytest.raises(DataError, match="cannot be read as an npz of vectors: it is one array"):
        read_npz(tmp_path / "v.npy")


def test_a_missing_file_or_set_is_one_sentence_not_a_traceback(tmp_path, monkeypatch):
    def refused(*words: str) -> str:
        monkeypatch.setattr("sys.argv", ["quality", *words])
        with pytest.raises(SystemExit) as stopped:
            quality()
        return str(stopped.value.code)

    assert "cannot be read as an npz" in refused("--vectors", str(tmp_path / "none.npz"))
    (tmp_path / "broken.npz").write_bytes(b"PK not an archive")
    assert "cannot be read as an npz" in refused("--vectors", str(tmp_path / "broken.npz"))
    for part in ("train", "test"):
        (tmp_path / f"faq.{part}.jsonl").touch()
    message = refused("--data", str(tmp_path), "--sets", "fag")
    assert message == "No set fag; there are faq."


def test_no_question_of_a_carved_validation_is_trained_on():
    parts = {Split.TRAIN: part(slice(0, 42)), Split.TEST: part(slice(42, 60))}
    train = parts[Split.TRAIN]
    asked = Part(np.repeat(train.questions[:14], 3, 0), train.answers)  # three answers each
    experiment = make_set("s", {**parts, Split.TRAIN: asked}).experiment
    training, held_out = (experiment.splits == s for s in (Split.TRAIN, Split.VALIDATION))
    assert held_out.any()
    assert not np.isin(experiment.questions[held_out], experiment.questions[training]).any()


def test_a_carved_validation_asks_for_known_answers_where_test_does():
    pairs = part(slice(0, 60))
    train = Part(pairs.questions[:48], np.repeat(pairs.answers[:12], 4, 0))  # four questions each
    test = Part(pairs.questions[48:], pairs.answers[:12])
    experiment = make_set("s", {Split.TRAIN: train, Split.TEST: test}).experiment
    training, held_out = (experiment.splits == s for s in (Split.TRAIN, Split.VALIDATION))
    assert held_out.any()
    assert np.isin(experiment.answers[held_out], experiment.answers[training]).all()

    once = Part(pairs.questions[:48], pairs.answers[:48])  # one question each: none can be spared
    again = Part(pairs.questions[48:], pairs.answers[:12])
    experiment = make_set("s", {Split.TRAIN: once, Split.TEST: again}).experiment
    training, held_out = (experiment.splits == s for s in (Split.TRAIN, Split.VALIDATION))
    assert held_out.any()
    assert not np.isin(experiment.answers[held_out], experiment.answers[training]).any()


def test_a_set_too_small_is_refused_by_name_before_anything_is_measured():
    parts = {Split.TRAIN: part(slice(0, 5)), Split.TEST: part(slice(42, 60))}
    with pytest.raises(DataError, match="tiny: 5 pairs to train on, 0 to validate on and 18 to"):
        make_set("tiny", parts)
    with pytest.raises(DataError, match="and 0 to test on"):
        make_set("untested", {Split.TRAIN: part(slice(0, 40)), Split.TEST: part(slice(0, 0))})


def test_where_everything_is_linked_answers_are_held_out_one_by_one():
    parts = {Split.TRAIN: part(slice(0, 42)), Split.TEST: part(slice(42, 60))}
    train = parts[Split.TRAIN]
    chain = Part(
        np.concatenate([train.questions, train.questions]),
        np.concatenate([train.answers, np.roll(train.answers, 1, axis=0)]),
    )
    experiment = make_set("s", {**parts, Split.TRAIN: chain}).experiment
    training, held_out = (experiment.splits == s for s in (Split.TRAIN, Split.VALIDATION))
    assert 0 < held_out.sum() < training.sum()
    assert not np.isin(experiment.answers[held_out], experiment.answers[training]).any()
