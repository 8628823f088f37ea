"""A page as a test sees it."""

import re
from html.parser import HTMLParser

_VOID = {"meta", "link", "br", "img", "hr", "input"}


class Page(HTMLParser):
    """Headings, ids, attributes that load something, and whether every tag is closed."""

    def __init__(self, html: str):
        super().__init__()
        self.headings: list[int] = []
        self.ids: list[str] = []
        self.tags: set[str] = set()
        self.loads: list[str] = []
        self.handlers: list[str] = []
        self.hrefs: list[str] = []
        self.open: list[str] = []
        self.tables_without_caption = 0
        self.scripts: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.add(tag)
        if tag not in _VOID:
            self.open.append(tag)
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))
        self.tables_without_caption += (tag == "table") - (tag == "caption")
        self.handlers += [name for name in values if name.startswith("on")]
        self.loads += [str(values[name]) for name in ("src", "srcset", "data") if name in values]
        if "id" in values:
            self.ids.append(str(values["id"]))
        if "href" in values:
            (self.loads if tag in ("link", "use", "image") else self.hrefs).append(
                str(values["href"])
            )

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
