"""The frozen teacher, whitened by the answers that are searched: what needs no training at all."""

import torch

from cube.evaluation.baselines.system import System, baseline
from cube.evaluation.baselines.tuning import Tuning
from cube.evaluation.experiment import Experiment
from cube.lattice.whitening import Spectrum, Whitening
from cube.training.calibration import WHITENINGS


def whitened_baseline(experiment: Experiment, tuning: Tuning) -> System:
    """Return the teacher with the strength of whitening that is best on validation."""
    bank = Spectrum(tuning.bank)
    questions = torch.from_numpy(tuning.questions)

    def score(strength: float) -> float:
        return tuning.mrr(Whitening.of(bank, strength)(questions).numpy(), rank_centred=False)

    best = max((0.0, *WHITENINGS), key=score)
    whitening = Whitening.of(Spectrum(experiment.index), best)
    return baseline("whitened_identity", lambda x: whitening(torch.from_numpy(x)).numpy())
