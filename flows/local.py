"""Running a flow on this machine, without a server of its own."""

import argparse
import importlib
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any

from cube.commands.options import print_json, printing
from cube.config import load_config
from cube.errors import ConfigError, CubeError

BAD_INPUT = 2
_OURS = ("cube", "expectations", "tasks")


def parser_of(flow: str, about: str) -> argparse.ArgumentParser:
    """Return a parser of what every flow takes; options it has beyond are its other parameters.

    Args:
        flow: name of its module and function.
        about: its module's docstring, of which the first line is shown.
    """
    parser = argparse.ArgumentParser(f"python -m flows.{flow}", description=about.splitlines()[0])
    parser.add_argument("config", type=Path, help="YAML file of settings")
    parser.add_argument(
        "--set", dest="overrides", action="append", default=[], metavar="SECTION.KEY=VALUE",
        help="change one setting; may be repeated",
    )  # fmt: skip
    return parser


def main(parser: argparse.ArgumentParser) -> int:
    """Run the flow of a parser here, and print its summary, or what it returns as JSON.

    Returns:
        0 when the run ended well, whatever the gate said; 1 when a validation stopped it; 2 for bad
        input; 75 when the training was told to stop, with a checkpoint; 130 or 143 when a signal
        ended another step.
    """
    options = vars(parser.parse_args())
    config, overrides = options.pop("config"), options.pop("overrides")
    flow = parser.prog.rpartition(".")[2]
    # As an exception, so that Prefect's temporary server is ended as well.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        prepare_environment(load_config(config, overrides).home)
        with printing():
            _run(flow, {"config_file": str(config), "overrides": overrides, **options})
    except (CubeError, OSError) as error:
        sys.stderr.write(f"{flow}: {error}\n")
        return getattr(error, "exit_code", BAD_INPUT)
    except KeyboardInterrupt:
        return 130
    return 0


def prepare_environment(home: Path) -> None:
    """Give Prefect settings for a run without a server, before it is imported.

    Its database goes to `home/prefect`, nothing into the user's home. What the environment sets
    already is left alone, so with PREFECT_API_URL the run shows up on that server.
    """
    defaults = {
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "GX_ANALYTICS_ENABLED": "false",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "PREFECT_HOME": str(home.resolve() / "prefect"),
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    }
    if "PREFECT_API_URL" not in os.environ:
        defaults["PREFECT_SERVER_ALLOW_EPHEMERAL_MODE"] = "true"
        defaults["PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"] = "120"
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
    # Prefect makes only the last folder of the path, and its server fails for want of the others.
    Path(os.environ["PREFECT_HOME"]).mkdir(parents=True, exist_ok=True)


def _run(flow: str, parameters: dict[str, Any]) -> None:
    from prefect.exceptions import ParameterTypeError

    from cube.report.terminal import print_summary
    from cube.runs import Run
    from flows.server import require_server

    if "PREFECT_API_URL" in os.environ:
        require_server()
    function = getattr(importlib.import_module(f"flows.{flow}"), flow)
    for handler in logging.getLogger().handlers:
        handler.addFilter(_worth_showing)
    try:
        result = function(**parameters)
    except ParameterTypeError as error:
        raise ConfigError(" ".join(str(error).split())) from None
    if "run" in result:
        print_summary(Run(Path(result["run"])))
    else:
        print_json(result)


def _worth_showing(record: logging.LogRecord) -> bool:
    """Whether a record belongs on the terminal: ours, the ends of tasks, and others' warnings.

    Errors are told once and in a sentence by `main`, so Prefect's tracebacks stay in its database.
    """
    if record.name.startswith("prefect"):
        return record.name == "prefect.task_runs" and record.levelno < logging.ERROR
    ours = record.name.split(".")[0] in _OURS
    return ours or record.levelno >= logging.WARNING
