"""Quality filters: rows that can be read but would teach nothing. Each has a reason and a switch.

They judge pairs and bare texts. In dialogues short and odd turns ("👍", "…", the same greeting
back) are ordinary, so dialogues are only judged as a whole when they are parsed.
"""

from functools import lru_cache

from cube.config import FilterConfig
from cube.data.cleaning import RowError, caseless_words
from cube.data.records import Dialogue, Pair, Record

_MIN_REPEATED = 12  # "!!!!!!" may be meant, "============" is a separator
_DAMAGED_SHARE = 0.05
_REPLACEMENT = "\ufffd"


def check_quality(record: Record, config: FilterConfig) -> None:
    """Pass a record or say why it is rejected.

    Raises:
        RowError: with the reason.
    """
    if isinstance(record, Dialogue):
        return
    if isinstance(record, Pair):
        _check_text(record.question, "question", config)
        _check_text(record.answer, "answer", config)
        if config.question_equals_answer and _same(record.question, record.answer):
            raise RowError("question and answer are the same")
    else:
        _check_text(record.text, "text", config)


def _check_text(text: str, name: str, config: FilterConfig) -> None:
    if len(text) < config.min_characters:
        raise RowError(f"{name} is shorter than {config.min_characters} characters")
    if config.junk and (reason := _junk(text)):
        raise RowError(f"{name} {reason}")


@lru_cache(maxsize=2)  # a question stays while its answers pass
def _junk(text: str) -> str | None:
    if not any(map(str.isalnum, text)):
        return "holds no letter and no digit"
    if len(text) >= _MIN_REPEATED and not text.strip(f"{text[0]} "):
        return "is one character repeated"
    if _REPLACEMENT in text and text.count(_REPLACEMENT) >= _DAMAGED_SHARE * len(text):
        return "was damaged by a wrong encoding (U+FFFD)"
    return None


def _same(question: str, answer: str) -> bool:
    if question == answer:
        return True
    if abs(len(question) - len(answer)) > 10:
        return False
    words = caseless_words(question)
    return bool(words) and words == caseless_words(answer)
