"""XML as OpenSim reads it: the places of elements and texts in a file's bytes.

OpenSim's parser, an old TinyXML, takes much that XML forbids (a bare '&', any letters in any encoding, '--' in a
comment, '::' and unknown prefixes in names, a blank line before the declaration, anything after a NUL) and refuses
some that XML allows (a blank in '</a >', a document type with declarations, UTF-16). A model that OpenSim reads has to
be read here with the same structure, or new values would land where OpenSim does not look. So this scanner follows
OpenSim's rules, oddities included; each stands beside its line, and the tests ask OpenSim about all of them.

Nothing is ever expanded or loaded. Time and memory grow in proportion to the file: each byte is passed once or twice,
and only the names of open elements are kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from calibrate.osim.letters import BLANKS, Letters, MalformedError

# OpenSim itself overflows its stack at some 25,000.
DEEPEST = 100_000
# Attributes that matter to a reader of models; others are checked and forgotten.
_KEPT = (b"name", b"file", b"Version")


class Attribute(NamedTuple):
    """An attribute's value: as it is written, and as OpenSim has it in the end."""

    raw: bytes
    value: bytes


class Start(NamedTuple):
    """A start tag: its bytes are `[start, end)`; `closed` if it ends with '/>'.

    `attributes` has name, file and Version, if given; of equal ones the last counts.
    """

    tag: bytes
    attributes: dict[bytes, Attribute]
    start: int
    end: int
    closed: bool


class Text(NamedTuple):
    """A run of text or a CDATA section, `[start, end)`, after any white space; OpenSim drops what is `blank`."""

    start: int
    end: int
    blank: bool


class End(NamedTuple):
    """An end tag, which begins at `start`."""

    start: int


_NAME = re.compile(rb"[A-Za-z_\x7f-\xff][\w.:\-\x7f-\xff]*+")
_UNQUOTED = re.compile(rb"[^%b/>\"']*+" % BLANKS)


