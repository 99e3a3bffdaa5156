"""pydantic's complaints about a configuration as one sentence: key, value found, remedy."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ValidationError


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """Return a remedy for an unknown word: the nearest known one, or all of them."""
    near = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    return f"did you mean '{near[0]}'?" if near else "known here: " + ", ".join(known)


def explain(error: ValidationError, model: type[BaseModel], prefix: str = "") -> str:
    """Put the first of pydantic's complaints into one sentence: key, value found, remedy.

    A model that may also be written as a plain number says so in its class variable `wanted`.
    """
    # A misspelt key also makes the right one missing, so the misspelling is the one to report.
    complaints = sorted(error.errors(include_url=False), key=lambda e: e["type"] != "extra_forbidden")
    # A union of number and bounds complains once per branch: keep the branch the user was writing.
    complaint = next((c for c in complaints if not _other_branch(c)), complaints[0])
    location = [str(part) for part in complaint["loc"] if str(part) not in _BRANCHES]
    key = ".".join([prefix, *location] if prefix else location)
    found = complaint["input"]
    kind, context = complaint["type"], complaint.get("ctx", {})
    if kind == "extra_forbidden":
        return f"{key}: unknown key; {did_you_mean(location[-1], _known_keys(model, location[:-1]))}"
    if kind == "missing":
        return f"{key}: missing"
    if kind == "value_error":
        return f"{key}: {context['error']}" if key else str(context["error"])
    if kind == "literal_error":
        return f"{key} = {found!r}: must be {context['expected']}"
    if kind in {"model_type", "model_attributes_type", "dict_type"} or (
        kind in {"float_type", "float_parsing"} and hasattr(_model_at(model, location), "wanted")
    ):
        return f"{key} = {found!r}: {_wanted(model, location)}"
    message = complaint["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    if kind.startswith(("float", "int", "finite", "greater", "less")):
        message = f"must be {message}" if complaint["msg"].startswith("Input should be") else message
    return f"{key} = {found!r}: {message}"


_BRANCHES = {"Bounds", "float", "constrained-float", "function-after[_check(), Bounds]", "finite-float"}


def _other_branch(complaint: Any) -> bool:
    """Tell whether a complaint is about the branch of `number | bounds` that the user was not writing."""
    location = [str(part) for part in complaint["loc"]]
    is_table = isinstance(complaint["input"], dict)
    if complaint["type"].startswith("float") and is_table:
        return True
    return complaint["type"] in {"model_type", "model_attributes_type"} and any(part in _BRANCHES for part in location)


def _model_at(model: type[BaseModel], location: Sequence[str]) -> type[BaseModel] | None:
    current: type[BaseModel] | None = model
    for part in location:
        field = current.model_fields.get(part) if current is not None else None
        if field is None:
            return None
        annotation = field.annotation
        options = [annotation, *getattr(annotation, "__args__", ())]
        current = next((o for o in options if isinstance(o, type) and issubclass(o, BaseModel)), None)
    return current


def _known_keys(model: type[BaseModel], location: Sequence[str]) -> list[str]:
    at = _model_at(model, location)
    return list(at.model_fields) if at is not None else []


def _wanted(model: type[BaseModel], location: Sequence[str]) -> str:
    at = _model_at(model, location)
    if at is None:
        return "must be a table"
    return str(getattr(at, "wanted", "must be a table with " + ", ".join(at.model_fields)))
