"""The questions that changed most, with what was retrieved before and after."""

from typing import Any

from cube.report.numbers import shorten


def examples_section(examples: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return the two lists, best first, texts cut to a readable length."""
    titles = (
        ("better", "Gained most", "No question of this slice gained."),
        ("worse", "Lost most", "No question of this slice lost."),
    )
    return [
        {
            "kind": kind,
            "title": title,
            "none": none,
            "examples": [_example(entry) for entry in examples.get(kind, [])],
        }
        for kind, title, none in titles
    ]


def _example(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "question": shorten(entry["question"]),
        "right": [shorten(text) for text in entry["right"]],
        "before": entry["before"]["rank"],
        "after": entry["after"]["rank"],
        "columns": [
            {
                "title": title,
                "rank": entry[key]["rank"],
                "top": [{**top, "text": shorten(top["text"])} for top in entry[key]["top"]],
            }
            for key, title in (("before", "Frozen teacher"), ("after", "Cube"))
        ],
    }
