"""Complaints about a configuration, on small models of every kind of key: each to the letter."""

import datetime
from typing import Annotated, Any, ClassVar, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from calibrate.complaints import NEITHER, TAGS, PlacedError, SlipError, as_toml, did_you_mean, explain

Real = Annotated[float, Field(strict=True)]


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    point: tuple[Real, Real]
    length: Annotated[Real, Field(gt=0, allow_inf_nan=False)] = 1.0


class Either(BaseModel):
    wanted: ClassVar[str] = "must be this or that"

    lower: Real = 0.0

    @model_validator(mode="after")
    def _check(self) -> "Either":
        if self.lower < 0.0:
            raise ValueError("below nothing")
        return self


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    inner: Inner
    maybe: int | Inner | None = None
    either: Either = Either()
    side: Literal["left", "right"] = "left"
    name: Annotated[str, Field(min_length=1)] = "x"
    count: Annotated[int, Field(strict=True, ge=0, lt=5)] = 1
    share: Annotated[Real, Field(ge=0, le=1)] = 0.5
    when: datetime.date | None = None


class Bounds(BaseModel):
    model_config = ConfigDict(extra="forbid")
    tag: ClassVar[str] = "<bounds>"

    lower: float


class Normal(BaseModel):
    model_config = ConfigDict(extra="forbid")
    tag: ClassVar[str] = "<normal>"

    mean: float
    sd: float


