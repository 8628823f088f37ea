"""A memory of training pairs: the answers that questions near to the one asked have had.

What a small core cannot hold in its weights, it looks up, as nearest-neighbour language models do
(Khandelwal et al. 2020). Nothing in here is trained; its few settings are chosen on validation.
Shapes: B batch, D dimension, M pairs remembered, K neighbours.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

NEIGHBOURS = 16


class Memory(nn.Module):
    """Reads out the answers of the nearest training questions, in the teacher's own space.

    Neighbours are weighted by a softmax of their similarity, in which one place more stands for
    "nothing near": the farther the nearest question is below `floor`, the less is read.
    """

    questions: Tensor
    answers: Tensor
    temperature: Tensor
    floor: Tensor
    share: Tensor

    def __init__(self, questions: Float[Tensor, "pairs dim"], answers: Float[Tensor, "pairs dim"]):
        """Remember pairs; until `share` is set, nothing of them is used.

        Args:
            questions: row i was answered by row i of the answers; kept as float16.
            answers: of length 1.
        """
        super().__init__()
        normalize = nn.functional.normalize
        self.register_buffer("questions", normalize(questions.float(), dim=-1).half())
        self.register_buffer("answers", normalize(answers.float(), dim=-1).half())
        self.register_buffer("temperature", torch.tensor(0.05))
        self.register_buffer("floor", torch.tensor(-torch.inf))
        self.register_buffer("share", torch.tensor(0.0))

    @classmethod
    def like(cls, state: dict[str, Tensor]) -> "Memory":
        """Return a memory of the shapes in a state dict, to load it into."""
        return cls(torch.zeros(state["questions"].shape), torch.zeros(state["answers"].shape))

    def __len__(self) -> int:
        return len(self.questions)

    def neighbours(
        self, x_BD: Float[Tensor, "batch dim"]
    ) -> tuple[Float[Tensor, "batch k"], Float[Tensor, "batch k dim"]]:
        """Return similarity and answer of the nearest remembered questions, nearest first."""
        x_BD = nn.functional.normalize(x_BD, dim=-1)
        similarity = x_BD @ self.questions.to(x_BD.dtype).T
        nearest = similarity.topk(min(NEIGHBOURS, len(self)), dim=-1)
        return nearest.values, self.answers[nearest.indices].to(x_BD.dtype)

    def read(
        self, similarity_BK: Float[Tensor, "batch k"], answers_BKD: Float[Tensor, "batch k dim"]
    ) -> Float[Tensor, "batch dim"]:
        """Return `share` times the weighted mean of the neighbours' answers."""
        nothing = self.floor.expand(len(similarity_BK), 1)
        scores = torch.cat([similarity_BK, nothing], dim=-1) / self.temperature
        weights_BK = scores.softmax(dim=-1)[:, :-1]
        return self.share * torch.einsum("bk,bkd->bd", weights_BK, answers_BKD)

    def forward(self, x_BD: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch dim"]:
        """Return what the memory adds to a prediction of length 1."""
        return self.read(*self.neighbours(x_BD))
