"""Self-contained HTML pages: one look for all of them, nothing loaded from a network.

Everything that comes from data is escaped by the template engine. A template extends `base.html`
and fills its blocks `title`, `content` and, if it wants them, `header`, `nav` and `style`.
"""

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from cube.report.numbers import FILTERS


def render_page(template: str, **values: Any) -> str:
    """Render a template of `cube/report/templates` that extends `base.html`."""
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("cube.report"),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FILTERS)
    return environment
