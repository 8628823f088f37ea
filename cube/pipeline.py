"""Text to text with a trained cube: teacher, cube, phrase bank."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cube.data.cleaning import RowError, clean_text
from cube.decoding.phrase_bank import Phrase, PhraseBank
from cube.errors import DataError, ModelError
from cube.model import load_model
from cube.teacher.context import encode_question
from cube.teacher.encoder import Teacher

_MOST_CHARACTERS = 1_000_000


@dataclass(frozen=True)
class Reply:
    """What a cube answers, and how far it can be trusted.

    Attributes:
        phrases: the best answers, best first.
        probability: that the first one is right; None for a model saved without confidence, as
            where validation had too few questions answered right or wrong to fit one.
        novelty: share of validation questions that are nearer to the training questions; above
            0.99 the question is unlike what the cube was trained on. None as above.
        confident: whether the probability reaches the model's threshold; None as above.
    """

    phrases: list[Phrase]
    probability: float | None = None
    novelty: float | None = None
    confident: bool | None = None


class TextPipeline:
    """Answers questions with a saved cube; all it needs is loaded when it is made.

    Several threads may ask at once. A process that is forked makes its own: torch's threads are
    not forked with it, and it would wait for them for ever.

    Raises:
        ModelError: when the model was trained on vectors alone, or its teacher has changed since.
        TeacherError: when the teacher cannot be found or loaded.
    """

    def __init__(self, model: Path | str):
        self._saved = load_model(model)
        config = self._saved.teacher_config
        if config is None:
            raise ModelError(f"{model} was trained on stored vectors: it knows no teacher.")
        self._teacher = Teacher(config)
        self._saved.check_teacher(self._teacher)
        if "context_weights" not in self._saved.config["trained_on"]:
            raise ModelError(f"{model} does not say how it combines turns: train it again.")
        self._bank = PhraseBank(*self._saved.bank())
        self._confidence, self._reference = self._saved.confidence(), self._saved.reference()
        _ = self._teacher.model  # seconds that the first question would wait for

    def ask(self, question: str, context: list[str] | None = None, count: int = 3) -> Reply:
        """Return the best answers and how far they can be trusted.

        Args:
            question: the last turn.
            context: turns before it, oldest first.
            count: how many answers.

        Raises:
            DataError: when no answer is asked for, or a turn is empty or not text.
        """
        if count < 1:
            raise DataError(f"{count} answers: nothing to do.")
        if isinstance(context, str):
            raise DataError("The context is a list of turns, oldest first, not one text.")
        named = [("a turn before the question", turn) for turn in context or []]
        try:  # what the cube was trained on was cleaned as well
            turns = [
                clean_text(turn, name, _MOST_CHARACTERS)
                for name, turn in [*named, ("the question", question)]
            ]
        except RowError as error:
            raise DataError(f"Nothing can be answered: {error}.") from None
        trained_on = self._saved.config["trained_on"]
        query = encode_question(
            self._teacher,
            turns,
            trained_on["context"],
            trained_on["context_turns"],
            trained_on["context_weights"],
        )
        predictions = self._saved.cube.apply_to(query)
        found = self._bank.nearest(predictions, max(count, 2))[0]
        if self._confidence is None:
            return Reply(found[:count])
        novelty = self._confidence.novelty(query, self._reference)
        scores = np.array([[phrase.score for phrase in found[:2]]])
        probability = float(self._confidence.probability(scores, novelty)[0])
        confident = probability >= self._confidence.threshold
        return Reply(found[:count], probability, float(novelty[0]), confident)
