"""The functions behind the tasks, called without Prefect: no server, no artifacts."""

import json
import logging
import sqlite3
from pathlib import Path

import pytest
import yaml
from prefect.logging.handlers import APILogHandler
from prefect.states import Failed

from cube import steps
from cube.config import Config, dump_config, parse_config
from cube.drift.compared import champion_of
from cube.drift.samples import recent_questions
from cube.drift.words import sees
from cube.errors import ConfigError, DataError, GateError
from cube.registry import Registry
from cube.report.numbers import compact
from cube.runs import Run
from expectations import ExpectationError
from tasks import evaluation
from tasks.artifacts import page_url, serve_hint
from tasks.common import forward_logs, may_pass
from tasks.data import ingest_data
from tasks.drift import watch_drift
from tasks.embedding import embed_corpus
from tasks.evaluation import promote_version
from tasks.screening import screen_pairs
from tasks.training import start_run
from tasks.validation import validate_embeddings, validate_pairs, validate_records
from tests.conftest import write_jsonl
from tests.registry.conftest import judgement, make_model
from tests.report.conftest import evaluation_values, target


def prepare(config: Config) -> dict[str, str]:
    corpus = ingest_data.fn(config)
    return start_run.fn(config, corpus, embed_corpus.fn(config, corpus))


def changed(config: Config, **sections) -> Config:
    return parse_config({**config.model_dump(mode="json"), **sections})


def test_from_files_to_a_validated_run(tiny_config):
    run = prepare(tiny_config)
    assert validate_records.fn(run)["rows"] == 1
    assert validate_pairs.fn(run)["rows"] == 60
    assert validate_embeddings.fn(run)["rows"] == 75
    folder = Path(run["folder"])
    opened = Run(folder)
    assert opened.read("validation/pairs.json")["rows"] == 60
    for suite in ("pairs", "embeddings"):
        assert opened.read(f"validation/{suite}.json")["success"]
    page = (folder / "validation" / "index.html").read_text("utf-8")
    assert "Every pair has a question." in page
    assert "<p>1 row, " in page and "<p>60 rows, " in page
    assert "://" not in page.replace("http://www.w3.org", "")  # offline


def test_the_pages_of_great_expectations_are_built_where_they_are_asked_for(tiny_config):
    run = prepare(tiny_config)
    validate_pairs.fn(run)
    folder = Path(run["folder"]) / "validation"
    assert not (folder / "data_docs").exists()
    asked = changed(tiny_config, validation={"data_docs": True})
    validate_pairs.fn({**run, "config": dump_config(asked)})
    assert (folder / "data_docs" / "pairs" / "index.html").is_file()
    assert 'href="data_docs/pairs/index.html"' in (folder / "index.html").read_text("utf-8")


def test_the_pages_of_a_suite_with_a_name_of_its_own_are_linked(tiny_config, tmp_path):
    entry = {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1}}
    suite = tmp_path / "mine.json"
    suite.write_text(json.dumps({"name": "mine", "expectations": [entry]}))
    settings = {"data_docs": True, "suites": {"pairs": str(suite)}}
    run = prepare(changed(tiny_config, validation=settings))
    validate_pairs.fn(run)
    folder = Path(run["folder"]) / "validation"
    assert 'href="data_docs/pairs/index.html"' in (folder / "index.html").read_text("utf-8")


def test_a_suite_of_ones_own_rules(tiny_config, tmp_path):
    suite = tmp_path / "strict.json"
    suite.write_text(
        '{"name": "strict", "example_columns": ["row", "question"], "expectations": [{"type": '
        '"expect_column_values_to_be_in_set", "kwargs": {"column": "question", "value_set": []}}]}'
    )
    config = changed(tiny_config, validation={"suites": {"pairs": str(suite)}})
    run = prepare(config)
    for _ in range(2):  # a failure is no result to take over
        with pytest.raises(ExpectationError, match=r"strict fail.*60 of 60 rows.*strict\.json"):
            validate_pairs.fn(run)
    page = (Path(run["folder"]) / "validation" / "index.html").read_text("utf-8")
    assert "failed" in page


