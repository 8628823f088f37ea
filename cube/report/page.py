"""Self-contained HTML pages: one look for all of them, nothing loaded from a network.

Everything that comes from data is escaped by the template engine.
"""

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def render_page(template: str, **values: Any) -> str:
    """Render a template of `cube/report/templates` that extends `base.html`."""
    environment = Environment(
        loader=PackageLoader("cube.report"),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**values)