class Scanner:
    """One pass over a model.

    Parameters
    ----------
    model : bytes
        The file; what follows its first NUL is not seen.
    """

    def __init__(self, model: bytes) -> None:
        nul = model.find(b"\0")
        self.data = model if nul < 0 else model[:nul]
        self.letters = Letters(self.data)
        self._size = len(self.data)

    def __iter__(self) -> Iterator[Start | Text | End]:
        """Pass over the file.

        Raises
        ------
        MalformedError
            Where OpenSim would give up.
        """
        data, at = self.data, 0
        opened: list[tuple[bytes, int]] = []
        outermost = 0
        while (at := self.letters.space(at)) < self._size:
            here = at
            if opened and data.startswith(b"</", at):
                tag, begun = opened.pop()
                at += len(tag) + 3
                if data[here:at] != b"</%b>" % tag:
                    raise MalformedError(here, f"'</{_shown(tag)}>' is expected, for line {self.line(begun)}")
                yield End(here)
                continue
            try:
                event, at = self._next(at)
            except MalformedError as error:
                if opened or data.startswith(b"<", here) or not self.letters.blank(here, error.at):
                    raise
                break  # a bad reference outside of all elements: OpenSim stops without a word
            if at < 0:  # and so it does at a declaration without an end
                if opened:
                    raise MalformedError(here, "a declaration '<?xml' does not end")
                break
            if event is None:
                continue
            if not opened and not (isinstance(event, Text) and event.blank):
                outermost += 1
                if outermost > 1 or isinstance(event, Text):
                    raise MalformedError(here, self._outside(here))
            if isinstance(event, Start) and not event.closed:
                opened.append((event.tag, here))
                if len(opened) > DEEPEST:
                    raise MalformedError(here, f"elements are nested deeper than {DEEPEST}")
            yield event
        if opened:
            raise MalformedError(self._size, f"the file ends within <{_shown(opened[-1][0])}>")

    def line(self, at: int) -> int:
        """Return the line, from 1, that a place is in; lone carriage returns end lines where there is nothing else."""
        end = b"\n" if b"\n" in self.data else b"\r"
        return self.data.count(end, 0, at) + 1

    def _next(self, at: int) -> tuple[Start | Text | None, int]:
        """Return what begins here, None if it does not matter, and the place after it, -1 after a bad declaration."""
        data = self.data
        if not data.startswith(b"<", at):
            end = self.letters.text(at, b"<")
            return Text(at, end, self.letters.blank(at, end)), end
        if data[at : at + 5].lower() == b"<?xml":  # '<?xml-stylesheet' too
            return None, self._declaration(at + 5)
        if data.startswith(b"<!--", at):
            return None, self._after(b"-->", at, 4, "a comment")
        if data.startswith(b"<![CDATA[", at):
            end = self._after(b"]]>", at, 9, "a CDATA section")
            return Text(at, end, False), end
        if _NAME.match(data, at + 1):
            start = self._tag(at)
            return start, start.end
        # Document types, processing instructions, stray end tags and '<' before anything else: all up to the next '>'.
        end = data.find(b">", at)
        return None, self._size if end < 0 else end + 1

    def _after(self, ending: bytes, at: int, skipped: int, what: str) -> int:
        end = self.data.find(ending, at + skipped)
        if end < 0:
            raise MalformedError(at, f"{what} does not end")
        return end + len(ending)

    def _tag(self, start: int) -> Start:
        data = self.data
        at = self.letters.space(start + 1)
        name = _NAME.match(data, at)
        if name is None:
            raise MalformedError(start, "a tag has no name")
        at = name.end()
        attributes: dict[bytes, Attribute] = {}
        while (at := self.letters.space(at)) < self._size:
            if data.startswith(b">", at):
                return Start(name.group(), attributes, start, at + 1, False)
            if data.startswith(b"/", at):
                if not data.startswith(b"/>", at):
                    raise MalformedError(at, f"'/' stands alone in the tag <{_shown(name.group())}>")
                return Start(name.group(), attributes, start, at + 2, True)
            attribute = self._attribute(at)
            if attribute is None and data.find(b">", at) < 0:
                break
            if attribute is None:
                raise MalformedError(at, f'an attribute of <{_shown(name.group())}> is not of the form name="value"')
            at = attribute[2]
            if attribute[0] in _KEPT:
                attributes[attribute[0]] = attribute[1]
        raise MalformedError(start, f"the file ends within the tag <{_shown(name.group())}>")

    def _attribute(self, at: int) -> tuple[bytes, Attribute, int] | None:
        """Return an attribute's name, value, and the place after it; None if it is none."""
        data = self.data
        name = _NAME.match(data, at)
        if name is None:
            return None
        at = self.letters.space(name.end())
        if not data.startswith(b"=", at):
            return None
        at = self.letters.space(at + 1)
        quote = data[at : at + 1]
        if quote in (b'"', b"'"):
            end = self.letters.text(at + 1, quote)
            if end >= self._size:
                return None
            return name.group(), Attribute(data[at + 1 : end], self.letters.value(at + 1, end)), end + 1
        found = _UNQUOTED.match(data, at)
        assert found is not None  # it matches nothing, too
        end = found.end()
        if data[end : end + 1] in (b"", b'"', b"'"):
            return None
        return name.group(), Attribute(found.group(), found.group()), end

    def _declaration(self, at: int) -> int:
        """Return the place after a declaration, -1 if there is none. Only what precedes a blank or '>' is looked at."""
        data = self.data
        while at < self._size:
            if data.startswith(b">", at):
                return at + 1
            at = self.letters.space(at)
            if data[at : at + 10].lower().startswith((b"version", b"encoding", b"standalone")):
                attribute = self._attribute(at)
                if attribute is None:
                    return -1
                at = attribute[2]
            else:
                while at < self._size and data[at] not in b"> \t\n\v\f\r":
                    at += 1
        return -1

    def _outside(self, at: int) -> str:
        if b"<!DOCTYPE" in self.data[:at].upper():
            return "it has a document type or entities of its own; remove <!DOCTYPE ...>"
        return "text or an element stands outside of the outermost element"


def _shown(tag: bytes) -> str:
    return tag[:60].decode("utf-8", "backslashreplace")
