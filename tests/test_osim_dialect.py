"""Models as people have them: what OpenSim reads is updated and keeps its bytes, the rest is refused in one line."""

from __future__ import annotations

import random

import pytest
from osim_cases import (
    BASE,
    CASES,
    CONTENTS,
    GIVEN,
    LIGAMENT,
    NAMES,
    READABLE,
    STIFFNESS,
    TAG,
    UNREADABLE,
    VALUES,
    beside,
    changed,
    mutated,
    updated,
)

from calibrate.errors import ExportError
from calibrate.osim import ForeignModel, update_model
from calibrate.osim.letters import Letters


def refusal(model, name="MCL"):
    """The one line with which a model is refused."""
    with pytest.raises(ExportError) as caught:
        update_model(model, {name: VALUES}, "theirs.osim")
    message = str(caught.value)
    assert message.startswith("theirs.osim: ")
    assert "\n" not in message
    assert len(message) < 300
    return message


@pytest.mark.parametrize("case", GIVEN)
def test_models_that_were_refused_are_updated_and_keep_every_other_byte(case):
    model = (CASES / f"{case}.osim").read_bytes()
    assert update_model(model, {"MCL": VALUES}) == updated(model)


@pytest.mark.parametrize("case", READABLE)
def test_what_opensim_reads_is_updated_and_keeps_every_other_byte(case):
    assert update_model(READABLE[case], {"MCL": VALUES}) == updated(READABLE[case])


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_opensim_does_not_read_is_refused_with_place_and_reason(case):
    model, message = UNREADABLE[case]
    with pytest.raises(ExportError, match=message):
        update_model(model, {"MCL": VALUES}, "theirs.osim")
    refusal(model)


@pytest.mark.parametrize("case", CONTENTS)
def test_a_value_is_replaced_whatever_stands_around_it(case):
    before, after = CONTENTS[case]
    model = changed(STIFFNESS, before)
    assert update_model(model, {"MCL": VALUES}) == updated(BASE, after)
    assert update_model(updated(BASE, after), {"MCL": VALUES}) == updated(BASE, after)


@pytest.mark.parametrize("case", NAMES)
def test_a_name_is_found_however_it_is_written_and_spelled(case):
    base, written, spellings, _ = NAMES[case]
    tag = TAG.replace(b'"MCL"', written)
    for spelling in spellings:
        model = changed(TAG, tag, base)
        expected = updated(base).replace(TAG, tag)
        assert update_model(model, {spelling: VALUES}) == expected
    assert "no Blankevoort1991Ligament is called 'Lig-e'" in refusal(changed(TAG, tag, base), "Lig-e")


@pytest.mark.parametrize(
    ("declared", "written", "spelling"),
    [
        (b"UTF-8", b"a\r\nb\rc", "a\nb\nc"),
        (b"unicode_escape", b"Lig-\\L\xe9", "Lig-\\L\u00e9"),  # Python's codec of this name warns of '\L'
        (b"idna", b"Lig-\xe9", "Lig-\u00e9"),
    ],
)
def test_names_that_opensim_does_not_take_are_found_all_the_same(declared, written, spelling):
    model = changed(b'"MCL"', b'"%b"' % written).replace(b"UTF-8", declared)
    assert b"<linear_stiffness>4000.0<" in update_model(model, {spelling: VALUES})


def test_opensims_own_name_goes_before_other_spellings():
    model = changed(TAG, TAG.replace(b"MCL", b"a&b")).replace(b'"LCL"', b'"a&amp;b"')
    once = update_model(model, {"a&b": VALUES})
    assert once.index(b"4000.0") > once.index(b'"a&amp;b"')
    assert update_model(model, {"ab": VALUES}).index(b"4000.0") < model.index(b'"a&amp;b"')


def test_long_texts_are_left_as_they_are_written():
    text = b"&amp;" * 5000
    assert Letters(text).value(0, len(text)) == text
    assert Letters(text).value(0, 10_000) == b"&" * 2000


