"""The base of every section of the settings: frozen, strict about names."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """Base of every section: frozen, strict about names, honest about defaults."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)
