"""What a parameter may be given as: each form, its limits, what is made of it, and each refusal to the letter."""

from __future__ import annotations

import math
from typing import Any

import pytest
from config_documents import complaint

from calibrate.complaints import WANTED, PlacedError
from calibrate.config import Bounds, Gaussian, LogGaussian, middle, reach
from calibrate.config.base import Model
from calibrate.config.knees import MadeOf
from calibrate.config.values import Published, check_name, check_positive, look_up, source_of
from calibrate.priors import LogNormal, Normal, Uniform

INF = math.inf


def tare(**given: Any) -> str | None:
    """Return what is said of a tare that is given so; it may have any sign."""
    said = complaint(parameters__mcl__f_ref=given)
    return said and said.removeprefix("parameters.mcl.f_ref")


def models(of: type[Model]) -> list[type[Model]]:
    return [one for model in of.__subclasses__() for one in (model, *models(model))]


def test_every_key_says_what_it_is() -> None:
    keys = {f"{model.__name__}.{key}": field for model in models(Model) for key, field in model.model_fields.items()}
    assert len(keys) > 80
    assert [key for key, field in keys.items() if not field.description] == []


# --- The distributions. -----------------------------------------------------------------------------------------------


def test_bounds_alone_are_a_uniform_prior() -> None:
    assert Bounds(lower=1.0, upper=3.0).prior == Uniform(1.0, 3.0)
    assert Bounds(lower=1.0, upper=3.0, start=2.5).start == 2.5


def test_what_is_not_given_is_nothing() -> None:
    nothing = dict.fromkeys(("lower", "upper", "start", "literature", "knees"))
    assert Gaussian(mean=2.0, sd=0.5).model_dump() == {"mean": 2.0, "sd": 0.5, **nothing}
    assert LogGaussian(median=2.0, factor=1.5).model_dump() == {"median": 2.0, "factor": 1.5, **nothing}
    nothing = dict.fromkeys(("sd", "factor", "lower", "upper", "start"))
    assert Published(literature="x").model_dump() == {"literature": "x", **nothing}


def test_distributions_are_cut_off_where_they_are_said_to_be() -> None:
    assert Gaussian(mean=2.0, sd=0.5).prior == Normal(2.0, 0.5, -INF, INF)
    assert Gaussian(mean=2.0, sd=0.5, lower=1.0).prior == Normal(2.0, 0.5, 1.0, INF)
    assert Gaussian(mean=2.0, sd=0.5, upper=3.0).prior == Normal(2.0, 0.5, -INF, 3.0)
    assert LogGaussian(median=2.0, factor=1.5).prior == LogNormal(2.0, 1.5, 0.0, INF)
    assert LogGaussian(median=2.0, factor=1.5, lower=1.0).prior == LogNormal(2.0, 1.5, 1.0, INF)
    assert LogGaussian(median=2.0, factor=1.5, upper=3.0).prior == LogNormal(2.0, 1.5, 0.0, 3.0)


