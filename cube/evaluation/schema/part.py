"""What all parts of the schema share."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]


class Part(BaseModel):
    """Base of every part: no unknown keys, no NaN."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, populate_by_name=True)


def at(name: str, k: int, meaning: str) -> Any:
    """Return the field of a metric at a cut-off, such as `hit@5`."""
    return Field(alias=f"{name}@{k}", description=meaning.format(k=k))


class Interval(Part):
    """A paired bootstrap interval over questions."""

    difference: float = Field(description="mean of the differences")
    low: float = Field(description="lower end")
    high: float = Field(description="upper end")

    @property
    def better(self) -> bool:
        """Whether the whole interval lies above 0."""
        return self.low > 0

    @property
    def worse(self) -> bool:
        """Whether the whole interval lies below 0."""
        return self.high < 0
