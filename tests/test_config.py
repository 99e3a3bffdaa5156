"""A configuration that cannot be meant is refused in one sentence: file, key, value, remedy."""

import re
from pathlib import Path

import pytest
from conftest import KNEE, PARAMETERS, config_text

from calibrate.config import load_config, parse_config
from calibrate.errors import ConfigError
from calibrate.posterior import Posterior


def changed(old: str, new: str) -> str:
    text = config_text()
    assert old in text
    return text.replace(old, new, 1)


BAD = {
    "broken TOML": (changed("[noise]", "[noise"), r"not valid TOML"),
    "misspelt section": (changed("[noise]", "[nose]"), r"nose: unknown key; did you mean 'noise'\?"),
    "misspelt key": (changed("rolling", "roling"), r"knee\.roling: unknown key; did you mean 'rolling'\?"),
    "misspelt parameter": (changed("alpha", "alhpa"), r"parameters\.mcl\.alhpa: unknown key; did you mean 'alpha'\?"),
    "misspelt bound": (changed("lower", "lowr"), r"parameters\.mcl\.k\.lowr: unknown key; did you mean 'lower'\?"),
    "missing section": (config_text(knee=""), r"knee: missing"),
    "missing parameter": (changed("l_0 = { lower = 50.0, upper = 66.0 }", ""), r"parameters\.lcl\.l_0: missing"),
    "missing bound": (changed("lower = 80.0, ", ""), r"parameters\.mcl\.l_0\.lower: missing"),
    "missing direction": (changed('positive = "valgus"', ""), r"data\.positive: missing"),
    "wrong direction": (changed('"valgus"', '"medial"'), r"data\.positive = 'medial': must be 'valgus' or 'varus'"),
    "bounds reversed": (
        changed("lower = 80.0, upper = 100.0", "lower = 100.0, upper = 80.0"),
        r"mcl\.l_0.*lower = 100 is above upper = 80",
    ),
    "bounds equal": (changed("lower = 80.0", "lower = 100.0"), r"mcl\.l_0.*both 100: write the number alone"),
    "bound infinite": (changed("upper = 66.0", "upper = inf"), r"lcl\.l_0\.upper = inf: must be a finite number"),
    "bound not a number": (changed("upper = 66.0", "upper = nan"), r"lcl\.l_0\.upper = nan: must be a finite number"),
    "start outside": (
        changed("lower = 80.0", "start = 70.0, lower = 80.0"),
        r"start = 70 lies outside the bounds 80 to 100",
    ),
    "negative lower": (changed("lower = 10.0", "lower = -10.0"), r"k: lower = -10, but k is positive"),
    "fixed at zero": (changed("{ lower = 10.0, upper = 100.0 }", "0.0"), r"k = 0, but it has to be positive"),
    "text for a number": (
        changed("{ lower = 10.0, upper = 100.0 }", '"stiff"'),
        r"parameters\.mcl\.k = 'stiff': must be a",
    ),
    "list for a number": (
        changed("{ lower = 10.0, upper = 100.0 }", "[10, 100]"),
        r"parameters\.mcl\.k = \[10, 100\]: must be a number",
    ),
    "number for a table": (
        changed("{ femur = [-40.0, 0.0], tibia = [-36.0, -94.8] }", "3"),
        r"knee\.mcl = 3: must be a table with femur, tibia",
    ),
    "sigma zero": (config_text(noise="sigma = 0"), r"sigma = 0, but it has to be positive"),
    "sigma negative": (config_text(noise="sigma = -2.0"), r"sigma = -2, but it has to be positive"),
    "rolling too far": (
        changed("rolling = 0.0", "rolling = 1.5"),
        r"knee\.rolling = 1\.5: must be less than or equal to 1",
    ),
    "radius negative": (changed("radius = 20.0", "radius = -20.0"), r"radius = -20, but it has to be positive"),
    "odd walkers": (config_text(extra="[sampling]\nwalkers = 33\n"), r"walkers = 33.*even number"),
    "one ensemble": (
        config_text(extra="[sampling]\nensembles = 1\n"),
        r"sampling\.ensembles = 1: must be greater than or equal to 2",
    ),
    "fractional seed": (config_text(extra="[sampling]\nseed = 1.5\n"), r"sampling\.seed = 1\.5"),
    "wrong walls": (
        config_text(extra='[prior]\nwalls = "soft"\n'),
        r"prior\.walls = 'soft': must be 'penalty' or 'hard'",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_configuration_names_file_key_value_and_remedy(kind: str) -> None:
    text, says = BAD[kind]
    with pytest.raises(ConfigError) as error:
        parse_config(text, "folder/knee.toml")
    message = str(error.value)
    assert message.startswith("folder/knee.toml: ")
    assert re.search(says, message), message
    assert "\n" not in message
    assert "pydantic" not in message


GEOMETRY = {
    "no common plateau": (changed("radius = 20.0", "radius = 90.0"), "no plateau touches both"),
    "condyles exchanged": (changed("centre = [22.0, -20.0]", "centre = [-44.0, -20.0]"), "lateral of the medial"),
    "coincident attachments": (changed("tibia = [-36.0, -94.8]", "tibia = [-40.0, 0.0]"), "mcl: .*coincide"),
    "no application point": (changed("application_point = [0.0, -340.0]", ""), "application_point is missing"),
}


@pytest.mark.parametrize("kind", GEOMETRY)
def test_impossible_knee_is_refused_by_name(kind: str) -> None:
    text, says = GEOMETRY[kind]
    source = Path(__file__).parent / "data" / "knee.toml"
    with pytest.raises(ConfigError, match=rf"knee\.toml: knee: .*{says}"):
        Posterior.from_config(parse_config(text, source))


def test_all_parameters_fixed_leaves_nothing_to_do() -> None:
    parameters = (
        "[parameters.mcl]\nk = 33.0\nalpha = 0.06\nl_0 = 94\n[parameters.lcl]\nk = 40\nalpha = 0.06\nl_0 = 62\n"
    )
    source = Path(__file__).parent / "data" / "knee.toml"
    with pytest.raises(ConfigError, match="all are fixed"):
        Posterior.from_config(parse_config(config_text(parameters=parameters), source))


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_config(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path)
    (tmp_path / "latin.toml").write_bytes("# Gel\xe4nk\n".encode("latin-1"))
    with pytest.raises(ConfigError, match="UTF-8"):
        load_config(tmp_path / "latin.toml")


def test_defaults_are_filled_in_and_survive_a_round_trip() -> None:
    config = parse_config(config_text())
    assert config.parameters.mcl.f_ref == 0.0
    assert config.prior.walls == "penalty"
    assert config.prior.weight == 1e6
    assert type(config).model_validate_json(config.model_dump_json()).model_dump() == config.model_dump()


def test_sampling_overrides_are_validated_like_the_file() -> None:
    config = parse_config(config_text())
    assert config.with_sampling(seed=7, max_steps=None).sampling.seed == 7
    with pytest.raises(ConfigError, match=r"sampling\.max_steps = 0"):
        config.with_sampling(max_steps=0)


def test_design_of_the_configuration_holds() -> None:
    # The keys that other people's files use; changing one breaks them.
    assert KNEE.count("centre") == 2
    assert PARAMETERS.count("lower") == 6


def test_a_copy_with_changes_declares_what_it_says_itself() -> None:
    config = parse_config(config_text())
    changed = config.model_copy(update={"noise": config.noise.model_copy(update={"sigma": 0.25})})
    assert (config.declared()["noise.sigma"], changed.declared()["noise.sigma"]) == (2.0, 0.25)
