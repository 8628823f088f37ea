"""Settings from YAML files and the command line, and errors that say where and what."""

import os
import re
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from cube.config.section import expand_user, nearest
from cube.config.tree import Config
from cube.errors import ConfigError

# What pydantic adds to the path of a value that may be of several types.
_UNION_TAG = re.compile(
    r"int|float|str|bool|none|(literal|list|constrained-\w+|function-\w+)\[.*\]"
)
PACKAGE = Path(__file__).parent.parent


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
        lines = dict.fromkeys(_explain(item) for item in error.errors())
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
    """Return the resolved config as YAML, in the order of its classes."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def resolve_source(source: str) -> Path:
    """Turn a data source of a config into a path; `cube:demo/x` lies inside this package."""
    if source.startswith("cube:"):
        return PACKAGE / source.removeprefix("cube:")
    return expand_user(os.path.expandvars(source))


def _apply_override(values: Any, override: str) -> None:
    path, separator, text = override.partition("=")
    keys = path.strip().split(".")
    if not separator or not all(keys):
        raise ConfigError(f"--set {override!r}: expected the form section.key=value.")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ConfigError(f"--set {override!r}: the value is not valid YAML.") from None
    if "#" in text and "#" not in str(value):
        raise ConfigError(
            f"--set {override!r}: a # begins a comment in YAML: put the value in quotes."
        )
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
    location = [str(part) for part in item["loc"] if not _UNION_TAG.fullmatch(str(part))]
    path = ".".join(location) or "config"
    if item["type"] == "extra_forbidden":
        known = _keys_at(location[:-1])
        return f"unknown key {path!r}: {nearest(location[-1], known)}"
    value = item.get("input")
    shown = "" if isinstance(value, BaseModel | dict | list) else f" = {value!r}"
    message = item["msg"].removeprefix("Value error, ")
    return f"{path}{shown}: {message[0].lower()}{message[1:]}{_hint(item['type'], value)}"


def _hint(kind: str, value: Any) -> str:
    """Return how to write what YAML took for something else."""
    if kind == "string_type" and isinstance(value, dict):
        text = ", ".join(f"{key}: {'' if part is None else part}" for key, part in value.items())
        return f'; a text with a colon needs quotes: "{text}", in a shell \'"{text}"\''
    if kind == "list_type" and isinstance(value, str):
        return f", such as [{value}]"
    return ""


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
