"""Cards: the README.md of a saved cube, and of an export for sentence-transformers."""

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from cube.lattice.core import Cube


def model_card(name: str, cube: Cube, trained_on: dict[str, Any], teacher: str | None) -> str:
    """Return what a saved cube is, what it was trained on and how to use it."""
    return _render(
        "model_card.md",
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


def export_card(name: str, teacher: str, is_stock: bool) -> str:
    """Return how to load an export, which may be of modules of sentence-transformers alone."""
    return _render("export_card.md", name=name, teacher=teacher, is_stock=is_stock)


def _render(template: str, **values: Any) -> str:
    environment = Environment(
        loader=PackageLoader("cube.report"),
        undefined=StrictUndefined,
        autoescape=False,  # Markdown, and no text from data goes in
        keep_trailing_newline=True,
        trim_blocks=True,
    )
    return environment.get_template(template).render(**values)
