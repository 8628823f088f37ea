"""Settings of the data: where it comes from, what is rejected, how it is divided."""

import codecs
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from cube.config.section import Section, Share


class SplitConfig(Section):
    """How pairs are divided. A pure function of texts and seed, see `cube.data.splits`."""

    seed: int = Field(default=0, ge=0)
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

    @field_validator("near_duplicates", mode="before")
    @classmethod
    def _off_is_a_word(cls, value: Any) -> Any:
        return "off" if value is False else value  # as YAML reads it without quotes


class DataConfig(Section):
    """Where pairs, dialogues and texts come from, and how dialogues become pairs."""

    sources: list[str] = Field(
        default=["cube:demo/pairs.jsonl", "cube:demo/dialogues.jsonl"],
        min_length=1,
        description="files, folders, patterns or - (standard input); `cube:`: in this package",
    )
    recent: list[str] = Field(
        default=[],
        description="files with the newest questions, compared with the training data for drift; "
        "none: nothing is watched",
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
    context: Literal["weighted", "last", "joined"] = Field(
        default="weighted",
        description="what a dialogue's question is: the vectors of its last turns combined by "
        "weight, the last turn alone, or the last turns as one text",
    )
    context_turns: int = Field(default=7, ge=1, le=64, description="turns one question may see")
    context_weights: list[Annotated[float, Field(ge=0, le=1)]] = Field(
        default=[1.0, 0.15],
        min_length=1,
        description="of the last turn, the one before it, …; the last number is that of all before",
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

    @field_validator("context_weights")
    @classmethod
    def _last_turn_counts(cls, weights: list[float]) -> list[float]:
        if not weights[0]:
            raise ValueError("the first weight is that of the turn to answer: it must not be 0")
        return weights

    @field_validator("columns")
    @classmethod
    def _fields_are_known(cls, columns: dict[str, str]) -> dict[str, str]:
        fields = ("question", "answer", "text", "turns", "dialogue_id", "speaker", "id", "source")
        unknown = sorted(set(columns) - set(fields))
        if unknown:
            raise ValueError(f"unknown field {unknown[0]!r}; fields: {', '.join(fields)}")
        return columns