def test_pairs_the_suite_turns_down_are_left_out(tiny_config, tmp_path, monkeypatch, caplog):
    rows = [{"question": f"What is {i}?", "answer": f"It is {i}."} for i in range(60)]
    rows[7]["answer"] = rows[7]["question"]
    data = {
        **tiny_config.data.model_dump(mode="json"),
        "sources": [str(write_jsonl(tmp_path / "odd.jsonl", rows))],
        "filters": {"question_equals_answer": False},
    }
    config = changed(tiny_config, data=data)
    read = ingest_data.fn(config)
    screened = screen_pairs.fn(config, read)
    assert screened["left_out"] == 1
    lines = (Path(screened["folder"]) / "quarantine.jsonl").read_text("utf-8").splitlines()
    assert "A question is not its own answer" in lines[-1]
    run = start_run.fn(config, screened, embed_corpus.fn(config, screened))
    assert validate_pairs.fn(run)["rows"] == 59
    lenient = tmp_path / "lenient.json"
    rule = {"type": "expect_column_to_exist", "kwargs": {"column": "question"}}
    lenient.write_text(json.dumps({"name": "lenient", "expectations": [rule]}))
    own = changed(config, validation={"suites": {"pairs": str(lenient)}})
    assert screen_pairs.fn(own, read)["left_out"] == 0
    run = start_run.fn(own, screened, embed_corpus.fn(own, screened))
    assert validate_pairs.fn(run)["suite"] == "pairs"
    none = {"type": "expect_column_values_to_be_in_set"}
    none["kwargs"] = {"column": "question", "value_set": []}
    strict = {"name": "strict", "expectations": [none]}  # "row" tells which is meant
    lenient.write_text(json.dumps(strict))
    with pytest.raises(ExpectationError, match="strict fail"):  # other rules for the same data
        validate_pairs.fn(run)
    assert len(Run(Path(run["folder"])).experiment.questions) == 59

    def again(*_):
        raise AssertionError("was screened before")

    monkeypatch.setattr("expectations.rows_to_quarantine", again)
    with caplog.at_level("INFO"):
        assert screen_pairs.fn(config, read) == screened
    assert "were screened before: 1 left out" in caplog.text


def test_other_suites_quarantine_nothing(tiny_config, tmp_path):
    suite = tmp_path / "strict.json"
    suite.write_text(
        '{"name": "strict", "expectations": [{"type": "expect_column_values_to_not_be_null", '
        '"kwargs": {"column": "norm"}, "quarantine": true}]}'
    )
    run = prepare(changed(tiny_config, validation={"suites": {"embeddings": str(suite)}}))
    with pytest.raises(ConfigError, match="only the suite of pairs"):
        validate_embeddings.fn(run)


def test_texts_are_escaped_on_the_page(tiny_config, tmp_path):
    rows = [{"question": f"<script>alert({i})</script>", "answer": f"a{i}"} for i in range(40)]
    rows += [{"question": "<b>same</b>", "answer": f"b{i}"} for i in range(20)]
    path = write_jsonl(tmp_path / "hostile.jsonl", rows)
    data = {**tiny_config.data.model_dump(mode="json"), "sources": [str(path)]}
    run = prepare(changed(tiny_config, data=data))
    assert validate_pairs.fn(run)["warnings"] > 0
    page = (Path(run["folder"]) / "validation" / "index.html").read_text("utf-8")
    assert "&lt;b&gt;same" in page
    assert "<b>same" not in page


def test_drift_without_recent_files_is_a_note(tiny_config):
    run = prepare(tiny_config)
    Run(Path(run["folder"])).write("drift/drift.json", {"judged": True})  # of an earlier night
    result = watch_drift.fn(run)
    assert not result["judged"]
    assert not (Path(run["folder"]) / "drift" / "drift.json").exists()


def test_missing_recent_files_are_reported_and_do_not_stop(tiny_config, tmp_path):
    data = {**tiny_config.data.model_dump(mode="json"), "recent": [str(tmp_path / "none.jsonl")]}
    run = prepare(changed(tiny_config, data=data))
    assert not watch_drift.fn(run)["judged"]
    assert "none.jsonl" in Run(Path(run["folder"])).read("drift/drift.json")["note"]


@pytest.mark.parametrize("recent", [[], ["gone.jsonl"]])
def test_the_page_of_an_earlier_judgement_does_not_outlive_it(tiny_config, tmp_path, recent):
    rows = [{"text": f"Which planet has {i} moons and how far is it?"} for i in range(40)]
    path = str(write_jsonl(tmp_path / "asked.jsonl", rows))
    data = tiny_config.data.model_dump(mode="json")
    run = prepare(changed(tiny_config, data={**data, "recent": [path]}))
    page = Path(run["folder"]) / "drift" / "drift.html"
    assert watch_drift.fn(run)["judged"] and page.is_file()
    now = changed(parse_config(yaml.safe_load(run["config"])), data={**data, "recent": recent})
    assert not watch_drift.fn({**run, "config": dump_config(now)})["judged"]
    assert not page.exists()


