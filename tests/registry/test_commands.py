"""`cube models` on a registry: what it prints, what it changes, and its exit codes."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.data.helpers import run_command
from tests.registry.conftest import judgement


@pytest.fixture
def call(registry, capsys):
    """Return a function that runs `cube models …` and returns exit code, output and errors."""

    def call(*words: str) -> tuple[int, str, str]:
        settings = ["--set", f"home={registry.home}", "--set", "name=m"]
        code, out, err = run_command(["models", words[0], *settings, *words[1:]], capsys)
        assert "Traceback" not in err
        return code, out, err

    return call


def test_versions_are_listed_with_scores_and_the_champion_is_marked(registry, call):
    registry.promote("v1")
    code, out, _ = call("list")
    assert code == 0
    assert "v1 (champion)" in out and "0.500" in out and "new wordings" in out
    listed = json.loads(call("list", "--json")[1])
    assert [(entry["version"], entry["champion"]) for entry in listed] == [
        ("v1", True), ("v2", False), ("v3", False)
    ]  # fmt: skip


def test_a_folder_put_there_by_hand_is_listed_and_explained(registry, call):
    (registry.folder / "mine").mkdir()
    (registry.folder / "mine" / "config.json").write_text("{}")
    assert "by hand" in call("list")[1]
    code, _, error = call("show", "mine")
    assert code == 2 and "was never published" in error


def test_an_empty_registry_says_so(call, registry):
    assert (
        f"No versions in {registry.folder.with_name('other')} yet"
        in call("list", "--set", "name=other")[1]
    )
    assert call("show", "--set", "name=other")[0] == 2
    code, _, error = call("rollback", "--why", "x", "--set", "name=other")
    assert code == 2 and "other yet: nothing to do" in error


def test_show_says_what_the_gate_asked_and_who_promoted(registry, call):
    registry.force("v1", "Ada [bold]", "because of <i>that</i>")
    out = call("show")[1]
    for words in ("v1 (champion)", "surely better", "FORCED by Ada [bold]", "<i>that</i>", "whole"):
        assert words in out
    assert json.loads(call("show", "v3", "--json")[1])["refusal"].startswith("Not promoted: v3")


def test_promotion_by_the_gate_and_against_it(registry, call, tmp_path):
    assert call("promote", "v1")[0] == 0
    registry.publish(tmp_path / "made" / "2", "v2", judgement(promote=False, champion="v1"), {})
    code, _, error = call("promote", "v2")
    assert code == 1 and "Not promoted: worse" in error
    assert call("promote", "v2", "--force")[0] == 2
    assert call("promote", "v2", "--by", "Ada")[0] == 2
    assert registry.champion() == "v1"
    code, out, _ = call("promote", "v2", "--force", "--by", "Ada", "--why", "a demonstration")
    assert code == 0 and "Champion: v2" in out
    assert call("rollback", "--by", "Ada", "--why", "it is over")[1] == "Champion: v1\n"
    assert [p.kind for p in registry.history()] == ["gate", "forced", "rollback"]


def test_diff_names_settings_and_says_why_nothing_is_compared(call):
    code, out, _ = call("diff", "v1", "v2")
    assert code == 0
    assert "training.seed" in out and "Run a-run is gone" in out
    values = json.loads(call("diff", "v1", "v2", "--json")[1])
    assert values["settings"] == {"training.seed": [1, 2]}
    assert values["compared"] is None
    assert call("diff", "v1", "v9")[0] == 2


def test_what_no_command_takes_is_refused_with_how_to_say_it(call):
    code, out, error = call("list", "nightly.yaml")
    assert (code, out) == (2, "")
    assert error.startswith("cube: Not expected: nightly.yaml. A file of settings is named by --c")


def test_an_output_that_lacks_letters_gets_them_as_escapes(registry, call, monkeypatch):
    registry.force("v1", "Zoë Ж", "why – because")
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="iso-8859-1"))
    assert call("show") == (0, "", "")
    assert call("show", "--json")[0] == 0
    sys.stdout.flush()
    words, brace, values = sys.stdout.buffer.getvalue().decode("iso-8859-1").partition("\n{")
    assert "FORCED by Zoë \\u0416" in words
    assert json.loads(brace + values)["history"][-1]["by"] == "Zoë Ж"


def test_a_user_without_a_name_is_asked_for_one(registry, call, monkeypatch):
    registry.force("v1", "Ada", "first")
    registry.force("v2", "Ada", "second")
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 2**31 - 7)
    code, _, error = call("rollback", "--why", "worse")
    assert (code, registry.champion()) == (2, "v2")
    assert "say who with --by" in error
    assert call("rollback", "--why", "worse", "--by", "Ada")[0] == 0


@pytest.mark.parametrize("words", [("models", "list"), ("models", "list", "--json")])
def test_what_takes_the_output_no_more_is_no_bug_and_no_verdict(registry, words, monkeypatch):
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    command = [sys.executable, "-m", "cube.cli", *words]
    command += ["--set", f"home={registry.home}", "--set", "name=m"]
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed, Path("/dev/full").open("wb") as full:
        for output, code, error in (closed, 0, b""), (full, 2, b"No space left on device\n"):
            done = subprocess.run(command, stdout=output, stderr=subprocess.PIPE, check=False)
            assert (done.returncode, done.stderr.rpartition(b"] ")[2]) == (code, error)
