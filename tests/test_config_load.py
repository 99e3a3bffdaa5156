"""A whole configuration: what goes together, the tests and who is fitted, what each says of parameters, and copies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from config_documents import TEXT, complaint, document

from calibrate.config import SamplingConfig, config_of, load_config, parse_config
from calibrate.errors import ConfigError

FILE = {"file": "x.csv", "positive": "valgus"}
LAW = {"k": 50.0, "alpha": 0.06, "l_0": 80.0}
PLACE = {"femur": [-40.0, 0.0], "tibia": [-40.0, -80.0]}


def several(**changes: Any) -> dict[str, Any]:
    """Return a configuration of two tests, with some values changed."""
    whole = document(tests={"a": dict(FILE), "b": dict(FILE, file="y.csv")}, **changes)
    return {key: value for key, value in whole.items() if key != "data"}


def refused(given: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as error:
        config_of(given, "knee")
    assert error.value.__suppress_context__
    return str(error.value).removeprefix("knee: ")


NEITHER = "give [data] for a single test, or [tests.NAME] for each of several"
STRAND = "there is no such strand in [knee]"


def test_there_is_one_test_or_there_are_several() -> None:
    without = {key: value for key, value in document().items() if key != "data"}
    assert refused(without) == f"data: missing; {NEITHER}"
    assert refused({**without, "tests": {}}) == f"tests: there are none; {NEITHER}"
    assert refused({**document(), "tests": {"a": FILE}}) == (
        "data and tests are both given; [data] is for a single test, so make it one of [tests]"
    )
    assert refused({**without, "tests": {"mcl": FILE}}) == (
        "tests: the test 'mcl': this name has a meaning of its own; choose another"
    )
    assert refused({**without, "tests": {"a": {**FILE, "hold_out": True}}}) == (
        "tests: all are held out, so there is nothing to fit; leave one in"
    )


def test_strands_have_a_place_and_a_law() -> None:
    assert refused(document(knee__mcl={**PLACE, "colour": 3})) == (
        "knee.mcl.colour: unknown key; known here: femur, tibia"
    )
    assert complaint(parameters__pol=LAW) == f"parameters.pol: {STRAND}; add knee.pol"
    own = several()
    own["tests"]["a"]["parameters"] = {"dmcl": {"k": 3.0}}
    assert refused(own) == f"tests.a.parameters.dmcl: {STRAND}; did you mean 'mcl'?"
    for missing, says in (("k", "k: missing"), ("alpha", "alpha: missing")):
        law = {key: value for key, value in LAW.items() if key != missing}
        assert complaint(parameters__mcl=law) == f"parameters.mcl.{says}"
    slack = "parameters.mcl.l_0: missing; give l_0 or reference_strain"
    assert complaint(parameters__mcl={"k": 50.0, "alpha": 0.06}) == slack
    assert complaint(parameters__mcl={"k": 50.0, "alpha": 0.06, "reference_strain": 0.02}) is None


def test_a_law_may_be_a_tests_own_if_every_test_has_one() -> None:
    given = several(knee__dmcl=PLACE)
    assert refused(given) == "parameters.dmcl.k: missing, and tests.a has none of its own"
    given["tests"]["a"]["parameters"] = {"dmcl": LAW}
    assert refused(given) == "parameters.dmcl.k: missing, and tests.b has none of its own"
    given["tests"]["b"]["parameters"] = {"dmcl": {"k": 30.0, "alpha": 0.05, "reference_strain": 0.02}}
    config = config_of(given, "knee")
    declared = {name: value for name, value in config.declared().items() if "dmcl." in name and "knee" not in name}
    assert declared == {
        "dmcl.f_ref": 0.0,
        "a.dmcl.k": 50.0,
        "a.dmcl.alpha": 0.06,
        "a.dmcl.l_0": 80.0,
        "b.dmcl.k": 30.0,
        "b.dmcl.alpha": 0.05,
        "b.dmcl.reference_strain": 0.02,
    }
    assert config.resolved("b.dmcl.k") == 30.0


def test_what_is_shared_is_declared_first_and_nothing_is_zero() -> None:
    given = several(measurement={"load_bias": 0.5}, noise={"sigma": 1.0})
    given["tests"]["b"]["noise"] = {"sigma": "noise.sigma"}
    config = config_of(given, "knee")
    names = [name for name in config.declared() if not name.startswith(("mcl.", "lcl.", "knee."))]
    zeros = ["measurement.angle_offset", "measurement.load_bias", "measurement.hysteresis"]
    assert names == [*zeros, "noise.sigma", "b.noise.sigma"]
    assert [config.resolved(name) for name in names] == [0.0, 0.5, 0.0, 1.0, 1.0]
    assert config.roots()["b.noise.sigma"] == "noise.sigma"


def test_which_tests_there_are_and_which_are_fitted() -> None:
    single, both = config_of(document(), "knee"), config_of(several(), "knee", Path("folder/knee.toml"))
    assert ([*single.all_tests], single.held_out, single.fitted) == ([""], (), ("",))
    assert ([*both.all_tests], both.held_out, both.fitted) == (["a", "b"], (), ("a", "b"))
    assert both.data_paths == {"a": Path("folder/x.csv"), "b": Path("folder/y.csv")}
    assert single.data is not None
    assert (both.data, both.text) == (None, "")


def test_tests_are_held_out_in_a_copy() -> None:
    both = config_of(several(), "knee", Path("folder/knee.toml"), "text")
    copy = both.with_held_out(["a"])
    assert (copy.held_out, copy.fitted, copy.source, copy.text) == (("a",), ("b",), both.source, "text")
    assert (copy.tests["b"], both.held_out) == (both.tests["b"], ())
    assert copy.with_held_out([]).held_out == ("a",)
    assert config_of(document(), "knee").with_held_out([]).fitted == ("",)
    for config, names, says in (
        (both, ["c"], "hold_out: no test is called 'c'; there are a, b"),
        (both, ["a", "b"], "hold_out: all tests are held out, so there is nothing to fit; leave one in"),
        (config_of(document(), "knee"), ["a"], "hold_out: no test is called 'a'; a single test, [data], has no name"),
    ):
        with pytest.raises(ConfigError) as error:
            config.with_held_out(names)
        assert str(error.value) == says


def test_a_copy_of_a_copy_declares_what_it_says_itself() -> None:
    config = config_of(several(), "knee")
    mcl = config.parameters.mcl.model_copy(update={"k": "lcl.k"})
    copy = config.model_copy().model_copy(update={"parameters": config.parameters.model_copy(update={"mcl": mcl})})
    assert (config.declared()["mcl.k"], config.roots()["mcl.k"], config.resolved("mcl.k")) == (50.0, "mcl.k", 50.0)
    assert (copy.declared()["mcl.k"], copy.roots()["mcl.k"], copy.resolved("mcl.k")) == ("lcl.k", "lcl.k", 60.0)


def test_a_changed_sampling_knows_what_was_said() -> None:
    config = config_of(document(sampling={"walkers": 64}), "knee").with_sampling(seed=5)
    assert config.sampling == SamplingConfig(walkers=64, seed=5)
    assert config.sampling.model_fields_set == {"walkers", "seed"}


def test_what_a_test_says_of_its_own_errors_is_looked_at_when_a_file_is_loaded(tmp_path: Path) -> None:
    text = TEXT.replace("[data]", "[tests.a]") + "noise.sigma = 300\n"
    (tmp_path / "knee.toml").write_text(text)
    with pytest.raises(ConfigError) as error:
        load_config(tmp_path / "knee.toml")
    assert str(error.value).startswith(f"{tmp_path / 'knee.toml'}: tests.a.noise.sigma = 300 N or N·m means nothing")


KNEES = """format = "calibrate knees prior"
version = 1
[made]
knees = 8
[priors."lcl.k"]
family = "normal"
mean = 62.0
sd = 9.0
misfit = 0.01
"""


def test_a_prior_made_of_knees_is_read_beside_the_file_or_known_from_before(tmp_path: Path) -> None:
    text = TEXT.replace("k = 60", 'k = { knees = "knees.toml" }')
    (tmp_path / "knees.toml").write_text(KNEES)
    (tmp_path / "knee.toml").write_text(text)
    config = load_config(tmp_path / "knee.toml")
    found: Any = config.parameters.lcl.k
    assert (found.mean, found.sd, found.knees.knees) == (62.0, 9.0, 8)
    (tmp_path / "knees.toml").unlink()
    again = parse_config(text, tmp_path / "knee.toml", known=config)
    assert again.parameters.lcl.k == found
    says = f"parameters.lcl.k: knees: {tmp_path / 'knees.toml'}: no such file"
    for given, where in ((tmp_path / "knee.toml", f"{tmp_path / 'knee.toml'}: "), (None, "configuration: ")):
        with pytest.raises(ConfigError) as error:
            parse_config(text, given)
        assert str(error.value) == where + (says if given else "parameters.lcl.k: knees: knees.toml: no such file")
        assert error.value.__suppress_context__
