"""A number as people write it in decimal, and what to write where it is none.

The one grammar of this program's files and options outside of TOML: ASCII digits, a sign, a point, an exponent with
`e`. `float` takes more (`1_0` is ten for it, and so are digits of other scripts), which nobody means in a table.
"""

from __future__ import annotations

import math
import re
import unicodedata

_PLAIN = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)
_MISSING = re.compile(r"na|n/a|n/d|null|none|nil|missing|-+|\.+|\?+", re.IGNORECASE)
# What stands for a point or a sign in other scripts and fonts; None for what only groups digits.
_LOOKALIKES = {ord(c): "-" for c in "−–—‐‑‒﹣－"} | {ord("＋"): "+", ord("．"): ".", ord("٫"): ".", ord("·"): "."}
_GROUPING = {ord(c): None for c in "_'’\u00a0\u2007\u2009\u202f٬"}
_FORTRAN = re.compile(r"(?<=[0-9.])[dD](?=[+-]?[0-9])")
_DECIMAL_COMMA = re.compile(r"(?<=[0-9]),(?=[0-9]+(?:[eE]|$))")
_MOST_SHOWN = 40
_FILL_IN = "remove the line or fill it in"

# How spreadsheets in some twenty languages begin a cell that could not be computed: #N/A, #NV, #REF!, #DIV/0!, #NAME?
_ERROR_VALUE = re.compile(
    r"#(?:[^\W\d_]{1,2}/[^\W\d_]{1,2}(?!\w)|NV\b|ND\b|YOK\b|GETTING_DATA\b|[^\s,;]*[!?](?=\s*(?:$|[,;\t]))|#+$|[¡¿])",
    re.IGNORECASE,
)


def shown(text: str) -> str:
    """Return a text in quotes for a message: on one line, printable, and not long."""
    return repr(text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 1] + "…")


def is_plain(text: str) -> bool:
    """Tell whether a text is a number in decimal; its value may still overflow."""
    return _PLAIN.fullmatch(text) is not None


def is_not_finite(text: str) -> bool:
    """Tell whether a text is what programs write for a number that is none or infinite, like `nan` or `-inf`."""
    return _NOT_FINITE.fullmatch(text) is not None


def is_missing(text: str) -> bool:
    """Tell whether a text is what people and programs write where there is no value, like `NA`, `n/a`, `-` or `nan`."""
    return _MISSING.fullmatch(text) is not None or text.lower().lstrip("+-") == "nan"


def is_error_value(text: str) -> bool:
    """Tell whether a text begins with an error value of a spreadsheet, like `#N/A`, `#NV`, `#REF!` or `#DIV/0!`."""
    return _ERROR_VALUE.match(text) is not None


def read_number(text: str) -> float:
    """Return the number that a text is, in decimal.

    Raises
    ------
    ValueError
        If it is none, or not finite; says so, and what to write.
    """
    if is_plain(text):
        value = float(text)
        if math.isfinite(value):
            return value
    raise ValueError(_complaint(text))


def _complaint(text: str) -> str:
    """Say why a text is no finite number, and what to write instead."""
    if not text:
        return f"the cell is empty; {_FILL_IN}"
    if is_plain(text) or is_not_finite(text):
        return f"{shown(text)} is not finite; {_FILL_IN}"
    if is_error_value(text):
        return f"{shown(text)} is a spreadsheet's error value; {_FILL_IN}"
    if _MISSING.fullmatch(text):
        return f"{shown(text)} is no number; {_FILL_IN}"
    if re.match(r"[+-]?0[xob]", text, re.IGNORECASE):
        return f"{shown(text)} is no number in decimal"
    if plain := in_decimal(text):
        return f"{shown(text)} is no number as it stands; write {plain}"
    return f"{shown(text)} is no number"


def in_decimal(text: str) -> str:
    """Return a number as it is written here, like `40.5` for `40,5` or `1000` for `1_000`; empty if it is none."""
    changed = _in_ascii(text)
    return next((one for one in (changed, _DECIMAL_COMMA.sub(".", changed)) if is_plain(one)), "")


def _in_ascii(text: str) -> str:
    """Return a number's digits, sign, point and exponent as ASCII has them."""
    text = text.strip().translate(_LOOKALIKES).translate(_GROUPING)
    digits = (str(unicodedata.decimal(c, c)) for c in text)
    return _FORTRAN.sub("e", "".join(digits))
