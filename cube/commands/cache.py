"""`cube cache`: look after the files that keep every vector ever encoded."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from cube.commands.options import AsJson, ConfigFile, Overrides, print_json

DAMAGED = 1
_NO_FILES = "No cache files yet.\n"

app = App(name="cache", help="Look after the embedding cache.")


@app.command
def stats(
    *, as_json: AsJson = False, config: ConfigFile = None, overrides: Overrides = None
) -> None:
    """Print size, texts, hits and misses of every cache file."""
    from cube.teacher.cache_files import all_stats

    values = all_stats(_folder(config, overrides))
    if as_json:
        print_json(values)
        return
    for value in values:
        rate = "" if value["hit_rate"] is None else f", {value['hit_rate']:.1%} of look-ups hit"
        sys.stdout.write(
            f"{value['file']}: {value['texts']:,} texts of {value['dimension'] or 0} dimensions, "
            f"{value['bytes'] / 1e6:,.1f} MB{rate} ({value['hits']:,} hits, {value['misses']:,} "
            "misses)"
        )
        if value["fidelity"] is not None:
            sys.stdout.write(
                f", {value['backend']}: cosine to torch {value['fidelity']:.4f}, "
                f"lowest {value['fidelity_lowest']:.4f}"
            )
        sys.stdout.write("\n")
    if not values:
        sys.stdout.write(_NO_FILES)


@app.command
def verify(
    *, as_json: AsJson = False, config: ConfigFile = None, overrides: Overrides = None
) -> int:
    """Check every vector against its checksum; damaged ones are deleted. Exit code 1 if any was.

    A file that cannot be read is set aside, and what is whole in it carried over.
    """
    from cube.teacher.cache_files import verify_all

    values = verify_all(_folder(config, overrides))
    if as_json:
        print_json(values)
    else:
        for value in values:
            state = "whole" if value["whole"] else f"{value['damaged']:,} damaged vectors deleted"
            if value["set_aside"]:
                state = "was corrupt: set aside, whole vectors carried over"
            sys.stdout.write(f"{value['file']}: {value['texts']:,} texts, {state}\n")
        if not values:
            sys.stdout.write(_NO_FILES)
    return 0 if all(value["whole"] for value in values) else DAMAGED


@app.command
def prune(
    *,
    dry_run: Annotated[bool, Parameter(negative=())] = False,
    as_json: AsJson = False,
    config: ConfigFile = None,
    overrides: Overrides = None,
) -> None:
    """Delete vectors of texts that no corpus holds any more, and files set aside as corrupt.

    Args:
        dry_run: only say what would be deleted.
    """
    from cube.config import load_config
    from cube.teacher.cache_files import prune_all

    value = prune_all(load_config(config, overrides).home, dry_run)
    if as_json:
        print_json(value)
        return
    verb = "Would delete" if dry_run else "Deleted"
    sys.stdout.write(
        f"{verb} {value['texts']:,} vectors and {value['files']} files set aside; "
        f"{value['kept']:,} vectors stay. {value['bytes_freed'] / 1e6:,.1f} MB freed.\n"
    )


@app.command
def merge(*files: Path, config: ConfigFile = None, overrides: Overrides = None) -> None:
    """Take the vectors of other cache files over: those of workers that filled their own.

    Args:
        files: cache files, or folders of them; their names say which teacher they belong to.
    """
    from cube.teacher.cache_files import merge_files

    for value in merge_files(_folder(config, overrides), list(files)):
        sys.stdout.write(
            f"{value['file']}: {value['whole']:,} whole vectors read, {value['new']:,} new\n"
        )


def _folder(config: Path | None, overrides: list[str] | None) -> Path:
    from cube.config import load_config

    return load_config(config, overrides).home / "cache"