def test_targets_are_written_in_the_ui_as_in_the_report():
    known = [target("Time of an epoch", 0.108349, 300.0, unit="s", direction="below", met=True),
             target("Spread over seeds", None, 0.02, unit=" MRR@10")]  # fmt: skip
    epoch, spread = evaluation._targets({"targets": known})
    assert (epoch["value"], epoch["limit"]) == ("0.108\u202fs", "< 300\u202fs")
    assert (spread["value"], spread["met"]) == ("not measured", "not measured")


def test_what_the_gate_refuses_is_promoted_only_against_it(tiny_config, tmp_path):
    registry = Registry(tiny_config.home, tiny_config.name)
    registry.publish(make_model(tmp_path / "made", 1), "v1", judgement(promote=False), {})
    with pytest.raises(GateError, match="worse"):
        promote_version.fn(tiny_config, "v1", "Ada", "try")
    assert registry.champion() is None
    promote_version.fn(tiny_config, "v1", "Ada", "try", against_the_gate=True)
    assert [(entry.version, entry.kind) for entry in registry.history()] == [("v1", "forced")]


def test_a_judgement_does_not_say_that_it_promoted(tiny_config, monkeypatch):
    shown = []
    monkeypatch.setattr(steps, "evaluate", lambda run: evaluation_values())
    monkeypatch.setattr(evaluation, "publish_markdown", lambda *texts: shown.extend(texts))
    Run(tiny_config.home / "a").write("run.json", {"id": "a"})
    judged = evaluation.evaluate_cube.fn(
        {"folder": str(tiny_config.home / "a"), "id": "a", "config": dump_config(tiny_config)}
    )
    _, page, description = shown
    assert judged["promote"] and judged["sentence"] == description
    assert description.startswith("The gate says yes: on new wordings") and description in page
    assert "Promoted" not in page


def test_a_champion_over_another_teacher_is_nothing_to_compare_with(tiny_config, tmp_path):
    registry = Registry(tiny_config.home, tiny_config.name)
    registry.publish(make_model(tmp_path / "made", 1), "v1", judgement(), {})
    registry.force("v1", "Ada", "the first")
    assert champion_of(tiny_config) == (None, "Champion v1 has another teacher. ")


@pytest.mark.parametrize("damage", ["", "{}", '{"fingerprints": "others"'])
def test_a_damaged_champion_is_reported_and_does_not_stop(tiny_config, tmp_path, damage):
    questions = [{"text": f"How do I reset password {i}?"} for i in range(40)]
    path = write_jsonl(tmp_path / "asked.jsonl", questions)
    data = {**tiny_config.data.model_dump(mode="json"), "recent": [str(path)]}
    run = prepare(changed(tiny_config, data=data))
    registry = Registry(tiny_config.home, tiny_config.name)
    registry.publish(make_model(tmp_path / "made", 1), "v1", judgement(), {})
    registry.force("v1", "Ada", "the first")
    config = registry.path("v1") / "config.json"
    config.chmod(0o644)
    config.write_text(damage)
    assert not watch_drift.fn(run)["judged"]
    assert "models/small/v1 is broken" in Run(Path(run["folder"])).read("drift/drift.json")["note"]


def test_questions_nobody_answered_yet_can_be_watched(tiny_config, tmp_path):
    texts = [{"text": f"Which planet has {i} moons and how far is it?"} for i in range(40)]
    path = write_jsonl(tmp_path / "asked.jsonl", texts)
    data = {**tiny_config.data.model_dump(mode="json"), "recent": [str(path)]}
    run = prepare(changed(tiny_config, data=data))
    assert watch_drift.fn(run)["drifted"]
    drift = Run(Path(run["folder"])).read("drift/drift.json")
    assert (drift["current_rows"], drift["reference"]) == (40, f"training questions of {run['id']}")
    page = (Path(run["folder"]) / "drift" / "drift.html").read_text("utf-8")
    known = f"{drift['reference_rows']} known ones ({drift['reference']})"
    assert f"40 new questions (data.recent) against {known}." in page
    assert f"<head><title>Drift of {tiny_config.name}</title>" in page
    assert "Read the new questions first" in page
    for known in drift["judgements"]:
        assert (words := sees(known["method"])) and words in page
        assert compact(known["threshold"]) in page
    easy = changed(parse_config(yaml.safe_load(run["config"])), drift={"min_rows": 41})
    assert not watch_drift.fn({**run, "config": dump_config(easy)})["judged"]


