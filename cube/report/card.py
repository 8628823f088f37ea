"""The model card: what a saved cube is, what it was trained on, how to use it."""

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from cube.lattice.core import Cube


def model_card(name: str, cube: Cube, trained_on: dict[str, Any], teacher: str | None) -> str:
    """Return the text of a model's README.md."""
    environment = Environment(
        loader=PackageLoader("cube.report"),
        undefined=StrictUndefined,
        autoescape=False,  # Markdown, and no text from data goes in
        keep_trailing_newline=True,
        trim_blocks=True,
    )
    return environment.get_template("model_card.md").render(
        name=name,
        teacher=teacher,
        dimension=cube.dimension,
        shape="×".join(map(str, cube.reshaper.shape)),
        parameters=f"{cube.num_parameters:,}",
        rule=cube.config.rule,
        remembered=0 if cube.memory is None else f"{len(cube.memory):,}",
        whitens=cube.whitening is not None,
        trained_on=trained_on,
    )
