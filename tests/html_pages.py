"""A page taken apart, so that tests can ask what stands where."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any
from xml.etree.ElementTree import Element, SubElement

_VOID = {"meta", "link", "input", "img", "br"}


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("page")
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = SubElement(self.open[-1], tag, {name: value or "" for name, value in attrs})
        if tag not in _VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        SubElement(self.open[-1], tag, {name: value or "" for name, value in attrs})

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        last = self.open[-1]
        if len(last):
            last[-1].tail = (last[-1].tail or "") + data
        else:
            last.text = (last.text or "") + data


def tree(page: str) -> Element:
    """Return a page as a tree; elements that are not closed in their order fail."""
    builder = _Builder()
    builder.feed(page)
    builder.close()
    assert builder.open == [builder.root]
    return builder.root


def text_of(element: Element) -> str:
    """Return an element's text on one line."""
    return " ".join("".join(element.itertext()).split())


def table(root: Element, caption: str) -> dict[str, dict[str, str]]:
    """Return the table with this caption: for each row, by the parameter it is about, its cells by heading."""
    found = next(t for t in root.iter("table") for c in t.iter("caption") if text_of(c).startswith(caption))
    heads = [text_of(head) for head in found.findall("./thead/tr/th")]
    rows = {}
    for row in found.findall("./tbody/tr"):
        rows[row.attrib["data-parameter"]] = dict(zip(heads, map(text_of, row), strict=True))
    return rows


def number(text: str) -> float:
    """Return the number that a text says, however it is written for people."""
    return float(text.replace("\N{MINUS SIGN}", "-").replace(",", "").removesuffix(" %")) / (100 if "%" in text else 1)


def section(root: Element, name: str) -> Any:
    """Return the section of this id."""
    return next(one for one in root.iter("section") if one.get("id") == name)
