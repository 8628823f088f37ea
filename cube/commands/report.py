"""`cube report`: the page of a run, or of several side by side."""

import sys
from pathlib import Path

from cube.errors import DataError


def report(*runs: Path, out: Path | None = None) -> None:
    """Write the HTML report of a run folder again, or one page that compares several runs.

    Args:
        runs: run folders, such as var/runs/demo-0123456789; of several, the first is the one to
            compare with.
        out: where the comparison goes; without, comparison.html beside the first run's report.
    """
    from cube.report.compare import render_comparison
    from cube.report.render import REPORT, render_report
    from cube.runs import Run

    opened = [Run(folder) for folder in runs]
    if not opened:
        raise DataError("Name a run folder, or several to compare: cube report var/runs/demo-….")
    if len(opened) == 1:
        if out is not None:
            raise DataError("--out is for comparisons: the report of one run lies in its folder.")
        path = render_report(opened[0])
    else:
        default = opened[0].folder / Path(REPORT).parent / "comparison.html"
        path = render_comparison(opened, out or default)
    sys.stdout.write(f"{path}\n")
