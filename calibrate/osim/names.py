"""A ligament's name in a model and on the command line: escaped or not, in whichever encoding, they meet here."""

from __future__ import annotations

import difflib
import html
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")

# A declared encoding is tried only if it is one of letters; others ("zip", "idna") are no business of a model.
_LETTERS = re.compile(
    r"(iso-?8859-\d+|latin-?\d|windows-125\d|cp125\d|koi8-\w|mac\w*|gb\w+|big5|shift_jis|euc-\w+)", re.IGNORECASE
)
_LONGEST = 1000
_SHOWN, _LISTED, _COMPARED = 60, 40, 2000


@dataclass(frozen=True)
class Name:
    """A name: for messages, as OpenSim reads it, and as people may write it."""

    shown: str
    read: frozenset[str]
    written: frozenset[str]


def name_of(value: bytes, raw: bytes, encoding: str) -> Name:
    """Make a name.

    Parameters
    ----------
    value : bytes
        As OpenSim has it.
    raw : bytes
        As it is written in the file.
    encoding : str
        What the file declares, or "".

    Returns
    -------
    Name
        OpenSim drops a bare '&' and cuts '&#233;' to a byte; `written` has what was meant, too.
    """
    if len(raw) > _LONGEST:
        return Name(printable(value[:_SHOWN].decode("latin-1")) + "...", frozenset(), frozenset())
    read, written = _letters(value, encoding), _letters(raw, encoding)
    return Name(
        printable(read[0]), frozenset(read), frozenset(written + [_composed(html.unescape(w)) for w in written])
    )


def find(name: str, items: Sequence[Item], name_of_item: Callable[[Item], Name]) -> list[Item]:
    """Return the items of a name: by what OpenSim reads, else by what is written."""
    wanted = {_composed(name), *_letters(name.encode("utf-8", "surrogateescape"), "")}
    found = [item for item in items if wanted & name_of_item(item).read]
    return found or [item for item in items if wanted & name_of_item(item).written]


def remedy(name: str, names: Sequence[str]) -> str:
    """Return what to say to a name that there is not: one that is near, else all that there are."""
    known = {known.lower(): known for known in names[:_COMPARED] if len(known) <= 2 * _SHOWN}
    near = difflib.get_close_matches(name.lower()[: 2 * _SHOWN], known, n=1)
    return f"did you mean '{known[near[0]]}'?" if near else f"it has: {listed(names) or 'none at all'}"


def listed(names: Sequence[str]) -> str:
    """Return names with commas, the first of very many."""
    more = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {more} more" if more > 0 else "")


def printable(text: str) -> str:
    """Return text that does nothing to a terminal."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def _letters(raw: bytes, encoding: str) -> list[str]:
    """Return what bytes may say: UTF-8, or else what is declared and what Windows and Latin-1 make of it."""
    try:
        return [_composed(raw.decode("utf-8"))]
    except UnicodeDecodeError:
        texts = []
    for codec in (encoding if _LETTERS.fullmatch(encoding) else "", "cp1252", "latin-1"):
        try:
            texts.append(_composed(raw.decode(codec)))
        except (LookupError, UnicodeDecodeError):
            continue
    return texts


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)
