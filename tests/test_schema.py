"""The schema for editors, the list of keys and the help of options say what the models do, and nothing else."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest
from bad_general import TEXT, Bad
from bad_knees import GEOMETRY, STRANDS
from bad_knees_prior import KNEES
from bad_tests import ERRORS, TESTS
from bad_values import LITERATURE, PRIORS, TIES
from commands import check_refused
from config_documents import TEXT as SMALL
from conftest import config_text
from pydantic import BaseModel
from pydantic_core import PydanticUndefined
from rigs import FREE, THREE

from calibrate.config import Config, KneeConfig, ParametersConfig, SamplingConfig, parse_config
from calibrate.config.base import Model
from calibrate.config.knee import Attachments, KneePart
from calibrate.config.knees import Named
from calibrate.config.parameters import StrandConfig, TestConfig
from calibrate.config.schema import forms, help_of, json_schema, keys
from calibrate.config.values import Bounds, Distribution, Gaussian, LogGaussian, Published
from calibrate.errors import ConfigError
from calibrate.literature import entries
from calibrate.problem.quantities import LOAD, quantity_of

TOP = Path(__file__).parent.parent
VALIDATOR = jsonschema.Draft202012Validator(json_schema())
BAD: dict[str, Bad] = {
    f"{table} {name}": bad
    for table, of in zip("STGEPLKV", (STRANDS, TESTS, GEOMETRY, ERRORS, PRIORS, LITERATURE, KNEES, TIES), strict=True)
    for name, bad in of.items()
}
GOOD = {
    "two tests": TEXT,
    "small": SMALL,
    "bench": config_text(),
    "free": FREE,
    "three": THREE,
    **{path.name: path.read_text() for path in (*TOP.glob("data/*.toml"), *TOP.glob("tests/data/*.toml"))},
}
# What is said of a fault that one key alone has.
STRUCTURAL = re.compile(r"unknown key|: must be (a |two |tables|'|greater|less)|\w: missing$|are both given, and")
# Of these it takes the other keys, what the numbers mean, or arithmetic to know.
OTHERS = re.compile(r"did you mean '[\w.]+\.\w+'|; 0 slides|a strain is a share|finite")


def accepts(text: str) -> bool:
    return bool(VALIDATOR.is_valid(tomllib.loads(text)))


def complaint(text: str) -> str:
    try:
        parse_config(text)
    except ConfigError as error:
        return str(error)
    return ""


def test_it_is_a_schema_and_a_new_one_each_time() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    json_schema()["properties"].clear()
    assert json_schema()["properties"].keys() == Config.model_fields.keys()
    assert not {"null", None} & set(_strings(json_schema()))


def _strings(node: Any) -> Iterator[Any]:
    if isinstance(node, dict):
        yield from (each for inner in node.values() for each in _strings(inner))
    elif isinstance(node, list):
        yield from (each for inner in node for each in _strings(inner))
    else:
        yield node


@pytest.mark.parametrize("name", GOOD)
def test_good_configurations_are_accepted(name: str) -> None:
    assert complaint(GOOD[name]) == ""
    VALIDATOR.validate(tomllib.loads(GOOD[name]))


def spoilt(bad: Bad) -> str:
    text = TEXT
    for before, after in bad[0]:
        assert before in text
        text = text.replace(before, after, 1)
    return text


def test_what_has_no_place_in_a_configuration_is_refused_and_nothing_else_is() -> None:
    refused = 0
    for name, bad in BAD.items():
        text = spoilt(bad)
        said = complaint(text)
        try:
            accepted = accepts(text)
        except tomllib.TOMLDecodeError:
            continue
        if STRUCTURAL.search(said) and not OTHERS.search(said):
            assert not accepted, (name, said)
            refused += 1
        assert said or accepted, name
    assert refused > 40


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("sigma = 0.5", 'sigma = "0.5"'),
        ("sigma = 0.5", "sigma = true"),
        ("sigma = 0.5", "sigma = [0.5]"),
        ("sigma = 0.5", "sgima = 0.5"),
        ("radius = 20.0", "radius = { lower = 20.0 }"),
        ("radius = 20.0", 'radius = { literature = "cho2020.mcl.k", sd = 1.0 }'),
        ("centre = [22.0, -20.0]", "centre = [22.0, -20.0, 1.0]"),
        ("alpha = 0.06", 'alpha = { literature = "cho2020.mcl.k", factor = 1.4 }'),
        ("l_0 = 90.0", "l_0 = 90.0\nreference_strain = 0.02"),
        ("[noise]", "[sampling]\nwalkers = '64'\n[noise]"),
        ("[noise]", "[sampling]\nensembles = 65\n[noise]"),
        ("[noise]", "[sampling]\nmoves = { blok = 1 }\n[noise]"),
        ("[noise]", "[noize]\n[noise]"),
        ('positive = "valgus"', 'positive = "lateral"'),
        ("flexion = 30.0", "flexion = 300.0"),
        ('file = "30deg.csv"', ""),
    ],
)
def test_a_planted_fault_is_refused_by_both(before: str, after: str) -> None:
    assert before in TEXT
    text = TEXT.replace(before, after, 1)
    assert complaint(text)
    assert not accepts(text)


def test_published_values_are_offered_where_they_fit() -> None:
    offered = json_schema()["$defs"]["Published_k"]["properties"]["literature"]["enum"]
    assert offered == [entry.key for entry in entries() if entry.quantity == "k"]
    assert "smith2016.smcl.reference_strain" not in offered
    assert {"Published_alpha", "Published_reference_strain"} <= json_schema()["$defs"].keys()


# The keys, counted from the models in another way.


def model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for option in get_args(annotation) if (found := model_in(option)) is not None), None)


def is_value(annotation: Any) -> bool:
    """Tell whether it is one that may be a number, too."""
    return str in get_args(annotation) or "Gaussian" in repr(annotation)


def fields(model: type[BaseModel], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the keys of a model and of those within it, with their defaults; strands and tests by a word for all."""
    if model is KneeConfig:
        yield from fields(Attachments, f"{above}STRAND.")
    if model is ParametersConfig:
        yield from fields(StrandConfig, f"{above}STRAND.")
        return
    for name, field in model.model_fields.items():
        if model is KneeConfig and name in ("mcl", "lcl"):
            continue
        inner = model_in(field.annotation)
        if name == "tests":
            yield from ((f"tests.TEST.{key}", one.default) for key, one in TestConfig.model_fields.items())
        elif inner is not None and not is_value(field.annotation):
            yield from fields(inner, f"{above}{name}.")
        else:
            yield f"{above}{name}", field.default


