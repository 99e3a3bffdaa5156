"""What is said of problems that compute well and mean something else than was thought."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from conftest import config_text

from calibrate.config import middle, parse_config
from calibrate.config.values import Gaussian, LogGaussian
from calibrate.data import Measurement, parse_measurement
from calibrate.errors import ConfigError, ParameterError
from calibrate.posterior import Posterior
from calibrate.whatif import changes_of

ROWS = "\n".join(f"{angle},{2.0 * angle + 0.3}" for angle in range(-6, 7, 2))
TESTS = """
[tests.one]
file = "a.csv"
positive = "valgus"
[tests.two]
file = "b.csv"
positive = "valgus"
"""


def data(text: str = ROWS, header: str = "angle_deg,moment_Nm") -> Measurement:
    return parse_measurement(f"{header}\n{text}\n", "a.csv")


def test_the_same_data_twice_are_warned_of() -> None:
    text = config_text()
    text = text[: text.index("[data]")] + TESTS
    config = parse_config(text)
    other = data(ROWS.replace("0.3", "0.4"))
    twice = Posterior.from_config(config, {"one": data(), "two": data()})
    assert any("tests.one and tests.two have the same data: they are counted twice" in w for w in twice.warnings)
    once = Posterior.from_config(config, {"one": data(), "two": other})
    assert not any("same data" in w for w in once.warnings)


def test_a_direction_that_nothing_asks_for_is_warned_of() -> None:
    directed = replace(data(), direction=np.array([1.0, 1.0, 1.0, 1.0, -1.0, -1.0, -1.0]))
    idle = Posterior.from_config(parse_config(config_text()), directed)
    assert any("the column 'direction' is not used" in warning for warning in idle.warnings)
    for value in ("{ mean = 0.0, sd = 0.2 }", "0.1"):
        text = config_text() + f"\n[measurement]\nhysteresis = {value}\n"
        used = Posterior.from_config(parse_config(text), directed)
        assert not any("direction" in warning for warning in used.warnings)


def test_strands_whose_names_differ_by_capitals_are_refused() -> None:
    strand = "[knee.{0}]\nfemur = [-38.0, -5.0]\ntibia = [-31.0, -40.0]\n"
    strand += "[parameters.{0}]\nk = 50.0\nalpha = 0.06\nl_0 = 35.0\n"
    parse_config(config_text() + strand.format("deep"))
    with pytest.raises(ConfigError, match="the strand 'MCL': another one has this name but for capitals"):
        parse_config(config_text() + strand.format("MCL"))
    with pytest.raises(ConfigError, match="the strand 'Deep': another one has this name"):
        parse_config(config_text() + strand.format("deep") + strand.format("Deep"))


def test_a_change_is_written_as_it_would_be_given() -> None:
    posterior = Posterior.from_config(parse_config(config_text()), data())
    for given, written in (("-0.02", "mcl.f_ref=-0.02"), ("=-0.02", "mcl.f_ref==-0.02"), ("60", "mcl.f_ref=60")):
        (change,) = changes_of(posterior, "", {"mcl.f_ref": given})
        assert str(change) == written
        name, _, again = written.partition("=")
        assert changes_of(posterior, "", {name: again}) == (change,)
    with pytest.raises(ParameterError):
        changes_of(posterior, "", {"mcl.f_ref": "=="})


def test_a_test_that_has_no_name_is_not_asked_for_by_one() -> None:
    posterior = Posterior.from_config(parse_config(config_text()), data())
    with pytest.raises(ConfigError, match="no test is called 'flex'; the only one has no name, so leave it out"):
        posterior.test("flex")


def test_the_middle_of_a_prior_without_bounds_is_the_number_that_was_given() -> None:
    assert middle(Gaussian(mean=0.0, sd=2.0)) == 0.0
    assert middle(LogGaussian(median=70.0, factor=1.4)) == 70.0
    # Bounds move a mean, and a median.
    assert middle(Gaussian(mean=0.0, sd=2.0, lower=0.0)) == pytest.approx(2.0 * np.sqrt(2.0 / np.pi))
    assert middle(LogGaussian(median=70.0, factor=1.4, upper=70.0)) < 60.0
