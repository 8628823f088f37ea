"""How numbers and texts are written on a page: rounded and cut sensibly, one way everywhere."""

import math
import re
from datetime import datetime
from typing import TypeGuard

NOT_MEASURED = "not measured"
_MINUS = "\N{MINUS SIGN}"
_MOST_CHARACTERS = 320
_THIN = "\N{NARROW NO-BREAK SPACE}"
_SIGN_OF_ZERO = re.compile(r"(?<![\w.,-])[+-](?=0\.0+(?!\d))")
_HYPHEN_AS_MINUS = re.compile(r"(?<![\w.,-])-(?=\d)")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_PERCENT = re.compile(r"(?<=\d)%")


def _is_known(value: float | None) -> TypeGuard[float]:
    """Whether there is a number to show."""
    return value is not None and math.isfinite(value)


def fixed(value: float | None, digits: int = 3) -> str:
    """Write a number with a fixed count of decimals."""
    if not _is_known(value):
        return NOT_MEASURED
    text = f"{abs(value):.{digits}f}"
    return (_MINUS if value < 0 and float(text) else "") + text


def signed(value: float | None, digits: int = 3) -> str:
    """Write a difference, always with its sign; a difference that rounds to 0 has none."""
    text = fixed(value, digits)
    if not _is_known(value) or text.startswith(_MINUS) or not float(text):
        return text
    return f"+{text}"


def percent(share: float | None, digits: int = 1) -> str:
    """Write a share of 1 as a percentage."""
    if not _is_known(share):
        return NOT_MEASURED
    return f"{fixed(100 * share, digits)}{_THIN}%"


def count(value: float | None) -> str:
    """Write a whole number with its thousands apart."""
    if not _is_known(value):
        return NOT_MEASURED
    return f"{value:,.0f}".replace(",", _THIN).replace("-", _MINUS)


def compact(value: float | None, figures: int = 3) -> str:
    """Write any number with a few significant figures and never an exponent."""
    if not _is_known(value):
        return NOT_MEASURED
    if isinstance(value, int) or value == 0 or abs(value) >= 10**figures:
        return count(value)
    digits = figures - 1 - math.floor(math.log10(abs(value)))
    return fixed(value, min(max(digits, 0), 8))


def plain(value: float) -> str:
    """Write a limit as it was set, without the zeros rounding would add."""
    return f"{value:g}".replace("-", _MINUS)


def with_unit(text: str, unit: str) -> str:
    """Put a unit after a number, and nothing after words."""
    unit = unit.strip()
    return f"{text}{_THIN}{unit}" if unit and text != NOT_MEASURED else text


def duration(seconds: float | None) -> str:
    """Write seconds the way a person would say them."""
    if not _is_known(seconds):
        return NOT_MEASURED
    if seconds < 60:
        return f"{compact(float(seconds))}{_THIN}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}{_THIN}min {rest}{_THIN}s"
    return f"{minutes // 60}{_THIN}h {minutes % 60}{_THIN}min"


def typeset(sentence: str) -> str:
    """Write the numbers of a sentence as this page does; terminals and JSON keep plain signs."""
    sentence = _HYPHEN_AS_MINUS.sub(_MINUS, _SIGN_OF_ZERO.sub("", sentence))
    return _PERCENT.sub(f"{_THIN}%", _THOUSANDS.sub(_THIN, sentence))


def day(timestamp: str) -> str:
    """Write the day and time of an ISO timestamp; anything else stays as it is."""
    try:
        moment = datetime.fromisoformat(timestamp)
    except ValueError:
        return timestamp
    zone = f" {moment.tzname()}" if moment.tzinfo else ""
    return f"{moment.day} {moment:%B %Y, %H:%M}{zone}"


def shorten(text: str, most_characters: int = _MOST_CHARACTERS) -> str:
    """Cut a text from data to a readable length: a report is no place for a page-long answer.

    The middle goes: of the turns of a dialogue, a line each, the last is the one to answer.
    """
    if len(text) <= most_characters:
        return text
    half = most_characters // 2
    return f"{text[:half].rsplit(maxsplit=1)[0]} … {text[-half:].split(maxsplit=1)[-1]}"


FILTERS = {
    function.__name__: function
    for function in (fixed, signed, percent, count, compact, plain, typeset, day, shorten)
}
