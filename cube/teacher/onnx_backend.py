"""The transformer of a teacher in ONNX Runtime, weights as 8-bit integers: quicker on CPUs.

sentence-transformers still tokenises, pools and normalises; only its transformer's forward pass is
replaced. (Its own `backend="onnx"` needs optimum-onnx, whose releases stop at transformers 4.)
Activations are quantised by the batch they come in, so a vector depends a little on its neighbours
there; `cube.teacher.fidelity` measures how far vectors are from the exact ones.
"""

import logging
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from cube import storage
from cube.errors import TeacherError, first_line
from cube.locks import locked

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from sentence_transformers import SentenceTransformer

EXPORT = "int8 per channel, 1"  # names what is exported: raise the number when that changes
_INPUTS = ("input_ids", "attention_mask", "token_type_ids")
_OUTPUT = "last_hidden_state"
_SAMPLE = ["a text", "a text of another length"]

logger = logging.getLogger(__name__)


def use_onnx(model: "SentenceTransformer", weights_digest: str) -> None:
    """Let ONNX Runtime compute the transformer of a model.

    The exported file is made once, for all projects, and kept under `~/.cache/cube/onnx` (or
    `$XDG_CACHE_HOME/cube/onnx`).

    Args:
        model: changed in place; its first module has to be a transformer.
        weights_digest: of the weights; it names the file.

    Raises:
        TeacherError: when ONNX Runtime is not installed, or the model cannot be exported or run.
    """
    try:
        import onnxruntime
        import onnxscript  # noqa: F401  (torch.onnx needs it and would say so in a traceback)
    except ImportError as error:
        raise TeacherError(
            f'teacher.backend: onnx needs {error.name}: pip install "cube-lattice[onnx]"'
        ) from None
    transformer: Any = model[0]
    text = getattr(transformer, "modality_config", {}).get("text", {})
    if text.get("method") != "forward" or text.get("method_output_name") != _OUTPUT:
        raise TeacherError(
            f"teacher.backend: onnx needs a model that begins with a transformer, not with "
            f"{type(transformer).__name__}. Use teacher.backend: torch."
        )
    sample = transformer.preprocess(_SAMPLE)
    inputs = {name: sample[name] for name in _INPUTS if name in sample}
    path = exported_path(weights_digest)
    with locked(path.with_suffix(".lock")):  # a second process waits instead of exporting too
        if not path.is_file():
            _export(transformer.model, inputs, path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions share no base class
        raise TeacherError(
            f"{path} cannot be read ({first_line(error)}): delete it, and it is made anew."
        ) from None
    transformer.model.forward = _forward(session, tuple(inputs))


def exported_path(weights_digest: str) -> Path:
    """Return where the exported transformer of these weights lies."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    name = storage.digest_of({"weights": weights_digest, "export": EXPORT})
    return cache / "cube" / "onnx" / f"{name}.onnx"


def _forward(session: "InferenceSession", names: tuple[str, ...]) -> Any:
    def forward(**features: Any) -> dict[str, torch.Tensor]:
        output = session.run([_OUTPUT], {name: features[name].numpy() for name in names})[0]
        return {_OUTPUT: torch.from_numpy(output)}  # (texts, word pieces, width)

    return forward


class _HiddenState(torch.nn.Module):
    """A transformer as a function from tensors to one tensor, as an export wants it."""

    def __init__(self, transformer: torch.nn.Module, names: tuple[str, ...]):
        super().__init__()
        self.transformer, self.names = transformer, names

    def forward(self, *values: torch.Tensor) -> torch.Tensor:
        named = dict(zip(self.names, values, strict=True))
        return self.transformer(**named, return_dict=True)[_OUTPUT]


def _export(transformer: torch.nn.Module, inputs: dict[str, torch.Tensor], path: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    logger.info("exporting the teacher to ONNX, once: %s", path)
    any_size = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}  # texts, word pieces
    try:
        with tempfile.TemporaryDirectory(dir=path.parent) as folder, _quietly():
            exact, small = Path(folder) / "exact.onnx", Path(folder) / "int8.onnx"
            torch.onnx.export(
                _HiddenState(transformer, tuple(inputs)).eval(),
                tuple(inputs.values()),
                exact,
                input_names=list(inputs),
                output_names=[_OUTPUT],
                dynamic_shapes=((any_size,) * len(inputs),),
                external_data=False,
                verbose=False,
            )
            quantize_dynamic(exact, small, per_channel=True, weight_type=QuantType.QInt8)
            storage.sync(small)
            small.replace(path)
    except Exception as error:  # whatever an exporter trips over in a foreign model
        raise TeacherError(
            f"The teacher cannot be exported to {path}: {first_line(error)}. Use "
            "teacher.backend: torch."
        ) from error


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep back what exporter and quantiser say about themselves."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
