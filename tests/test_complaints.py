"""Every key of a configuration fed with what does not belong there: one plain line, in our words and not pydantic's."""

import copy
import datetime
import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from bad_general import TEXT
from conftest import BOX
from pydantic import ValidationError

from calibrate.complaints import _TABLES, _WORDS, explain
from calibrate.config import Config, MovesConfig, PriorConfig, SamplingConfig, parse_config
from calibrate.errors import ConfigError

WRONG = {
    "text": "x",
    "empty text": "",
    "empty list": [],
    "list of one": [1.0],
    "list of two": [1.0, 2.0],
    "list of three": [1.0, 2.0, 3.0],
    "list of texts": ["a", "b"],
    "list of lists": [[1], [2]],
    "list of truths": [True, False],
    "list with a nan": [float("nan"), 1.0],
    "list of tables": [{}, {}],
    "long list": [1.0] * 1000,
    "table": {"a": 1},
    "table in a table": {"lower": {"lower": 1.0}},
    "empty table": {},
    "table with a tag": {"<table>": 1.0, "<number>": 2.0},
    "table with an escape": {"\x1b[31m\n": 1.0},
    "true": True,
    "date": datetime.date(2024, 1, 1),
    "date and time": datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC),
    "time": datetime.time(1),
    "huge": 10**400,
    "minus huge": -(10**400),
    "too huge to write": 16**5000,
    "nan": float("nan"),
    "inf": float("inf"),
    "minus inf": -float("inf"),
    "minus one": -1,
    "large": 1e300,
    "half": 0.5,
}
OURS = {*_WORDS, *_TABLES, "extra_forbidden", "missing", "value_error"}
FOREIGN = re.compile(r"pydantic|Input|should|valid|Tuple|Bounds|limit|\b(float|int|str|dict|None|True|False)\b|\{\{")


def whole() -> dict[str, Any]:
    """Return a configuration in which every key is given."""
    document = tomllib.loads(BOX.read_text())
    document["parameters"]["mcl"]["k"]["start"] = 50.0
    document["prior"] = PriorConfig().model_dump()
    moves = MovesConfig(block=1.0, snooker=1.0).model_dump()
    document["sampling"] = SamplingConfig(workers=2, max_time=9.0).model_dump() | {"moves": moves}
    return document


