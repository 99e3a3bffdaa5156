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

# OpenSim itself overflows its stack at some 25,000.
DEEPEST = 100_000
# Attributes that matter to a reader of models; others are checked and forgotten.
_KEPT = (b"name", b"file", b"Version")
_LONGEST = 10_000
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class MalformedError(Exception):
    """What OpenSim would not read: where, and in which way."""

    def __init__(self, at: int, words: str) -> None:
        super().__init__(words)
        self.at = at


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


_BLANKS = rb" \t\n\v\f\r"
_SPACE = re.compile(rb"[%b]*+" % _BLANKS)
# After a byte order mark, and only then, OpenSim knows UTF-8: marks count as white space, ...
_SPACE_MARKED = re.compile(rb"(?:[%b]|\xef\xbb\xbf|\xef\xbf[\xbe\xbf])*+" % _BLANKS)
# ... and a lead byte takes the bytes after it along unseen, be it a '<'; a line end counts as one byte.
_ANY = rb"(?:\r\n|[\x00-\xff])"
_LETTER = rb"[\xc2-\xdf]%b|[\xe0-\xef]%b{2}|[\xf0-\xf4]%b{3}" % (_ANY, _ANY, _ANY)
_NAME = re.compile(rb"[A-Za-z_\x7f-\xff][\w.:\-\x7f-\xff]*+")
_UNQUOTED = re.compile(rb"[^%b/>\"']*+" % _BLANKS)
_NOTHING = re.compile(rb"(?:[%b]|&(?!#[\x00-\xff]))*+" % _BLANKS)
_ENTITIES = {b"&amp;": b"&", b"&lt;": b"<", b"&gt;": b">", b"&quot;": b'"', b"&apos;": b"'"}
_REFERENCE = rb"&#[^;]*;|&(?:amp|lt|gt|quot|apos);|&"


def _run(stop: bytes, marked: bool) -> re.Pattern[bytes]:
    """Return what passes over text up to `stop`, a number's reference, or a letter that is cut off."""
    plain = rb"[^%b&]++|&(?!#[\x00-\xff])" % (stop + (rb"\xc2-\xf4" if marked else b""))
    return re.compile(rb"(?:%b)*+" % (plain + (b"|" + _LETTER if marked else b"")))


