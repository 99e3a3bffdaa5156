"""A model's elements as a tree, for those who ask how its parts hang together; read as OpenSim reads them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from calibrate.errors import ExportError
from calibrate.osim.dialect import End, Scanner, Start
from calibrate.osim.letters import MalformedError
from calibrate.osim.names import printable
from calibrate.osim.sharing import number

# The largest published models have some 100,000 elements.
_MOST = 500_000
_LISTS = ("objects", "components")


class UnreadableError(Exception):
    """A part of a model that this program does not understand: one sentence, without the file's name."""


@dataclass(slots=True)
class Node:
    """An element: its tag, name, file, the place of its content, the text it has if it is one text, its children."""

    tag: str
    name: str
    file: str
    opening: int
    children: list[Node] = field(default_factory=list)
    text: str = ""
    texts: int = 0

    def first(self, *tags: str) -> Node | None:
        """Return the child of a tag, the first of several as OpenSim does; None if there is none.

        Raises
        ------
        UnreadableError
            If it is to be read from another file.
        """
        for child in self.children:
            if child.tag in tags:
                if child.file:
                    raise UnreadableError(
                        f"<{child.tag}> is read from the file '{printable(child.file)}'; save the model as one file"
                    )
                return child
        return None

    def said(self, tag: str) -> str:
        """Return the text of a child, "" if there is none."""
        child = self.first(tag)
        return "" if child is None or child.children or child.texts > 1 else child.text.strip()

    def truth(self, tag: str, default: bool = False) -> bool:
        """Return a property that is true or false."""
        text = self.said(tag).lower()
        return text in ("true", "1") if text else default

    def numbers(self, tag: str, size: int | None, default: tuple[float, ...] | None = None) -> tuple[float, ...]:
        """Return the numbers of a property.

        Parameters
        ----------
        tag : str
            The property.
        size : int, optional
            How many there have to be.
        default : tuple of float, optional
            If it is not there.

        Raises
        ------
        UnreadableError
            If there are others than these, or none and no default.
        """
        text = self.said(tag)
        if not text and default is not None:
            return default
        found = [number(part.encode()) for part in text.split()]
        if None in found or not found or (size is not None and len(found) != size):
            what = "numbers" if size is None else "a number" if size == 1 else f"{size} numbers"
            raise UnreadableError(f"<{tag}> of {self.shown} is '{printable(text[:60])}'; it has to be {what}")
        return tuple(value for value in found if value is not None)

    @property
    def shown(self) -> str:
        """The element for messages: its kind, and its name if it has one."""
        return printable(f"{self.tag[:60]} '{self.name[:60]}'" if self.name else f"<{self.tag[:60]}>")

    def items(self) -> Iterator[Node]:
        """Pass over the objects in this element's lists."""
        for tag in _LISTS:
            listed = self.first(tag)
            if listed is not None:
                yield from listed.children


def tree(content: bytes, source: str) -> Node:
    """Return a model's first object, which is what OpenSim reads of it.

    Parameters
    ----------
    content : bytes
        The file.
    source : str
        Its name, for messages.

    Raises
    ------
    ExportError
        If OpenSim would not read it, or it is no model.
    """
    scanner = Scanner(content)
    root = Node("", "", "", 0)
    opened = [root]
    count = 0
    try:
        for event in scanner:
            if isinstance(event, Start):
                count += 1
                if count > _MOST:
                    raise ExportError(f"{source}: has more than {_MOST:,} elements, as no model has")
                node = _node(event)
                opened[-1].children.append(node)
                if not event.closed:
                    opened.append(node)
            elif isinstance(event, End):
                opened.pop()
            elif not event.blank and len(opened) > 1:
                opened[-1].texts += 1
                opened[-1].text = _shown(scanner.letters.value(event.start, event.end))
    except MalformedError as error:
        raise ExportError(
            f"{source}: line {scanner.line(error.at)}: not valid XML as OpenSim reads it: {error}"
        ) from None
    document = root.children[0] if root.children else root
    if document.tag != "OpenSimDocument" or not document.children:
        raise ExportError(f"{source}: no OpenSim model, whose first element is OpenSimDocument")
    return document.children[0]


def _node(event: Start) -> Node:
    name, file = (event.attributes[key].value if key in event.attributes else b"" for key in (b"name", b"file"))
    return Node(_shown(event.tag), _shown(name), _shown(file), event.end)


def _shown(text: bytes) -> str:
    """Return letters that two equal runs of bytes have in common, whatever their encoding."""
    return text.decode("utf-8", "surrogateescape")
