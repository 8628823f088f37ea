"""Which settings tell configs apart."""

from collections.abc import Sequence
from typing import Any

_ABSENT = "(not set)"


def differing_settings(configs: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """Return by dotted path the values of all settings that are not the same in all configs.

    Args:
        configs: plain values, as `Config.model_dump` gives them.
    """
    flat = [_flat(config) for config in configs]
    keys = sorted(set().union(*flat))
    values = {key: [one.get(key, _ABSENT) for one in flat] for key in keys}
    return {key: row for key, row in values.items() if any(value != row[0] for value in row)}


def _flat(values: Any, prefix: str = "") -> dict[str, Any]:
    """Return the leaves of nested settings by dotted path."""
    if isinstance(values, dict):
        items = values.items()
    elif isinstance(values, list) and any(isinstance(value, dict) for value in values):
        items = enumerate(values)
    else:
        return {prefix: values}
    flat: dict[str, Any] = {}
    for key, value in items:
        flat |= _flat(value, f"{prefix}.{key}" if prefix else str(key))
    return flat
