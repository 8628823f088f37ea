"""JSON Lines: one value a line, blank lines skipped. A broken line costs that line only."""

import json
from collections.abc import Iterator
from typing import IO

from cube.data.lines import Line, read_lines
from cube.data.rows import Row


class NotJsonError(ValueError):
    """NaN and infinities, which Python would accept."""


def refuse_constant(constant: str) -> None:
    """Be the `parse_constant` of a strict decoder."""
    raise NotJsonError(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=refuse_constant)


def read(stream: IO[bytes], label: str) -> Iterator[Row]:
    """Yield a row for every line that is not blank."""
    for line in read_lines(stream):
        if line.error is not None:
            yield Row(label, line.number, line.text, line.error)
        elif text := line.text.strip().removesuffix(","):  # of an array without its brackets
            yield _decode(text, line, label)


def _decode(text: str, line: Line, label: str) -> Row:
    try:
        return Row(label, line.number, _DECODER.decode(text))
    except RecursionError:
        reason = "nested too deeply"
    except NotJsonError as error:
        reason = str(error)
    except json.JSONDecodeError as error:  # which calls every line the first
        reason = f"not valid JSON: {error.msg.removesuffix(' at')} at column {error.colno}"
    except ValueError as error:  # a number with thousands of digits
        reason = f"not valid JSON: {error}"
    return Row(label, line.number, text, reason)
