"""The configuration's JSON Schema, and the list of its keys: what editors, the reference and the help are made from.

All of it comes from the models. What is said of a key stands there, in `said`, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from calibrate import literature
from calibrate.config.knees import Named
from calibrate.config.load import Config
from calibrate.config.parameters import LAW_KEYS
from calibrate.config.values import LONGEST_NAME, Published

DRAFT = "https://json-schema.org/draft/2020-12/schema"
# What stands in a key's name for a name of the user's own.
OWN_NAMES = {"tests": "TEST"}
OWN_NAME = "STRAND"
_NAME = f"^[A-Za-z][A-Za-z0-9_-]{{0,{LONGEST_NAME - 1}}}$"
_TIE = r"^[A-Za-z][A-Za-z0-9_-]*(\.[A-Za-z][A-Za-z0-9_-]*)+$"
_LOAD = "N or N·m"
# Of two keys that say each other, one can be given.
_EITHER = {
    "StrandConfig": ("l_0", "reference_strain"),
    "StrandPart": ("l_0", "reference_strain"),
    "NoiseConfig": ("nu", "discrepancy"),
}


@dataclass(frozen=True)
class Key:
    """What there is to know of a key.

    Attributes
    ----------
    name : str
        With the tables that it is in; names of the user's own are `STRAND` and `TEST`.
    kind : str
        What can be given, in words.
    unit : str
        As printed; "" for none.
    default : str
        As TOML has it; "needed", or "" where leaving it out means something of its own, which the text says.
    text : str
        What it means.
    """

    name: str
    kind: str
    unit: str
    default: str
    text: str


class _Generator(GenerateJsonSchema):
    """Leaves out what TOML does not have: null, and defaults that are made of it."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        default, inner = schema.get("default"), self.generate_inner(schema["schema"])
        if isinstance(default, BaseModel):
            default = default.model_dump(exclude_unset=True) or None
        return inner if default is None else {**inner, "default": default}

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a configuration, draft 2020-12.

    It refuses what has no place in a configuration, as `load_config` does: keys that are not known or missing, and
    values of another type or beyond their limits. What depends on several numbers at once, only `load_config` knows.

    Returns
    -------
    dict
        Ready for `json.dumps`; a new one each time.
    """
    schema = _with_units(_tables())
    assert isinstance(schema, dict)
    return {"$schema": DRAFT, "title": "calibrate", **schema}


def keys() -> tuple[Key, ...]:
    """Return every key, in the order of the models; what a test has of its own is a table here."""
    schema = _tables()
    return tuple(_keys(schema, schema["$defs"], ""))


def forms() -> tuple[Key, ...]:
    """Return the keys of the tables that a value may be: bounds, distributions, what was published, priors of knees."""
    definitions = _tables()["$defs"]
    found: dict[str, Key] = {}
    for name in ("Bounds", "Named", "Gaussian", "LogGaussian", "Published_k"):
        for key in _keys(definitions[name], definitions, ""):
            found[key.name] = replace(key, default="")
    return tuple(found.values())


def help_of(name: str) -> str:
    """Return what is said of a key as the help of an option that takes its place."""
    key = next(key for key in keys() if key.name == name)
    unit = f" ({key.unit})" if key.unit else ""
    return f"{key.text[0].upper()}{key.text[1:]}{unit}.".replace("`", "'")


@cache
def _tables() -> dict[str, Any]:
    """Return the schema with units by themselves; not to be changed."""
    schema = Config.model_json_schema(schema_generator=_Generator)
    definitions = schema["$defs"]
    value = _value_in(definitions["Condyle"])
    schema = _by_reference(schema, value)
    definitions = {"Value": value} | schema["$defs"]
    for model in ("Gaussian", "LogGaussian"):  # provenance, which loading writes and nobody else
        definitions[model]["properties"].pop("knees")
    definitions.pop("MadeOf")
    value["oneOf"].insert(-1, {"$ref": "#/$defs/Named"})
    definitions["Named"] = _plain(Named)
    value["oneOf"][-1] |= {"pattern": _TIE, "description": "the name of another parameter, whose value this one has"}
    for quantity in LAW_KEYS:
        if not (known := _published(quantity)):
            continue
        definitions[f"Published_{quantity}"] = _published_schema(known)
        options = [*value["oneOf"], {"$ref": f"#/$defs/Published_{quantity}"}]
        definitions[f"Value_{quantity}"] = value | {"oneOf": options}
        for model in ("StrandConfig", "StrandPart"):
            definitions[model]["properties"][quantity]["$ref"] = f"#/$defs/Value_{quantity}"
    for model, pair in _EITHER.items():
        definitions[model]["not"] = {"required": list(pair)}
    for table in (schema, *definitions.values()):
        _name_own(table)
    either = [{"required": ["data"]}, {"required": ["tests"]}]
    return {**schema, "oneOf": either, "$defs": dict(sorted(definitions.items()))}


def _value_in(condyle: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a value: a number, a distribution or a tie."""
    radius = condyle["properties"]["radius"]
    return {
        "description": "a number (fixed), a distribution (free), or the name of a parameter (tied)",
        "oneOf": radius["oneOf"],
    }