_RUNS = {(stop, marked): _run(stop, marked) for stop in (b"<", b'"', b"'") for marked in (False, True)}
_MARKUP = {marked: re.compile((_LETTER + b"|" if marked else b"") + _REFERENCE) for marked in (False, True)}


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
        self._size = len(self.data)
        self._marked = self.data.startswith(BYTE_ORDER_MARK)
        self._blanks = _SPACE_MARKED if self._marked else _SPACE

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
        while (at := self._space(at)) < self._size:
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
                if opened or data.startswith(b"<", here) or not self._blank(here, error.at):
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

    def value(self, start: int, end: int) -> bytes:
        """Return text as OpenSim has it in the end: references replaced, a '&' of no entity left out.

        Texts of more than 10,000 bytes, which are nobody's name or number, are returned as they are written.
        """
        raw = self.data[start:end]
        if len(raw) > _LONGEST:
            return raw
        if raw.startswith(b"<![CDATA["):
            return raw[9:-3]
        if b"&" not in raw and b"\r" not in raw:
            return raw
        lines = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return _MARKUP[self._marked].sub(self._replaced, lines)

    def line(self, at: int) -> int:
        """Return the line, from 1, that a place is in; lone carriage returns end lines where there is nothing else."""
        end = b"\n" if b"\n" in self.data else b"\r"
        return self.data.count(end, 0, at) + 1

    def _next(self, at: int) -> tuple[Start | Text | None, int]:
        """Return what begins here, None if it does not matter, and the place after it, -1 after a bad declaration."""
        data = self.data
        if not data.startswith(b"<", at):
            end = self._text(at, b"<")
            return Text(at, end, self._blank(at, end)), end
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
        at = self._space(start + 1)
        name = _NAME.match(data, at)
        if name is None:
            raise MalformedError(start, "a tag has no name")
        at = name.end()
        attributes: dict[bytes, Attribute] = {}
        while (at := self._space(at)) < self._size:
            if data.startswith(b">", at):
                return Start(name.group(), attributes, start, at + 1, False)
            if data.startswith(b"/", at):
                if not data.startswith(b"/>", at):
                    raise MalformedError(at, f"'/' stands alone in the tag <{_shown(name.group())}>")
                return Start(name.group(), attributes, start, at + 2, True)
            attribute = self._attribute(at)
            if attribute is None:
                raise MalformedError(at, f'an attribute of <{_shown(name.group())}> is not of the form name="value"')
            at = attribute[2]
            if attribute[0] in _KEPT:
                attributes[attribute[0]] = attribute[1]
        raise MalformedError(start, f"the tag <{_shown(name.group())}> does not end")

    def _attribute(self, at: int) -> tuple[bytes, Attribute, int] | None:
        """Return an attribute's name, value, and the place after it; None if it is none."""
        data = self.data
        name = _NAME.match(data, at)
        if name is None:
            return None
        at = self._space(name.end())
        if not data.startswith(b"=", at):
            return None
        at = self._space(at + 1)
        quote = data[at : at + 1]
        if quote in (b'"', b"'"):
            end = self._text(at + 1, quote)
            if end >= self._size:
                return None
            return name.group(), Attribute(data[at + 1 : end], self.value(at + 1, end)), end + 1
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
            at = self._space(at)
            if data[at : at + 10].lower().startswith((b"version", b"encoding", b"standalone")):
                attribute = self._attribute(at)
                if attribute is None:
                    return -1
                at = attribute[2]
            else:
                while at < self._size and data[at] not in b"> \t\n\v\f\r":
                    at += 1
        return -1

    def _space(self, at: int) -> int:
        found = self._blanks.match(self.data, at)
        assert found is not None  # it matches nothing, too
        return found.end()

    def _text(self, at: int, stop: bytes) -> int:
        """Return where text ends: at `stop` or with the file."""
        run = _RUNS[stop, self._marked]
        while True:
            found = run.match(self.data, at)
            assert found is not None  # it matches nothing, too
            at = found.end()
            if at >= self._size or self.data.startswith(stop, at):
                return at
            if not self.data.startswith(b"&#", at):
                raise MalformedError(at, "the file ends within a letter")
            end = self.data.find(b";", at)
            if end < 0 or _number(self.data[at : end + 1]) is None:
                raise MalformedError(at, "'&#' begins no number that ends with ';'")
            at = end + 1

    def _blank(self, at: int, end: int) -> bool:
        """Tell whether nothing is left of text once OpenSim has dropped '&' and replaced references."""
        while at < end:
            found = _NOTHING.match(self.data, at, end)
            assert found is not None  # it matches nothing, too
            at = found.end()
            if at < end and not self.data.startswith(b"&#", at):
                return False
            if at < end:
                after = self.data.index(b";", at) + 1
                if self.value(at, after).strip():
                    return False
                at = after
        return True

    def _replaced(self, found: re.Match[bytes]) -> bytes:
        text = found.group()
        if not text.startswith(b"&"):
            return text
        number = _number(text)
        if number is None:
            return _ENTITIES.get(text, b"")
        if not self._marked:  # OpenSim keeps the lowest byte
            return bytes([number & 0xFF])
        return chr(number).encode("utf-8", "surrogatepass") if number < 0x110000 else b""

    def _outside(self, at: int) -> str:
        if b"<!DOCTYPE" in self.data[:at].upper():
            return "it has a document type or entities of its own; remove <!DOCTYPE ...>"
        return "text or an element stands outside of the outermost element"


def _number(reference: bytes) -> int | None:
    """Return what '&#...;' stands for, None if nothing. OpenSim reads back from ';' to the nearest 'x' or '#'."""
    if not reference.startswith(b"&#") or not reference.endswith(b";"):
        return None
    hexadecimal = reference.startswith(b"&#x")
    digits = reference[reference.rindex(b"x" if hexadecimal else b"#") + 1 : -1]
    if digits.strip(b"0123456789abcdefABCDEF" if hexadecimal else b"0123456789"):
        return None
    # Higher digits have no part in 64 bits.
    return int(digits[-64:] or b"0", 16 if hexadecimal else 10) % 2**64


def _shown(tag: bytes) -> str:
    return tag[:60].decode("utf-8", "backslashreplace")
