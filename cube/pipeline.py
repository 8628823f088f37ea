"""Text to text with a trained cube: teacher, cube, phrase bank."""

from pathlib import Path

from cube.decoding.phrase_bank import Phrase, PhraseBank
from cube.errors import ModelError
from cube.model import load_model
from cube.teacher.context import encode_question
from cube.teacher.encoder import Teacher


class TextPipeline:
    """Answers questions with a saved cube.

    Raises:
        ModelError: when the model was trained on vectors alone, or its teacher has changed since.
        TeacherError: when the teacher cannot be found.
    """

    def __init__(self, model: Path):
        self._saved = load_model(model)
        config = self._saved.teacher_config
        if config is None:
            raise ModelError(f"{model} was trained on stored vectors: it knows no teacher.")
        self._teacher = Teacher(config)
        self._saved.check_teacher(self._teacher)
        if "context_weights" not in self._saved.config["trained_on"]:
            raise ModelError(f"{model} does not say how it combines turns: train it again.")
        self._bank = PhraseBank(*self._saved.bank())

    def ask(self, question: str, context: list[str] | None = None, count: int = 3) -> list[Phrase]:
        """Return the best answers, best first.

        Args:
            question: the last turn.
            context: turns before it, oldest first.
            count: how many answers.
        """
        trained_on = self._saved.config["trained_on"]
        query = encode_question(
            self._teacher,
            [*(context or []), question],
            trained_on["context"],
            trained_on["context_turns"],
            trained_on["context_weights"],
        )
        predictions = self._saved.cube.apply_to(query)
        return self._bank.nearest(predictions, count)[0]
