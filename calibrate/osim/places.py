"""Where the ligaments of a model stand, and the spots of their values; what OpenSim does not read, and why."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from calibrate.errors import ExportError
from calibrate.osim.dialect import Attribute, End, Scanner, Start, Text
from calibrate.osim.letters import MalformedError
from calibrate.osim.names import Name, name_of, printable

# OpenSim 4.6 reads files from 10901 on, and converts older formats as it reads; below 30509 forces are switched off
# by isDisabled, from then on by appliesForce = false.
_OLDEST, _APPLIES = 10901, 30509
_WANTED = (b"linear_stiffness", b"transition_strain", b"slack_length", b"appliesForce", b"isDisabled")
# Elements that hold a list of objects. Anywhere else an element is a property: the first of a name counts, and one
# with a file="..." is read from there.
_LISTS = (b"objects", b"components")
_ROOT = b"OpenSimDocument"
_MOST = 100_000
_LONGEST = 100
_NOTHING = Attribute(b"", b"")
_ENCODING = re.compile(rb"<\?xml[^>]*?\bencoding\s*=\s*[\"']?([\w.-]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Spot:
    """Where a value goes: the bytes `[start, end)` give way to `before`, the value, `after`. `text` is the old one."""

    start: int
    end: int
    text: bytes
    before: bytes = b""
    after: bytes = b""


@dataclass
class Ligament:
    """A ligament of a model: its kind, name, where its content begins, and the spots of its values.

    `unread` says why OpenSim does not see it, if so; `in_list` whether it is one of a list of objects, as it should be;
    `switch` which property switches it off, if one does.
    """

    kind: str
    name: Name
    opening: int
    empty: bool
    unread: str
    in_list: bool
    switch: str = ""
    spots: dict[bytes, Spot] = field(default_factory=dict)


@dataclass(slots=True)
class _Open:
    """An element that is not closed yet: which tags it holds so far, and the ligament or value that it is."""

    tag: bytes
    opening: int
    unread: str
    seen: set[bytes] = field(default_factory=set)
    ligament: Ligament | None = None
    value_of: Ligament | None = None
    texts: list[Text] = field(default_factory=list)


def read(content: bytes, source: str) -> list[Ligament]:
    """Return the ligaments of a model that have names, of any kind.

    Raises
    ------
    ExportError
        If OpenSim would not read the file, or it is no model.
    """
    if content[:2] in (b"\xff\xfe", b"\xfe\xff", b"<\0", b"\0<"):
        raise ExportError(f"{source}: is in UTF-16; save it as UTF-8")
    scanner = Scanner(content)
    try:
        return _Reading(scanner).ligaments
    except MalformedError as error:
        raise ExportError(
            f"{source}: line {scanner.line(error.at)}: not valid XML as OpenSim reads it: {error}"
        ) from None
    except _NoModelError as error:
        raise ExportError(f"{source}: {error}") from None


class _NoModelError(Exception):
    """What a file is instead of a model."""


class _Reading:
    """Collects ligaments from a scanner's events."""

    def __init__(self, scanner: Scanner) -> None:
        self.ligaments: list[Ligament] = []
        self._scanner = scanner
        self._open: list[_Open] = []
        self._version = -1
        declared = _ENCODING.search(scanner.data[:1000])
        self._encoding = declared.group(1).decode() if declared else ""
        for event in scanner:
            if isinstance(event, Start):
                self._start(event)
            elif isinstance(event, End):
                self._end(event.start)
            elif not event.blank and self._open[-1].value_of is not None and len(self._open[-1].texts) < 2:
                self._open[-1].texts.append(event)
        if self._version < 0:
            raise _NoModelError("no OpenSim model, whose first element is OpenSimDocument")

    def _start(self, event: Start) -> None:
        if not self._open:
            self._begin(event)
        above = self._open[-1] if self._open else None
        element = _Open(event.tag, event.end, self._unread(event, above))
        name = event.attributes.get(b"name", _NOTHING)
        if above is not None:
            if above.ligament is not None and event.tag in _WANTED and event.tag not in above.seen:
                element.value_of = above.ligament
            above.seen.add(event.tag)
            if len(above.seen) > _MOST:
                raise _NoModelError(f"has an element with more than {_MOST} different ones in it, as no model has")
        if event.tag.endswith(b"Ligament") and name.value:
            element.ligament = Ligament(
                _shown(event.tag),
                name_of(name.value, name.raw, self._encoding),
                event.end,
                event.closed,
                element.unread,
                above is not None and above.tag in _LISTS,
            )
            self.ligaments.append(element.ligament)
            if len(self.ligaments) > _MOST:
                raise _NoModelError(f"has more than {_MOST} ligaments, which no knee has")
        if not event.closed:
            self._open.append(element)
        elif element.value_of is not None:
            spot = Spot(event.end - 2, event.end, b"", b">", b"</%b>" % event.tag)
            element.value_of.spots[event.tag] = spot

    def _begin(self, event: Start) -> None:
        """Look at the outermost element."""
        if event.tag != _ROOT:
            raise _NoModelError("no OpenSim model, whose first element is OpenSimDocument")
        version = event.attributes.get(b"Version", _NOTHING).value.strip()
        if not re.fullmatch(rb"\+?[0-9]{1,9}", version):
            raise _NoModelError('OpenSim reads no model without its format, like <OpenSimDocument Version="40600">')
        self._version = int(version)
        if self._version < _OLDEST:
            raise _NoModelError(f"its format {self._version} is too old; open and save it in OpenSim 3.3")

    def _unread(self, event: Start, above: _Open | None) -> str:
        """Return why OpenSim does not read an element, if so."""
        if above is None or above.unread:
            return "" if above is None else above.unread
        if event.tag == b"defaults":
            return (
                "it stands in <defaults>, from which ligaments take what they leave out; name one that the model uses"
            )
        if above.tag in _LISTS:
            return ""
        if above.tag == _ROOT:
            return f"it reads the first element in <{_ROOT.decode()}>, and this is in another" if above.seen else ""
        if event.tag in above.seen:
            return f"of several <{_shown(event.tag)}> in one place, it reads the first"
        file = event.attributes.get(b"file", _NOTHING).value
        if file and event.tag not in _LISTS:
            return f"it reads <{_shown(event.tag)}> from the file '{_shown(file)}' instead"
        return ""

    def _end(self, at: int) -> None:
        element = self._open.pop()
        if element.value_of is not None:
            element.value_of.spots[element.tag] = self._spot(element, at)
        if element.ligament is not None:
            element.ligament.switch = self._switch(element.ligament)

    def _spot(self, element: _Open, closing: int) -> Spot:
        """Return which bytes of an element's content are its value, or would be."""
        data = self._scanner.data
        content = data[element.opening : closing]
        if len(element.texts) == 1 and not element.seen:
            text = element.texts[0]
            end = text.start + len(data[text.start : text.end].rstrip())
            return Spot(text.start, end, self._scanner.letters.value(text.start, text.end)[:_LONGEST])
        # Comments before a value that is to come may stay; anything else would stand in its way.
        if not element.texts and not element.seen and content.strip() and content[:1] in b"< \t\r\n":
            return Spot(element.opening, element.opening, b"")
        return Spot(element.opening, closing, b"")

    def _switch(self, ligament: Ligament) -> str:
        applies, disabled = (
            ligament.spots[tag].text.strip().lower() if tag in ligament.spots else b""
            for tag in (b"appliesForce", b"isDisabled")
        )
        if applies in (b"false", b"0"):
            return "appliesForce = false"
        return "isDisabled = true" if self._version < _APPLIES and disabled in (b"true", b"1") else ""


def _shown(text: bytes) -> str:
    return printable(text[:200].decode("utf-8", "replace"))