UNIT = "means nothing here: check the unit"
BOTH = "means nothing here: check both"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"mean": 0.0, "sd": 1.0, "lower": 3.0, "upper": 2.0}, ": lower = 3 is above upper = 2: exchange them"),
        ({"mean": 0.0, "sd": 1.0, "lower": -2e9}, ": bounds as large as 2e+09 mean nothing here: check the unit"),
        ({"mean": 0.0, "sd": 1.0, "upper": 2e9}, ": bounds as large as 2e+09 mean nothing here: check the unit"),
        ({"mean": 0.0, "sd": 1.0, "start": 1e300}, None),
        ({"mean": 0.0, "sd": 1.0, "lower": -1.0, "start": -1.5}, ": start = -1.5 lies outside the bounds -1 to inf"),
        ({"mean": 0.0, "sd": 1.0, "upper": 1.0, "start": 1.5}, ": start = 1.5 lies outside the bounds -inf to 1"),
        ({"lower": -5e-324, "upper": 0.0}, None),
        ({"mean": 1e9, "sd": 1.0}, None),
        ({"mean": -1e9, "sd": 1.0}, None),
        ({"mean": 1e9, "sd": 0.999}, f": mean = 1e+09 with sd = 0.999 {UNIT}"),
        ({"mean": 1.5e9, "sd": 10.0}, f": mean = 1.5e+09 with sd = 10 {UNIT}"),
        ({"mean": -1.5e9, "sd": 10.0}, f": mean = -1.5e+09 with sd = 10 {UNIT}"),
        ({"mean": 0.0, "sd": 1e9}, None),
        ({"mean": 0.0, "sd": 1.5e9}, f": mean = 0 with sd = 1.5e+09 {UNIT}"),
        ({"mean": 0.0, "sd": 1e-100}, None),
        ({"mean": 0.5, "sd": 1e-9}, None),
        ({"mean": 0.0, "sd": 1.0, "lower": 40.0}, ": there is no mass between the bounds: normal, 0 +- 1, above 40"),
        ({"median": 1.0, "factor": 2.0, "lower": 3.0, "upper": 2.0}, ": lower = 3 is above upper = 2: exchange them"),
        ({"median": 1.0, "factor": 2.0, "upper": 2e9}, ": bounds as large as 2e+09 mean nothing here: check the unit"),
        ({"median": 1.0, "factor": 2.0, "lower": 1.0, "start": 0.5}, ": start = 0.5 lies outside the bounds 1 to inf"),
        ({"median": 1.0, "factor": 2.0, "start": 1e300}, None),
        ({"median": 1e9, "factor": 2.0}, None),
        ({"median": 1.5e9, "factor": 2.0}, f": median = 1.5e+09 with factor = 2 {BOTH}"),
        ({"median": 1e-9, "factor": 2.0}, None),
        ({"median": 0.9e-9, "factor": 2.0}, f": median = 9e-10 with factor = 2 {BOTH}"),
        ({"median": 1.0, "factor": 1.000000001}, None),
        ({"median": 1.0, "factor": 1.0000000009}, f": median = 1 with factor = 1 {BOTH}"),
        ({"median": 1.0, "factor": 1.0}, ".factor = 1.0: must be greater than 1.0"),
        ({"median": 1.0, "factor": 1001.0}, ": factor = 1001 must be greater than 1, and at most 1000"),
        (
            {"median": 1.0, "factor": 1.1, "upper": 0.01},
            ": there is no mass between the bounds: log-normal, median 1, factor 1.1, below 0.01",
        ),
    ],
)
def test_distributions_that_mean_nothing_are_refused(given: dict[str, float], says: str | None) -> None:
    assert tare(**given) == says


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"mean": 1.0}, ".sd: missing"),
        ({"sd": 1.0}, ".mean: missing"),
        ({"median": 1.0}, ".factor: missing"),
        ({"factor": 2.0}, ".median: missing"),
        (
            {"median": 1.0, "sd": 1.0},
            ".sd: unknown key; known here: median, factor, lower, upper, start, literature, knees",
        ),
        ({"lower": 1.0}, ".upper: missing"),
        ({}, ".lower: missing"),
    ],
)
def test_one_key_tells_which_form_is_meant(given: dict[str, float], says: str) -> None:
    assert tare(**given) == says


def test_what_is_no_form_of_a_parameter() -> None:
    assert complaint(parameters__mcl__f_ref="") == "parameters.mcl.f_ref = '': must not be empty"
    assert complaint(noise__sigma={"literature": "cho2020.mcl.k"}) == (
        f"noise.sigma = a table: there are no published values of it; it {WANTED}"
    )
    assert complaint(noise__sigma={"literature": "cho2020.mcl.k", "mean": 1.0, "sd": 0.1}) is None  # where it is from


# --- Published values. ------------------------------------------------------------------------------------------------