def keys(table: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in table.items():
        yield (*above, key)
        if isinstance(value, dict):
            yield from keys(value, (*above, key))


def general() -> dict[str, Any]:
    """Return a configuration of several tests in which every form of a value stands once."""
    document = tomllib.loads(TEXT)
    document["parameters"]["lcl"]["k"] = {"mean": 40.0, "sd": 4.0, "lower": 1.0, "upper": 90.0, "start": 41.0}
    document["parameters"]["dmcl"]["k"] = {"median": 40.0, "factor": 1.5, "lower": 1.0, "upper": 90.0, "start": 41.0}
    document["parameters"]["mcl"]["f_ref"] = "lcl.f_ref"
    document["knee"]["flexion_axis"] = [0.0, {"mean": 1.0, "sd": 2.0}]
    document["noise"]["discrepancy"] = {"amplitude": 1.0, "length": {"median": 3.0, "factor": 2.0}}
    document["tests"]["flex60"] |= {
        "knee": {"rolling": 0.5, "medial_condyle": {"radius": 21.0}, "dmcl": {"femur": [-38.0, 1.0, 2.0]}},
        "parameters": {"mcl": {"l_0": {"mean": 91.0, "sd": 2.0}}, "dmcl": {"f_ref": 1.0}},
        "measurement": {"angle_offset": {"mean": 0.0, "sd": 2.0}, "load_bias": 0.1, "hysteresis": 0.1},
        "noise": {"angle_sigma": 0.1},
    }
    return document


WHOLES = (whole(), general())
KEYS = [(number, key) for number, one in enumerate(WHOLES) for key in keys(one)]


def changed(key: tuple[str, ...], value: Any, number: int = 0) -> dict[str, Any]:
    document = copy.deepcopy(WHOLES[number])
    table = document
    for part in key[:-1]:
        table = table[part]
    table[key[-1]] = value
    return document


def test_the_whole_configuration_is_accepted_and_has_every_key() -> None:
    assert Config.model_validate(WHOLES[0]).parameters.mcl.f_ref == 0.0
    assert Config.model_validate(WHOLES[1]).parameters.mcl.f_ref == "lcl.f_ref"
    assert len(KEYS) > 130


@pytest.mark.parametrize(
    ("number", "key"), KEYS, ids=lambda part: ".".join(part) if isinstance(part, tuple) else str(part)
)
def test_what_does_not_belong_there_is_answered_in_our_words(number: int, key: tuple[str, ...]) -> None:
    refused = 0
    for what, value in WRONG.items():
        try:
            Config.model_validate(changed(key, value, number))
        except ValidationError as error:
            message = explain(error, Config)
            refused += 1
        else:
            continue
        assert {complaint["type"] for complaint in error_types(key, value, number)} <= OURS, what
        assert message.startswith((key[0], ".".join(key))), (what, message)
        assert key[-1] in message or re.search("missing|unknown key|bounds", message), (what, message)
        assert message.isprintable(), (what, message)
        assert len(message) < 300, (what, message)
        assert not FOREIGN.search(message), (what, message)
        assert "cannot be used here" not in message, (what, message)
    assert refused > 15


def error_types(key: tuple[str, ...], value: Any, number: int) -> list[Any]:
    with pytest.raises(ValidationError) as error:
        Config.model_validate(changed(key, value, number))
    return list(error.value.errors())


SAYS = {
    (
        "knee.mcl.femur",
        "list of one",
    ): r"knee\.mcl\.femur = \[1\.0\]: must be two numbers or three, like \[23\.5, -6\.0\]",
    ("knee.mcl.femur", "empty list"): r"knee\.mcl\.femur = \[\]: must be two numbers",
    (
        "knee.mcl.femur",
        "list of three",
    ): r"knee\.mcl: femur has a third coordinate and tibia has none; give both or neither",
    (
        "knee.mcl.femur",
        "list of texts",
    ): r"knee\.mcl\.femur\.x = 'a': must be a number .*, or the name of another parameter; there is none of",
    ("knee.mcl.femur", "long list"): r"knee\.mcl\.femur = \[1\.0, 1\.0, 1\.0, 1\.0, …\]: must be two numbers",
    ("knee.rolling", "true"): r"knee\.rolling = true: must be a number",
    ("knee.rolling", "huge"): r"knee\.rolling = 10{58}…: is too large",
    ("knee.rolling", "too huge to write"): r"knee\.rolling = a number of thousands of digits: is too large",
    ("parameters.mcl.k", "text"): r"parameters\.mcl\.k = 'x': must be a number \(fixed\), or \{ lower = \.\.\., upper",
    ("parameters.mcl.k", "date"): r"parameters\.mcl\.k = 2024-01-01: must be a number \(fixed\)",
    ("parameters.mcl.k", "empty table"): r"parameters\.mcl\.k\.lower: missing",
    ("parameters.mcl.k", "table"): r"parameters\.mcl\.k\.a: unknown key; known here: lower, upper, start",
    ("parameters.mcl.k", "table in a table"): r"parameters\.mcl\.k\.lower = a table: must be a number",
    ("parameters.mcl.k", "table with an escape"): r"parameters\.mcl\.k\.'\\x1b\[31m\\n': unknown key",
    ("parameters.mcl", "half"): r"parameters\.mcl = 0\.5: must be a table with k, alpha, l_0, reference_strain, f_ref",
    ("data.file", "empty text"): r"data\.file = '': must not be empty",
    ("data.file", "true"): r"data\.file = true: must be a text in quotes",
    ("sampling.seed", "half"): r"sampling\.seed = 0\.5: must be a whole number",
    ("sampling.max_time", "list of one"): r"sampling\.max_time = \[1\.0\]: must be a number",
    ("noise.sigma", "inf"): r"noise\.sigma = inf: must be a finite number",
    ("prior.walls", "true"): r"prior\.walls = true: must be 'penalty' or 'hard'",
}


@pytest.mark.parametrize(("key", "what"), list(SAYS))
def test_complaints_name_key_value_and_remedy(key: str, what: str) -> None:
    with pytest.raises(ValidationError) as error:
        Config.model_validate(changed(tuple(key.split(".")), WRONG[what]))
    assert re.match(SAYS[key, what], explain(error.value, Config)), explain(error.value, Config)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        (
            "parameters.dmcl.k",
            "{ lower = 1.0, upr = 9.0 }",
            "parameters.dmcl.k.upr: unknown key; did you mean 'upper'?",
        ),
        ("parameters.dmcl.k", "{ a = 1.0 }", "parameters.dmcl.k.a: unknown key; known here: lower, upper, start"),
        (
            "knee.dmcl.femur",
            "[1.0, { mean = 1.0, s = 9.0 }]",
            "knee.dmcl.femur[1].s: unknown key; did you mean 'sd'?",
        ),
        (
            "tests.flex60.parameters.mcl.l_0",
            "{ lower = 1.0, upr = 9.0 }",
            "tests.flex60.parameters.mcl.l_0.upr: unknown key; did you mean 'upper'?",
        ),
    ],
)
def test_slips_below_a_strand_of_any_name_are_told_with_what_is_known_there(key: str, value: str, says: str) -> None:
    with pytest.raises(ValidationError) as error:
        Config.model_validate(changed(tuple(key.split(".")), tomllib.loads(f"x = {value}")["x"], 1))
    assert explain(error.value, Config) == says


def test_hexadecimal_numbers_of_thousands_of_digits_are_one_line() -> None:
    text = BOX.read_text().replace("seed = 1", f"seed = 0x{'f' * 5000}")
    with pytest.raises(ConfigError, match=r"sampling\.seed = a number of thousands of digits: must be less than"):
        parse_config(text)


@pytest.mark.parametrize(
    "key", ["measurement.angle_offset", "measurement.load_bias", "noise.angle_sigma", "knee.medial_condyle.radius"]
)
def test_a_published_value_where_there_is_none_is_answered_with_what_would_be_right(key: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse_config(f'{TEXT}{key} = {{ literature = "cho2020.lcl.k" }}\n', "knee.toml")
    assert str(error.value) == (
        f"knee.toml: tests.flex60.{key} = a table: there are no published values of it; it must be a number (fixed), "
        "or { lower = ..., upper = ... }, { mean = ..., sd = ... } or { median = ..., factor = ... } (free)"
    )