def test_what_is_put_in_repeats_no_text_and_no_long_indent():
    model = changed(TAG, TAG + b" text")
    expected = TAG + b"<transition_strain>0.0625</transition_strain> text"
    assert expected in update_model(model, {"MCL": VALUES})
    assert len(update_model(changed(TAG, TAG + b" " * 5000), {"MCL": VALUES})) < len(BASE) + 5100


def test_two_names_of_one_ligament_are_refused():
    model = changed(TAG, TAG.replace(b"MCL", b"a&amp;b"))
    with pytest.raises(ExportError, match="'a&b' and 'a&amp;b' are one ligament"):
        update_model(model, {"a&b": VALUES, "a&amp;b": VALUES})


FORCES = b'<ForceSet name="forceset">'
UNREAD = {
    "among the defaults": (beside(b"<defaults>%b</defaults>" % LIGAMENT.replace(b"MCL", b"X")), "X", "<defaults>"),
    "deep among the defaults": (
        beside(b"<defaults><a><objects>%b</objects></a></defaults>" % LIGAMENT.replace(b"MCL", b"X")),
        "X",
        "<defaults>",
    ),
    "in a second set": (changed(FORCES, b"<ForceSet/>" + FORCES), "MCL", "several <ForceSet>"),
    "in a second list": (changed(FORCES, FORCES + b"<objects/>"), "MCL", "several <objects>"),
    "in a second model": (changed(b"<Model ", b'<Model name="a"></Model><Model '), "MCL", "the first element in <Open"),
    "after something else": (changed(b"<Model ", b"<a/><Model "), "MCL", "the first element in <OpenSimDocument>"),
    "in another file": (changed(FORCES, b'<ForceSet file="forces.xml">'), "MCL", "from the file 'forces.xml'"),
    "in a file of a strange name": (changed(FORCES, b'<ForceSet file="\x1b[2J">'), "MCL", r"'\\x1b\[2J'"),
}


@pytest.mark.parametrize("case", UNREAD)
def test_a_ligament_that_opensim_does_not_look_at_is_refused_with_the_reason(case):
    model, name, reason = UNREAD[case]
    with pytest.raises(ExportError, match=reason):
        update_model(model, {name: VALUES}, "theirs.osim")
    assert f"'{name}' is not read by OpenSim: " in refusal(model, name)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (BASE.replace(b'"LCL"', b'"MCL"'), "2 ligaments are called 'MCL'"),
        (beside(b"<components>%b</components>" % LIGAMENT), "2 ligaments are called 'MCL'"),
        (BASE.replace(b"Blankevoort1991Ligament", b"Ligament"), "'MCL' is a Ligament; only a Blankevoort1991Ligament"),
        (BASE.replace(b"Blankevoort1991Ligament", b"Millard\xe9Ligament"), "'MCL' is a Millard"),
        (changed(TAG, b'<Blankevoort1991Ligament name="MCL"/>' + TAG.replace(b"MCL", b"X")), "is empty"),
        (changed(b' name="MCL"', b""), "did you mean 'LCL'"),
        (changed(b'"MCL"', b'""'), "did you mean 'LCL'"),
        (BASE.replace(b'"MCL"', b'"\x1b[31mA"').replace(b'"LCL"', b'"B"'), r"it has: \\x1b\[31mA, B"),
        (changed(b'"MCL"', b'"%b"' % (b"A" * 5000)), "did you mean 'LCL'"),
        (BASE.replace(b'"MCL"', b'"%b"' % (b"A" * 5000)).replace(b'"LCL"', b'"B"'), r"it has: A{60}\.\.\., B$"),
    ],
)
def test_a_ligament_that_cannot_be_meant_is_refused(model, message):
    with pytest.raises(ExportError, match=message):
        update_model(model, {"MCL": VALUES}, "theirs.osim")
    refusal(model)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (beside(b'<Ligament name="a"/>' * 100_001), "more than 100000 ligaments"),
        (beside(b"<a>" + b"".join(b"<a%d/>" % i for i in range(100_001)) + b"</a>"), "more than 100000 different"),
    ],
)
def test_what_would_fill_memory_is_refused(model, message):
    assert message in refusal(model)