def test_a_published_value_becomes_numbers() -> None:
    strain = {"literature": "smith2016.lcl.reference_strain", "lower": 0.01, "upper": 0.2, "start": 0.05}
    found = look_up("reference_strain", strain)
    assert found == {**strain, "mean": 0.06, "sd": pytest.approx(0.08 / 3.92, rel=1e-12)}  # 95 % from 0.02 to 0.10
    stiff = {"literature": "cho2020.mcl.k", "lower": None, "upper": None, "start": None}
    assert look_up("k", {"literature": "cho2020.mcl.k", "factor": 1.25}) == {"median": 71.97, "factor": 1.25, **stiff}
    assert look_up("k", {"literature": "cho2020.mcl.k", "sd": 9.0}) == {"mean": 71.97, "sd": 9.0, **stiff}


@pytest.mark.parametrize(
    "given",
    [3.0, "lcl.k", None, {"mean": 3.0, "sd": 1.0, "literature": "x"}, {"median": 3.0, "literature": "x"}, {"lower": 1}],
)
def test_what_names_no_published_value_or_has_its_numbers_stays(given: Any) -> None:
    assert look_up("k", given) is given


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"literature": 3}, "k.literature = 3: must be a text in quotes"),
        ({"literature": "cho2020.mcl.k", "factor": 1.0}, "k.factor = 1.0: must be greater than 1.0"),
        ({"literature": "cho2020.mcl.k", "uper": 1.0}, "k.uper: unknown key; did you mean 'upper'?"),
        (
            {"literature": "cho2020.mcl.k", "sd": 1.0, "factor": 1.5},
            'k: literature = "cho2020.mcl.k": give sd or factor, not both',
        ),
        (
            {"literature": "cho2020.mcl.k", "factor": 1.1, "upper": 1.0},
            "k: there is no mass between the bounds: log-normal, median 71.97, factor 1.1, below 1",
        ),
        (
            {"literature": "cho2020.mcl.k", "factor": 1.1, "lower": 1e4},
            "k: there is no mass between the bounds: log-normal, median 71.97, factor 1.1, above 10000",
        ),
    ],
)
def test_published_values_that_are_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(PlacedError) as error:
        look_up("k", given)
    assert str(error.value) == says
    assert error.value.__suppress_context__


def test_where_numbers_are_from() -> None:
    made = MadeOf(file="p.toml", sha256="0" * 64, knees=8, parameter="mcl.k", misfit=0.1, given={})
    whose = "8 knees (p.toml, SHA-256 000000000000)"
    for form in (Gaussian(mean=2.0, sd=0.5), LogGaussian(median=2.0, factor=1.5)):
        assert source_of(form) == ""
        assert source_of(form.model_copy(update={"literature": "cho2020.mcl.k"})) == "cho2020.mcl.k"
        assert source_of(form.model_copy(update={"knees": made})) == whose
    assert source_of(Bounds(lower=1.0, upper=3.0)) == source_of("lcl.k") == source_of(3.0) == ""


# --- Names. -----------------------------------------------------------------------------------------------------------

MEANING = "this name has a meaning of its own; choose another"
LETTERS = "a name is up to 64 letters, digits, - and _, a letter first"


def refused(name: str, *taken: str) -> str | None:
    try:
        check_name("the test", name, taken)
    except ValueError as error:
        return str(error)
    return None


def test_names_are_words() -> None:
    for name in ("A", "z", "aZ9_-", "Knee", "x" * 64):
        assert refused(name) is None
    for name in ("", "9a", "_a", "-a", "a b", "a.b", "ä", "a\n"):
        assert refused(name) == f"the test {name!r}: {LETTERS}"
    assert refused("x" * 65) == f"the test '{'x' * 60}': {LETTERS}"


@pytest.mark.parametrize(
    "name",
    ["knee", "parameters", "measurement", "noise", "tests", "data", "prior", "sampling", "file", "positive", "flexion"],
)
def test_names_that_say_something_else_are_taken(name: str) -> None:
    assert refused(name) == f"the test {name!r}: {MEANING}"
    assert refused(name.upper()) is None


