"""Throughput of the trainer against a plain loop, measured in one run on the same rows."""

import time

import torch
from torch.utils.data import DataLoader, Dataset

from cube.config import CoreConfig, TrainingConfig
from cube.lattice.core import Cube
from cube.training.dataset import TrainingSet
from cube.training.objectives import contrastive_loss, cosine_loss, same_answer_mask
from cube.training.trainer import Trainer


class _PairDataset(Dataset):
    """One pair at a time, copied and converted: the loop most people write first."""

    def __init__(self, data: TrainingSet):
        self._data = data

    def __len__(self) -> int:
        return len(self._data.questions)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, torch.Tensor, int, int]:
        question, answer = int(self._data.questions[i]), int(self._data.answers[i])
        vectors = self._data.vectors
        return (
            torch.tensor(vectors[question], dtype=torch.float32),
            torch.tensor(vectors[answer], dtype=torch.float32),
            question,
            answer,
        )


def speedup_over_plain_loop(
    config: TrainingConfig, core: CoreConfig, data: TrainingSet, steps: int = 10
) -> float:
    """Return samples/s of the trainer's dialogue step divided by those of a plain loop.

    Both run the same losses, batch size and optimiser; the first step of each is not timed. The
    plain loop is a `DataLoader` with one gather per sample.
    """
    stage = next((stage for stage in config.stages if stage.answers), config.stages[-1])
    stage = stage.model_copy(update={"autoencoder_share": 0.0, "autoencoder_share_end": None})
    trainer = Trainer(config.model_copy(update={"stages": [stage]}), core, data)
    trainer.run_steps(1)
    started = time.perf_counter()
    trainer.run_steps(steps)
    ours = time.perf_counter() - started
    return _plain_seconds(config, core, data, steps) / ours


def _plain_seconds(
    config: TrainingConfig, core: CoreConfig, data: TrainingSet, steps: int
) -> float:
    batch = min(config.batch_size, len(data.questions))
    loader = DataLoader(_PairDataset(data), batch_size=batch, shuffle=True, drop_last=True)
    cube = Cube(data.dimension, core)
    optimizer = torch.optim.AdamW(cube.parameters(), lr=1e-3)
    started, done = 0.0, -1
    while True:
        for x, y, questions, answers in loader:
            if done == 0:
                started = time.perf_counter()
            if done == steps:
                return time.perf_counter() - started
            predictions = cube(x)
            mask = same_answer_mask(questions, answers)
            loss = contrastive_loss(predictions, y, mask, config.temperature)
            loss = loss + config.cosine_weight * cosine_loss(predictions, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            done += 1
