"""Throughput of the trainer against a plain loop, measured in one run on the same rows."""

import time

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from cube.config import CoreConfig, StageConfig, TrainingConfig
from cube.devices import usable_device
from cube.lattice.core import Cube
from cube.training.batches import PairBatch
from cube.training.curriculum import learning_rate
from cube.training.dataset import TrainingSet
from cube.training.loss import answering_loss
from cube.training.objectives import same_answers
from cube.training.optimizer import make_optimizer, set_rate
from cube.training.trainer import Trainer


class _PairDataset(Dataset):
    """One pair at a time, copied and converted: the loop most people write first."""

    def __init__(self, data: TrainingSet, most: int):
        """Hold at most so many pairs: reading a file row by row would be another comparison."""
        kept = np.random.default_rng(0).permutation(data.num_pairs)[:most]
        self._rows = data.questions[kept], data.answers[kept]
        self._vectors = data.gather(self._rows[0]), data.gather(self._rows[1])

    def __len__(self) -> int:
        return len(self._rows[0])

    def __getitem__(self, i: int) -> tuple[torch.Tensor, torch.Tensor, int, int]:
        questions, answers = self._vectors
        rows = int(self._rows[0][i]), int(self._rows[1][i])
        return torch.tensor(questions[i]), torch.tensor(answers[i]), *rows


def speedup_over_plain_loop(
    config: TrainingConfig, core: CoreConfig, data: TrainingSet, steps: int = 10
) -> float:
    """Return samples/s of the trainer's dialogue step divided by those of a plain loop."""
    _, ours = trainer_loop(config, core, data, steps)
    _, plain = plain_loop(config, core, data, steps)
    return plain / ours


def trainer_loop(
    config: TrainingConfig, core: CoreConfig, data: TrainingSet, steps: int
) -> tuple[Cube, float]:
    """Take steps of answering with the trainer.

    Returns:
        The cube, and the seconds of all steps but the first.
    """
    stage = _answering(config, steps)
    trainer = Trainer(config.model_copy(update={"stages": [stage]}), core, data)
    trainer.run_steps(1)
    started = time.perf_counter()
    trainer.run_steps(steps - 1)
    seconds = time.perf_counter() - started
    trainer.cube.load_state_dict(trainer.state.average)
    return trainer.cube, seconds


def plain_loop(
    config: TrainingConfig, core: CoreConfig, data: TrainingSet, steps: int
) -> tuple[Cube, float]:
    """Take the same steps as most people would write them; returns what `trainer_loop` does.

    Losses, batch size, rates and optimiser are the trainer's; a `DataLoader` gathers sample by
    sample, and everything is float32.
    """
    config = config.model_copy(update={"precision": "float32"})
    stage = _answering(config, steps)
    batch = min(config.batch_size, len(data.questions))
    pairs = _PairDataset(data, steps * batch)
    loader = DataLoader(pairs, batch_size=batch, shuffle=True, drop_last=True)
    torch.manual_seed(config.seed)
    device = usable_device(config.device)
    cube = Cube(data.dimension, core).to(device)
    optimizer = make_optimizer(cube, config, data.num_pairs)
    started, step = 0.0, 0
    while True:
        for x, y, questions, answers in loader:
            if step == 1:
                started = time.perf_counter()
            if step == steps:
                return cube, time.perf_counter() - started
            set_rate(
                optimizer, learning_rate(stage.learning_rate, step, steps, config.warmup_share)
            )
            drawn = PairBatch(x, y, same_answers(questions.numpy(), answers.numpy()))
            loss = answering_loss(cube, drawn.to(device), config)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(cube.parameters(), config.clip_norm)
            optimizer.step()
            step += 1


def _answering(config: TrainingConfig, steps: int) -> StageConfig:
    """Return the first stage that answers, doing nothing else for a number of steps."""
    stage = next((stage for stage in config.stages if stage.answers), config.stages[-1])
    alone = {"autoencoder_share": 0.0, "autoencoder_share_end": None, "pacing": None}
    return stage.model_copy(update={**alone, "max_steps": steps, "max_epochs": steps})
