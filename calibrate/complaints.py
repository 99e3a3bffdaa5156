"""pydantic's complaints about a configuration as one sentence in plain words: key, value found, remedy."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

# The tags that `calibrate.config` gives to a parameter that may be a number or a table; they are no keys of a file.
NUMBER, TABLE = "<number>", "<table>"
# The type that it gives to the complaint about what is neither.
NEITHER = "neither_number_nor_table"
_POINT = "must be two numbers, like [23.5, -6.0]"
_NUMBER = "must be a number"
_MOST_SHOWN = 60
# Words for each of pydantic's types of error that a key of ours can run into; {} is filled in from its context.
_WORDS = {
    "float_type": _NUMBER,
    "finite_number": "must be a finite number",
    "int_type": "must be a whole number",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be greater than or equal to {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be less than or equal to {le}",
    "tuple_type": _POINT,
    "too_long": _POINT,
    "string_type": "must be a text in quotes",
    "string_too_short": "must not be empty",
    "literal_error": "must be {expected}",
}
_TABLES = {"model_type", "model_attributes_type", NEITHER}


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """Return a remedy for an unknown word: the nearest known one, or all of them."""
    near = difflib.get_close_matches(word.lower(), known)
    return f"did you mean '{near[0]}'?" if near else "known here: " + ", ".join(known)


def explain(error: ValidationError, model: type[BaseModel], prefix: str = "") -> str:
    """Put the first of pydantic's complaints into one sentence: key, value found, remedy.

    A model that may also be written as a plain number says so in its class variable `wanted`.
    """
    # A misspelt key also makes the right one missing, so the misspelling is the one to report.
    complaint = min(error.errors(include_url=False), key=lambda e: e["type"] != "extra_forbidden")
    location = [part for part in complaint["loc"] if part not in (NUMBER, TABLE)]
    key = _key([prefix, *location] if prefix else location)
    kind = complaint["type"]
    if kind == "extra_forbidden":
        return f"{key}: unknown key; {did_you_mean(str(location[-1]), _known_keys(model, location[:-1]))}"
    if kind == "missing" and location and isinstance(location[-1], int):  # a list with too few numbers
        return f"{_key(location[:-1])} = {_shown(complaint['input'])}: {_POINT}"
    if kind == "missing":
        return f"{key}: missing"
    if kind == "value_error":
        error_of_ours = complaint["ctx"]["error"]
        return f"{key}: {error_of_ours}" if key else str(error_of_ours)
    return f"{key} = {_shown(complaint['input'])}: {_words(complaint, model, location)}"


def _words(complaint: Any, model: type[BaseModel], location: Sequence[str | int]) -> str:
    """Say what a value has to be."""
    kind, found = complaint["type"], complaint["input"]
    if kind in _TABLES:
        at = _model_at(model, location)
        known = "" if at is None else " with " + ", ".join(at.model_fields)
        return str(getattr(at, "wanted", f"must be a table{known}"))
    if kind == "float_type" and isinstance(found, int) and not isinstance(found, bool):
        return "is too large"
    return _WORDS.get(kind, "cannot be used here").format(**complaint.get("ctx", {}))


def _key(location: Sequence[str | int]) -> str:
    """Write a key as TOML has it, whatever letters are in it, and a place in a list in brackets."""
    out = ""
    for part in location:
        if isinstance(part, int):
            out += f"[{part}]"
        else:
            plain = re.fullmatch(r"[A-Za-z0-9_.-]+", part)
            out += ("." if out else "") + (part if plain else repr(part[:_MOST_SHOWN]))
    return out


def _shown(value: Any) -> str:
    """Write a value as TOML has it, on one line and not at length."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, list):
        return "[" + ", ".join(_shown(item) for item in value[:4]) + (", …]" if len(value) > 4 else "]")
    try:
        text = repr(value)
    except ValueError:  # Python refuses to write integers of thousands of digits
        return "a number of thousands of digits"
    return text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 1] + "…"


def _model_at(model: type[BaseModel], location: Sequence[str | int]) -> type[BaseModel] | None:
    """Return the model of a key's value, None if it has none."""
    current: type[BaseModel] | None = model
    for part in location:
        field = current.model_fields.get(str(part)) if current is not None else None
        if field is None:
            return None
        current = _model_in(field.annotation)
    return current


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model that an annotation is, or that is among the alternatives that it names."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for option in get_args(annotation) if (found := _model_in(option)) is not None), None)


def _known_keys(model: type[BaseModel], location: Sequence[str | int]) -> list[str]:
    at = _model_at(model, location)
    return list(at.model_fields) if at is not None else []
