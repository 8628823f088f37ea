"""Put work pool, deployments and automations onto the server of PREFECT_API_URL.

    python -m flows.install [--pool-type process]

Run it from the root of the repository, again after any change in `deployments/`: deployments and
automations are brought up to date; a work pool that is there keeps its settings.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from cube.errors import ConfigError
from flows.server import require_server

DEPLOYMENTS = Path("deployments/prefect.yaml")
AUTOMATIONS = Path("deployments/automations.yaml")
POOL = "cube-pool"


def main(arguments: list[str]) -> int:
    """Install everything; returns 0, or 2 with a sentence where that is not possible."""
    parser = argparse.ArgumentParser("python -m flows.install", description="Install on a server.")
    parser.add_argument("--pool-type", default="process", help="process, docker or kubernetes")
    options = parser.parse_args(arguments)
    if not DEPLOYMENTS.is_file():
        sys.stderr.write(f"install: no {DEPLOYMENTS} here: run this in the repository's root.\n")
        return 2
    try:
        require_server()
        _require_pool(options.pool_type)
        _prefect("deploy", "--prefect-file", str(DEPLOYMENTS), "--all")
        names = install_automations(AUTOMATIONS)
    except ConfigError as error:
        sys.stderr.write(f"install: {error}\n")
        return error.exit_code
    sys.stdout.write(f"Installed: pool {POOL}, all deployments, automations {', '.join(names)}.\n")
    return 0


def _require_pool(pool_type: str) -> None:
    """Create the work pool where there is none; its settings may have been changed since then."""
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound

    with get_client(sync_client=True) as client:
        try:
            known = client.read_work_pool(POOL)
        except ObjectNotFound:
            _prefect("work-pool", "create", POOL, "--type", pool_type)
            return
    if known.type != pool_type:
        raise ConfigError(
            f"Work pool {POOL} is there with type {known.type}, not {pool_type}: pass --pool-type "
            f"{known.type}, or delete it first (prefect work-pool delete {POOL})."
        )


def install_automations(path: Path) -> list[str]:
    """Create or replace the automations of a file by name; returns their names."""
    from prefect.client.orchestration import get_client
    from prefect.events.schemas.automations import AutomationCore

    with get_client(sync_client=True) as client:
        entries = yaml.safe_load(path.read_text("utf-8"))
        for entry in entries:
            entry["actions"] = [_resolved(action, client) for action in entry["actions"]]
            automation = AutomationCore.model_validate(entry)
            known = client.read_automations_by_name(automation.name)
            if known:
                client.update_automation(known[0].id, automation)
            else:
                client.create_automation(automation)
    return [entry["name"] for entry in entries]


def _resolved(action: dict[str, Any], client: Any) -> dict[str, Any]:
    """Return an action with the id of the deployment it names."""
    values = dict(action)
    if name := values.pop("deployment", None):
        values["deployment_id"] = client.read_deployment_by_name(name).id
    return values


def _prefect(*arguments: str) -> None:
    command = [sys.executable, "-m", "prefect", "--no-prompt", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ConfigError(done.stderr.strip() or done.stdout.strip())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
