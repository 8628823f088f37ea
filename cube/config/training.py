"""Settings of what is trained and how."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from cube.config.curriculum import PRESETS, Metric, StageConfig
from cube.config.section import Section, Share, nearest

_PER_STAGE = ("temperature", "cosine_weight", "noise", "dropped_dimensions")
_HOW_IT_RUNS = {
    "checkpoint_seconds",
    "keep_checkpoints",
    "micro_batch_size",
    "processes",
    "tracking",
}


def _at_most(most: int) -> AfterValidator:
    """Allow what a trial decides ("auto"), and whole numbers from 0 to `most`."""

    def check(value: int | str) -> int | str:
        if isinstance(value, int) and not 0 <= value <= most:
            raise ValueError(f"between 0 and {most:,}, or auto")
        return value

    return AfterValidator(check)


_PLANES = "planes"
_Auto = int | Literal["auto"]


class CoreConfig(Section):
    """The only part that is trained."""

    rule: str = Field(default=_PLANES, description="name of a registered rule")
    sweeps: int | None = Field(
        default=None,
        ge=1,
        le=64,
        description="along the axes in turn (planes, axes); null: 3, or 2 planes' beside a hub",
    )
    gated: bool = Field(
        default=False, description="whether a gate turns every plane's move up or down (planes)"
    )
    hidden: float | None = Field(
        default=None,
        ge=0,
        le=16,
        description="width of a hidden layer relative to what it reads (a plane, a line, a "
        "neighbourhood); 0: linear maps; null: 0 for planes, 1 for cells and axes",
    )
    channels: int | None = Field(
        default=None,
        ge=1,
        le=64,
        description="numbers in a cell of the lattice; null: 1 for planes, 8 for cells and axes",
    )
    hub: Annotated[_Auto, _at_most(65_536)] = Field(
        default="auto",
        union_mode="left_to_right",
        description="hidden units beside the rule that read the whole lattice and write to all of "
        "it (planes, cells, axes); auto: a twelfth of the dimensions or five, where trials gain by "
        "them, else none",
    )
    neighbours: Literal[6, 26] = Field(
        default=6, description="of a cell: those across its faces, or across corners as well"
    )
    periodic: bool = Field(
        default=False, description="whether cells at opposite walls are neighbours (cells)"
    )
    iterations: int = Field(default=4, ge=1, le=256, description="of the automaton (cells)")
    tolerance: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="outside of training, iterate until no more than this share of the state "
        "changes (cells); null: as often as in training",
    )
    max_iterations: int = Field(
        default=64, ge=1, le=4_096, description="at most, where a tolerance is set (cells)"
    )
    layout: Literal["row_major", "correlation", "random"] = Field(
        default="row_major",
        description="which dimension lies in which cell: in order, those that vary together near "
        "each other (learned from training vectors), or at random",
    )
    memory_pairs: int = Field(
        default=400_000,
        ge=0,
        description="most training pairs to remember beside the core, used only where validation "
        "gains by it, and no more than 640 MB of them; 0: none",
    )
    whitening: bool = Field(
        default=True,
        description="whether answers may be whitened by the covariance of the answers that are "
        "searched, done only where validation gains by it",
    )
    max_parameters: int = Field(
        default=65_000, ge=1, description="of the rules whose size is free (low_rank, mlp)"
    )
    shape: tuple[int, int, int] | None = Field(
        default=None,
        description="lattice sides (X, Y, Z); null: as near to a cube as the dimension allows",
    )

    @field_validator("rule")
    @classmethod
    def _rule_is_registered(cls, rule: str) -> str:
        if rule != _PLANES:
            from cube.lattice.rules import RULES  # brings torch

            if rule not in RULES:
                raise ValueError(f"no such rule; {nearest(rule, RULES)}")
        return rule

    @field_validator("shape")
    @classmethod
    def _sides_are_positive(cls, shape: tuple[int, int, int] | None):
        if shape is not None and min(shape) < 1:
            raise ValueError("every side of the lattice must be at least 1")
        return shape


class PlateauConfig(Section):
    """What changes where a stage's score stands still, before its patience is at an end."""

    patience: int | None = Field(
        default=None, ge=1, description="validations without a better score; null: nothing changes"
    )
    rate_factor: float = Field(default=0.5, gt=0, le=1, description="of the learning rate")
    batch_factor: int = Field(
        default=1, ge=1, le=64, description="of the batch (Smith et al. 2018: as good as the rate)"
    )


class DivergenceConfig(Section):
    """When a training returns to its last good state, and how."""

    explosion: float = Field(
        default=4.0, gt=1, description="a loss so many times the mean of those before it"
    )
    rate_factor: float = Field(default=0.5, gt=0, lt=1, description="of the rate after a return")
    max_rollbacks: int = Field(default=3, ge=0, description="returns before it is an error")


