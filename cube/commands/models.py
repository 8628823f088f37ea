"""`cube models`: the versions of a model, and which of them serves."""

import getpass
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from cube.commands.options import AsJson, ConfigFile, Overrides, print_json
from cube.errors import ConfigError

if TYPE_CHECKING:
    from cube.registry import Registry

app = App(name="models", help="Look at the versions of a model and choose the one that serves.")

By = Annotated[str, Parameter(help="who decides; goes into the history")]
Undoer = Annotated[str, Parameter(help="who decides; without, the user of this machine")]
Why = Annotated[str, Parameter(help="the reason; goes into the history")]


@app.command(name="list")
def list_versions(
    *, as_json: AsJson = False, config: ConfigFile = None, overrides: Overrides = None
) -> None:
    """Print every version with its scores and what the gate said; the champion is marked."""
    from cube.registry.views import overview
    from cube.report.versions import print_versions

    registry = _registry(config, overrides)
    versions = overview(registry)
    if as_json:
        print_json(versions)
    elif versions:
        print_versions(versions)
    else:
        sys.stdout.write(
            f"No versions in {registry.folder} yet: a run publishes its model when it was "
            "evaluated. Another place is named by --config or --set home=… --set name=….\n"
        )


@app.command
def show(
    version: str = "champion",
    *,
    as_json: AsJson = False,
    config: ConfigFile = None,
    overrides: Overrides = None,
) -> None:
    """Print what is known of a version: scores, the gate's reasons, promotions, changed files.

    Args:
        version: name of the version; without, the champion.
    """
    from cube.registry.views import details
    from cube.report.versions import print_version

    known = details(_registry(config, overrides), version)
    if as_json:
        print_json(known)
    else:
        print_version(known)


@app.command
def promote(
    version: str,
    *,
    force: Annotated[bool, Parameter(negative=())] = False,
    by: By = "",
    why: Why = "",
    config: ConfigFile = None,
    overrides: Overrides = None,
) -> None:
    """Let a version serve, if the gate lets it. Exit code 1 if it does not.

    Args:
        version: name of the version.
        force: against the gate; needs --by and --why.
    """
    from cube.errors import ModelError

    registry = _registry(config, overrides)
    if force:
        registry.force(version, by, why)
    elif by or why:
        raise ModelError("--by and --why belong to --force: without it the gate decides.")
    else:
        registry.promote(version)
    sys.stdout.write(f"Champion: {registry.champion()}\n")


@app.command
def rollback(
    *, why: Why, by: Undoer = "", config: ConfigFile = None, overrides: Overrides = None
) -> None:
    """Let the version serve again that the champion took over from."""
    registry = _registry(config, overrides)
    sys.stdout.write(f"Champion: {registry.rollback(by or _login(), why)}\n")


@app.command
def diff(
    first: str,
    second: str,
    *,
    as_json: AsJson = False,
    config: ConfigFile = None,
    overrides: Overrides = None,
) -> None:
    """Print the settings in which two versions differ, and both scores on the same questions.

    The questions are the test part of the second version's run, if it is still there.

    Args:
        first: name of a version, or champion.
        second: name of another.
    """
    from cube.registry.views import difference
    from cube.report.versions import print_difference

    values = difference(_registry(config, overrides), first, second)
    if as_json:
        print_json(values)
    else:
        print_difference(values)


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container that runs under a number nobody has
        raise ConfigError("The user you are has no name here: say who with --by.") from None


def _registry(config: Path | None, overrides: list[str] | None) -> "Registry":
    from cube.config import load_config
    from cube.registry import Registry

    settings = load_config(config, overrides)
    return Registry(settings.home, settings.name)