def _by_reference(node: Any, value: dict[str, Any]) -> Any:
    """Return a schema in which values are references to the one definition, and models have no titles."""
    if isinstance(node, list):
        return [_by_reference(item, value) for item in node]
    if not isinstance(node, dict):
        return node
    if node.get("oneOf") == value["oneOf"]:
        rest = {key: inner for key, inner in node.items() if key != "oneOf"}
        return {"$ref": "#/$defs/Value", **rest}
    return {
        key: _by_reference(inner, value) for key, inner in node.items() if key != "title" or not isinstance(inner, str)
    }


def _published(quantity: str) -> list[str]:
    """Return the keys of published values that can be a prior of a quantity."""
    return [entry.key for entry in literature.entries() if entry.quantity == quantity and not entry.why_not]


def _published_schema(known: list[str]) -> dict[str, Any]:
    """Return the schema of a published value, which is one of those that are known."""
    schema = _plain(Published)
    schema["properties"]["literature"] |= {"enum": known}
    return schema


def _plain(model: type[BaseModel]) -> dict[str, Any]:
    """Return the schema of a table that stands in no model's field."""
    schema = model.model_json_schema(schema_generator=_Generator)
    schema.pop("title")
    return schema | {"additionalProperties": False}


def _name_own(table: dict[str, Any]) -> None:
    """Say what names of the user's own may be, and what stands under them."""
    for inner in (table, *(one for one in table.get("properties", {}).values() if "additionalProperties" in one)):
        own = inner.get("additionalProperties")
        if isinstance(own, dict):
            said = inner.get("properties", {}).get("mcl", {}).get("description")
            inner["additionalProperties"] = {**own, "description": said} if said else own
            inner["propertyNames"] = {"pattern": _NAME}


def _with_units(node: Any) -> Any:
    """Return a schema in which units stand at the end of what is said."""
    if isinstance(node, list):
        return [_with_units(item) for item in node]
    if not isinstance(node, dict):
        return node
    out = {key: _with_units(inner) for key, inner in node.items() if key != "unit"}
    if "unit" in node:
        out["description"] = f"{node['description']} [{_unit(node)}]"
    return out


def _unit(node: dict[str, Any]) -> str:
    unit = str(node.get("unit", ""))
    return _LOAD if unit == "load" else unit


def _keys(table: dict[str, Any], definitions: dict[str, Any], above: str) -> Iterator[Key]:
    """Yield the keys of a table and of those in it."""
    own = isinstance(table.get("additionalProperties"), dict)
    for name, node in table.get("properties", {}).items():
        if own:  # `mcl` and `lcl` among them are like all others, so one stands for all
            if name == "mcl":
                yield from _keys_of(f"{above}{OWN_NAME}", node, definitions, needed=True)
            if name in ("mcl", "lcl"):
                continue
        yield from _keys_of(f"{above}{name}", node, definitions, needed=name in table.get("required", ()))


def _keys_of(name: str, node: dict[str, Any], definitions: dict[str, Any], *, needed: bool) -> Iterator[Key]:
    """Yield a key, or those of the table that it is."""
    if name in OWN_NAMES:
        yield from _keys_of(f"{name}.{OWN_NAMES[name]}", node["additionalProperties"], definitions, needed=False)
        return
    reference = node.get("$ref", "").rpartition("/")[2]
    part = reference.endswith("Part") or (
        name.startswith("tests.") and reference in ("NoiseConfig", "MeasurementConfig")
    )
    if reference and "properties" in definitions[reference] and not part:
        for key in _keys(definitions[reference], definitions, f"{name}."):
            own = node.get("default", {}).get(key.name.rpartition(".")[2], key.default)
            yield replace(key, default=own if isinstance(own, str) else _as_toml(own))
        return
    default = "needed" if needed else _as_toml(node["default"]) if "default" in node else ""
    yield Key(name, _kind(node), _unit(node), default, node["description"])


def _as_toml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else repr(value)


def _kind(node: dict[str, Any]) -> str:
    """Say in words what can be given."""
    if "$ref" in node:
        return "value" if node["$ref"].startswith("#/$defs/Value") else "table"
    if "enum" in node:
        few = len(node["enum"]) < 3
        return "one of " + ", ".join(f'"{one}"' for one in node["enum"]) if few else "a key of `calibrate priors`"
    kind = {
        "number": "number",
        "integer": "whole number",
        "string": "text",
        "boolean": "true or false",
        "array": "point",
    }
    return kind[node["type"]] + _limits(node)


def _limits(node: dict[str, Any]) -> str:
    """Say in words between which numbers something may lie."""
    least, most = node.get("minimum"), node.get("maximum")
    if least is not None and most is not None:
        return f", {least:g} to {most:g}"
    if least is not None:
        return f", {least:g} or more"
    return f", above {node['exclusiveMinimum']:g}" if "exclusiveMinimum" in node else ""
