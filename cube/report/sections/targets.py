"""The targets the project set out with, as rows of a table."""

from typing import Any

from cube.report.numbers import compact, plain, with_unit


def targets_section(targets: list[dict[str, Any]]) -> dict[str, Any]:
    """Return rows, and how many targets were met, not met and not measured."""
    verdicts = [target["met"] for target in targets]
    return {
        "rows": [_row(target) for target in targets],
        "met": sum(met is True for met in verdicts),
        "failed": sum(met is False for met in verdicts),
        "unknown": sum(met is None for met in verdicts),
        "any_ceiling": any(target.get("ceiling") is not None for target in targets),
    }


def _row(target: dict[str, Any]) -> dict[str, Any]:
    sign = ">" if target["direction"] == "above" else "<"
    trivial, ceiling = target["trivial"], target.get("ceiling")
    return {
        "name": target["name"],
        "value": with_unit(compact(target["value"]), target["unit"]),
        "target": f"{sign} {with_unit(plain(target['limit']), target['unit'])}",
        "met": target["met"],
        "trivial": None if trivial is None else with_unit(compact(trivial), target["unit"]),
        "trivial_name": target["trivial_name"],
        "trivial_meets": trivial is not None and _meets(trivial, target),
        "ceiling": with_unit(compact(ceiling), target["unit"]) if ceiling is not None else None,
        "ceiling_name": target.get("ceiling_name", ""),
        "out_of_reach": target.get("out_of_reach", ""),
        "note": target["note"],
    }


def _meets(value: float, target: dict[str, Any]) -> bool:
    above = target["direction"] == "above"
    return value > target["limit"] if above else value < target["limit"]