KEYS = dict(fields(Config))
LISTED = {key.name: key for key in keys()}
# What no default shows, since a data file or another key may say it: the text has to.
NEEDED_UNLESS = {"noise.sigma"} | {f"parameters.STRAND.{key}" for key in ("k", "alpha", "l_0", "reference_strain")}
# Parameters that nobody declares are what `Config.declared` says.
NOUGHT = {f"measurement.{key}" for key in ("angle_offset", "load_bias", "hysteresis")}


def test_every_key_is_listed_and_no_other() -> None:
    assert LISTED.keys() == KEYS.keys()
    assert len(keys()) == len(LISTED)
    # What a test has of its own is some of what all share.
    assert KneePart.model_fields.keys() < KneeConfig.model_fields.keys()


@pytest.mark.parametrize("name", sorted(KEYS))
def test_the_default_is_that_of_the_model(name: str) -> None:
    key, default = LISTED[name], KEYS[name]
    if name.startswith("sampling.moves."):
        default = getattr(SamplingConfig().moves, name.rsplit(".", 1)[1])
    if default is PydanticUndefined:
        assert key.default == "needed"
    elif default is None or isinstance(default, BaseModel):
        assert key.default == ""
        assert ("needed" in key.text) == (name in NEEDED_UNLESS or name == "knee.application_point")
        assert ("0 without it" in key.text) == (name in NOUGHT)
    else:
        assert tomllib.loads(f"x = {key.default}") == {"x": default}


def every_model(model: type[BaseModel]) -> set[type[BaseModel]]:
    return {model}.union(*(every_model(one) for one in model.__subclasses__()))


def test_every_field_of_every_model_says_what_it_is_in_a_phrase() -> None:
    for model in every_model(Model) - {Model, Distribution}:
        for name, field in model.model_fields.items():
            said = field.description
            assert said, (model, name)
            assert said == said.strip(" .")
            assert said[:1].islower() or said.startswith("R-hat"), said


def test_nothing_is_said_twice() -> None:
    said = [field.description for model in every_model(Model) for field in model.model_fields.values()]
    sources = "\n".join(path.read_text() for path in (TOP / "calibrate/config").glob("*.py"))
    joined = re.sub(r'"\s*"', "", sources)
    for text in set(said):
        assert text is None or joined.count(json.dumps(text, ensure_ascii=False)) == 1, text
    others = [*TOP.glob("docs/**/*.md"), TOP / "README.md", *(TOP / "calibrate").glob("*.py")]
    for path in others:
        page = path.read_text()
        assert not [text for text in said if text and len(text) > 40 and text in page], path.name


def test_units_are_those_of_the_quantities() -> None:
    seen = 0
    for key in keys():
        if key.kind not in ("value", "point") or key.name.startswith("tests."):
            continue
        name = key.name.removeprefix("parameters.") + (".x" if key.kind == "point" else "")
        unit = quantity_of(name.replace("STRAND", "mcl")).unit
        assert key.unit == ("N or N·m" if unit == LOAD else unit)
        seen += 1
    assert seen > 20


def test_the_forms_of_a_value_are_those_of_the_models() -> None:
    models = (Bounds, Gaussian, LogGaussian, Published, Named)
    assert {key.name for key in forms()} == {name for model in models for name in model.model_fields}


# What people see.


def test_the_command_prints_it_or_writes_it(command: Any, tmp_path: Path) -> None:
    assert json.loads(command("schema").out) == json_schema()
    path = tmp_path / "calibrate.schema.json"
    done = command("schema", "-o", path)
    assert (done.code, done.out) == (0, f"{path}\n")
    assert json.loads(path.read_text()) == json_schema()
    check_refused(command("schema", "-o", path), "exists already; replace it with --overwrite")
    assert command("schema", "-o", path, "--overwrite").code == 0
    path.write_text("{}")
    check_refused(command("schema", "-o", path, "--overwrite"), "is not a schema of a configuration")
    check_refused(command("schema", "-o", tmp_path / "knee.toml"), "end it in .json")


@pytest.mark.parametrize(
    ("option", "key"),
    [
        ("--seed", "sampling.seed"),
        ("--max-steps", "sampling.max_steps"),
        ("--max-time", "sampling.max_time"),
        ("--min-ess", "sampling.min_ess"),
        ("--workers", "sampling.workers"),
    ],
)
def test_the_help_of_an_option_is_what_is_said_of_its_key(command: Any, option: str, key: str) -> None:
    words = re.sub(r"[│\s]+", " ", command("run", "--help").out)
    said = help_of(key)
    assert said[0].isupper()
    assert said.endswith(".")
    assert LISTED[key].text[1:] in said
    start = words.index(option)
    assert set(said.split()) <= set(words[start : start + 400].split())