class Named(BaseModel):
    """Tables that a user gives names to, some of which are slips, and one that looks below them."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Inner]

    @model_validator(mode="after")
    def _check(self) -> "Named":
        for key, inner in self.__pydantic_extra__.items():
            if key in ("dcml", "a b"):
                raise SlipError(key, "did you mean 'dmcl'?")
            if inner.length > 9.0:
                raise PlacedError(f"{key}.length = {inner.length:g}: is too long")
        return self


class More(BaseModel):
    model_config = ConfigDict(extra="forbid")

    value: float | Normal | Bounds = 1.0
    tests: dict[str, Inner] = {}
    named: Named = Named()
    place: Annotated[list[Real], Field(min_length=2, max_length=3)] = [1.0, 2.0]


POINT = "must be two numbers, like [23.5, -6.0]"
KNOWN = "known here: inner, maybe, either, side, name, count, share, when"
TABLES = "must be a table with inner, maybe, either, side, name, count, share, when"
GOOD: dict[str, Any] = {"point": [1.0, 2.0]}


def said(document: Any, model: type[BaseModel] = Outer, **options: str) -> str:
    with pytest.raises(ValidationError) as error:
        model.model_validate(document)
    return explain(error.value, model, **options)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"inner": 3}, "inner = 3: must be a table with point, length"),
        ({"inner": {"point": [1.0]}}, f"inner.point = [1.0]: {POINT}"),
        ({"inner": {"point": []}}, f"inner.point = []: {POINT}"),
        ({"inner": {"point": [1.0, 2.0, 3.0]}}, f"inner.point = [1.0, 2.0, 3.0]: {POINT}"),
        ({"inner": {"point": "x"}}, f"inner.point = 'x': {POINT}"),
        ({"inner": {"point": [1.0, "a"]}}, "inner.point[1] = 'a': must be a number"),
        ({"inner": {"pint": [1.0]}}, "inner.pint: unknown key; did you mean 'point'?"),
        ({"inner": {}}, "inner.point: missing"),
        ({"inner": GOOD | {"length": 0}}, "inner.length = 0: must be greater than 0.0"),
        ({"inner": GOOD | {"length": float("inf")}}, "inner.length = inf: must be a finite number"),
        ({"inner": GOOD | {"length": 10**400}}, f"inner.length = 1{'0' * 58}…: is too large"),
        ({"inner": GOOD | {"length": True}}, "inner.length = true: must be a number"),
        ({"inner": GOOD | {"length": "1"}}, "inner.length = '1': must be a number"),
        ({"inner": GOOD | {"a b": 1}}, "inner.'a b': unknown key; known here: point, length"),
        ({"inner": GOOD | {"aZ09_.-": 1}}, "inner.aZ09_.-: unknown key; known here: point, length"),
        ({"inner": GOOD | {"é" * 61: 1}}, f"inner.'{'é' * 60}': unknown key; known here: point, length"),
        ({"innr": 1}, "innr: unknown key; did you mean 'inner'?"),
        ({"COUNT": 1}, "COUNT: unknown key; did you mean 'count'?"),
        ({"zzz": 1}, f"zzz: unknown key; {KNOWN}"),
        ({"zzz": 1, "count": 9, "inner": 3}, f"zzz: unknown key; {KNOWN}"),
        ({"either": 1.0}, "either = 1.0: must be this or that"),
        ({"either": {"lower": -1.0}}, "either: below nothing"),
        ({"side": "up"}, "side = 'up': must be 'left' or 'right'"),
        ({"name": ""}, "name = '': must not be empty"),
        ({"name": 3}, "name = 3: must be a text in quotes"),
        ({"count": 1.5}, "count = 1.5: must be a whole number"),
        ({"count": "a"}, "count = 'a': must be a whole number"),
        ({"count": -1}, "count = -1: must be greater than or equal to 0"),
        ({"count": 5}, "count = 5: must be less than 5"),
        ({"share": -1}, "share = -1: must be greater than or equal to 0.0"),
        ({"share": 2}, "share = 2: must be less than or equal to 1.0"),
        ({"when": "x"}, "when = 'x': cannot be used here"),
    ],
)
def test_complaints(changes: dict[str, Any], says: str) -> None:
    assert said({"inner": GOOD} | changes) == says


PLACE = "must be two numbers or three, like [23.5, -6.0] or [23.5, -6.0, 1.5]"


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"tests": 3}, "tests = 3: must be tables with names, like [tests.flex30]"),
        ({"tests": {"a": 3}}, "tests.a = 3: must be a table with point, length"),
        ({"tests": {"a": {"pint": 1}}}, "tests.a.pint: unknown key; did you mean 'point'?"),
        ({"named": {"dmcl": {"pint": 1}}}, "named.dmcl.pint: unknown key; did you mean 'point'?"),
        ({"named": {"dmcl": GOOD | {"length": 9.5}}}, "named.dmcl.length = 9.5: is too long"),
        ({"named": {"dcml": GOOD}}, "named.dcml: unknown key; did you mean 'dmcl'?"),
        ({"named": {"a b": GOOD}}, "named.'a b': unknown key; did you mean 'dmcl'?"),
        ({"named": {"dcml": GOOD}, "tests": 3}, "named.dcml: unknown key; did you mean 'dmcl'?"),
        ({"place": [1.0]}, f"place = [1.0]: {PLACE}"),
        ({"place": [1.0, 2.0, 3.0, 4.0]}, f"place = [1.0, 2.0, 3.0, 4.0]: {PLACE}"),
    ],
)
def test_complaints_about_tables_with_names_and_places(document: dict[str, Any], says: str) -> None:
    assert said(document, More) == says


def test_complaints_about_a_whole_table() -> None:
    assert said({}) == "inner: missing"
    assert said({}, prefix="top") == "top.inner: missing"
    assert said({"inner": 3}, prefix="top") == "top.inner = 3: must be a table with point, length"
    assert said(5, prefix="top") == f"top = 5: {TABLES}"
    assert said({"lower": -1.0}, Either) == "below nothing"
    assert said({"lower": -1.0}, Either, prefix="top") == "top: below nothing"
    assert said({"inner": GOOD, "innr": 1}, prefix="top") == "top.innr: unknown key; did you mean 'inner'?"


def test_whole_numbers_only_where_too_large_are_called_so() -> None:
    class Whole(BaseModel):
        value: Annotated[float, Field(strict=True, le=10**30)]

    assert said({"value": False}, Whole) == "value = false: must be a number"
    assert said({"value": 10**400}, Whole).endswith("…: is too large")


class Tagged:
    """A stand-in for a complaint of pydantic's with our own tags, or about no model."""

    def __init__(self, **complaint: Any) -> None:
        self.complaint = complaint

    def errors(self, include_url: bool = True) -> list[dict[str, Any]]:
        assert include_url is False
        return [self.complaint]


def tagged(model: type[BaseModel] = Outer, **complaint: Any) -> str:
    error: Any = Tagged(**complaint)
    return explain(error, model)


