"""Every key of a configuration: its default, its limits just met and just missed, and each complaint to the letter."""

import math
from typing import Any

import pytest
from config_documents import complaint, document
from pydantic import ValidationError

from calibrate.complaints import WANTED
from calibrate.config import (
    Bounds,
    Condyle,
    Config,
    KneeConfig,
    MovesConfig,
    NoiseConfig,
    ParametersConfig,
    StrandConfig,
)

DEFAULTS = {
    "measurement": {"angle_offset": None, "load_bias": None, "hysteresis": None},
    "noise": {"sigma": None, "nu": None, "angle_sigma": None, "discrepancy": None},
    "tests": {},
    "prior": {"walls": "penalty", "weight": 1e6},
    "sampling": {
        "seed": 1,
        "ensembles": 4,
        "walkers": 512,
        "moves": {"block": 0.8, "stretch": 0.1, "de": 0.1, "snooker": 0.0},
        "workers": None,
        "thin": 1,
        "max_steps": 100_000,
        "max_time": None,
        "max_rhat": 1.01,
        "min_ess": 10_000.0,
        "durability": "process",
        "compression": "none",
    },
}
HUGE = 2**64


def test_defaults() -> None:
    config = Config.model_validate(document())
    found = config.model_dump()
    assert {key: found[key] for key in DEFAULTS} == DEFAULTS
    assert (config.knee.rolling, config.knee.application_point, config.knee.flexion_axis) == (1.0, None, None)
    assert (config.knee.reference_flexion, config.data and config.data.flexion) == (0.0, 0.0)
    assert config.parameters.mcl.f_ref == config.parameters.lcl.f_ref == 0.0
    assert isinstance(config.parameters.lcl.k, float)
    assert (Bounds(lower=1.0, upper=2.0).start, config.source, config.text) == (None, None, "")
    assert MovesConfig(block=1.0).model_dump() == {"block": 1.0, "stretch": 0.0, "de": 0.0, "snooker": 0.0}
    assert MovesConfig(de=1.0).block == 0.0


def test_names_and_quantities() -> None:
    config = Config.model_validate(document(parameters__lcl__f_ref=7.0))
    law = ("mcl.k", "mcl.alpha", "mcl.l_0", "mcl.f_ref", "lcl.k", "lcl.alpha", "lcl.l_0", "lcl.f_ref")
    parameters = config.declared()
    assert tuple(parameters)[:8] == law
    assert [parameters[name] for name in ("mcl.k", "lcl.k", "lcl.l_0", "lcl.f_ref")] == [50.0, 60.0, 60.0, 7.0]
    assert parameters["mcl.alpha"] == Bounds(lower=0.01, upper=0.2)
    assert [name for name, value in parameters.items() if name.startswith("measurement.") and value != 0.0] == []
    assert config.roots() == {name: name for name in parameters}


# Of each key: what is accepted, and what is refused, with what is said of it.
LIMITS: dict[str, tuple[list[Any], dict[Any, str]]] = {
    "knee__rolling": (
        [0, 0.0, 1, 1.0],
        {
            -5e-324: "must be greater than or equal to 0.0; 0 slides, 1 rolls",
            math.nextafter(1.0, 2.0): "must be less than or equal to 1.0; 0 slides, 1 rolls",
        },
    ),
    "knee__reference_flexion": (
        [-30, 0, 180],
        {-30.1: "must be greater than or equal to -30.0", 180.1: "must be less than or equal to 180.0"},
    ),
    "data__flexion": (
        [-30, 0, 180],
        {-30.1: "must be greater than or equal to -30.0", 180.1: "must be less than or equal to 180.0"},
    ),
    "prior__weight": ([5e-324, 1e300], {0: "must be greater than 0.0", math.inf: "must be a finite number"}),
    "prior__walls": (["penalty", "hard"], {"HARD": "must be 'penalty' or 'hard'"}),
    "data__positive": (["valgus", "varus"], {"VARUS": "must be 'valgus' or 'varus'"}),
    "data__file": (["x"], {"": "must not be empty"}),
    "sampling__moves": ([{"stretch": 5e-324}, {"de": 1.0}, {"snooker": 1}, {"block": 1}], {}),
    "sampling__moves__block": ([5e-324, 1.0], {-5e-324: "must be greater than or equal to 0.0"}),
    "sampling__seed": (
        [0, HUGE - 1],
        {-1: "must be greater than or equal to 0", HUGE: f"must be less than {HUGE}", 1.5: "must be a whole number"},
    ),
    "sampling__ensembles": (
        [2, 64],
        {
            1: "must be greater than or equal to 2",
            65: "must be less than or equal to 64",
            "2": "must be a whole number",
        },
    ),
    "sampling__walkers": (
        [4, 65536],
        {2: "must be greater than or equal to 4", 65538: "must be less than or equal to 65536"},
    ),
    "sampling__workers": ([1, HUGE - 1], {0: "must be greater than or equal to 1", HUGE: f"must be less than {HUGE}"}),
    "sampling__thin": ([1, 100_000], {0: "must be greater than or equal to 1"}),
    "sampling__max_steps": (
        [1, HUGE - 1],
        {0: "must be greater than or equal to 1", HUGE: f"must be less than {HUGE}", "9": "must be a whole number"},
    ),
    "sampling__max_time": ([5e-324], {0: "must be greater than 0.0"}),
    "sampling__max_rhat": ([math.nextafter(1.0, 2.0)], {1: "must be greater than 1.0"}),
    "sampling__min_ess": (
        [5e-324, 1e9],
        {0: "must be greater than 0.0", 1.001e9: "must be less than or equal to 1000000000.0"},
    ),
    "sampling__durability": (["process", "fsync"], {"FSYNC": "must be 'process' or 'fsync'"}),
    "sampling__compression": (["none", "gzip"], {"NONE": "must be 'none' or 'gzip'"}),
    "parameters__mcl__k": (
        [1, 1.0, {"lower": 0, "upper": 1}],
        {"1": f"{WANTED}, or the name of another parameter; there is none of this name", True: WANTED},
    ),
    "parameters__mcl__l_0": ([80], {math.nan: "must be a finite number", True: WANTED}),
    "noise__sigma": ([1, {"lower": 1.0, "upper": 2.0, "start": 1.5}], {math.inf: "must be a finite number"}),
}


def shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)


@pytest.mark.parametrize("key", LIMITS)
def test_limits_of_each_key(key: str) -> None:
    accepted, refused = LIMITS[key]
    for value in accepted:
        assert complaint(**{key: value}) is None, value
    for value, says in refused.items():
        assert complaint(**{key: value}) == f"{key.replace('__', '.')} = {shown(value)}: {says}"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"knee__mcl__x": 1}, "knee.mcl.x: unknown key; known here: femur, tibia"),
        (
            {"knee__mcl__femur": [1.0]},
            "knee.mcl.femur = [1.0]: must be two numbers or three, like [23.5, -6.0] or [23.5, -6.0, 1.5]",
        ),
        (
            {"knee__mcl__femur": [1.0, "2"]},
            f"knee.mcl.femur.y = '2': {WANTED}, or the name of another parameter; there is none of this name",
        ),
        ({"knee__mcl__femur": [1.0, math.nan]}, "knee.mcl.femur[1] = nan: must be a finite number"),
        ({"sampling__moves__jump": 1.0}, "sampling.moves.jump: unknown key; known here: block, stretch, de, snooker"),
        (
            {"sampling__moves": {"block": 0}},
            "sampling.moves: all shares are 0, so no walker would move; give one move a positive share",
        ),
        (
            {"sampling__moves": {"block": 1.7e308, "de": 1.7e308}},
            "sampling.moves: the shares add up to more than a number can be; only their ratios matter, like 8 to 2",
        ),
        (
            {"sampling__thin": 101, "sampling__max_steps": 100},
            "sampling: thin = 101 is more than max_steps = 100: no step would be stored",
        ),
        (
            {"sampling__walkers": 33},
            "sampling: walkers = 33, but an ensemble moves in two halves: use an even number",
        ),
        (
            {"sampling__walkers": 4, "sampling__moves": {"snooker": 5e-324}},
            "sampling: walkers = 4, but moves.snooker needs three in each half: use at least 6",
        ),
    ],
)
def test_complaints_about_several_keys(changes: dict[str, Any], says: str) -> None:
    assert complaint(**changes) == says


def test_six_walkers_are_enough_for_snooker_and_four_for_all_else() -> None:
    assert complaint(sampling__walkers=6, sampling__moves={"snooker": 1.0}) is None
    assert complaint(sampling__walkers=4, sampling__moves={"snooker": 0.0, "de": 1.0}) is None
    assert complaint(sampling__thin=100, sampling__max_steps=100) is None


# --- Bounds. ----------------------------------------------------------------------------------------------------------


