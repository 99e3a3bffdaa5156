"""What parameters are called in pictures: owner, symbol and unit, like "flex60: dMCL $l_0$ [mm]"."""

from __future__ import annotations

import re
from collections.abc import Collection

from calibrate.posterior import Posterior
from calibrate.problem.quantities import key_of, quantity_of

# A strand's name of so many small letters is an abbreviation.
_SHORT = 4
_MAIN = re.compile(r"([a-z]{0,2})([ml]cl\d*)")


def strand_label(name: str) -> str:
    """Return a strand's name as anatomists write it: MCL, dMCL, POL; a longer one stays as the user wrote it."""
    first, *rest = re.split("[_-]", name)
    if main := _MAIN.fullmatch(first):
        first = f"{main[1]}{main[2].upper()}"
    elif len(first) <= _SHORT and first.islower():
        first = first.upper()
    return " ".join([first, *rest])


def symbol(name: str, tests: Collection[str] = ()) -> str:
    """Return a parameter's symbol and whose it is.

    Parameters
    ----------
    name : str
        Like `mcl.k` or `flex60.mcl.l_0`.
    tests : collection of str
        The tests' names, which may stand in front.

    Examples
    --------
    >>> symbol("flex60.dmcl.l_0", ("flex60",))
    'flex60: dMCL $l_0$'
    >>> symbol("knee.lateral_condyle.centre.y")
    'lateral condyle $y$'
    """
    key = key_of(name, tests)
    test = "" if key == name else f"{name.partition('.')[0]}: "
    owner = _owner(key)
    return f"{test}{owner}{' ' if owner else ''}${quantity_of(key).symbol}$"


def _owner(key: str) -> str:
    """Return what a parameter is of; readings and their errors are nobody's."""
    first, *rest = key.split(".")
    if first in ("measurement", "noise"):
        return ""
    if first != "knee":
        return strand_label(first)
    whole = rest[0]
    if rest[1:2] in (["femur"], ["tibia"]):
        return f"{strand_label(whole)} {rest[1]}"
    return whole.replace("_", " ")


def label(name: str, unit: str, tests: Collection[str] = ()) -> str:
    """Return a parameter's axis label, like "MCL $k$ [N/mm]"; a pure number has the unit "-"."""
    return f"{symbol(name, tests)} [{unit or '-'}]"


def labels_of(posterior: Posterior) -> list[str]:
    """Return the labels of all free parameters."""
    tests = posterior.table.tests
    return [label(name, unit, tests) for name, unit in zip(posterior.names, posterior.units, strict=True)]


def broken(text: str, room: int, between: str = "\n") -> str:
    """Break a label between words, so that a line holds about `room` letters; a formula counts as two."""
    lines: list[str] = []
    for word in text.split():
        if lines and _letters(f"{lines[-1]} {word}") <= room:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return between.join(lines)


def _letters(text: str) -> int:
    return len(re.sub(r"\$[^$]*\$", "xx", text))