def test_names_that_others_have_are_taken() -> None:
    assert refused("mcl", "mcl", "lcl") == f"the test 'mcl': {MEANING}"
    assert refused("dmcl", "mcl", "lcl") is None


# --- What has to be positive. -----------------------------------------------------------------------------------------

NONE = "but k is positive: use bounds above 0"


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (None, None),
        ("lcl.k", None),
        (Bounds(lower=-2.0, upper=-1.0), f"k: upper = -1, {NONE}"),
        (Bounds(lower=-2.0, upper=0.0), f"k: upper = 0, {NONE}"),
        (Gaussian(mean=1.0, sd=1.0, upper=0.0), f"k: upper = 0, {NONE}"),
        (Gaussian(mean=1.0, sd=1.0, lower=-1.0), "k: lower = -1, but k is positive: use a lower bound of 0 or more"),
        (Gaussian(mean=1.0, sd=1.0, lower=0.0), None),
        (Gaussian(mean=4.0, sd=1.0), None),
        (Gaussian(mean=-4.5, sd=1.0), None),
        (Gaussian(mean=-5.0, sd=1.0), None),
        (Gaussian(mean=-6.0, sd=2.0), None),
        (Gaussian(mean=-5.5, sd=1.0), "k: mean = -5.5 with sd = 1, but k is positive: check its sign"),
        (LogGaussian(median=1.0, factor=2.0), None),
    ],
)
def test_what_cannot_be_positive_is_refused(value: Any, says: str | None) -> None:
    if says is None:
        check_positive("k", value)
    else:
        with pytest.raises(ValueError) as error:
            check_positive("k", value)
        assert str(error.value) == says


# --- One number for a distribution. -----------------------------------------------------------------------------------


def test_the_middle_of_each_form() -> None:
    assert middle(3) == 3.0
    assert isinstance(middle(3), float)
    assert middle(Bounds(lower=1.0, upper=4.0)) == 2.5
    assert middle(Gaussian(mean=0.1, sd=0.7)) == 0.1
    # Half a standard normal distribution has its mean at the root of 2 / pi = 0.7979.
    assert middle(Gaussian(mean=0.0, sd=2.0, lower=0.0)) == pytest.approx(2 * 0.7978845608, rel=1e-9)
    assert middle(Gaussian(mean=0.0, sd=2.0, upper=0.0)) == pytest.approx(-2 * 0.7978845608, rel=1e-9)
    assert middle(LogGaussian(median=0.1, factor=1.7)) == middle(LogGaussian(median=0.1, factor=1.7, lower=0.0)) == 0.1
    # Of the upper half of a distribution, half lies above what three quarters of all of it lie below: 0.6745 sd.
    upper_half = LogGaussian(median=3.0, factor=1.5, lower=3.0)
    assert middle(upper_half) == pytest.approx(3.0 * 1.5**0.6744897502, rel=1e-9)
    assert isinstance(middle(upper_half), float)
    assert middle(LogGaussian(median=3.0, factor=1.5, upper=3.0)) == pytest.approx(3.0 / 1.5**0.6744897502, rel=1e-9)
    with pytest.raises(ValueError) as error:
        middle("lcl.k")
    assert str(error.value) == "a tie has no value of its own"


def test_the_reach_of_each_form() -> None:
    assert reach(3.0) == (3.0, 3.0)
    assert reach(Bounds(lower=1.0, upper=4.0)) == (1.0, 4.0)
    low, high = reach(Gaussian(mean=1.0, sd=2.0))  # 95 % lie within 1.96 sd
    assert (low, high) == (pytest.approx(1.0 - 2 * 1.959963985, rel=1e-9), pytest.approx(1.0 + 2 * 1.959963985))
    assert isinstance(low, float)
    assert isinstance(high, float)
    assert reach(LogGaussian(median=2.0, factor=1.5)) == pytest.approx((2.0 / 1.5**1.959963985, 2.0 * 1.5**1.959963985))
