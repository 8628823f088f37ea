from pathlib import Path

import numpy as np
import pytest

from cube import storage
from cube.config import DataConfig, FilterConfig
from cube.data.corpus import build_corpus
from cube.teacher.vectors import Vectors
from expectations import (
    curves_frame,
    dialogues_frame,
    embeddings_frame,
    frames,
    load_suite,
    pairs_frame,
    records_frame,
    validate,
)
from tests.conftest import write_jsonl


def unit_rows(count: int = 300, dimension: int = 24) -> np.ndarray:
    rows = np.random.default_rng(0).standard_normal((count, dimension)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def stored(folder: Path, matrix: np.ndarray) -> Vectors:
    np.save(folder / "vectors.npy", matrix)
    storage.write_json(folder / "manifest.json", {"digest": "0"})
    return Vectors(folder)


def check(folder: Path, matrix: np.ndarray, **options) -> dict:
    return validate(embeddings_frame(stored(folder, matrix), **options), load_suite("embeddings"))


def failures(result: dict) -> dict[str, list]:
    return {
        entry["column"]: [example["row"] for example in entry["examples"]]
        for entry in result["expectations"]
        if not entry["success"]
    }


def test_good_vectors_meet_everything(tmp_path):
    result = check(tmp_path, unit_rows())
    assert result["success"]
    assert failures(result) == {}


def test_half_precision_is_good_enough(tmp_path):
    assert check(tmp_path, unit_rows().astype(np.float16))["success"]


def test_bad_vectors_are_found_by_row(tmp_path):
    matrix = unit_rows()
    matrix[3, 5] = np.nan
    matrix[4, 0] = np.inf
    matrix[7] = 0
    matrix[9] *= 3
    result = check(tmp_path, matrix)
    assert not result["success"]
    assert failures(result) == {"finite": [3, 4], "is_zero": [7], "unit_error": [7, 9]}


def test_a_teacher_that_does_not_normalise_may_have_any_length(tmp_path):
    result = check(tmp_path, 7 * unit_rows(), unit_length=False)
    assert failures(result) == {}


def test_many_duplicates_are_a_warning_unless_they_are_the_same_text_in_both_roles(tmp_path):
    matrix = np.concatenate([unit_rows(150), unit_rows(150)])
    result = check(tmp_path, matrix)
    assert result["success"]
    assert list(failures(result)) == [None]
    kinds = ["query"] * 150 + ["passage"] * 150
    assert failures(check(tmp_path, matrix, kinds=kinds)) == {}


def test_chunks_make_no_difference(tmp_path, monkeypatch):
    vectors = stored(tmp_path, unit_rows())
    whole = embeddings_frame(vectors)
    monkeypatch.setattr(frames, "_CHUNK_ROWS", 7)
    assert embeddings_frame(vectors).equals(whole)


@pytest.fixture
def corpus(tmp_path):
    rows = [
        {"question": "Where is my bill?", "answer": "Under Settings."},
        {"question": "Same", "answer": "Same"},
        {"question": "Кто там?", "answer": "Me & <you>"},
    ]
    lenient = DataConfig(filters=FilterConfig(question_equals_answer=False))
    return build_corpus(lenient, tmp_path, [str(write_jsonl(tmp_path / "faq.jsonl", rows))])


def test_pairs_frame_has_the_texts_of_every_pair(corpus):
    frame = pairs_frame(corpus)
    assert frame["question"].tolist() == ["Where is my bill?", "Same", "Кто там?"]
    assert frame["answer"].tolist() == ["Under Settings.", "Same", "Me & <you>"]
    assert frame["question_is_answer"].tolist() == [False, True, False]
    assert frame["row"].tolist() == [0, 1, 2]
    assert set(frame["source"]) == {"faq"}


def built(folder: Path, rows: list, **options):
    path = write_jsonl(folder / "rows.jsonl", rows)
    return build_corpus(DataConfig(sources=[str(path)], **options), folder / "corpora")


def turns(*texts: str) -> list[dict]:
    speakers = ("user", "assistant")
    return [{"speaker": speakers[i % 2], "text": text} for i, text in enumerate(texts)]


def test_a_quarantine_of_more_than_half_stops_and_of_some_warns(tmp_path):
    rows: list = [{"question": f"Where is page {i}?", "answer": f"At {i}."} for i in range(40)]
    corpus = built(tmp_path, rows + [{"quest": "?"}] * 10)
    frame = records_frame(corpus)
    assert frame.loc[0, ["read", "kept", "quarantined", "merged"]].tolist() == [50, 40, 10, 0]
    result = validate(frame, load_suite("records"))
    assert result["success"]
    assert list(failures(result)) == ["quarantined_share"]
    (tmp_path / "worse").mkdir()
    worse = records_frame(built(tmp_path / "worse", rows + [{"quest": "?"}] * 60))
    assert not validate(worse, load_suite("records"))["success"]


def test_dialogues_are_one_row_each(tmp_path):
    rows = [
        {"dialogue_id": "a", "turns": turns("Hi there", "Hello", "And now?", "Goodbye")},
        {"dialogue_id": "b", "turns": turns("Who is it?", "Me", "Who else?", "Me", "Why?", "Me")},
        {"question": "Not in a dialogue?", "answer": "No."},
    ]
    frame = dialogues_frame(built(tmp_path, rows))
    assert frame["dialogue"].tolist() == ["rows/a", "rows/b"]
    assert frame["answered_turns"].tolist() == [2, 3]
    assert frame["distinct_answers_share"].tolist() == [1, pytest.approx(1 / 3)]
    assert frame["in_order"].all()
    assert failures(validate(frame, load_suite("dialogues"))) == {"distinct_answers_share": [1]}


def test_ids_that_begin_anew_in_every_file_are_no_reason_to_stop(tmp_path):
    for day in ("1", "2"):
        (tmp_path / day).mkdir()
        said = turns(f"Hi on {day}?", f"Hello {day}", "And now?", f"Goodbye {day}")
        write_jsonl(tmp_path / day / "chat.jsonl", [{"dialogue_id": 1, "turns": said}])
    config = DataConfig(sources=[str(tmp_path / "*" / "chat.jsonl")])
    frame = dialogues_frame(build_corpus(config, tmp_path / "corpora"))
    assert frame["answered_turns"].tolist() == [4]
    result = validate(frame, load_suite("dialogues"))
    assert result["success"]
    assert failures(result) == {"in_order": [0]}


def test_pairs_alone_are_no_dialogues(tmp_path):
    assert dialogues_frame(built(tmp_path, [{"question": "Why?", "answer": "So."}])).empty


def curve(*losses: float | None, scores: tuple[float, ...] = ()) -> list[dict]:
    events: list[dict] = [{"event": "start", "step": 0, "validation_mrr": 0.3}]
    for i, loss in enumerate(losses):
        score = scores[i] if scores else 0.4
        events.append({"event": "validation", "step": 10 * (i + 1), "stage": "dialogue",
                       "loss": loss, "validation_mrr": score})  # fmt: skip
    return [*events, {"event": "stage_end", "name": "dialogue"}]


def test_a_good_training_curve_meets_everything():
    frame = curves_frame(curve(3.0, 2.0, 1.5))
    assert frame["step"].tolist() == [10, 20, 30]
    result = validate(frame, load_suite("curves"))
    assert result["success"]
    assert failures(result) == {}


def test_a_loss_that_is_no_number_stops():
    result = validate(curves_frame(curve(3.0, None, 1.5)), load_suite("curves"))
    assert not result["success"]
    assert failures(result)["loss"] == [1]


def test_growing_loss_and_a_collapse_are_warnings():
    frame = curves_frame(curve(1.0, 2.0, 3.0, scores=(0.6, 0.1, 0.1)))
    result = validate(frame, load_suite("curves"))
    assert result["success"]
    assert failures(result) == {"loss_ratio": [1, 2], "below_best": [1, 2]}
