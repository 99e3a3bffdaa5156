"""What all tables of a configuration are made of: numbers with limits, and what is said of a key."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

# Strict: neither "60" nor true is a number; 60 is.
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Count = Annotated[int, Field(strict=True, lt=2**64)]
Positive = Annotated[Number, Field(gt=0)]
Share = Annotated[Number, Field(ge=0)]


def said(text: str, unit: str = "") -> Any:
    """Return what a key is, for its annotation: the one place from which schema, reference and help have it.

    Parameters
    ----------
    text : str
        A sentence without its full stop: meaning, and what happens without the key where no default shows it.
    unit : str
        As printed; "load" for the unit of the test's load, "" for none.
    """
    return Field(description=text, json_schema_extra={"unit": unit} if unit else None)


class Model(BaseModel):
    """A table of the configuration: unknown keys are errors, nothing changes afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True)