class TrainingConfig(Section):
    """The curriculum and the optimiser."""

    seed: int = Field(default=0, ge=0, lt=2**63)
    batch_size: int = Field(default=1024, ge=2, le=65_536)
    temperature: float = Field(default=0.05, gt=0, le=10)
    cosine_weight: float = Field(default=0.2, ge=0, le=100)
    mse_weight: float = Field(
        default=0.0, ge=0, le=100, description="of the squared distance to the answer"
    )
    centred_cosine_weight: float = Field(
        default=0.0, ge=0, le=100, description="of 1 - cosine after the mean answer is taken away"
    )
    symmetric_share: Share = Field(
        default=0.0, description="of the loss by which answers choose among questions"
    )
    learn_temperature: bool = Field(
        default=True, description="whether the temperature is trained, from the one that is set"
    )
    extra_candidates: int = Field(
        default=0,
        ge=0,
        description="training answers drawn at each step to choose among, beside the batch's own",
    )
    hard_negatives: Annotated[_Auto, _at_most(100)] = Field(
        default="auto",
        union_mode="left_to_right",
        description="of every question: the teacher's first wrong answers, to choose among as "
        "well; auto: 2 where a trial gains by them, else none",
    )
    near_duplicate_cosine: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="answers so near to the right one are not wrong; null: only equal ones are not",
    )
    question_noise: float = Field(
        default=0.0,
        ge=0,
        le=10,
        description="length of noise added to questions relative to theirs, when they are answered",
    )
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
    validate_every: int = Field(
        default=20, ge=1, description="steps between validations; the last step of a stage has one"
    )
    checkpoint_seconds: float = Field(
        default=30, gt=0, description="longest time between two checkpoints"
    )
    keep_checkpoints: int = Field(
        default=3, ge=2, le=100, description="newest ones kept: if one is broken, there is another"
    )
    metric: Metric | None = Field(
        default=None,
        description="chooses the weights that are kept; null: MRR, if any stage answers",
    )
    plateau: PlateauConfig = PlateauConfig()
    divergence: DivergenceConfig = DivergenceConfig()
    micro_batch_size: int | None = Field(
        default=None,
        ge=1,
        description="rows computed at once; the batch's gradient is the same, its memory is not",
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto",
        description="of the factors of matrix products; sums, losses and weights are float32; "
        "auto: bfloat16 on a processor that multiplies it",
    )
    processes: int = Field(
        default=1, ge=1, le=256, description="that share every batch, on this machine"
    )
    tracking: list[Literal["tensorboard", "mlflow"]] = Field(
        default=[], description="where events go besides metrics.jsonl"
    )
    device: str = Field(default="cpu", description="cuda, cuda:1, …; without it the CPU is used")
    stages: list[StageConfig] = Field(
        default=PRESETS["staged"],
        min_length=1,
        description=f"the curriculum; one word takes a ready-made one: {', '.join(PRESETS)}",
    )

    def budget(self, steps_per_epoch: int) -> int:
        """Most steps all stages together may take."""
        return sum(stage.budget(steps_per_epoch) for stage in self.stages)

    def identity(self) -> dict[str, Any]:
        """Return the settings that decide what is trained, without those of how it is run."""
        return self.model_dump(mode="json", exclude=_HOW_IT_RUNS)

    def in_stage(self, stage: StageConfig) -> "TrainingConfig":
        """Return these settings with those the stage has of its own."""
        own = {name: getattr(stage, name) for name in _PER_STAGE}
        return self.model_copy(update={k: value for k, value in own.items() if value is not None})

    @property
    def corruption(self) -> tuple[float, float]:
        """What is done to vectors that are to be restored, as `objectives.corrupt` takes it."""
        return self.noise, self.dropped_dimensions

    @property
    def selection_metric(self) -> Metric:
        """The metric that chooses the weights that are kept."""
        if self.metric is not None:
            return self.metric
        return "validation_mrr" if self.answers else "validation_restored_cosine"

    @property
    def answers(self) -> bool:
        """Whether any stage moves questions to their answers."""
        return any(stage.answers for stage in self.stages)

    def dialogue_alone(self) -> "TrainingConfig":
        """Return these settings without the stages that also restore.

        Restoring costs a little retrieval (docs/LOG.md), so where only retrieval is asked for it
        is left out.
        """
        stages = [stage for stage in self.stages if not stage.restores]
        return self.model_copy(update={"stages": stages or self.stages})

    @model_validator(mode="after")
    def _symmetric_loss_sees_all_questions(self) -> "TrainingConfig":
        if self.symmetric_share and (self.micro_batch_size is not None or self.processes > 1):
            raise ValueError(
                "symmetric_share needs all questions of a batch at once: leave micro_batch_size "
                "unset and processes at 1"
            )
        return self

    @field_validator("stages", mode="before")
    @classmethod
    def _preset(cls, stages: Any) -> Any:
        if not isinstance(stages, str):
            return stages
        if stages not in PRESETS:
            raise ValueError(f"no such curriculum; {nearest(stages, PRESETS)}")
        return PRESETS[stages]

    @field_validator("stages")
    @classmethod
    def _stage_names_differ(cls, stages: list[StageConfig]) -> list[StageConfig]:
        names = [stage.name for stage in stages]
        if len(set(names)) < len(names):
            raise ValueError(f"stage names must differ, got {names}")
        return stages
