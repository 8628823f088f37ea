"""A text as it is stored: Unicode NFC, white space collapsed, nothing invisible in it.

- Control characters, lone surrogates and direction overrides (which make a person read something
  else than what is there) cost the row.
- Zero-width and other direction marks are removed and counted, or cost the row: a setting. Joiners
  (U+200C, U+200D) stay: Persian, Indic scripts and emoji need them.
"""

import re
import unicodedata
from collections import Counter
from typing import Any, Literal


class RowError(ValueError):
    """Why a row goes to quarantine, in words for a person."""


# All of category Cc but tab, line feed and carriage return.
_REFUSED = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u202d\u202e]")
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u180e\u200b\u200e\u200f\u202a-\u202c\u2060-\u2064\u2066-\u206f\ufeff]"
)

# By code: what becomes of an ASCII character, a space where it is of no word.
_ASCII_WORDS = re.sub(r"\W", " ", "".join(map(chr, range(128)))).lower()


def caseless_words(text: str) -> list[str]:
    """Return the words of a text, in whatever case and form of characters they are written."""
    if text.isascii():  # the same, in a third of the time
        return text.translate(_ASCII_WORDS).split()
    return re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold())


def clean_text(
    value: Any,
    name: str,
    max_characters: int,
    invisible: Literal["remove", "quarantine"] = "remove",
    removed: Counter | None = None,
) -> str:
    """Return the text in Unicode NFC with white space collapsed.

    Args:
        value: what the row holds.
        name: of the field, for the reason.
        max_characters: the longest text allowed.
        invisible: what becomes of zero-width characters and direction marks.
        removed: counts what was removed.

    Raises:
        RowError: when it is missing, not text, empty, too long or holds refused characters.
    """
    if value is None:
        raise RowError(f"{name} is missing")
    if not isinstance(value, str):
        raise RowError(f"{name} is {type(value).__name__}, not text")
    if len(value) > max_characters:
        raise RowError(f"{name} has {len(value)} characters, at most {max_characters} are allowed")
    if refused := _REFUSED.search(value):
        raise RowError(f"{name} holds {_describe(refused[0])}")
    if not value.isascii():
        value = _without_invisible(value, name, invisible, removed)
        value = unicodedata.normalize("NFC", value)
    text = " ".join(value.split())
    if not text:
        raise RowError(f"{name} is empty")
    return text


def _without_invisible(value: str, name: str, policy: str, removed: Counter | None) -> str:
    found = _INVISIBLE.search(value)
    if found is None:
        return value
    if policy == "quarantine":
        raise RowError(f"{name} holds the invisible character U+{ord(found[0]):04X}")
    value, count = _INVISIBLE.subn("", value)
    if removed is not None:
        removed["invisible characters"] += count
        removed["texts with invisible characters"] += 1
    return value


def _describe(character: str) -> str:
    code = ord(character)
    if 0xD800 <= code <= 0xDFFF:
        return "half a surrogate pair"
    if code in (0x202D, 0x202E):
        return f"a direction override, U+{code:04X}"
    return "a NUL byte" if code == 0 else f"control characters, U+{code:04X}"
