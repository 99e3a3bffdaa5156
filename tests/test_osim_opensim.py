"""OpenSim itself on the models of `osim_cases`: what it reads, and which values it reads from what we write."""

from __future__ import annotations

import random

import pytest
from opensim_reader import INSTALLED, OpenSim
from osim_cases import (
    CASES,
    CONTENTS,
    GIVEN,
    NAMES,
    OF_OPENSIM_3,
    OLD,
    READ,
    READABLE,
    STIFFNESS,
    TAG,
    UNREADABLE,
    VALUES,
    changed,
    mutated,
)

from calibrate.errors import ExportError
from calibrate.osim import ForeignModel, update_model

pytestmark = pytest.mark.skipif(not INSTALLED, reason="OpenSim is not installed: pip install 'calibrate[opensim]'")

# OpenSim runs past the end of its buffer here and reads what lies behind it, or crashes: there is no answer.
UNDEFINED = {"cut off in a tag", "open CDATA", "nested without an end"}


@pytest.fixture(scope="module")
def opensim(tmp_path_factory):
    asked = OpenSim(tmp_path_factory.mktemp("opensim"))
    yield asked
    asked.close()


@pytest.mark.parametrize("case", GIVEN)
def test_opensim_reads_the_new_values_from_models_that_were_refused(opensim, case):
    model = (CASES / f"{case}.osim").read_bytes()
    before, after = opensim.read(model), opensim.read(update_model(model, {"MCL": VALUES}))
    assert before[b"MCL"] == before[b"LCL"] == OLD
    assert after == {**before, b"MCL": READ}


@pytest.mark.parametrize("case", READABLE)
def test_opensim_reads_the_new_values_and_no_other_changes(opensim, case):
    before = opensim.read(READABLE[case])
    assert before is not None
    assert before[b"MCL"][0] == OLD[0]
    after = opensim.read(update_model(READABLE[case], {"MCL": VALUES}))
    assert after == {**before, b"MCL": READ}


@pytest.mark.parametrize("case", sorted(UNREADABLE.keys() - UNDEFINED))
def test_opensim_reads_nothing_that_is_refused(opensim, case):
    assert opensim.read(UNREADABLE[case][0]) is None


@pytest.mark.parametrize("case", CONTENTS)
def test_opensim_reads_the_new_value_whatever_stood_there(opensim, case):
    model = changed(STIFFNESS, CONTENTS[case][0])
    assert opensim.read(update_model(model, {"MCL": VALUES}))[b"MCL"] == READ


@pytest.mark.parametrize("case", NAMES)
def test_opensim_calls_a_ligament_as_we_think_it_does(opensim, case):
    base, written, spellings, name = NAMES[case]
    model = changed(TAG, TAG.replace(b'"MCL"', written), base)
    assert opensim.read(model)[name] == OLD
    for spelling in spellings:
        assert opensim.read(update_model(model, {spelling: VALUES}))[name] == READ


@pytest.mark.parametrize(
    ("xml", "version"),
    [
        (b"<appliesForce>false</appliesForce>", b"40600"),
        (b"<appliesForce>FALSE</appliesForce>", b"40600"),
        (b"<appliesForce>0</appliesForce>", b"30516"),
        (b"<appliesForce><![CDATA[false]]></appliesForce>", b"40600"),
        (b"<appliesForce>no</appliesForce>", b"40600"),
        (b"<appliesForce>true</appliesForce>", b"40600"),
        (b"<isDisabled>True</isDisabled>", b"30508"),
        (b"<isDisabled>1</isDisabled>", b"30508"),
        (b"<isDisabled>true</isDisabled>", b"30509"),
        (b"<isDisabled>true</isDisabled>", b"40600"),
    ],
)
def test_opensim_switches_off_what_we_say_it_does(opensim, xml, version):
    model = changed(STIFFNESS, STIFFNESS + xml).replace(b"40600", version)
    assert bool(ForeignModel(model).remarks({"mcl": ["MCL"]})) == (b"MCL" in opensim.switched_off(model))


@pytest.mark.parametrize("version", [b"10905", b"20302", b"30000"])
def test_opensim_converts_old_formats_with_the_new_values_in_them(opensim, version):
    model = OF_OPENSIM_3.replace(b"30000", version)
    assert opensim.read(model)[b"MCL"][0] == 3000.0
    assert opensim.read(update_model(model, {"MCL": VALUES}))[b"MCL"] == READ


def test_after_any_accident_opensim_reads_the_new_values_or_the_model_is_refused(opensim):
    rng = random.Random(40600)
    written = 0
    for _ in range(300):
        model = mutated(rng)
        try:
            new = update_model(model, {"MCL": VALUES})
        except ExportError:
            new = None
        before = opensim.read(model)
        if before is None or b"MCL" not in before:
            continue
        assert new is not None, model
        assert opensim.read(new) == {**before, b"MCL": READ}, model
        written += 1
    assert written > 30
