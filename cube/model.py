"""A saved cube: one folder that holds all a prediction needs.

model.safetensors   weights of the core, and the pairs it remembers
centring.safetensors  mean question and mean answer of the training data
config.json         core, dimension, teacher and its fingerprints, what it was trained on
README.md           the model card
bank/               texts and vectors of the training answers (absent without texts)
reference.npy       a sample of training questions, for drift and novelty
confidence.json     when to trust an answer (absent with too few validation questions)
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file, save
from safetensors.torch import load_file as load_weights
from safetensors.torch import save as dump_weights
from torch import Tensor

from cube import __version__, storage
from cube.config import CoreConfig, TeacherConfig
from cube.data.vector_files import check_matrix
from cube.errors import ConfigError, ModelError
from cube.evaluation.confidence import Confidence
from cube.evaluation.experiment import Centre
from cube.lattice.core import Cube
from cube.lattice.keys import Keys
from cube.lattice.memory import Shares
from cube.teacher.encoder import Teacher, from_anywhere

FORMAT = 3
REFERENCE_ROWS = 4_096
_FILES = ("config.json", "model.safetensors", "centring.safetensors")  # of every saved cube


@dataclass(frozen=True)
class SavedCube:
    """A loaded model folder."""

    folder: Path
    cube: Cube
    centre: Centre
    config: dict[str, Any]

    @property
    def teacher_config(self) -> TeacherConfig | None:
        """The teacher it was trained over; None if it was trained on stored vectors."""
        teacher = self.config["teacher"]
        return None if teacher is None else TeacherConfig.model_validate(teacher)

    def check_teacher(self, teacher: Teacher) -> None:
        """Refuse a teacher whose vectors are not the ones this cube was trained on.

        Raises:
            ModelError: when any fingerprint differs.
        """
        if teacher.fingerprints != self.config["fingerprints"]:
            raise ModelError(
                f"{self.folder} was trained over another teacher than {teacher.config.model!r}: "
                "weights, pooling, prompts, length or normalisation differ. Use the teacher named "
                "in its config.json or train again."
            )

    def check_dimension(self, vectors: np.ndarray) -> None:
        """Refuse vectors that the cube does not fit.

        Raises:
            ModelError: when the dimension differs from the cube's.
        """
        ours, theirs = self.cube.dimension, vectors.shape[1]
        if ours != theirs:
            raise ModelError(f"The cube moves vectors of {ours} dimensions, these have {theirs}.")

    def fit_to_index(self, answers: np.ndarray | None) -> None:
        """Whiten by answers that will be searched, (A, dim); with None it stays as it is.

        Raises:
            DataError: when they are not a matrix of finite rows, none of them zero.
            ModelError: when the dimension differs from the cube's.
        """
        if answers is not None:
            check_matrix(answers, "The index")
            self.check_dimension(answers)
            self.cube.fit_to_index(answers)

    def bank(self) -> tuple[list[str], np.ndarray]:
        """Return texts and vectors of the answers it can give.

        Raises:
            ModelError: when the model was trained without texts, or they are broken.
        """
        folder = self.folder / "bank"
        if not folder.is_dir():
            raise ModelError(f"{self.folder} holds no answers: it was trained on vectors alone.")
        with _whole(folder):
            texts = pq.read_table(folder / "texts.parquet")["text"].to_pylist()
            vectors = np.load(folder / "vectors.npy", allow_pickle=False)
            if vectors.shape != (len(texts), self.cube.dimension):
                raise ValueError(f"{len(texts)} texts, vectors of shape {vectors.shape}")
        return texts, vectors

    def confidence(self) -> Confidence | None:
        """Return when to trust an answer; None if there was too little to learn it from.

        Raises:
            ModelError: when the file is broken.
        """
        path = self.folder / "confidence.json"
        with _whole(path):
            return Confidence(**storage.read_json(path)) if path.is_file() else None

    def reference(self) -> np.ndarray:
        """Return the sample of training questions, shape (rows, dim).

        Raises:
            ModelError: when the file is broken.
        """
        path = self.folder / "reference.npy"
        with _whole(path):
            return np.load(path, allow_pickle=False)


def save_model(
    folder: Path,
    cube: Cube,
    centre: Centre,
    reference: np.ndarray,
    teacher: Teacher | None,
    trained_on: dict[str, Any],
    card: str,
    bank: tuple[list[str], np.ndarray] | None = None,
    confidence: Confidence | None = None,
) -> None:
    """Write a model folder whole; an older one of that name is replaced at the end.

    Raises:
        ModelError: when the folder holds anything else, see `check_replaceable`.
    """
    folder = folder.resolve()  # behind a link is where it goes, not in the place of the link
    check_replaceable(folder)
    config = {
        "format": FORMAT,
        "cube_version": __version__,
        "dimension": cube.dimension,
        "shape": list(cube.reshaper.shape),
        "parameters": cube.num_parameters,
        "core": cube.config.model_dump(mode="json"),
        "teacher": from_anywhere(teacher.config).model_dump(mode="json") if teacher else None,
        "fingerprints": teacher.fingerprints if teacher else None,
        "trained_on": trained_on,
    }
    weights = {name: value.cpu().contiguous() for name, value in cube.state_dict().items()}
    means = {"question": centre.question, "answer": centre.answer}
    with storage.atomic_folder(folder, replace=True) as temporary:
        storage.write_bytes(temporary / "model.safetensors", dump_weights(weights))
        storage.write_bytes(temporary / "centring.safetensors", save(means))
        storage.write_json(temporary / "config.json", config)
        storage.write_bytes(temporary / "README.md", card.encode())
        np.save(temporary / "reference.npy", reference)
        if confidence is not None:
            storage.write_json(temporary / "confidence.json", asdict(confidence))
        if bank is not None:
            (temporary / "bank").mkdir()
            texts, vectors = bank
            pq.write_table(pa.table({"text": texts}), temporary / "bank" / "texts.parquet")
            np.save(temporary / "bank" / "vectors.npy", vectors)


def check_replaceable(
    folder: Path, files: Iterable[str] = _FILES, what: str = "saved cube"
) -> None:
    """Refuse a place where writing a folder would delete anything but an older one of its kind.

    Args:
        folder: where it goes.
        files: that are in every folder of its kind.
        what: its kind.

    Raises:
        ModelError: when something else is there than such a folder or an empty one.
    """
    if not folder.exists():
        return
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else {folder.name}
    if names and not names >= set(files):
        raise ModelError(
            f"{folder} is there already and no {what}: name a folder that does not exist."
        )


def load_model(folder: Path | str) -> SavedCube:
    """Load a model folder, or the version that a registry's champion pointer names.

    All files come from one version, however often the champion is swapped meanwhile.

    Raises:
        ModelError: when a file is missing, broken or of a later format.
    """
    folder = Path(folder)
    if folder.is_file():
        folder = _champion_of(folder)
    if not folder.is_dir():
        why = " yet: no version was promoted" if folder.name == "champion" else ""
        raise ModelError(f"There is no {folder}{why}.")
    missing = [name for name in _FILES if not (folder / name).is_file()]
    if missing:
        inside = [str(folder / n) for n in ("champion", "model") if (folder / n).exists()]
        hint = f" Did you mean {inside[0]}?" if inside else ""
        raise ModelError(f"{folder} is not a saved cube: {', '.join(missing)} missing.{hint}")
    with _whole(folder):
        config = storage.read_json(folder / "config.json")
        if config["format"] not in range(1, FORMAT + 1):
            raise ModelError(
                f"{folder} has format {config['format']}, this version reads 1 to {FORMAT}."
            )
        core = CoreConfig.model_validate(config["core"])
        weights = _of_this_format(load_weights(folder / "model.safetensors"))
        cube = Cube.from_state(config["dimension"], core, weights)
        means = load_file(folder / "centring.safetensors")
        saved = SavedCube(folder, cube.eval(), Centre(means["question"], means["answer"]), config)
        _ = saved.teacher_config
        if not all(map(_is_finite, cube.state_dict().items())):
            raise ModelError(f"{folder} is broken: its weights are not finite.")
    return saved


@contextmanager
def _whole(path: Path) -> Iterator[None]:
    """Read a folder or file of a model; what its readers trip over is that it is broken."""
    try:
        yield
    except (ValueError, KeyError, TypeError, RuntimeError, EOFError, SafetensorError,
            ConfigError) as error:  # fmt: skip
        raise ModelError(f"{path} is broken: {error}") from None


def _is_finite(weight: tuple[str, Tensor]) -> bool:
    """Whether weights may be as they are; a memory's floor is endless until it is set."""
    name, values = weight
    return name == "memory.floor" or not values.is_floating_point() or bool(values.isfinite().all())


def _of_this_format(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Bring a memory of format 1, which read answers alone, or 2, kept in float16, to this."""
    if "memory.share" in weights:
        shares = Shares(answers=weights.pop("memory.share").item())
        weights["memory.shares"] = torch.tensor(shares)
        pairs = len(weights["memory.questions"])
        weights["memory.answer_of"] = torch.arange(pairs, dtype=torch.int32)
    for name in ("memory.questions", "memory.answers"):
        if name in weights:
            keys = Keys.of(weights.pop(name)).state_dict()
            weights |= {f"{name}.{part}": values for part, values in keys.items()}
    return weights


def _champion_of(pointer: Path) -> Path:
    """Return the model folder beside a champion pointer that it names."""
    text = pointer.read_bytes()[:200].decode(errors="replace").strip()
    if pointer.name != "champion" or not text or Path(text).name != text:
        raise ModelError(f"{pointer} is neither a model folder nor a champion pointer.")
    return pointer.with_name(text)
