"""What the registry keeps of an evaluation: enough to decide, and to say why."""

from typing import Any


def judgement_of(evaluation: dict[str, Any]) -> dict[str, Any]:
    """Return the part of an evaluation that the registry keeps."""
    part = evaluation["slices"][evaluation["headline"]]
    return {
        **{key: evaluation["verdict"][key] for key in ("promote", "sentence", "reasons")},
        "run": evaluation["run"],
        "champion": evaluation["champion"]["version"],
        "headline": evaluation["headline"],
        "questions": part["questions"],
        "bank": part["bank"],
        "mrr@10": {
            system: part["scores"][system]["mrr@10"]
            for system in ("cube", "identity", "champion")
            if system in part["scores"]
        },
    }
