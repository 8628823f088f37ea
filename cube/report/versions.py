"""Versions of the registry on a terminal."""

from typing import Any

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from cube.evaluation.verdict import SLICE_NAMES
from cube.report.terminal import console


def print_versions(versions: list[dict[str, Any]]) -> None:
    """Print a table of versions, oldest first."""
    table = Table(title_justify="left")
    for column in ("version", "published", "headline slice"):
        table.add_column(column)
    for column in ("questions", "MRR@10", "frozen teacher"):
        table.add_column(column, justify="right")
    table.add_column("gate")
    for entry in versions:
        version = Text(entry["version"] + (" (champion)" if entry["champion"] else ""))
        judged = entry["judgement"]
        if judged is None:
            table.add_row(version, "by hand")
            continue
        table.add_row(
            version,
            entry["published"],
            SLICE_NAMES[judged["headline"]],
            str(judged["questions"]),
            f"{judged['mrr@10']['cube']:.3f}",
            f"{judged['mrr@10']['identity']:.3f}",
            "yes" if judged["promote"] else "no",
            style="bold" if entry["champion"] else None,
        )
    console().print(table)


def print_version(known: dict[str, Any]) -> None:
    """Print everything known of a version."""
    judged = known["judgement"]
    out = console()
    out.print(Text(known["version"] + (" (champion)" if known["champion"] else ""), style="bold"))
    _print_line(f"{known['path']}, published {known['published']}, run {judged['run']}")
    _print_line(judged["sentence"])
    _print_line(f"Compared with champion {judged['champion'] or '(there was none)'}.")
    table = Table("rule of the gate", "measured", "passed")
    for reason in judged["reasons"]:
        table.add_row(Text(reason["asks"]), reason["measured"], "yes" if reason["passed"] else "NO")
    out.print(table)
    if known["refusal"] not in (None, judged["sentence"]):
        _print_line(known["refusal"])
    for entry in known["history"]:
        _print_line(_event(entry))
    changed = ", ".join(known["changed_files"])
    _print_line(f"CHANGED since it was published: {changed}" if changed else "All files are whole.")


def print_difference(values: dict[str, Any]) -> None:
    """Print what tells two versions apart."""
    first, second = values["versions"]
    table = Table("setting", escape(first), escape(second))
    for key, (old, new) in values["settings"].items():
        table.add_row(Text(key), Text(str(old)), Text(str(new)))
    if values["settings"]:
        console().print(table)
    else:
        _print_line("Equal settings.")
    if values["compared"] is not None:
        scores = Table("MRR@10 on", escape(first), escape(second), "second minus first")
        for name, part in values["compared"].items():
            scores.add_row(
                f"{SLICE_NAMES[name]}: {part['questions']} questions, {part['bank']} answers",
                f"{part['first']:.3f}",
                f"{part['second']:.3f}",
                "{difference:+.3f} [{low:+.3f}, {high:+.3f}]".format(**part["difference"]),
            )
        console().print(scores)
    _print_line(values["note"])


def _event(entry: dict[str, Any]) -> str:
    words = {"gate": "promoted by the gate", "forced": "FORCED", "rollback": "rolled back to"}
    after = f" after {entry['previous']}" if entry["previous"] else ""
    by = "" if entry["by"] == "gate" else f" by {entry['by']}"
    return f"{entry['at']} {entry['version']}{after}: {words[entry['kind']]}{by}. {entry['reason']}"


def _print_line(words: str) -> None:
    console().print(Text(words))  # names and reasons are not markup
