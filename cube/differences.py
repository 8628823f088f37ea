"""What differs between two trees of plain values, in words."""

from typing import Any


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