def tare(lower: float, upper: float, start: float | None = None) -> str | None:
    """Return what is said of a tare with these bounds, which may have any sign."""
    given = {"lower": lower, "upper": upper} | ({} if start is None else {"start": start})
    return complaint(parameters__mcl__f_ref=given)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ((3.0, 3.0), "lower and upper are both 3: write the number alone to fix the parameter"),
        ((4.0, 3.0), "lower = 4 is above upper = 3: exchange them"),
        ((-1e9, 1e9), None),
        ((-1.5e9, 1e9), "bounds as large as 1.5e+09 mean nothing here: check the unit"),
        ((0.0, 1.25e9), "bounds as large as 1.25e+09 mean nothing here: check the unit"),
        ((999999999.0, 1e9), None),
        ((999999999.5, 1e9), "lower and upper are closer than 1e-09 of their size: write the number alone"),
        ((-1e9, -999999999.5), "lower and upper are closer than 1e-09 of their size: write the number alone"),
        ((0.0, 5e-324), None),
        ((1.0, 2.0, 1.0), None),
        ((1.0, 2.0, 2.0), None),
        ((1.0, 2.5, 0.5), "start = 0.5 lies outside the bounds 1 to 2.5"),
        ((1.0, 2.5, 2.75), "start = 2.75 lies outside the bounds 1 to 2.5"),
    ],
)
def test_bounds(given: tuple[float, ...], says: str | None) -> None:
    assert tare(*given) == (None if says is None else f"parameters.mcl.f_ref: {says}")


@pytest.mark.parametrize(("name", "key"), [("k", "parameters__lcl__k"), ("alpha", "parameters__mcl__alpha")])
@pytest.mark.parametrize(
    ("value", "says"),
    [
        (0, "{} = 0, but it has to be positive"),
        (-2.5, "{} = -2.5, but it has to be positive"),
        (1e-9, "{} = 1e-09 means nothing here: check the unit"),
        (math.nextafter(1e-9, 1.0), None),
        (1e9, "{} = 1e+09 means nothing here: check the unit"),
        (math.nextafter(1e9, 0.0), None),
        ({"lower": 0.0, "upper": 0.9e-9}, "{}: upper = 9e-10 means nothing here: check the unit"),
        ({"lower": 0.0, "upper": 1e-9}, None),
        ({"lower": 0.0, "upper": 0.5}, None),
        ({"lower": -5e-3, "upper": 1}, "{}: lower = -0.005, but {} is positive: use a lower bound of 0 or more"),
    ],
)
def test_positive_quantities(name: str, key: str, value: Any, says: str | None) -> None:
    where = key.replace("__", ".").rpartition(".")[0]
    assert complaint(**{key: value}) == (None if says is None else f"{where}: {says.format(name, name)}")


def test_every_positive_quantity_is_checked_and_the_tare_is_not() -> None:
    assert complaint(parameters__mcl__l_0=-1.0) == "parameters.mcl: l_0 = -1, but it has to be positive"
    assert complaint(parameters__mcl__f_ref=-1.0) is None
    assert complaint(noise__sigma=-1.0) == "noise: sigma = -1, but it has to be positive"
    assert complaint(noise__sigma={"lower": -1.0, "upper": 2.0}) == (
        "noise: sigma: lower = -1, but sigma is positive: use a lower bound of 0 or more"
    )
    assert complaint(parameters__mcl={"k": -1.0, "alpha": -1.0, "l_0": -1.0}) == (
        "parameters.mcl: alpha = -1, but it has to be positive"
    )


def test_models_made_in_python_are_the_same() -> None:
    given = Bounds(lower=1.0, upper=2.0, start=1.5)
    ligament = StrandConfig(k=given, alpha=0.06, l_0=80)
    assert ligament.k == given
    assert isinstance(ligament.l_0, float)
    assert ParametersConfig(mcl=ligament, lcl=ligament).lcl.k == given
    assert NoiseConfig(sigma=given).sigma == given
    with pytest.raises(ValidationError) as error:
        StrandConfig(k=True, alpha=0.06, l_0=80)  # type: ignore[arg-type]  # that is what is refused
    assert error.value.errors()[0]["type"] == "neither_number_nor_table"
    assert error.value.errors()[0]["msg"] == WANTED


def test_models_are_frozen_strict_and_finite() -> None:
    condyle = Condyle(centre=(1.0, 2.0), radius=3.0)
    with pytest.raises(ValidationError, match="frozen"):
        condyle.radius = 4.0  # type: ignore[misc]  # that is what is refused
    with pytest.raises(ValidationError, match=r"[Ee]xtra"):
        Condyle(centre=(1.0, 2.0), radius=3.0, colour=4)  # type: ignore[call-arg]  # that is what is refused
    for value in (True, math.inf, math.nan):
        with pytest.raises(ValidationError):
            Condyle(centre=(1.0, 2.0), radius=value)  # type: ignore[arg-type]  # that is what is refused
    assert KneeConfig.model_validate(document()["knee"]).rolling == 1.0
