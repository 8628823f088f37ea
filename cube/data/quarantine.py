"""quarantine.jsonl: every rejected row with file, line and reason, and the counts of reasons."""

import json
import re
from collections import Counter
from typing import IO, Any

from cube.data.rows import Row

_MAX_SHOWN = 4_000  # characters of a row kept beside its reason; file and line lead to the rest
_MAX_REASONS = 200  # kinds of reasons counted one by one
_DIFFERING = re.compile(r"\d[\d,]*|'[^']*'|U\+[0-9A-F]+")  # from row to row


class Quarantine:
    """Writes rejected rows.

    Attributes:
        reasons: rows by reason, numbers and names in reasons left out.
        examples: for every reason the first row: file, line, and the reason in full.
    """

    def __init__(self, file: IO[str]):
        self.reasons: Counter = Counter()
        self.examples: dict[str, dict[str, Any]] = {}
        self._file = file

    def add(self, row: Row, reason: str) -> None:
        """Write a row."""
        kind = _DIFFERING.sub("…", reason)
        if kind not in self.reasons and len(self.reasons) >= _MAX_REASONS:
            kind = "other reasons"
        self.reasons[kind] += row.count
        example = {"file": row.file, "line": row.line, "reason": reason}
        self.examples.setdefault(kind, example)
        entry = {**example, "row": _shortened(row.value)}
        if row.count > 1:
            entry["rows"] = row.count
        self._file.write(json.dumps(entry, ensure_ascii=True, default=repr) + "\n")


def _shortened(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= _MAX_SHOWN else value[:_MAX_SHOWN] + "…"
    try:
        text = json.dumps(value, ensure_ascii=False, default=repr)
    except (ValueError, RecursionError):
        return None
    return value if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "…"
