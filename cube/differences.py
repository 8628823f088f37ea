"""What differs between trees of plain values: between two in words, between several by setting."""

from collections.abc import Sequence
from typing import Any

_ABSENT = "(not set)"


def differences(before: Any, now: Any, path: str = "") -> dict[str, tuple[Any, Any]]:
    """Return the leaves that differ: dotted path to (value before, value now), None if missing."""
    if isinstance(before, dict) and isinstance(now, dict):
        pairs = [(key, before.get(key), now.get(key)) for key in sorted({*before, *now}, key=str)]
    elif isinstance(before, list) and isinstance(now, list):
        longest = max(len(before), len(now))
        pairs = [
            (i, *(side[i] if i < len(side) else None for side in (before, now)))
            for i in range(longest)
        ]
    else:
        return {} if before == now else {path: (before, now)}
    found: dict[str, tuple[Any, Any]] = {}
    for key, old, new in pairs:
        found |= differences(old, new, f"{path}.{key}" if path else str(key))
    return found


def in_words(changes: dict[str, tuple[Any, Any]]) -> str:
    """Return differences as one line, such as `training.seed was 0 and is 1`."""
    return "; ".join(
        f"{path} was {before!r} and is {now!r}" for path, (before, now) in changes.items()
    )


def differing_settings(configs: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """Return by dotted path the values of all settings that are not the same in all configs.

    Stages are compared by name, each among the configs that have it: which have it says the row of
    their list.

    Args:
        configs: plain values, as `Config.model_dump` gives them.
    """
    flat = [_flat(config) for config in configs]
    found = {}
    for key in sorted(set().union(*flat)):
        values = [one.get(key, _ABSENT) for one in flat]
        compared = [v for v, one in zip(values, flat, strict=True) if _has_part(one, key)]
        if any(value != compared[0] for value in compared):
            found[key] = values
    return found


def _has_part(flat: dict[str, Any], key: str) -> bool:
    """Whether there is the named part of a list that a setting belongs to, if it does to one."""
    path, _, rest = key.partition("[")
    return not rest or path not in flat or rest.partition("]")[0] in flat[path]


def _flat(values: Any, prefix: str = "") -> dict[str, Any]:
    """Return the leaves of nested settings by dotted path."""
    flat: dict[str, Any] = {}
    if isinstance(values, dict):
        for key, value in values.items():
            flat |= _flat(value, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(values, list) and any(isinstance(value, dict) for value in values):
        flat[prefix] = [value["name"] for value in values]
        for value in values:
            flat |= _flat(value, f"{prefix}[{value['name']}]")
    else:
        flat[prefix] = values
    return flat
