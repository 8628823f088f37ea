"""Dialogues as pairs: the turns so far are the question, the next turn is the answer."""

from collections.abc import Iterator
from dataclasses import dataclass

from cube.config import DataConfig
from cube.data.records import Dialogue, Record, RowError


@dataclass(frozen=True, slots=True)
class DialoguePair:
    """A question made of the last turns, those turns one by one, and the turn that follows."""

    question: str
    context: tuple[str, ...]  # oldest first; the last one is the turn that is answered
    answer: str
    turn: int  # position of the answer in its dialogue


def check_answered(record: Record, config: DataConfig) -> None:
    """Pass a record, or refuse a dialogue that has nothing to learn.

    Raises:
        RowError: when no turn after the first is of an answering speaker.
    """
    if not isinstance(record, Dialogue) or not config.answer_speakers:
        return
    if not any(turn.speaker in config.answer_speakers for turn in record.turns[1:]):
        speakers = ", ".join(map(repr, sorted({turn.speaker for turn in record.turns})))
        raise RowError(
            f"no turn answers another: its speakers are {speakers}; name whose turns are answers "
            "in data.answer_speakers, or rename speakers in data.speakers"
        )


def dialogue_pairs(dialogue: Dialogue, config: DataConfig) -> Iterator[DialoguePair]:
    """Yield a pair for every turn of an answering speaker that has a turn before it.

    The context are the last `context_turns` turns and never reaches into another dialogue. The
    question is the last of them alone (`context: last`), or all of them joined with line feeds,
    oldest first; with `context: weighted` that joined text only names the pair, its vector is the
    turns' vectors combined. No `answer_speakers`: every turn is an answer.
    """
    texts = [turn.text for turn in dialogue.turns]
    for i, turn in enumerate(dialogue.turns):
        if i == 0 or (config.answer_speakers and turn.speaker not in config.answer_speakers):
            continue
        context = tuple(texts[max(0, i - config.context_turns) : i])
        question = context[-1] if config.context == "last" else "\n".join(context)
        yield DialoguePair(question, context, turn.text, i)
