"""Text that others wrote, made safe to show: names of files, and whatever a file says of itself."""

from __future__ import annotations

import math
from collections.abc import Sequence


def printable(text: object) -> str:
    r"""Return text on one line in which nothing steers a terminal.

    Escape sequences, line breaks, marks that turn the direction of writing, and bytes that are no text are written out
    like `\x1b`; letters of all languages stay.
    """
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in str(text))


def elided(text: object, most: int = 40) -> str:
    """Return text as `printable` does, its middle left out if it has more than so many letters.

    Examples
    --------
    >>> elided("subject-0001-left-knee", 11)
    'subje\u2026-knee'
    """
    whole = str(text)
    # Written out, a letter has ten at the most: what will not be seen need not be.
    plain = printable(whole if len(whole) <= 4 * most else whole[: 2 * most] + whole[-2 * most :])
    if len(plain) <= most:
        return plain
    return f"{plain[: most - most // 2 - 1]}\N{HORIZONTAL ELLIPSIS}{plain[-(most // 2) :]}"


def known(value: float, form: str, unit: str = "") -> str:
    """Return a number in this format and unit, or say that it is unknown so far: a short chain has no R-hat yet."""
    return format(value, form) + unit if value == value else "unknown so far"


def digits(value: float | None, sd: float | None) -> str:
    """Return the format that shows a value to the second digit of its standard deviation, four digits at least."""
    if not value or not sd:
        return ".4g"
    many = math.floor(math.log10(abs(value))) - math.floor(math.log10(sd)) + 2
    return ".4g" if many <= 4 else f"#.{min(many, 15)}g"


def shown(value: float | None, form: str) -> str:
    """Return a number in this format, and a dash for one that is unknown."""
    return "-" if value is None or not math.isfinite(value) else format(value, form)


def count(number: int, one: str, many: str = "") -> str:
    """Return how many there are of something.

    Examples
    --------
    >>> count(1, "strand"), count(12_000, "draw")
    ('1 strand', '12,000 draws')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listed(items: Sequence[str], most: int, between: str = ", ") -> str:
    """Return some items, and how many more there are.

    Examples
    --------
    >>> listed(["a", "b", "c"], 2), listed(["a", "b"], 2)
    ('a, b and 1 more', 'a, b')
    """
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return between.join(items[:most]) + more
