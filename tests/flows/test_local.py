"""`python -m flows.train_cube` as a person runs it: exit codes and what stands on the terminal."""

import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from benchmarks.servers import wait_for
from tests.flows.project import make_project, spoil

ROOT = Path(__file__).parents[2]


FLOWS = [
    path.stem for path in (ROOT / "flows").glob("*.py") if "@cube_flow(" in path.read_text("utf-8")
]


def run(*arguments: str, flow: str = "train_cube") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", f"flows.{flow}", *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip


def test_bad_input_is_a_sentence_and_code_2(tmp_path):
    config = make_project(tmp_path)
    done = run(str(config), "--set", "training.sed=1")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "train_cube: config with --set: unknown key 'training.sed': did you mean 'seed'.\n"
    )
    assert run(str(tmp_path / "nowhere.yaml")).returncode == 2
    assert run().returncode == 2


@pytest.mark.parametrize("flow", FLOWS)
def test_every_flow_says_what_it_takes(flow):
    shown, nothing, unknown = (run(*words, flow=flow) for words in (["--help"], [], ["a", "--odd"]))
    assert shown.returncode == 0
    assert shown.stdout.startswith(f"usage: python -m flows.{flow} ")
    assert (nothing.returncode, unknown.returncode) == (2, 2)
    assert f"flows.{flow}: error: the following arguments are required: config" in nothing.stderr
    assert f"flows.{flow}: error: " in unknown.stderr


@pytest.mark.slow
def test_other_flows_print_what_they_return_and_refuse_parameters_in_a_sentence(tmp_path):
    config = str(make_project(tmp_path))
    done = run(config, flow="ingest_data")
    assert (done.returncode, json.loads(done.stdout)["read"]) == (0, 128)
    done = run(config, "--workers", "0", flow="embed_corpus")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("embed_corpus: ")
    assert "workers: Input should be greater than or equal to 1" in done.stderr
    assert "Traceback" not in done.stderr


def test_importing_the_flow_loads_nothing_heavy():
    heavy = ("torch", "great_expectations", "evidently", "pandas", "sentence_transformers")
    code = f"import sys, flows.train_cube; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_a_validation_that_says_no_is_code_1_and_a_run_that_ends_is_code_0(tmp_path):
    config = make_project(tmp_path)
    spoiled = [word for override in spoil(tmp_path) for word in ("--set", override)]
    done = run(str(config), *spoiled)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("train_cube: Nothing was trained: the pairs fail")
    done = run(str(config))
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout.splitlines()[-1].startswith("Report: ")
    assert "cube" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(("when", "code"), [("corpora", 143), ("metrics.jsonl", 75)])
def test_a_run_told_to_stop_leaves_a_sentence_and_no_process(tmp_path, when, code):
    config = make_project(tmp_path)
    long = ["training.stages.1.max_steps=100000", "training.stages.1.max_epochs=100000",
            "training.stages.1.patience=100000"]  # fmt: skip
    words = [word for override in long for word in ("--set", override)]
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.train_cube", str(config), *words],
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    home = tmp_path / "home"
    try:
        wait_for(when, lambda: any(home.rglob(when)), seconds=600, every_seconds=0.05)
        started = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        _, errors = process.communicate(timeout=120)
    finally:
        process.kill()  # what does not stop is not left to train for hours
    assert process.returncode == code, errors
    assert "Traceback" not in errors
    assert psutil.wait_procs(started, timeout=30)[1] == []
    if code == 75:
        assert errors.splitlines()[-1].startswith("train_cube: Training stopped by SIGTERM")


@pytest.mark.parametrize("module", ["flows.train_cube", "flows.install"])
def test_a_server_that_does_not_answer_is_a_sentence(tmp_path, module, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    words = [str(make_project(tmp_path))] if module == "flows.train_cube" else []
    done = subprocess.run(
        [sys.executable, "-m", module, *words],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert "The Prefect server at http://127.0.0.1:1/api/ cannot be used" in done.stderr
    assert "Traceback" not in done.stderr
