"""What a person is told when data does not meet its expectations."""

import json
from pathlib import Path
from typing import Any

from cube.errors import DataError

_EXAMPLES = 3
_LONGEST_TEXT = 60  # characters of an example within a sentence


class ExpectationError(DataError):
    """A critical expectation failed, so nothing was trained."""

    exit_code = 1


def describe_failures(
    result: dict[str, Any], severities: tuple[str, ...], num_examples: int = _EXAMPLES
) -> list[str]:
    """Return a sentence for each failed expectation of these severities, with example rows."""
    return [
        _describe(expectation, result["rows"], num_examples)
        for expectation in result["expectations"]
        if not expectation["success"] and expectation["severity"] in severities
    ]


def require_success(result: dict[str, Any], suite_path: Path, page: Path) -> None:
    """Stop unless every critical expectation is met.

    Raises:
        ExpectationError: naming what failed with an example row, and what to do.
    """
    if result["success"]:
        return
    failures = describe_failures(result, ("critical",), num_examples=1)
    count = "a critical expectation" if len(failures) == 1 else f"{len(failures)} critical ones"
    raise ExpectationError(
        f"Nothing was trained: the {result['suite']} fail {count}. {' '.join(failures)} "
        f"Mend the data or change the suite {suite_path}; all results are in {page}."
    )


def _describe(expectation: dict[str, Any], rows: int, num_examples: int) -> str:
    kwargs = ", ".join(f"{name}={json.dumps(v)}" for name, v in expectation["kwargs"].items())
    words = f"{expectation['type']}({kwargs})"
    if expectation["description"]:
        words = f"{expectation['description'].rstrip('.')} [{words}]"
    count = expectation["unexpected_count"]
    if count is None:
        return f"{words}: observed {json.dumps(expectation['observed'], ensure_ascii=False)}."
    sentence = f"{words}: {count} of {rows} rows do not fit"
    examples = [_shorten(example) for example in expectation["examples"][:num_examples]]
    return f"{sentence}, such as {' and '.join(examples)}." if examples else f"{sentence}."


def _shorten(example: Any) -> str:
    def cut(value: Any) -> Any:
        if isinstance(value, str) and len(value) > _LONGEST_TEXT:
            return value[: _LONGEST_TEXT - 1] + "…"
        return value

    values = {key: cut(value) for key, value in example.items()}
    return json.dumps(values, ensure_ascii=False)
