"""The documented schema is the one evaluations are held to."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from cube.evaluation.schema import Evaluation, validated
from cube.evaluation.schema.part import Interval

DOCUMENT = Path(__file__).parents[2] / "docs" / "reference" / "evaluation.schema.json"


def test_the_document_is_the_schema():
    assert json.loads(DOCUMENT.read_text("utf-8")) == Evaluation.model_json_schema(), (
        "run: python -m cube.evaluation.schema > docs/reference/evaluation.schema.json"
    )


def test_every_key_is_described():
    schema = Evaluation.model_json_schema()
    for part in [schema, *schema["$defs"].values()]:
        for name, field in part["properties"].items():
            assert field.get("description"), f"{part['title']}.{name}"


def test_unknown_keys_and_nan_are_refused():
    with pytest.raises(ValidationError):
        validated({"headline": "x"})
    with pytest.raises(ValidationError):
        Interval.model_validate({"difference": 0, "low": 0, "high": 0, "mean": 0})
    with pytest.raises(ValidationError):
        Interval.model_validate({"difference": float("nan"), "low": 0, "high": 0})
