"""The task that writes the report."""

from pathlib import Path

from tasks.artifacts import page_url, publish_link, publish_markdown, serve_hint
from tasks.common import open_run, step


@step(
    "Write report",
    "Render the run's report: one HTML file that needs no network.",
    "Report on {run[id]}",
)
def write_report(run: dict[str, str]) -> str:
    """Return the path of the report."""
    from cube.report.render import render_report

    opened = open_run(run)
    home = opened.config.home
    path = Path(render_report(opened))
    publish_link("report", path, home, "Report", "Scores, curves, examples, data and drift")
    publish_markdown(
        "report-help",
        f"The report lies at `{path.resolve()}`.\n\n[Open it]({page_url(path, home)}). "
        f"{serve_hint(home)}\n",
        "Where the report is and how to open it",
    )
    return str(path)