def test_tags_are_no_keys() -> None:
    assert TAGS == ("<number>", "<tie>", "<bounds>", "<normal>", "<log-normal>")
    assert NEITHER == "neither_number_nor_table"
    for tag in TAGS:
        assert (
            tagged(loc=("either", tag, "lower"), type="float_type", input="x") == "either.lower = 'x': must be a number"
        )
    assert tagged(loc=("either",), type=NEITHER, input="x") == "either = 'x': must be this or that"
    assert (
        tagged(loc=("inner",), type="model_attributes_type", input=1) == "inner = 1: must be a table with point, length"
    )


def test_tags_choose_between_the_forms_of_a_value() -> None:
    def of(*loc: str, kind: str = "extra_forbidden", value: Any = 1) -> str:
        return tagged(More, loc=loc, type=kind, input=value)

    assert of("value", "<bounds>", "x") == "value.x: unknown key; known here: lower"
    assert of("value", "<normal>", "x") == "value.x: unknown key; known here: mean, sd"
    assert of("value", "<tie>", kind="model_type") == "value = 1: must be a table"
    assert of("named", "dmcl", "<tie>", kind="model_type") == "named.dmcl = 1: must be a table"  # of no form
    assert of("named", "dmcl", "point", kind="model_type") == "named.dmcl.point = 1: must be a table"
    assert of("value", kind=NEITHER, value={"literature": "x"}) == (
        "value = a table: there are no published values of it; it must be a number (fixed), or { lower = ..., upper = "
        "... }, { mean = ..., sd = ... } or { median = ..., factor = ... } (free)"
    )


def test_what_is_no_table_of_ours_has_no_keys_to_name() -> None:
    assert tagged(loc=("side",), type="model_type", input=1) == "side = 1: must be a table"
    assert tagged(loc=("side", "x"), type="model_type", input=1) == "side.x = 1: must be a table"
    assert tagged(loc=("nowhere", "x"), type="model_type", input=1) == "nowhere.x = 1: must be a table"
    assert tagged(loc=("maybe",), type="model_type", input=1) == "maybe = 1: must be a table with point, length"
    assert tagged(loc=("maybe", "lenght"), type="extra_forbidden", input=1) == (
        "maybe.lenght: unknown key; did you mean 'length'?"
    )
    assert tagged(loc=("nowhere", "x"), type="extra_forbidden", input=1) == "nowhere.x: unknown key; known here: "
    assert tagged(loc=(3,), type="missing", input=[1]) == " = [1]: must be two numbers, like [23.5, -6.0]"
    assert tagged(loc=(), type="missing", input=[1]) == ": missing"
    assert tagged(loc=("inner", 0, "x", 12), type="int_type", input=1) == "inner[0].x[12] = 1: must be a whole number"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (False, "false"),
        ({"a": 1}, "a table"),
        (datetime.date(2024, 1, 2), "2024-01-02"),
        (datetime.datetime(2024, 1, 2, 3), "2024-01-02T03:00:00"),
        (datetime.time(4), "04:00:00"),
        ([], "[]"),
        ([1, True, [2, "x"]], "[1, true, [2, 'x']]"),
        ([1, 2, 3, 4], "[1, 2, 3, 4]"),
        ([1, 2, 3, 4, 5], "[1, 2, 3, 4, …]"),
        ("x" * 58, f"'{'x' * 58}'"),
        ("x" * 59, f"'{'x' * 58}…"),
        pytest.param(10**5000, "a number of thousands of digits", id="huge"),
        (1.5, "1.5"),
    ],
)
def test_values_are_shown_as_toml_has_them(value: Any, text: str) -> None:
    assert as_toml(value) == text


def test_the_nearest_word_is_meant_or_none() -> None:
    assert did_you_mean("Wals", ["weight", "walls", "walks"]) == "did you mean 'walls'?"
    assert did_you_mean("xyz", ["weight", "walls"]) == "known here: weight, walls"
    assert did_you_mean("abxyz", ["abcde"]) == "known here: abcde"  # 0.4 alike
    assert did_you_mean("abcyz", ["abcde"]) == "did you mean 'abcde'?"  # 0.6 alike
    assert did_you_mean("x", []) == "known here: "
    assert did_you_mean("xyz", ["weight"], "see the list") == "see the list"
    assert did_you_mean("wight", ["weight"], "see the list") == "did you mean 'weight'?"
