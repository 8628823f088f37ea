"""Failure drills against a real server and worker: whatever dies, nothing is lost.

Where the run ends, its model must be byte for byte the one of an undisturbed run.
"""

import os
import shutil
import sys
import time
from pathlib import Path

import psutil
import pytest

from benchmarks.servers import (
    environment,
    install,
    kill_tree,
    post,
    server,
    state_of,
    wait_for,
    wait_for_end,
    worker,
)
from cube.registry import Registry
from tests.flows.drills import Drill, postgres, tmpfs

pytestmark = pytest.mark.slow

STEPS = (
    "Ingest data",
    "Screen pairs",
    "Embed corpus",
    "Validate pairs",
    "Train",
    "Evaluate",
    "Publish",
)


@pytest.fixture(scope="module")
def env(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    with server(folder, one_thread(environment(folder))) as env:
        install(env)
        yield env


def one_thread(env: dict[str, str]) -> dict[str, str]:
    """Sums over several threads differ in their last bits from the undisturbed model's."""
    return env | {"OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def drill(tmp_path_factory, env) -> Drill:
    return Drill(tmp_path_factory.mktemp("drills") / "project", env)


@pytest.fixture
def log(tmp_path) -> Path:
    return tmp_path / "worker.log"


@pytest.mark.parametrize("step", STEPS)
def test_worker_and_run_killed_in(step, drill, env, log):
    """As a power cut: nobody is left to report it, the automations have to find out."""
    home = f"killed-{step.split()[0].lower()}"
    with worker(env, log) as process:
        flow_run = drill.start(home)
        drill.wait_for_step(flow_run, step)
        kill_tree(process.pid)
    assert state_of(env, flow_run)["name"] == "Running"
    with worker(env, log):
        wait_for_end(env, flow_run, "Completed")
    assert drill.restarts(flow_run) == 1
    drill.whole(home)


def test_server_restarted_in_mid_run(drill, tmp_path, log):
    folder = tmp_path / "server"
    folder.mkdir()
    env = one_thread(environment(folder))
    with server(folder, env):
        install(env)
    here = Drill(tmp_path / "project", env)
    with worker(env, log):
        with server(folder, env):
            flow_run = here.start("restarted")
            here.wait_for_step(flow_run, "Train")
        time.sleep(10)
        with server(folder, env):
            wait_for_end(env, flow_run, "Completed")
    here.whole("restarted")


@pytest.mark.skipif(not shutil.which("initdb"), reason="PostgreSQL is not installed")
def test_database_down_for_thirty_seconds(tmp_path, log):
    folder = tmp_path / "server"
    folder.mkdir()
    with postgres() as (address, control):
        env = one_thread(environment(folder)) | {"PREFECT_API_DATABASE_CONNECTION_URL": address}
        with server(folder, env):
            install(env)
            here = Drill(tmp_path / "project", env)
            with worker(env, log):
                flow_run = here.start("database")
                here.wait_for_step(flow_run, "Train")
                control("stop", "-m", "immediate")
                time.sleep(30)
                control("start")
                wait_for_end(env, flow_run, "Completed")
    here.whole("database")


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_disk_full(drill, env, log):
    home = drill.folder / "full"
    with worker(env, log):
        with tmpfs(home, megabytes=2):
            flow_run = drill.start("full")
            wait_for_end(env, flow_run, "Failed")
            assert "No space left" in drill.message_of(flow_run)
        home.rmdir()
        wait_for_end(env, drill.start("full"), "Completed")
    drill.whole("full")


def test_teacher_missing(drill, env, log):
    registry = Registry(drill.folder / "teacher", "small")
    with worker(env, log):
        wait_for_end(env, drill.start("teacher"), "Completed")
        before = registry.champion()
        flow_run = drill.start("teacher", "teacher.model=/nowhere/at-all")
        wait_for_end(env, flow_run, "Failed")
    assert "/nowhere/at-all" in drill.message_of(flow_run)
    assert registry.champion() == before
    drill.whole("teacher")


def test_bad_data_file(drill, env, log):
    bad = drill.folder / "bad.jsonl"
    bad.write_bytes(os.urandom(4096))
    good = drill.folder / "pairs.jsonl"
    with worker(env, log):
        flow_run = drill.start("bad", f"data.sources=[{bad}]")
        wait_for_end(env, flow_run, "Failed")
        assert "bad.jsonl" in drill.message_of(flow_run)
        wait_for_end(env, drill.start("mixed", f"data.sources=[{bad}, {good}]"), "Completed")
    (corpus,) = (drill.folder / "mixed" / "corpora").iterdir()
    assert (corpus / "quarantine.jsonl").stat().st_size > 0


def test_two_nights_at_once(drill, env, log):
    with worker(env, log):
        first = drill.start("two")
        drill.wait_for_step(first, "Embed corpus")
        second = drill.start("two")
        wait_for_end(env, second, "Cancelled")
        assert "concurrency" in drill.message_of(second)
        wait_for_end(env, first, "Completed")
    drill.whole("two")


def test_cancelled_through_the_api(tmp_path, env, log, capsys):
    here = Drill(tmp_path / "project", env, training_steps=20_000)
    home = here.folder / "cancelled"
    with worker(env, log) as process:
        # No checkpoint but the one that being cancelled writes.
        flow_run = here.start("cancelled", "training.checkpoint_seconds=3600")
        wait_for("a training", lambda: "validation" in metrics_of(home), seconds=300)
        assert not any(home.glob("runs/*/checkpoints/*.pt"))
        asked = time.monotonic()
        post(env, f"/flow_runs/{flow_run}/set_state", {"state": {"type": "CANCELLING"}})
        wait_for("the end of its process", lambda: not children_of(process.pid), every_seconds=0.1)
        stopped = time.monotonic() - asked
        wait_for_end(env, flow_run, "Cancelled", seconds=60)
        with capsys.disabled():
            sys.stdout.write(f"\ncancelled: process gone after {stopped:.1f} s\n")
        assert any(home.glob("runs/*/checkpoints/*.pt"))
        time.sleep(30)  # the automations have had their chance to start it again
        assert state_of(env, flow_run)["name"] == "Cancelled"
        assert not any(home.glob("runs/*/training.json"))


def metrics_of(home: Path) -> str:
    """Return what the trainings of a home have written so far."""
    return "".join(path.read_text("utf-8") for path in home.glob("runs/*/metrics.jsonl"))


def children_of(pid: int) -> list[psutil.Process]:
    """Return the processes that a worker has started for its runs."""
    return psutil.Process(pid).children(recursive=True)
