"""pydantic's complaints about a configuration as one sentence in plain words: key, value found, remedy."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ValidationError

# The tags that `calibrate.config` gives to the forms of a parameter; they are no keys of a file.
NUMBER, TIE, BOUNDS, NORMAL, LOG_NORMAL = TAGS = ("<number>", "<tie>", "<bounds>", "<normal>", "<log-normal>")
# The type that it gives to the complaint about what has none of these forms.
NEITHER = "neither_number_nor_table"
WANTED = (
    "must be a number (fixed), or { lower = ..., upper = ... }, { mean = ..., sd = ... } or "
    "{ median = ..., factor = ... } (free)"
)
_POINT = "must be two numbers, like [23.5, -6.0]"
_POINT_3D = "must be two numbers or three, like [23.5, -6.0] or [23.5, -6.0, 1.5]"
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
    "too_short": _POINT_3D,
    "dict_type": "must be tables with names, like [tests.flex30]",
    "string_type": "must be a text in quotes",
    "string_too_short": "must not be empty",
    "literal_error": "must be {expected}",
}
_TABLES = {"model_type", "model_attributes_type", NEITHER}


def did_you_mean(word: str, known: Sequence[str], otherwise: str | None = None) -> str:
    """Return a remedy for an unknown word: the nearest known one, or all of them unless something else is given."""
    near = difflib.get_close_matches(word.lower(), known)
    if near:
        return f"did you mean '{near[0]}'?"
    return "known here: " + ", ".join(known) if otherwise is None else otherwise


class PlacedError(ValueError):
    """What a model's own check found about a key below it; the text begins with that key."""


class SlipError(PlacedError):
    """A key that is not known, found by a model that takes keys of a user's own."""

    def __init__(self, key: str, remedy: str) -> None:
        super().__init__(f"{_key([key])}: unknown key; {remedy}")


def explain(error: ValidationError, model: type[BaseModel], prefix: str = "") -> str:
    """Put the first of pydantic's complaints into one sentence: key, value found, remedy.

    A model that may also be written as a plain number says so in its class variable `wanted`.
    """
    # A misspelt key also makes the right one missing, so the misspelling is the one to report.
    complaint = min(error.errors(include_url=False), key=lambda e: not _is_slip(e))
    location = [part for part in complaint["loc"] if part not in TAGS]
    key = _key([prefix, *location] if prefix else location)
    kind = complaint["type"]
    if kind == "extra_forbidden":
        above = _model_at(model, complaint["loc"][:-1])
        known = [] if above is None else list(above.model_fields)
        return f"{key}: unknown key; {did_you_mean(str(location[-1]), known)}"
    if kind == "missing" and location and isinstance(location[-1], int):  # a list with too few numbers
        return f"{_key(location[:-1])} = {as_toml(complaint['input'])}: {_POINT}"
    if kind == "missing":
        return f"{key}: missing"
    if kind == "value_error":
        return _of_ours(complaint["ctx"]["error"], [*([prefix] if prefix else []), *location])
    return f"{key} = {as_toml(complaint['input'])}: {_words(complaint, model)}"


def _is_slip(complaint: Any) -> bool:
    """Tell whether a complaint is about a key that is not known."""
    return complaint["type"] == "extra_forbidden" or isinstance(complaint.get("ctx", {}).get("error"), SlipError)


def _of_ours(error: ValueError, location: Sequence[str | int]) -> str:
    """Say what a model's own check found, and where."""
    between = "." if isinstance(error, PlacedError) else ": "
    return f"{_key(location)}{between}{error}" if location else str(error)


def _words(complaint: Any, model: type[BaseModel]) -> str:
    """Say what a value has to be."""
    kind, found = complaint["type"], complaint["input"]
    if kind == NEITHER and isinstance(found, dict):  # a published value's key, where none can be looked up
        return f"there are no published values of it; it {WANTED}"
    if kind in _TABLES:
        at = _model_at(model, complaint["loc"])
        known = "" if at is None else " with " + ", ".join(at.model_fields)
        return str(getattr(at, "wanted", f"must be a table{known}"))
    if kind == "float_type" and isinstance(found, int) and not isinstance(found, bool):
        return "is too large"
    context = complaint.get("ctx", {})
    if kind == "too_long" and context.get("max_length") == 3:
        return _POINT_3D
    return _WORDS.get(kind, "cannot be used here").format(**context)


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


def as_toml(value: Any) -> str:
    """Write a value as TOML has it, on one line and not at length."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, list):
        return "[" + ", ".join(as_toml(item) for item in value[:4]) + (", …]" if len(value) > 4 else "]")
    try:
        text = repr(value)
    except ValueError:  # Python refuses to write integers of thousands of digits
        return "a number of thousands of digits"
    return text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 1] + "…"


def _model_at(model: type[BaseModel], location: Sequence[str | int]) -> type[BaseModel] | None:
    """Return the model of a key's value, None if it has none; tags in the location choose between several."""
    current: Any = model
    for part in location:
        options = _models_in(current)
        if part in TAGS:
            current = next((option for option in options if getattr(option, "tag", None) == part), None)
        elif get_origin(current) is dict:
            current = get_args(current)[1]
        elif not isinstance(part, int):  # all values in a list have the annotations that the list's own names
            current = _annotation_of(options[0], part) if options else None
    return next(iter(_models_in(current)), None)


def _annotation_of(model: type[BaseModel], key: str) -> Any:
    """Return the annotation of a field, or of the fields that a user gives names to; that of no model if none is."""
    field = model.model_fields.get(key)
    if field is not None:
        return field.annotation
    *_, values = None, *get_args(get_type_hints(model).get("__pydantic_extra__"))  # a dict's arguments
    return values


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """Return the models among the alternatives that an annotation names."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for option in get_args(annotation) for found in _models_in(option)]
