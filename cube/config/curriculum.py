"""Settings of a curriculum: its stages, the pacing by difficulty, and curricula by name."""

import math
from typing import Literal

from pydantic import Field

from cube.config.section import Section, Share

Metric = Literal["validation_mrr", "validation_restored_cosine"]


class PacingConfig(Section):
    """Easy pairs first (competence-based curriculum, Platanios et al. 2019)."""

    difficulty: Literal["similarity", "rank"] = Field(
        default="rank",
        description="when a pair is hard for the frozen teacher: its answer is far, or ranked low",
    )
    start: float = Field(
        default=0.2, gt=0, le=1, description="share of the pairs, easiest first, seen at first"
    )
    complete_after: float = Field(
        default=0.6, gt=0, le=1, description="share of the stage after which all pairs are seen"
    )


class StageConfig(Section):
    """One stage of the curriculum. Null: the setting of the same name of the training."""

    name: str = Field(min_length=1, pattern=r"^[a-z0-9_-]+$")
    mode: Literal["autoencoder", "mixed", "dialogue"]
    max_steps: int = Field(default=1_000, ge=1)
    max_epochs: int = Field(
        default=150, ge=1, description="passes over the pairs; the smaller budget rules"
    )
    learning_rate: float = Field(default=1e-3, gt=0, le=1)
    autoencoder_share: Share | None = Field(
        default=None, description="weight of restoring against answering; null: 1, 0.5 or 0 by mode"
    )
    autoencoder_share_end: Share | None = Field(
        default=None, description="weight it moves to, smoothly, over the budget; null: stays"
    )
    patience: int = Field(
        default=15, ge=1, description="validations without a better score that end it"
    )
    min_delta: float = Field(
        default=0.0, ge=0, le=1, description="by how much a score must be better to count"
    )
    metric: Metric | None = Field(
        default=None,
        description="score of patience and threshold; null: restored cosine where only restored",
    )
    threshold: float | None = Field(
        default=None, ge=-1, le=1, description="score of the metric that ends the stage"
    )
    pacing: PacingConfig | None = Field(default=None, description="null: all pairs at any time")
    temperature: float | None = Field(default=None, gt=0, le=10)
    cosine_weight: float | None = Field(default=None, ge=0, le=100)
    noise: float | None = Field(default=None, ge=0, le=10)
    dropped_dimensions: Share | None = None

    def budget(self, steps_per_epoch: int) -> int:
        """Most steps the stage may take."""
        return min(self.max_steps, self.max_epochs * steps_per_epoch)

    def restoring_weight(self, progress: float = 0.0) -> float:
        """Weight of the autoencoder loss in [0, 1]; the dialogue loss has the rest.

        Args:
            progress: share of the stage that is done; half a cosine leads from start to end.
        """
        start = {"autoencoder": 1.0, "mixed": 0.5, "dialogue": 0.0}[self.mode]
        if self.autoencoder_share is not None:
            start = self.autoencoder_share
        if self.autoencoder_share_end is None:
            return start
        way = 0.5 * (1 - math.cos(math.pi * min(1.0, progress)))
        return start + (self.autoencoder_share_end - start) * way

    @property
    def restores(self) -> bool:
        """Whether the autoencoder loss has any weight."""
        return max(self.restoring_weight(0), self.restoring_weight(1)) > 0

    @property
    def answers(self) -> bool:
        """Whether the dialogue loss has any weight."""
        return min(self.restoring_weight(0), self.restoring_weight(1)) < 1

    @property
    def stopping_metric(self) -> Metric:
        """The metric of patience and threshold."""
        if self.metric is not None:
            return self.metric
        return "validation_mrr" if self.answers else "validation_restored_cosine"


_AUTOENCODER = StageConfig(name="autoencoder", mode="autoencoder", max_steps=200, max_epochs=100)
_MIXED = StageConfig(name="mixed", mode="mixed", max_steps=100, max_epochs=60)
_DIALOGUE = StageConfig(name="dialogue", mode="dialogue", max_steps=600, learning_rate=4.5e-3)

PRESETS: dict[str, list[StageConfig]] = {
    "autoencoder": [
        _AUTOENCODER.model_copy(update={"max_steps": 600, "max_epochs": 300, "learning_rate": 3e-3})
    ],
    "mixed": [_MIXED.model_copy(update={"max_steps": 400, "max_epochs": 150})],
    "dialogue": [_DIALOGUE],
    "staged": [_AUTOENCODER, _MIXED, _DIALOGUE],
    "easy_to_hard": [
        _DIALOGUE.model_copy(update={"name": "easy_to_hard", "pacing": PacingConfig()})
    ],
}
