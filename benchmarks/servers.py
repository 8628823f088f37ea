"""A real Prefect server and worker on loopback, each in a process group that ends with the test."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import httpx

ROOT = Path(__file__).parents[1]
PREFECT = str(Path(sys.executable).with_name("prefect"))
# Where SIGINT is ignored, Prefect's processes are deaf to SIGTERM too: they turn it into SIGINT.
_LAUNCH = (
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)
Value = TypeVar("Value")


def wait_for(what: str, look: Callable[[], Value | None], seconds: float = 120) -> Value:
    """Return what `look` finds, looking again until the deadline."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.5)
    raise AssertionError(f"{what} did not happen within {seconds:.0f} s")


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of a deployment on a free port with its own folder.

    The settings come from `deployments/env.sh`, as a person would source it.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    inherited |= {
        "PREFECT_HOME": str(folder),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
    }
    script = f". {ROOT / 'deployments' / 'env.sh'} && env -0"
    shell = shutil.which("sh") or "/bin/sh"
    listed = subprocess.run([shell, "-c", script], env=inherited, capture_output=True, check=True)
    return dict(item.split("=", 1) for item in listed.stdout.decode().split("\0") if item)


def prefect(env: dict[str, str], *arguments: str) -> str:
    """Run a command of Prefect from the root of the repository and return what it prints."""
    done = subprocess.run(
        [PREFECT, "--no-prompt", *arguments],
        cwd=ROOT, env=env, capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def running(env: dict[str, str], log: Path, *arguments: str) -> Iterator[None]:
    """Keep a command of Prefect running; its whole process group is gone afterwards."""
    command = [sys.executable, "-c", _LAUNCH, PREFECT, *arguments]
    with log.open("w") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=env, stdout=output, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        try:
            yield
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


@contextmanager
def server(folder: Path) -> Iterator[dict[str, str]]:
    """Run a server and yield the environment to reach it."""
    env = environment(folder)
    url = env["PREFECT_API_URL"]
    port = url.removesuffix("/api").rsplit(":", 1)[1]
    log = folder / "server.log"

    def healthy() -> bool:
        try:
            return httpx.get(f"{url}/health", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    with running(env, log, "server", "start", "--host", "127.0.0.1", "--port", port):
        wait_for("a healthy server", healthy)
        yield env
