"""A cube as a module of sentence-transformers, to stand behind an encoder's pooling."""

import json
from pathlib import Path
from typing import Any, Self

from safetensors.torch import load_file, save_file
from sentence_transformers.base.modules.module import Module
from torch import Tensor

from cube.config import CoreConfig
from cube.lattice.core import Cube


class CubeModule(Module):
    """Moves the sentence embedding of questions to where their answers lie."""

    def __init__(self, cube: Cube):
        super().__init__()
        self.cube = cube

    def forward(self, features: dict[str, Tensor | Any], **_: Any) -> dict[str, Tensor | Any]:
        """Replace `sentence_embedding`, (batch, dim) of any precision, by the cube's answer."""
        questions = features["sentence_embedding"]
        answers = self.cube.answer(questions.to(self.cube.strength.dtype))
        features["sentence_embedding"] = answers.to(questions.dtype)
        return features

    def get_config_dict(self) -> dict[str, Any]:
        """Return what `load` needs besides the weights."""
        core = self.cube.config.model_dump(mode="json")
        return {"dimension": self.cube.dimension, "core": core}

    def save(self, output_path: str, *_: Any, **__: Any) -> None:
        """Write config.json and model.safetensors."""
        folder = Path(output_path)
        config = json.dumps(self.get_config_dict(), indent=2)
        (folder / self.config_file_name).write_text(config, encoding="utf-8")
        save_file(
            {name: value.contiguous() for name, value in self.cube.state_dict().items()},
            folder / "model.safetensors",
        )

    @classmethod
    def load(  # pyright: ignore[reportIncompatibleMethodOverride] - as the library's own modules
        cls, model_name_or_path: str, subfolder: str = "", **kwargs: Any
    ) -> Self:
        """Load what `save` wrote, from a folder or the hub."""
        known = ("token", "cache_folder", "revision", "local_files_only")
        where: dict[str, Any] = {"subfolder": subfolder} | {
            k: kwargs[k] for k in known if k in kwargs
        }
        config = cls.load_config(model_name_or_path, **where)
        weights = cls.load_file_path(model_name_or_path, "model.safetensors", **where)
        assert weights is not None
        core = CoreConfig.model_validate(config["core"])
        return cls(Cube.from_state(config["dimension"], core, load_file(weights)))
