"""The letters of a model as OpenSim takes them: blanks, runs of text, references such as '&lt;' and '&#176;'."""

from __future__ import annotations

import re

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
BLANKS = rb" \t\n\v\f\r"
# Longer texts are nobody's name or number.
_LONGEST = 10_000

_SPACE = re.compile(rb"[%b]*+" % BLANKS)
# After a byte order mark, and only then, OpenSim knows UTF-8: marks count as white space, ...
_SPACE_MARKED = re.compile(rb"(?:[%b]|\xef\xbb\xbf|\xef\xbf[\xbe\xbf])*+" % BLANKS)
# ... and a lead byte takes the bytes after it along unseen, be it a '<'; a line end counts as one byte.
_ANY = rb"(?:\r\n|[\x00-\xff])"
_LETTER = rb"[\xc2-\xdf]%b|[\xe0-\xef]%b{2}|[\xf0-\xf4]%b{3}" % (_ANY, _ANY, _ANY)
_DROPPED = re.compile(rb"(?:[%b]|&(?!#[\x00-\xff]))*+" % BLANKS)
_REFERENCE = rb"&#[^;]*;|&(?:amp|lt|gt|quot|apos);|&"
_ENTITIES = {b"&amp;": b"&", b"&lt;": b"<", b"&gt;": b">", b"&quot;": b'"', b"&apos;": b"'"}


def _run(stop: bytes, marked: bool) -> re.Pattern[bytes]:
    """Return what passes over text up to `stop`, a number's reference, or a letter that is cut off."""
    plain = rb"[^%b&]++|&(?!#[\x00-\xff])" % (stop + (rb"\xc2-\xf4" if marked else b""))
    return re.compile(rb"(?:%b)*+" % (plain + (b"|" + _LETTER if marked else b"")))


_RUNS = {(stop, marked): _run(stop, marked) for stop in (b"<", b'"', b"'") for marked in (False, True)}
_MARKUP = {marked: re.compile((_LETTER + b"|" if marked else b"") + _REFERENCE) for marked in (False, True)}


class MalformedError(Exception):
    """What OpenSim would not read: where, and in which way."""

    def __init__(self, at: int, words: str) -> None:
        super().__init__(words)
        self.at = at


class Letters:
    """The bytes of a model, and how far each thing in them reaches; places are offsets."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._marked = data.startswith(BYTE_ORDER_MARK)
        self._blanks = _SPACE_MARKED if self._marked else _SPACE

    def space(self, at: int) -> int:
        """Return the place after white space."""
        return _after(self._blanks, self.data, at)

    def text(self, at: int, stop: bytes) -> int:
        """Return where text ends: at `stop`, which may be '<' or a quote, or with the file.

        Raises
        ------
        MalformedError
            At a reference that is none; of these OpenSim takes '&nbsp;' but not '&#nbsp;'.
        """
        run = _RUNS[stop, self._marked]
        while True:
            at = _after(run, self.data, at)
            if at >= len(self.data) or self.data.startswith(stop, at):
                return at
            if not self.data.startswith(b"&#", at):
                raise MalformedError(at, "the file ends within a letter")
            end = self.data.find(b";", at)
            if end < 0 or _number(self.data[at : end + 1]) is None:
                raise MalformedError(at, "'&#' begins no number that ends with ';'")
            at = end + 1

    def value(self, start: int, end: int) -> bytes:
        """Return text as OpenSim has it in the end: references replaced, a '&' of no entity left out.

        Texts of more than 10,000 bytes are returned as they are written.
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

    def blank(self, at: int, end: int) -> bool:
        """Tell whether nothing is left of text once OpenSim has dropped '&' and replaced references."""
        while (at := _after(_DROPPED, self.data, at, end)) < end:
            if not self.data.startswith(b"&#", at):
                return False
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


def _after(pattern: re.Pattern[bytes], data: bytes, at: int, end: int | None = None) -> int:
    """Return the place after what a pattern that may match nothing matches."""
    found = pattern.match(data, at, len(data) if end is None else end)
    return at if found is None else found.end()


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
