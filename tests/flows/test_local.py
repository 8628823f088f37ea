"""`python -m flows.train_cube` as a person runs it: exit codes and what stands on the terminal."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.flows.project import make_project, spoil

ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "flows.train_cube", *arguments],
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
