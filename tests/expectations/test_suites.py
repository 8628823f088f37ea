import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cube.errors import ConfigError, DataError
from expectations import (
    ExpectationError,
    describe_failures,
    load_suite,
    require_success,
    rows_to_quarantine,
    validate,
)


def good_pairs(count: int = 240) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "row": range(count),
            "source": "faq",
            "question": [f"How do I reach page {i}?" for i in range(count)],
            "answer": [f"Press button {i // 3}." for i in range(count)],
        }
    )
    frame["question_is_answer"] = False
    return frame


def failed(result: dict, severity: str = "critical") -> list[dict]:
    return [e for e in result["expectations"] if not e["success"] and e["severity"] == severity]


def test_good_pairs_meet_everything():
    result = validate(good_pairs(), load_suite("pairs"))
    assert result["success"]
    assert result["rows"] == 240
    assert all(entry["success"] for entry in result["expectations"])


@pytest.mark.parametrize(
    ("column", "value", "kind"),
    [
        ("question", None, "expect_column_values_to_not_be_null"),
        ("answer", None, "expect_column_values_to_not_be_null"),
        ("question", "", "expect_column_value_lengths_to_be_between"),
        ("answer", "", "expect_column_value_lengths_to_be_between"),
    ],
)
def test_one_bad_row_is_found_and_shown(column, value, kind):
    frame = good_pairs()
    frame.loc[17, column] = value
    result = validate(frame, load_suite("pairs"))
    assert not result["success"]
    (entry,) = failed(result)
    assert (entry["type"], entry["column"], entry["unexpected_count"]) == (kind, column, 1)
    assert entry["examples"][0]["row"] == 17


def test_pairs_that_repeat_their_question_are_found():
    frame = good_pairs()
    frame.loc[:40, "question_is_answer"] = True
    (entry,) = failed(validate(frame, load_suite("pairs")))
    assert entry["unexpected_count"] == 41


def test_too_few_pairs_and_a_single_answer_are_found():
    frame = good_pairs(20)
    frame["answer"] = "Press the button."
    result = validate(frame, load_suite("pairs"))
    assert [(entry["type"], entry["observed"]) for entry in failed(result)] == [
        ("expect_table_row_count_to_be_between", 20),
        ("expect_column_unique_value_count_to_be_between", 1),
    ]


def test_a_warning_does_not_stop():
    frame = good_pairs()
    frame.loc[:99, "question"] = "What?"
    result = validate(frame, load_suite("pairs"))
    assert result["success"]
    (entry,) = failed(result, "warning")
    assert entry["type"] == "expect_column_values_to_be_unique"
    require_success(result, Path("pairs.json"), Path("index.html"))


def test_a_critical_failure_stops_with_an_example_and_advice():
    frame = good_pairs()
    frame.loc[5, "answer"] = ""
    suite = load_suite("pairs")
    result = validate(frame, suite)
    with pytest.raises(ExpectationError) as caught:
        require_success(result, suite.path, Path("runs/x/validation/index.html"))
    assert isinstance(caught.value, DataError)
    assert caught.value.exit_code == 1
    message = str(caught.value)
    for part in ("No answer is empty", "1 of 240 rows", '"row": 5', "pairs.json", "index.html"):
        assert part in message
    assert len(describe_failures(result, ("critical",))) == 1


def test_results_are_json_even_for_odd_values():
    frame = good_pairs()
    frame["question"] = frame["question"].astype(object)
    frame.loc[3, "question"] = float("nan")
    frame.loc[4, "question"] = "<script>" * 500
    result = validate(frame, load_suite("pairs"))
    assert "NaN" not in json.dumps(result, allow_nan=False)


def test_a_suite_can_be_used_twice():
    suite = load_suite("pairs")
    assert validate(good_pairs(), suite) == validate(good_pairs(), suite)


def test_data_docs_are_built_on_request(tmp_path):
    validate(good_pairs(), load_suite("pairs"), tmp_path / "docs")
    assert (tmp_path / "docs" / "index.html").is_file()


def entry(**changes) -> dict:
    values = {
        "type": "expect_column_values_to_not_be_null",
        "kwargs": {"column": "question"},
        "severity": "critical",
    }
    return {k: v for k, v in {**values, **changes}.items() if v is not ...}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "must be an object"),
        ({"name": "mine"}, "no list"),
        ({"name": "mine", "expectations": []}, "at least one entry"),
        ({"name": "mine", "expectaions": [entry()]}, "did you mean 'expectations'"),
        ([entry(type="expect_column_values_to_not_be_nul")], "did you mean"),
        ([entry(type=...)], 'with "type"'),
        ([entry(severity="citical")], "must be one of critical, warning, info"),
        ([entry(kwargs={"colum": "question"})], "colum"),
        ([entry(kwargs=["question"])], '"kwargs" must be an object'),
        ([entry(kwargs={"column": "question", "mostly": 3})], "mostly"),
        ([entry(kwarg={"column": "question"})], "did you mean 'kwargs'"),
    ],
)
def test_a_wrong_suite_is_a_clear_error(tmp_path, values, message):
    path = tmp_path / "mine.json"
    if isinstance(values, list) and values:
        values = {"name": "mine", "expectations": [entry(), *values]}
    path.write_text(json.dumps(values))
    with pytest.raises(ConfigError, match=message) as caught:
        load_suite(path)
    assert str(path) in str(caught.value)


