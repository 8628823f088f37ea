"""The base of every section of the settings: frozen, strict about names."""

import difflib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def expand_user(path: str | Path) -> Path:
    """Put a person's home folder in for ~ and ~name; a name nobody has stays as it is."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - that of Path raises for such a name


Share = Annotated[float, Field(ge=0, le=1)]
UserPath = Annotated[Path, AfterValidator(expand_user)]


def nearest(name: str, known: Iterable[str]) -> str:
    """Return advice on an unknown name: the one that was probably meant, or all there are."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]!r}" if near else f"there are {', '.join(names)}"


class Section(BaseModel):
    """Base of every section: frozen, strict about names, honest about defaults."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)
