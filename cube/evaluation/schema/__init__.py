"""The shape of `evaluation.json`, every key described.

`python -m cube.evaluation.schema` prints it as JSON Schema; docs/reference holds the result. Every
evaluation is validated against it before it is written, so a report never meets another shape.
"""

from typing import Any

from pydantic import Field

from cube.evaluation.schema.analysis import (
    Confidence,
    Dialogue,
    EmbeddingMap,
    Example,
    Failures,
    Movement,
    Restored,
    Target,
)
from cube.evaluation.schema.judgement import Judgement
from cube.evaluation.schema.outlook import Headroom, LabelCheck, Leaks, LearningCurve

__all__ = ["FORMAT", "Evaluation", "validated"]

FORMAT = 6  # part of every evaluation's identity: raise it when equal inputs give other numbers


class Evaluation(Judgement):
    """evaluation.json."""

    format: int = Field(description="of this file")
    inputs: str = Field(description="digest of all that went in")
    run: str = Field(description="id of the run")
    version: str = Field(description="version in the registry")
    created: str = Field(description="when the run began, ISO 8601")
    dimension: int = Field(description="of the embeddings")
    lattice: tuple[int, int, int] = Field(description="sides")
    parameters: int = Field(description="of the cube")
    teacher: str = Field(description="model of the teacher")
    splits: dict[str, int] = Field(description="pairs by split")
    champion: dict[str, Any] = Field(description="version and note of the champion compared with")
    training: dict[str, Any] = Field(description="content of training.json")
    timings: dict[str, Any] = Field(description="content of timings.json")
    stability: dict[str, Any] = Field(description="MRR@10 over seeds and its spread")
    restoration: dict[str, Restored] = Field(
        description="corrupted, wiener (a linear map), autoencoder, final"
    )
    similarities: dict[str, Any] = Field(description="histograms of right and best wrong cosines")
    examples: dict[str, list[Example]] = Field(description="better and worse than the teacher")
    targets: list[Target] = Field(description="every target")
    dialogue: Dialogue | None = Field(None, description="null without test dialogues")
    headroom: Headroom | None = Field(None, description="measured before training")
    label_check: LabelCheck | None = Field(None, description="do answers belong to questions")
    leaks: Leaks | None = Field(None, description="near copies of test pairs in training")
    learning_curve: LearningCurve | None = Field(None, description="null where switched off")
    confidence: Confidence | None = Field(None, description="null with too few questions")
    failures: Failures | None = Field(None, description="error analysis of the headline slice")
    recommendations: list[str] = Field([], description="what to do next, from the numbers")
    embedding_map: EmbeddingMap | None = Field(None, description="2-D view of the headline slice")
    movement: Movement | None = Field(None, description="which cells move")


def validated(values: dict[str, Any]) -> dict[str, Any]:
    """Return an evaluation unchanged after checking its shape.

    Raises:
        pydantic.ValidationError: a fault of this program, never of the data.
    """
    Evaluation.model_validate(values)
    return values