def test_an_unknown_column_is_a_clear_error(tmp_path):
    path = tmp_path / "mine.json"
    broken = entry(kwargs={"column": "qestion"})
    path.write_text(json.dumps({"name": "mine", "expectations": [broken]}))
    with pytest.raises(ConfigError, match="no column 'qestion', did you mean 'question'"):
        validate(good_pairs(), load_suite(path))


@pytest.mark.parametrize(
    ("kind", "kwargs"),
    [
        ("expect_column_values_to_match_regex", {"column": "question", "regex": "("}),
        ("expect_column_values_to_be_between", {"column": "question", "max_value": 3}),
    ],
)
def test_what_cannot_be_evaluated_is_no_failure_of_the_data(tmp_path, kind, kwargs):
    path = tmp_path / "mine.json"
    broken = entry(type=kind, kwargs=kwargs, severity="warning", quarantine=True)
    path.write_text(json.dumps({"name": "mine", "expectations": [broken]}))
    for check in (validate, rows_to_quarantine):
        with pytest.raises(ConfigError, match=rf"mine\.json: {kind} cannot be evaluated: \w"):
            check(good_pairs(), load_suite(path))


def test_a_missing_or_broken_file_is_a_clear_error(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.json"):
        load_suite(tmp_path / "nowhere.json")
    (tmp_path / "broken.json").write_text('{"name": ')
    with pytest.raises(ConfigError, match=r"broken\.json is not valid JSON"):
        load_suite(tmp_path / "broken.json")


def test_rows_that_do_not_fit_are_listed_with_the_reason(tmp_path):
    frame = good_pairs()
    frame.loc[17, "question"] = ""
    frame.loc[23, "answer"] = ""
    validate(frame, load_suite("pairs"), failing=tmp_path / "failing.jsonl")
    lines = (tmp_path / "failing.jsonl").read_text("utf-8").splitlines()
    found = {(row["row"]["row"], row["reason"]) for row in map(json.loads, lines)}
    assert {(17, "No question is empty."), (23, "No answer is empty.")} <= found
    assert {row for row, _ in found} == {17, 23}


@pytest.mark.parametrize("name", ["records", "pairs", "dialogues", "embeddings", "curves"])
def test_every_shipped_suite_can_be_read(name):
    suite = load_suite(name)
    assert suite.name == name
    assert {e.get("severity") for e in suite.entries} <= {"critical", "warning", "info"}
    assert all(e["description"] for e in suite.entries)


def test_rows_to_quarantine_are_all_that_fail_what_is_marked(tmp_path):
    short = {**between("number", 10), "quarantine": True, "description": "Large enough."}
    unmarked = between("number", 100)
    suite = load_suite(suite_file(tmp_path, [unmarked, short]))
    frame = pd.DataFrame({"row": range(3_000), "number": np.arange(3_000) % 1_000})
    rows = rows_to_quarantine(frame, suite)
    assert sorted(rows) == [i for i in range(3_000) if i % 1_000 < 10]
    assert set(rows.values()) == {"suite mine: Large enough."}


def test_nothing_is_quarantined_where_the_data_stops_the_run(tmp_path):
    entry = {**between("number", 10), "quarantine": True, "severity": "critical"}
    frame = pd.DataFrame({"row": range(20), "number": range(20)})
    assert rows_to_quarantine(frame, load_suite(suite_file(tmp_path, [entry]))) == {}
    entry["kwargs"]["mostly"] = 0.5
    rows = rows_to_quarantine(frame, load_suite(suite_file(tmp_path, [entry])))
    assert sorted(rows) == list(range(10))


def test_only_expectations_of_rows_can_quarantine(tmp_path):
    entry = {
        "type": "expect_table_row_count_to_be_between",
        "kwargs": {"min_value": 1},
        "quarantine": True,
    }
    with pytest.raises(ConfigError, match="judges no single rows"):
        load_suite(suite_file(tmp_path, [entry]))
    with pytest.raises(ConfigError, match="true or false"):
        load_suite(suite_file(tmp_path, [{**entry, "quarantine": "yes"}]))


def between(column: str, least: int) -> dict:
    """Return an expectation of a warning."""
    return {
        "type": "expect_column_values_to_be_between",
        "kwargs": {"column": column, "min_value": least},
        "severity": "warning",
    }


def suite_file(folder: Path, entries: list[dict]) -> Path:
    """Write a suite named "mine"."""
    path = folder / "mine.json"
    path.write_text(json.dumps({"name": "mine", "expectations": entries}), "utf-8")
    return path
