"""Several runs on one page."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cube.config import parse_config
from cube.differences import differing_settings
from cube.errors import DataError
from cube.report.compare import comparison_html
from cube.report.render import render_report
from cube.runs import Run
from tests.conftest import call
from tests.report.conftest import HOSTILE, interval
from tests.report.full import full_values, hostile
from tests.report.page import Page


@pytest.fixture
def runs(make_run: Callable[..., Run]) -> list[Run]:
    """Two runs on different data, so that nothing is scored again; the first has a report."""
    first = make_run()
    render_report(first)
    other = first.folder.with_name("small-other")
    shutil.copytree(first.folder, other, ignore=shutil.ignore_patterns("report"))
    facts = json.loads((other / "run.json").read_text())
    Run(other).write("run.json", {**facts, "id": "small-other", "vectors": "v1"})
    config = (other / "config.yaml").read_text()
    for before, now in (("seed: 0", "seed: 7"), ("normalize: true", "normalize: false")):
        assert before in config
        config = config.replace(before, now, 1)
    (other / "config.yaml").write_text(config)
    return [first, Run(other)]


def test_runs_stand_side_by_side(runs: list[Run]) -> None:
    html = comparison_html(runs, runs[0].folder)
    page = Page(html)
    assert page.open == [] and page.tables_without_caption == 0
    assert page.hrefs[1:] == ["report/index.html"]  # the other run has no report
    assert html.count("small-other") > 4
    assert "small-other has other data or another teacher than small-0123456789" in html
    assert "or puts turns together otherwise (data.context)" in html
    assert "not comparable" in html and "the first run" in html
    assert html.count('<table class="runs across">') == 2  # have a column a run, to fit on paper
    section = html[html.index("Settings that differ") :]
    assert "seed</code>" in section and "<td>7</td>" in section
    assert "<td>true</td><td>false</td>" in section
    heard = re.findall(r'<span class="unseen">([^<]*): </span>([0-9.]+)', section)
    assert heard == [("not met", "0.370")] * 2 + [("met", "1.45")] * 2  # beside sign and colour


def test_too_few_questions_prove_nothing(runs: list[Run], monkeypatch: pytest.MonkeyPatch) -> None:
    better = {"difference": interval(0.2)}
    compared = {"small-other": {"unseen_answers": better, "new_wordings": better}}
    monkeypatch.setattr("cube.report.compare._pairwise", lambda runs: (compared, []))
    html = comparison_html(runs, runs[0].folder)
    few = html[html.index("<h3>Answers never seen") :]
    assert "<b>+0.200</b> <small>too few to judge</small>" in few  # of 12
    assert "<b>+0.200</b> <small>better</small>" not in few
    assert "<b>+0.200</b> <small>better</small>" in html  # of 248


def test_the_registry_has_the_last_word(runs: list[Run]) -> None:
    assert "not promoted" not in comparison_html(runs, runs[0].folder)
    runs[1].write("published.json", {"promoted": False, "sentence": "It was rolled back."})
    assert comparison_html(runs, runs[0].folder).count("not promoted") == 1


def test_hostile_texts_stay_texts(runs: list[Run]) -> None:
    facts = runs[1].facts
    runs[1].write("run.json", {**facts, "id": HOSTILE})
    known = runs[1].read("evaluation.json")
    targets = hostile([{**target, "unit": "", "value": 1.0} for target in known["targets"]])
    runs[1].write(
        "evaluation.json", {**known, **full_values(), "teacher": HOSTILE, "targets": targets}
    )
    html = comparison_html([runs[0], Run(runs[1].folder)], Path("/"))
    page = Page(html)
    assert html.count("<script") == 1 and "<img" not in html
    assert page.handlers == [] and page.open == []


def test_what_cannot_be_compared_is_said_in_a_sentence(runs: list[Run], capsys) -> None:
    with pytest.raises(DataError, match="2 to 8 different runs"):
        comparison_html([runs[0], runs[0]], Path())
    (runs[1].folder / "evaluation.json").unlink()
    for words in ([], [runs[0].folder, "--out", "x.html"], [run.folder for run in runs]):
        assert call("report", *words) == 2
        assert "Traceback" not in capsys.readouterr().err


def test_the_command_writes_the_comparison_beside_the_first_report(runs: list[Run], capsys) -> None:
    assert call("report", *(run.folder for run in runs)) == 0
    path = runs[0].folder / "report" / "comparison.html"
    assert capsys.readouterr().out == f"{path}\n"
    assert 'href="index.html"' in path.read_text("utf-8")


def test_settings_that_differ_are_named_by_path() -> None:
    first = {"a": {"b": 1, "c": [1, 2]}, "stages": [{"name": "x"}]}
    second = {"a": {"b": 1, "c": [1], "[bot]": "user"}, "stages": [{"name": "y"}, {"name": "z"}]}
    assert differing_settings([first, second]) == {
        "a.[bot]": ["(not set)", "user"],
        "a.c": [[1, 2], [1]],
        "stages": [["x"], ["y", "z"]],
    }
    assert differing_settings([first, first]) == {}


def test_stages_that_all_runs_have_are_compared_by_name() -> None:
    curricula = ("staged", "dialogue", {"name": "dialogue", "mode": "dialogue", "pacing": {}})
    configs = [
        parse_config({"training": {"stages": [c] if isinstance(c, dict) else c}}).model_dump()
        for c in curricula
    ]
    rate, pacing = (f"training.stages[dialogue].{key}" for key in ("learning_rate", "pacing"))
    names = {"training.stages": [["autoencoder", "mixed", "dialogue"], ["dialogue"]]}
    assert differing_settings(configs[:2]) == names
    found = differing_settings(configs)
    assert found[rate] == [0.0045, 0.0045, 0.001]
    assert found[pacing] == [None, None, "(not set)"] and f"{pacing}.start" in found
    assert not any("[mixed]" in key for key in found)
