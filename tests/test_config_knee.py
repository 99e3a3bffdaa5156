"""The geometry in a configuration: the numbers that it yields by name, and what is no knee, to the letter."""

from __future__ import annotations

import math
from typing import Any

import pytest
from config_documents import document, refused
from pydantic import ValidationError

from calibrate.config import Attachments, Bounds, Gaussian, KneeConfig
from calibrate.config.knee import AttachmentsPart, CondylePart, KneePart

CONDYLE = {"centre": [24.0, -20.0], "radius": 20.0}
STRAND = {"femur": [-40.0, 0.0], "tibia": [-40.0, -80.0]}
THREE = {"femur": [-38.0, 1.7, 1.0], "tibia": [-31.4, -62.3, 2.5]}
FREE = {"mean": 1.0, "sd": 0.5}


def knee(**changes: Any) -> dict[str, Any]:
    return document()["knee"] | changes


def test_a_knee_yields_all_its_numbers_by_name() -> None:
    given = knee(application_point=[1.0, -340.0], flexion_axis=[2.0, FREE], dmcl=THREE, rolling=FREE)
    config = KneeConfig.model_validate(given)
    assert config.strands == ("mcl", "lcl", "dmcl")
    assert dict(config.items()) == {
        "lateral_condyle.centre.x": 24.0,
        "lateral_condyle.centre.y": -20.0,
        "lateral_condyle.radius": 20.0,
        "medial_condyle.centre.x": -18.0,
        "medial_condyle.centre.y": -20.0,
        "medial_condyle.radius": 20.0,
        "rolling": Gaussian(mean=1.0, sd=0.5),
        "application_point.x": 1.0,
        "application_point.y": -340.0,
        "flexion_axis.y": 2.0,
        "flexion_axis.z": Gaussian(mean=1.0, sd=0.5),
        "mcl.femur.x": -40.0,
        "mcl.femur.y": 0.0,
        "mcl.tibia.x": -40.0,
        "mcl.tibia.y": -80.0,
        "lcl.femur.x": 40.0,
        "lcl.femur.y": 0.0,
        "lcl.tibia.x": 40.0,
        "lcl.tibia.y": -60.0,
        "dmcl.femur.x": -38.0,
        "dmcl.femur.y": 1.7,
        "dmcl.femur.z": 1.0,
        "dmcl.tibia.x": -31.4,
        "dmcl.tibia.y": -62.3,
        "dmcl.tibia.z": 2.5,
    }


def test_a_tests_own_geometry_yields_what_is_given() -> None:
    assert dict(KneePart().items()) == {}
    assert {*KneePart(lateral_condyle=CondylePart()).model_dump(exclude={"lateral_condyle"}).values()} == {None}
    assert CondylePart().model_dump() == {"centre": None, "radius": None}
    given = {
        "lateral_condyle": {"radius": 21.0},
        "medial_condyle": {"centre": [-18.0, -19.0]},
        "rolling": {"lower": 0.0, "upper": 1.0},
        "mcl": {"femur": [-40.0, 1.0]},
        "dmcl": {"tibia": [-31.4, -62.3, 2.5]},
    }
    part = KneePart.model_validate(given)
    assert part.strands == ("mcl", "dmcl")
    assert dict(part.items()) == {
        "lateral_condyle.radius": 21.0,
        "medial_condyle.centre.x": -18.0,
        "medial_condyle.centre.y": -19.0,
        "rolling": Bounds(lower=0.0, upper=1.0),
        "mcl.femur.x": -40.0,
        "mcl.femur.y": 1.0,
        "dmcl.tibia.x": -31.4,
        "dmcl.tibia.y": -62.3,
        "dmcl.tibia.z": 2.5,
    }
    assert dict(KneePart.model_validate({"application_point": [1.0, 2.0], "flexion_axis": [3.0, 4.0]}).items()) == {
        "application_point.x": 1.0,
        "application_point.y": 2.0,
        "flexion_axis.y": 3.0,
        "flexion_axis.z": 4.0,
    }


def test_strands_may_be_models_and_nothing_changes_afterwards() -> None:
    dmcl = Attachments.model_validate(THREE)
    config, part = KneeConfig.model_validate(knee(dmcl=dmcl)), KneePart.model_validate({"dmcl": AttachmentsPart()})
    assert config.attachments("dmcl") is dmcl
    assert (part.attachments("dmcl").femur, part.attachments("dmcl").tibia) == (None, None)
    for model in (config, part):
        with pytest.raises(ValidationError, match="frozen"):
            model.rolling = 0.5