@pytest.mark.parametrize(
    ("xml", "times"),
    [
        (b"&", 200_000),
        (b"&#65;", 100_000),
        (b"<!>", 100_000),
        (b"<!--", 100_000),
        (b"&#", 200_000),
        (b"<![CDATA[", 100_000),
        (b" ", 2_000_000),
        (b"<a b=''/>", 30_000),
    ],
)
def test_no_repetition_takes_more_than_one_pass(xml, times):
    """Each of these takes minutes if something looks ahead to the end of the file again and again."""
    model = beside(b"<a>" + xml * times + b"</a>")
    try:
        assert update_model(model, {"MCL": VALUES}) == updated(model)
    except ExportError:
        assert not xml.endswith((b">", b";", b" ", b"&"))


def test_after_any_accident_a_model_is_updated_or_refused():
    """Also with NULs, cuts and bytes swapped, which OpenSim need not survive."""
    rng = random.Random(1991)
    for _ in range(1500):
        model = bytearray(mutated(rng))
        for _ in range(rng.randrange(3)):
            model[rng.randrange(len(model))] = rng.choice((0, 0x26, 0x3C, 0xE9, rng.randrange(256)))
        model = bytes(model[: rng.choice((None, None, rng.randrange(len(model))))])
        try:
            new = update_model(model, {"MCL": VALUES})
        except ExportError:
            refusal(model)
        else:
            assert update_model(new, {"MCL": VALUES}) == new


def test_remarks_name_the_strands_and_what_is_switched_off():
    strands = BASE.replace(b'"MCL"', b'"MCL1"').replace(b'"LCL"', b'"MCL2"')
    (remark,) = ForeignModel(strands).remarks({"mcl": ["MCL1"]})
    assert "the whole stiffness goes into 'MCL1', one of 2 strands that look like one ligament: MCL1, MCL2" in remark
    assert ForeignModel(BASE).remarks({"mcl": ["MCL"], "lcl": ["LCL"]}) == []
    of_another_law = changed(TAG, b'<Ligament name="MCL2"></Ligament>' + TAG)
    assert ForeignModel(of_another_law).remarks({"mcl": ["MCL"]}) == []


@pytest.mark.parametrize("tag", [b"unknown", b"groups", b"ForceSet"])
def test_a_ligament_outside_of_all_lists_deserves_a_word(tag):
    model = beside(b"<%b>%b</%b>" % (tag, LIGAMENT.replace(b"MCL", b"X"), tag))
    (remark,) = ForeignModel(model).remarks({"mcl": ["X"]})
    assert remark.startswith("mcl: 'X' stands outside of <objects> and <components>")


@pytest.mark.parametrize(
    ("xml", "version", "remark"),
    [
        (b"<appliesForce>false</appliesForce>", b"40600", "appliesForce = false"),
        (b"<appliesForce> FALSE </appliesForce>", b"40600", "appliesForce = false"),
        (b"<appliesForce>0</appliesForce>", b"30516", "appliesForce = false"),
        (b"<appliesForce>false</appliesForce>", b"30000", "appliesForce = false"),
        (b"<isDisabled>True</isDisabled>", b"30000", "isDisabled = true"),
        (b"<isDisabled>1</isDisabled>", b"30508", "isDisabled = true"),
        (b"<appliesForce><![CDATA[false]]></appliesForce>", b"40600", "appliesForce = false"),
        (b"<isDisabled>true</isDisabled>", b"30509", ""),
        (b"<isDisabled>true</isDisabled>", b"40600", ""),
        (b"<isDisabled>false</isDisabled>", b"30000", ""),
        (b"<appliesForce>true</appliesForce>", b"40600", ""),
        (b"<appliesForce>no</appliesForce>", b"40600", ""),
        (b"<a><appliesForce>false</appliesForce></a>", b"40600", ""),
    ],
)
def test_a_ligament_that_is_switched_off_deserves_a_word(xml, version, remark):
    model = ForeignModel(changed(STIFFNESS, STIFFNESS + xml).replace(b"40600", version))
    remarks = model.remarks({"mcl": ["MCL"], "lcl": ["LCL"]})
    assert remarks == ([f"mcl: 'MCL' has {remark}: OpenSim does not let it pull"] if remark else [])
