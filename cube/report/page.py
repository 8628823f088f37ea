"""Self-contained HTML pages: one look for all of them, nothing loaded from a network.

Everything that comes from data is escaped by the template engine, and the page's policy lets no
script run but its own. A template extends `base.html` and fills its blocks `title`, `content` and,
if it wants them, `header`, `nav` and `style`.
"""

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from cube.report.numbers import FILTERS


def render_page(template: str, *, script: str | None = None, **values: Any) -> str:
    """Render a template of `cube/report/templates` that extends `base.html`.

    Args:
        template: name of the file.
        script: name of a script beside it that goes into the page, the only one allowed to run.
        values: what the template shows.
    """
    code = (files("cube.report") / "templates" / script).read_text("utf-8") if script else ""
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    allowed = f"'sha256-{digest}'" if code else "'none'"
    policy = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src {allowed}"
    page = _environment().get_template(template)
    return page.render(policy=policy, script=Markup(code), **values)


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
