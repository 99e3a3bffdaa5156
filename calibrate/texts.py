"""Text that others wrote, made safe to show: names of files, and whatever a file says of itself."""

from __future__ import annotations


def printable(text: object) -> str:
    r"""Return text on one line in which nothing steers a terminal.

    Escape sequences, line breaks, marks that turn the direction of writing, and bytes that are no text are written out
    like `\x1b`; letters of all languages stay.
    """
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in str(text))


def known(value: float, form: str, unit: str = "") -> str:
    """Return a number in this format and unit, or say that it is unknown so far: a short chain has no R-hat yet."""
    return format(value, form) + unit if value == value else "unknown so far"