POSITIVE = "radius = -1, but it has to be positive"
EITHER = "give both or neither"
ONE = "has a third coordinate and"
CAPITALS = "another one has this name but for capitals; choose another"
KNOWN = "lateral_condyle, medial_condyle, rolling, application_point, reference_flexion, flexion_axis, mcl, lcl"
KNOWN_TO_A_TEST = "lateral_condyle, medial_condyle, rolling, application_point, flexion_axis"
ROLLS = "0 slides, 1 rolls"
THREE_NUMBERS = "must be two numbers or three, like [23.5, -6.0] or [23.5, -6.0, 1.5]"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"lateral_condyle": {**CONDYLE, "radius": -1.0}}, f"lateral_condyle: {POSITIVE}"),
        (
            {"mcl": {**STRAND, "femur": [1.0, 2.0, 3.0]}},
            f"mcl: femur {ONE} tibia has none; {EITHER}",
        ),
        (
            {"mcl": {**STRAND, "tibia": [1.0, 2.0, 3.0]}},
            f"mcl: tibia {ONE} femur has none; {EITHER}",
        ),
        ({"mcl": {**STRAND, "femur": [1.0] * 4}}, f"mcl.femur = [1.0, 1.0, 1.0, 1.0]: {THREE_NUMBERS}"),
        ({"mcl": {**STRAND, "femur": [1.0]}}, f"mcl.femur = [1.0]: {THREE_NUMBERS}"),
        ({"dmcl": 3}, "dmcl: unknown key; did you mean 'mcl'?"),
        ({"roling": 0.5}, "roling: unknown key; did you mean 'rolling'?"),
        ({"pol": {"colour": 3}}, f"pol: unknown key; known here: {KNOWN}"),
        ({"pol": {"xxx": 3}}, f"pol: unknown key; known here: {KNOWN}"),
        ({"pol": {"femurs": [1.0, 2.0]}}, "pol.femurs: unknown key; did you mean 'femur'?"),
        ({"pol": {"tibias": [1.0, 2.0]}}, "pol.tibias: unknown key; did you mean 'tibia'?"),
        ({"p l": THREE}, "the strand 'p l': a name is up to 64 letters, digits, - and _, a letter first"),
        ({"MCL": THREE}, f"the strand 'MCL': {CAPITALS}"),
        ({"dmcl": THREE, "dMCL": THREE}, f"the strand 'dMCL': {CAPITALS}"),
        ({"rolling": -0.5}, f"rolling = -0.5: must be greater than or equal to 0.0; {ROLLS}"),
        ({"rolling": 1.5}, f"rolling = 1.5: must be less than or equal to 1.0; {ROLLS}"),
        (
            {"rolling": {"lower": -0.5, "upper": 1.0}},
            f"rolling.lower = -0.5: must be greater than or equal to 0.0; {ROLLS}",
        ),
        (
            {"rolling": {"lower": 0.0, "upper": 1.5}},
            f"rolling.upper = 1.5: must be less than or equal to 1.0; {ROLLS}",
        ),
        ({"rolling": {"lower": 0.0, "upper": 1.0}}, None),
        ({"rolling": FREE}, None),
    ],
)
def test_what_is_no_knee(given: dict[str, Any], says: str | None) -> None:
    assert refused(KneeConfig, knee(**given)) == says


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"lateral_condyle": {"radius": -1.0}}, f"lateral_condyle: {POSITIVE}"),
        ({"mcl": {"femur": [1.0] * 4}}, f"mcl.femur = [1.0, 1.0, 1.0, 1.0]: {THREE_NUMBERS}"),
        ({"mcl": {"femurs": [1.0]}}, "mcl.femurs: unknown key; did you mean 'femur'?"),
        ({"mcl": {}, "lcl": 3}, "lcl = 3: must be a table with femur, tibia"),
        ({"rolling": 0.5, "roling": 0.5}, "roling: unknown key; did you mean 'rolling'?"),
        ({"mlc": 0.5}, "mlc: unknown key; did you mean 'mcl'?"),
        ({"mcl2": {"femr": [1.0, 2.0]}}, "mcl2.femr: unknown key; did you mean 'femur'?"),
        ({"pol": {"colour": 3}}, f"pol: unknown key; known here: {KNOWN_TO_A_TEST}, mcl, lcl"),
        ({"rolling": 1.5}, f"rolling = 1.5: must be less than or equal to 1.0; {ROLLS}"),
        ({"application_point": [math.inf, 0.0]}, "application_point[0] = inf: must be a finite number"),
    ],
)
def test_what_is_no_part_of_a_knee(given: dict[str, Any], says: str) -> None:
    assert refused(KneePart, given) == says


def test_what_is_no_table() -> None:
    assert refused(KneeConfig, 3) == f" = 3: must be a table with {KNOWN}"
    assert refused(KneePart, [3]) == f" = [3]: must be a table with {KNOWN_TO_A_TEST}"
