"""Tasks that judge a run's cube and put it into the registry."""

from typing import Any

from cube import steps
from cube.config import Config
from cube.evaluation.verdict import as_judged
from cube.registry import Registry
from cube.report.sections.targets import targets_section
from tasks.artifacts import publish_facts, publish_markdown, publish_table, serve_hint
from tasks.common import alone_in, open_run, step
from tasks.memory import with_less_memory


@step(
    "Evaluate cube",
    "Score the cube against every baseline and the champion on questions it never saw.",
    "Evaluate {run[id]}",
    hours=24,
)
def evaluate_cube(run: dict[str, str]) -> dict[str, Any]:
    """Return the verdict and the headline scores."""
    opened = open_run(run)
    with alone_in(opened):
        values = with_less_memory(opened, steps.evaluate)
    headline = values["slices"][values["headline"]]
    table = _baselines(values, headline)
    verdict = values["verdict"]
    sentence = as_judged(verdict["sentence"])
    publish_table("baselines", table, f"MRR@10 and more on {headline['questions']} questions")
    publish_table("targets", _targets(values), "Targets the project set out with")
    publish_markdown(
        "verdict",
        _verdict(opened.run_id, values, table) + "\n\n" + serve_hint(opened.config.home) + "\n",
        sentence,
    )
    scores = headline["scores"]
    return {
        "promote": verdict["promote"],
        "sentence": sentence,
        "headline": values["headline"],
        "cube": scores["cube"]["mrr@10"],
        "frozen_teacher": scores["identity"]["mrr@10"],
    }


@step(
    "Publish and gate",
    "Put the model into the registry; it becomes champion only if the verdict says so.",
    "Publish {run[id]}",
)
def publish_cube(run: dict[str, str]) -> dict[str, Any]:
    """Return version, path, champion and whether the version was promoted."""
    opened = open_run(run)
    with alone_in(opened):
        result = steps.publish(opened)
    publish_facts("registry", result, result["sentence"])
    return result


@step(
    "Promote version",
    "Make a version of the registry the champion, or go back to an earlier one.",
    "Promote {version} of {config.name}",
)
def promote_version(
    config: Config, version: str, by: str, reason: str, against_the_gate: bool = False
) -> dict[str, Any]:
    """Return version, previous champion, who and why.

    Raises:
        GateError: when the gate refuses it.
        ModelError: when there is no such version, or its files have changed.
    """
    registry = Registry(config.home, config.name)
    previous = registry.champion()
    if against_the_gate:
        registry.force(version, by, reason)
    else:
        registry.promote(version, by, reason)
    result = {"version": version, "previous": previous, "by": by, "reason": reason}
    publish_facts("promotion", result, f"{version} serves now")
    return result


def _baselines(values: dict[str, Any], headline: dict[str, Any]) -> list[dict[str, Any]]:
    """Return one row a system, best first."""
    rows = []
    scores = headline["scores"]
    for name in sorted(scores, key=lambda name: -scores[name]["mrr@10"]):
        against = headline["cube_minus"].get(name)
        interval = _interval(against) if against else ""
        cosine = scores[name]["cosine"]  # None of a system without vectors, such as BM25
        rows.append(
            {
                "system": values["systems"][name]["label"],
                "MRR@10": f"{scores[name]['mrr@10']:.3f}",
                "Hit@1": f"{scores[name]['hit@1']:.3f}",
                "Hit@10": f"{scores[name]['hit@10']:.3f}",
                "cosine": "" if cosine is None else f"{cosine:.3f}",
                "cube minus it (MRR@10)": interval,
                "parameters": values["systems"][name]["parameters"],
            }
        )
    return rows


def _interval(values: dict[str, float]) -> str:
    return f"{values['difference']:+.3f} ({values['low']:+.3f} to {values['high']:+.3f})"


def _targets(values: dict[str, Any]) -> list[dict[str, Any]]:
    """Return one row a target, its numbers as the report writes them."""
    words = {True: "yes", False: "NO", None: "not measured"}
    return [
        {
            "target": row["name"],
            "limit": row["target"],
            "value": row["value"],
            "met": words[row["met"]],
            "trivial predictor": f"{row['trivial']} ({row['trivial_name']})"
            if row["trivial"]
            else "",
            "note": row["note"],
        }
        for row in targets_section(values["targets"])["rows"]
    ]


def _verdict(run_id: str, values: dict[str, Any], table: list[dict[str, Any]]) -> str:
    """Return the verdict with the table of baselines, in markdown."""
    verdict = values["verdict"]
    columns = [name for name in table[0] if name != "parameters"]
    lines = [
        f"# Verdict on {run_id}",
        "",
        as_judged(verdict["sentence"]),
        *(f"\n**Warning.** {warning}" for warning in verdict["warnings"]),
        "",
        "| " + " | ".join(columns) + " |",
        "|" + "---|" * len(columns),
        *("| " + " | ".join(str(row[name]) for name in columns) + " |" for row in table),
    ]
    return "\n".join(lines)
