"""The run on a terminal: progress while it trains, and the table at its end."""

from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from cube.evaluation.verdict import SLICE_NAMES, as_judged
from cube.runs import Run


def print_summary(run: Run) -> None:
    """Print the table cube-versus-baselines of every slice, the verdict and the report's path."""
    evaluation, published = run.read("evaluation.json"), run.read("published.json")
    print_evaluation(evaluation, promoted=bool(published and published["promoted"]))
    if published and published["promoted"] != evaluation["verdict"]["promote"]:
        console().print(published["sentence"], style="bold red")
    console().print(f"Report: {run.folder / 'report' / 'index.html'}")


def print_profile(run: Run) -> None:
    """Print where the time of a training went, and its peak of memory."""
    timings = run.read("timings.json")
    table = Table(
        title=f"Training: {timings['training_seconds']:.1f} s, "
        f"peak memory {timings['peak_rss_gb']:.2f} GB",
        title_justify="left",
    )
    table.add_column("part")
    for column in ("seconds", "share", "calls", "ms a call"):
        table.add_column(column, justify="right")
    for row in timings["profile"]:
        calls = row["calls"]
        each = f"{1000 * row['seconds'] / calls:.2f}" if calls else ""
        share = f"{row['share']:.1%}"
        table.add_row(row["part"], f"{row['seconds']:.2f}", share, str(calls or ""), each)
    console().print(table)


def print_evaluation(evaluation: dict[str, Any], promoted: bool = False) -> None:
    """Print tables and verdict of an evaluation, headline slice first.

    Unless it was `promoted`, the verdict is only what the gate says.
    """
    out = console()
    headline = evaluation["headline"]
    for name in sorted(evaluation["slices"], key=lambda name: name != headline):
        out.print(_table(evaluation, name, is_headline=name == headline))
    verdict = evaluation["verdict"]
    sentence = verdict["sentence"] if promoted else as_judged(verdict["sentence"])
    out.print(sentence, style="bold green" if verdict["promote"] else "bold red")
    for warning in verdict["warnings"]:
        out.print(f"Warning: {warning}", style="yellow")


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to the command: an exit code of 1, as Rich leaves with, is a gate's."""
        raise BrokenPipeError


def console() -> Console:
    """Return a console that is wide enough for the tables where the output is a file or a pipe."""
    wide = _Console(soft_wrap=True)
    return wide if wide.is_terminal else _Console(soft_wrap=True, width=130)


def _table(evaluation: dict[str, Any], name: str, is_headline: bool) -> Table:
    part = evaluation["slices"][name]
    title = f"{SLICE_NAMES[name]}: {part['questions']} questions, {part['bank']} answers"
    title += "" if part["judged"] else ", too few to judge"
    table = Table(title=title + (" (headline)" if is_headline else ""), title_justify="left")
    table.add_column("system")
    for column in ("MRR@10", "Hit@1", "Hit@10", "cosine", "centred", "parameters"):
        table.add_column(column, justify="right")
    table.add_column("cube minus it, MRR@10", justify="right")
    scores = part["scores"]
    for system in sorted(scores, key=lambda s: -scores[s]["mrr@10"]):
        known, values = evaluation["systems"][system], scores[system]
        columns = ("mrr@10", "hit@1", "hit@10", "cosine", "centred_cosine")
        difference = part["cube_minus"].get(system)
        table.add_row(
            known["label"],
            *("–" if values[column] is None else f"{values[column]:.3f}" for column in columns),
            f"{known['parameters']:,}",
            "{difference:+.3f} [{low:+.3f}, {high:+.3f}]".format(**difference)
            if difference
            else "",
            style="bold" if system == "cube" else None,
        )
    return table


class TrainingBar:
    """A progress line of a training; use it as a context and pass `on_event` to the trainer."""

    def __init__(self, total_steps: int):
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._progress.add_task("training", total=total_steps)

    def __enter__(self) -> "TrainingBar":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def on_event(self, event: dict[str, Any]) -> None:
        """Show a validation."""
        if event["event"] not in ("start", "validation"):
            return
        loss = "" if event["loss"] is None else f" · loss {event['loss']:.3f}"
        words = f"{event['stage'] or 'start'} · step {event['step']}{loss}"
        words += f" · validation MRR@10 {event['validation_mrr']:.3f}"
        self._progress.update(self._task, completed=event["step"], description=words)
