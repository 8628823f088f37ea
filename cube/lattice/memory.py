"""A memory of training pairs, read beside the core.

What a small core cannot hold in its weights, it looks up, as nearest-neighbour language models do
(Khandelwal et al. 2020). Three things are read, each with a share of its own:

- the answers that near training questions have had;
- the difference between the question and those questions, so that with equal shares the two read an
  answer by analogy: a near answer, moved as the question is moved from the near question;
- the training answers nearest to the question itself, added where answers speak of the same as
  their neighbours do (the expansion of a query by a collection, Diaz & Metzler 2006), subtracted
  where they are rivals.

Nothing in here is trained; the shares are chosen on validation.

Shapes: B batch, D dimension, M pairs remembered, A their distinct answers, K neighbours.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cube.lattice.keys import Keys

NEIGHBOURS = 16


class Shares(NamedTuple):
    """Weights of what is read against a prediction of length 1.

    Attributes:
        answers: of the answers of near questions.
        differences: of the question minus those questions.
        near_answers: of the answers near to the question itself; below 0: subtracted.
    """

    answers: float = 0.0
    differences: float = 0.0
    near_answers: float = 0.0

    def weigh(
        self,
        answers: Float[Tensor, "batch dim"],
        differences: Float[Tensor, "batch dim"],
        near_answers: Float[Tensor, "batch dim"],
    ) -> Float[Tensor, "batch dim"]:
        """Return the weighted sum of what was read."""
        of_pairs = self.answers * answers + self.differences * differences
        return of_pairs + self.near_answers * near_answers


NOTHING = Shares()


class Neighbours(NamedTuple):
    """The nearest in memory to every question of a batch, nearest first."""

    question_similarity: Float[Tensor, "batch k"]
    pairs: Int[Tensor, "batch k"]
    answer_similarity: Float[Tensor, "batch n"]
    answers: Int[Tensor, "batch n"]


class Memory(nn.Module):
    """Reads what is near in the teacher's own space.

    Near questions are weighted by a softmax of their similarity, in which one place more stands for
    "nothing near": the farther the nearest question is below `floor`, the less is read.
    """

    answer_of: Tensor
    temperature: Tensor
    floor: Tensor
    shares: Tensor

    def __init__(self, questions: Keys, answers: Keys, answer_of: Int[Tensor, " pairs"]):
        """Remember pairs; until shares are set, nothing of them is used.

        Args:
            questions: of the pairs.
            answers: distinct ones.
            answer_of: row i of the questions was answered by this row of the answers.
        """
        super().__init__()
        self.questions, self.answers = questions, answers
        self.register_buffer("answer_of", answer_of.int())
        self.register_buffer("temperature", torch.tensor(0.05))
        self.register_buffer("floor", torch.tensor(-torch.inf))
        self.register_buffer("shares", torch.zeros(len(Shares._fields)))

    @classmethod
    def like(cls, state: dict[str, Tensor]) -> "Memory":
        """Return a memory of the shapes in a state dict, to load it into."""
        shapes = (state[f"{name}.numbers"].shape for name in ("questions", "answers"))
        questions, answers = (Keys(*shape) for shape in shapes)
        return cls(questions, answers, torch.zeros(len(questions), dtype=torch.int64))

    def __len__(self) -> int:
        return len(self.questions)

    def use(self, shares: Shares, floor: float) -> None:
        """Set how much is read."""
        self.shares.copy_(torch.tensor(shares))
        self.floor.fill_(floor)

    def neighbours(self, x_BD: Float[Tensor, "batch dim"]) -> Neighbours:
        """Return what is nearest to every question, of questions and of answers."""
        near_questions = self.questions.nearest(x_BD, NEIGHBOURS)
        return Neighbours(*near_questions, *self.answers.nearest(x_BD, NEIGHBOURS))

    def near_pairs(
        self,
        x_BD: Float[Tensor, "batch dim"],
        similarity_BK: Float[Tensor, "batch k"],
        pairs_BK: Int[Tensor, "batch k"],
    ) -> tuple[Float[Tensor, "batch dim"], Float[Tensor, "batch dim"]]:
        """Return weighted means over near pairs: of answers, and of x minus their questions."""
        nothing = self.floor.expand(len(similarity_BK), 1)
        scores = torch.cat([similarity_BK, nothing], dim=-1) / self.temperature
        weights_BK = scores.softmax(dim=-1)[:, :-1]
        answers = self.answers.weighted_sum(weights_BK, self.answer_of[pairs_BK])
        questions = self.questions.weighted_sum(weights_BK, pairs_BK)
        x_BD = nn.functional.normalize(x_BD, dim=-1)
        return answers, weights_BK.sum(dim=-1, keepdim=True) * x_BD - questions

    def near_answers(
        self, similarity_BN: Float[Tensor, "batch n"], answers_BN: Int[Tensor, "batch n"]
    ) -> Float[Tensor, "batch dim"]:
        """Return the weighted mean of near answers, which stand closer than near questions do."""
        weights_BN = (2 * similarity_BN / self.temperature).softmax(dim=-1)
        return self.answers.weighted_sum(weights_BN, answers_BN)

    def forward(self, x_BD: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch dim"]:
        """Return what the memory adds to a prediction of length 1."""
        shares = Shares(*self.shares.tolist())
        answers = differences = near_answers = torch.zeros_like(x_BD)
        if shares.answers or shares.differences:
            answers, differences = self.near_pairs(x_BD, *self.questions.nearest(x_BD, NEIGHBOURS))
        if shares.near_answers:
            near_answers = self.near_answers(*self.answers.nearest(x_BD, NEIGHBOURS))
        return shares.weigh(answers, differences, near_answers)
