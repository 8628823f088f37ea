"""Dialogues as pairs: the turns so far are the question, the next turn is the answer."""

from collections.abc import Iterator
from dataclasses import dataclass

from cube.data.records import Dialogue


@dataclass(frozen=True)
class DialoguePair:
    """A question made of the last turns, those turns one by one, and the turn that follows."""

    question: str
    context: tuple[str, ...]  # oldest first; the last one is the turn that is answered
    answer: str
    turn: int  # position of the answer in its dialogue


def dialogue_pairs(
    dialogue: Dialogue, context_turns: int, answer_speakers: list[str]
) -> Iterator[DialoguePair]:
    """Yield a pair for every turn of an answering speaker that has a turn before it.

    The question joins the last `context_turns` turns with line feeds, oldest first, and never
    reaches into another dialogue. No `answer_speakers`: every turn is an answer.
    """
    texts = [turn.text for turn in dialogue.turns]
    for i, turn in enumerate(dialogue.turns):
        if i == 0 or (answer_speakers and turn.speaker not in answer_speakers):
            continue
        context = tuple(texts[max(0, i - context_turns) : i])
        yield DialoguePair("\n".join(context), context, turn.text, i)
