"""What failure drills share: a longer training, how to watch a run, and what must survive it."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import yaml

from benchmarks.servers import post, start_run, wait_for
from cube import steps
from cube.config import load_config
from cube.storage import file_sha256
from tests.flows.project import make_project

NIGHT = "train-cube/nightly"


class Drill:
    """A project, its undisturbed model, and a server to run it on.

    Every drill has a home of its own, so that no step finds the work of another.
    """

    def __init__(self, folder: Path, env: dict[str, str], training_steps: int = 400):
        folder.mkdir()
        self.folder, self.env = folder, env
        self.config = make_project(folder)
        values = yaml.safe_load(self.config.read_text("utf-8"))
        stage = {"name": "dialogue", "mode": "dialogue", "max_steps": training_steps,
                 "max_epochs": 100_000, "patience": 10_000}  # fmt: skip
        values["training"] = {"validate_every": 20, "checkpoint_seconds": 1, "stages": [stage]}
        values["data"]["recent"] = []
        self.config.write_text(yaml.safe_dump(values), "utf-8")

    def start(self, home: str, *overrides: str) -> str:
        """Start a night with a home and return its id."""
        parameters = {
            "config_file": str(self.config),
            "overrides": [f"home={self.folder / home}", *overrides],
        }
        return start_run(self.env, NIGHT, parameters)

    def wait_for_step(self, flow_run: str, step: str, seconds: float = 300) -> None:
        """Return as soon as a step of the run has begun."""
        query = {"task_runs": {"flow_run_id": {"any_": [flow_run]}, "name": {"like_": step}}}

        def begun() -> bool:
            return bool(post(self.env, "/task_runs/filter", query))

        wait_for(f"step {step}", begun, seconds, every_seconds=0.1)

    def model(self, home: str) -> str:
        """Return the digest of the weights a home's only run trained."""
        (weights,) = (self.folder / home / "runs").glob("*/model/model.safetensors")
        return file_sha256(weights)

    def undisturbed(self) -> str:
        """Return the digest of the weights that nothing disturbed."""
        home = "undisturbed"
        if not (self.folder / home).is_dir():
            config = load_config(self.config, [f"home={self.folder / home}"])
            corpus = steps.ingest(config)
            steps.train(steps.start_run(config, corpus, steps.embed(config, corpus)))
        return self.model(home)

    def whole(self, home: str) -> None:
        """Check that nothing half-written is left and that the model is the undisturbed one."""
        assert self.model(home) == self.undisturbed()
        folder = self.folder / home
        (run,) = (folder / "runs").iterdir()
        for name in ("training.json", "evaluation.json", "published.json"):
            json.loads((run / name).read_text("utf-8"))
        assert (run / "report" / "index.html").is_file()
        (version,) = (folder / "models" / "small").glob("*/config.json")
        assert file_sha256(version.with_name("model.safetensors")) == self.undisturbed()

    def restarts(self, flow_run: str) -> int:
        """Return how often the automation has started a run again."""
        url = f"{self.env['PREFECT_API_URL']}/flow_run_states/"
        states = httpx.get(url, params={"flow_run_id": flow_run}, timeout=30).json()
        return sum(state["name"] == "AwaitingRetry" for state in states)

    def message_of(self, flow_run: str) -> str:
        """Return what a run says at its end."""
        url = f"{self.env['PREFECT_API_URL']}/flow_runs/{flow_run}"
        return httpx.get(url, timeout=30).json()["state"]["message"] or ""


@contextmanager
def tmpfs(folder: Path, megabytes: int) -> Iterator[None]:
    """Mount a small disk; needs to be root."""
    folder.mkdir(parents=True)
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", str(folder)], check=True
    )
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def postgres() -> Iterator[tuple[str, Callable[..., None]]]:
    """Run a PostgreSQL of one's own; yields its address and a function that controls it."""
    folder = Path(tempfile.mkdtemp(prefix="cube-postgres-"))  # where any user can look
    as_user: list[str] = []
    if os.geteuid() == 0:  # which the server refuses to run as
        shutil.chown(folder, "postgres", "postgres")
        as_user = ["runuser", "-u", "postgres", "--"]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = str(folder / "data")

    def run(program: str, *arguments: str) -> None:
        path = Path(shutil.which("initdb") or "initdb").resolve().with_name(program)
        command = [*as_user, str(path), "-D", data, *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd="/")

    def control(*arguments: str) -> None:
        run("pg_ctl", "-w", "-l", str(folder / "log"), *arguments)

    try:
        run("initdb", "-U", "cube", "-A", "trust")
        with (folder / "data" / "postgresql.conf").open("a") as settings:
            settings.write(f"port={port}\nlisten_addresses='127.0.0.1'\n"
                           f"unix_socket_directories='{folder}'\n")  # fmt: skip
        control("start")
        yield f"postgresql+asyncpg://cube@127.0.0.1:{port}/postgres", control
    finally:
        with suppress(subprocess.CalledProcessError):
            control("stop", "-m", "immediate")
        shutil.rmtree(folder)