def test_drift_compares_a_sample_of_as_many_questions_as_are_set(
    tiny_config, tmp_path, monkeypatch
):
    texts = [{"text": f"Which planet has {i} moons and how far is it?"} for i in range(40)]
    path = write_jsonl(tmp_path / "asked.jsonl", texts)
    data = {**tiny_config.data.model_dump(mode="json"), "recent": [str(path)]}
    run = prepare(changed(tiny_config, data=data))
    compared = []
    from tasks.drift_page import compare as in_full

    def compare(current, reference, config):
        compared.append((current, reference))
        return in_full(current, reference, config)

    with monkeypatch.context() as watched:
        watched.setattr("tasks.drift_page.compare", compare)
        for most in (2_000, 20):
            few = changed(parse_config(yaml.safe_load(run["config"])), drift={"max_rows": most})
            watch_drift.fn({**run, "config": dump_config(few)})
            drift = Run(Path(run["folder"])).read("drift/drift.json")
            assert drift["judged"] and drift["current_rows"] == min(40, most)
    rows = [(len(a.vectors), len(a.texts), len(b.vectors), len(b.texts)) for a, b in compared]
    assert rows[0][:2] == (40, 40) and rows[0][2] == rows[0][3] > 30
    assert rows[1] == (20,) * 4
    assert compared[1][0].texts != compared[0][0].texts[:20]  # drawn, not the first ones


def test_pairs_beyond_the_questions_of_the_sample_are_not_even_gathered(tiny_config, tmp_path):
    rows = [
        {"question": f"What is {i}?", "answers": [f"It is {i}.", f"{i} it is."]} for i in range(40)
    ]
    config = changed(tiny_config, drift={"max_rows": 20})
    corpus = steps.ingest(config, [str(write_jsonl(tmp_path / "asked.jsonl", rows))])
    recent = recent_questions(config, corpus, steps.embed(config, corpus))
    assert (len(recent.vectors), len(recent.texts), recent.drawn_from) == (20, 20, 40)
    assert recent.pairs is not None
    questions, answers = recent.pairs
    assert len(questions) == len(answers) == 40  # every answer of the questions that were drawn
    assert {q.tobytes() for q in questions} == {q.tobytes() for q in recent.vectors}


def test_bare_texts_are_no_questions_where_the_teacher_tells_them_apart(tiny_config, tmp_path):
    texts = [{"text": f"Which planet has {i} moons and how far is it?"} for i in range(40)]
    path = write_jsonl(tmp_path / "asked.jsonl", texts)
    teacher = {**tiny_config.teacher.model_dump(mode="json"), "query_prompt": "query: "}
    config = changed(tiny_config, teacher=teacher)
    corpus = steps.ingest(config, [str(path)])
    assert recent_questions(config, corpus, steps.embed(config, corpus)).texts == []


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (OSError("disk is busy"), True),
        (PermissionError("read-only"), False),
        (sqlite3.OperationalError("database is locked"), True),
        (DataError("no rows"), False),
        (ConfigError("unknown key"), False),
        (ZeroDivisionError(), False),
    ],
)
def test_only_errors_that_may_pass_are_tried_again(error, again):
    assert may_pass(None, None, Failed(data=error)) is again


def test_reports_are_linked_where_runs_are_served(monkeypatch):
    home = Path("var")
    page = home / "runs" / "demo-1" / "report" / "index.html"
    monkeypatch.delenv("CUBE_REPORTS_URL", raising=False)
    assert page_url(page, home) == "http://127.0.0.1:9100/runs/demo-1/report/index.html"
    assert "-d /data/var 9100`" in serve_hint(Path("/data/var"))
    monkeypatch.setenv("CUBE_REPORTS_URL", "http://127.0.0.1:9300")
    assert "-d '/my data/var' 9300`" in serve_hint(Path("/my data/var"))  # pasted into a shell
    monkeypatch.setenv("CUBE_REPORTS_URL", "https://reports.example/cube/")
    assert page_url(page, home) == "https://reports.example/cube/runs/demo-1/report/index.html"


@pytest.mark.parametrize("address", ["http://127.0.0.1:pages", "localhost:9100", "http://a:99999"])
def test_reports_under_no_address_are_a_sentence(address, monkeypatch):
    monkeypatch.setenv("CUBE_REPORTS_URL", address)
    with pytest.raises(ConfigError, match=f"CUBE_REPORTS_URL={address} is no address of a web"):
        page_url(Path("var/index.html"), Path("var"))


def test_logs_are_forwarded_once():
    forward_logs()
    forward_logs()
    logger = logging.getLogger("cube")
    assert logger.getEffectiveLevel() == logging.INFO
    assert sum(isinstance(handler, APILogHandler) for handler in logger.handlers) == 1
