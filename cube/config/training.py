"""Settings of what is trained and how."""

from typing import Literal

from pydantic import Field, field_validator

from cube.config.section import Section, Share


class CoreConfig(Section):
    """The only part that is trained."""

    rule: str = Field(default="planes", description="name of a registered rule")
    sweeps: int = Field(default=3, ge=1, le=64, description="plane sweeps, axes taken in turn")
    max_parameters: int = Field(
        default=65_000, ge=1, description="of the rules whose size is free (low_rank, mlp)"
    )
    shape: tuple[int, int, int] | None = Field(
        default=None,
        description="lattice sides (X, Y, Z); null: as near to a cube as the dimension allows",
    )

    @field_validator("shape")
    @classmethod
    def _sides_are_positive(cls, shape: tuple[int, int, int] | None):
        if shape is not None and min(shape) < 1:
            raise ValueError("every side of the lattice must be at least 1")
        return shape


class StageConfig(Section):
    """One stage of the curriculum."""

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
    patience: int = Field(
        default=15, ge=1, description="validations without a better score that end it"
    )

    def budget(self, steps_per_epoch: int) -> int:
        """Most steps the stage may take."""
        return min(self.max_steps, self.max_epochs * steps_per_epoch)

    @property
    def restoring_weight(self) -> float:
        """Weight of the autoencoder loss in [0, 1]; the dialogue loss has the rest."""
        if self.autoencoder_share is not None:
            return self.autoencoder_share
        return {"autoencoder": 1.0, "mixed": 0.5, "dialogue": 0.0}[self.mode]


class TrainingConfig(Section):
    """The curriculum and the optimiser."""

    seed: int = 0
    batch_size: int = Field(default=1024, ge=2, le=65_536)
    temperature: float = Field(default=0.05, gt=0, le=10)
    cosine_weight: float = Field(default=0.2, ge=0, le=100)
    weight_decay: float | None = Field(
        default=None,
        ge=0,
        le=1_000,
        description="pull towards the identity, times the learning rate; null: by number of pairs",
    )
    warmup_share: Share = Field(
        default=0.1, description="share of a stage's steps with a rising rate"
    )
    clip_norm: float = Field(default=1.0, gt=0)
    ema_decay: float = Field(default=0.98, ge=0, lt=1, description="averaging of weights; 0: none")
    noise: float = Field(
        default=0.4,
        ge=0,
        le=10,
        description="length of the noise vector relative to the embedding's",
    )
    dropped_dimensions: Share = Field(
        default=0.1, description="share of dimensions zeroed in the noise"
    )
    validate_every: int = Field(default=20, ge=1, description="steps between validations")
    checkpoint_seconds: float = Field(
        default=30, gt=0, description="longest time between two checkpoints"
    )
    device: str = "cpu"
    stages: list[StageConfig] = Field(
        default=[
            StageConfig(name="autoencoder", mode="autoencoder", max_steps=200, max_epochs=100),
            StageConfig(name="mixed", mode="mixed", max_steps=100, max_epochs=60),
            StageConfig(
                name="dialogue",
                mode="dialogue",
                max_steps=400,
                max_epochs=150,
                learning_rate=3e-3,
            ),
        ],
        min_length=1,
    )

    def budget(self, steps_per_epoch: int) -> int:
        """Most steps all stages together may take."""
        return sum(stage.budget(steps_per_epoch) for stage in self.stages)

    def dialogue_alone(self) -> "TrainingConfig":
        """Return these settings without the stages that also restore.

        Restoring costs a little retrieval (docs/LOG.md), so where only retrieval is asked for it
        is left out.
        """
        stages = [stage for stage in self.stages if stage.restoring_weight == 0]
        return self.model_copy(update={"stages": stages or self.stages})

    @field_validator("stages")
    @classmethod
    def _stage_names_differ(cls, stages: list[StageConfig]) -> list[StageConfig]:
        names = [stage.name for stage in stages]
        if len(set(names)) < len(names):
            raise ValueError(f"stage names must differ, got {names}")
        return stages
