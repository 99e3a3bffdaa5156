"""What a model takes for granted is said with its results, and what is free of it is not."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from clouds import noisy, run_of
from conftest import KNEE
from test_findings_general import INFERRED, clean, posterior_of

from calibrate.assumptions import SHAPE, assumptions
from calibrate.posterior import Posterior
from calibrate.screen import summary_tables

PLANE = (
    "the tibia turns in one plane: axial rotation and translations that go with varus-valgus are left out "
    "(5 to 16 degrees of axial rotation at 10 N·m in real knees)"
)
STRAIGHT = "strands are straight: none wraps around bone or another strand"
GEOMETRY = "the geometry is exact"
ZERO = "the angle's zero is known exactly"
ERRORS = "errors of the readings are independent and Gaussian, sigma inferred"
OFFSET = "[measurement]\nangle_offset = { mean = 0.0, sd = 2.0 }\n"


def of(posterior: Posterior) -> list[str]:
    return list(assumptions(posterior))


def test_of_a_knee_that_is_known_all_is_assumed() -> None:
    assert of(posterior_of(clean())) == [PLANE, STRAIGHT, GEOMETRY, ZERO, SHAPE, ERRORS]


def test_what_is_free_is_not_assumed() -> None:
    knee = KNEE.replace("radius = 20.0", "radius = { mean = 20.0, sd = 0.5 }")
    assert of(posterior_of(clean(), knee=knee, measurement=OFFSET)) == [
        PLANE,
        STRAIGHT,
        "the geometry is exact but for 2 of its numbers",
        SHAPE,
        ERRORS,
    ]


def test_a_fixed_offset_is_a_zero_that_is_known() -> None:
    assert ZERO in of(posterior_of(clean(), measurement="[measurement]\nangle_offset = 1.5\n"))


def test_flexion_has_an_axis() -> None:
    axis = "flexion turns the femur about an axis that does not move"
    own = {"b": 'positive = "valgus"\nflexion = 30.0'}
    assert of(posterior_of(clean(), own=own)) == [PLANE, STRAIGHT, axis, GEOMETRY, ZERO, SHAPE, ERRORS]
    assert axis in of(posterior_of(clean(), knee=KNEE + "reference_flexion = 20.0\n"))


def test_what_holds_for_some_tests_names_them() -> None:
    own = {"a": 'positive = "valgus"\nmeasurement.angle_offset = { mean = 0.0, sd = 2.0 }\nnoise.nu = 4.0'}
    assert of(posterior_of(clean(), own=own))[3:] == [
        f"in b: {ZERO}",
        SHAPE,
        "in a: errors of the readings are independent and Student-t, sigma inferred",
        f"in b: {ERRORS}",
    ]


def test_the_curve_is_taken_for_the_knees_where_no_discrepancy_is() -> None:
    own = {"a": 'positive = "valgus"\nnoise.discrepancy = { amplitude = 1.0, length = 2.0 }'}
    assert f"in b: {SHAPE}" in of(posterior_of(clean(), own=own))
    covered = INFERRED + "\ndiscrepancy = { amplitude = 1.0, length = 2.0 }"
    assert not any(SHAPE in sentence for sentence in of(posterior_of(clean(), noise=covered)))


def test_the_share_is_the_least_that_was_measured() -> None:
    table = (Path(__file__).parents[1] / "benchmarks" / "README.md").read_text()
    held = [
        int(share) for share in re.findall(r"^\| [^|]+ \| as bundled \| \d+ \| (\d+)(?: ±| \|)", table, re.MULTILINE)
    ]
    assert len(held) >= 5
    assert f"as few as {min(held)} %" in SHAPE


@pytest.mark.parametrize(
    ("noise", "words"),
    [
        ("sigma = 0.3", "independent and Gaussian, sigma known exactly"),
        (f"{INFERRED}\nnu = {{ lower = 2.0, upper = 30.0 }}", "independent and Student-t, sigma inferred"),
        (
            "sigma = 0.3\nangle_sigma = 0.1",
            "independent and Gaussian, sigma known exactly, the angle with an error of its own",
        ),
        (
            f"{INFERRED}\ndiscrepancy = {{ amplitude = 1.0, length = 2.0 }}",
            "Gaussian, and over neighbouring angles correlated, sigma inferred",
        ),
    ],
)
def test_errors_in_words(noise: str, words: str) -> None:
    assert of(posterior_of({"a": noisy()}, noise=noise))[-1] == f"errors of the readings are {words}"


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the lines that a terminal shows of a run of two tests."""
    own = {"b": 'positive = "varus"\nflexion = 30.0\nmeasurement.load_bias = { mean = -12.345678, sd = 0.0123 }'}
    knee = KNEE.replace("centre = [22.0, -20.0]", "centre = [22.0, { mean = -20.0, sd = 0.00001234 }]")
    posterior = posterior_of(clean(), own=own, knee=knee)
    draws = posterior.prior_sample(np.random.default_rng(0), 320)
    summary_tables(run_of(posterior, draws).summary())
    return capsys.readouterr().out.splitlines()


def test_a_terminal_shows_each_test_in_a_line_and_what_is_assumed_in_the_last(shown: list[str]) -> None:
    assert shown[1:4] == [
        "a: 30 points of data (moment in N·m, valgus positive)",
        "b: 30 points of data (moment in N·m, varus positive, 30 degrees flexion)",
        "2 ensembles of 16 walkers, 20 steps, the first 10 dropped, 320 draws, 40 % accepted",
    ]
    assert shown[-1].startswith(f"assumed: {PLANE}; {STRAIGHT}; flexion turns")
    assert any(line.startswith(" b.laxity_total_10Nm") for line in shown)
    assert sum(line.startswith(" mcl.reference_strain") for line in shown) == 1


def test_no_number_is_cropped_beside_long_names(shown: list[str]) -> None:
    heads = [line for line in shown if "median" in line]
    assert [line.split()[:2] for line in heads] == [["unit", "median"]] * 2
    assert heads[0].split()[-1] == "ess_tail"
    assert not any("…" in line for line in shown)


@pytest.mark.parametrize("noise", ["sigma = 0.25", INFERRED])
def test_residuals_are_in_units_of_a_sigma_that_is_known(noise: str) -> None:
    posterior = posterior_of(clean(), noise=noise)
    q = posterior.middle[np.newaxis]
    loads = np.concatenate([test.measurement.loads for test in posterior.tests])
    sigma = 0.25 if noise != INFERRED else 1.0
    np.testing.assert_allclose(posterior.residuals(q), (posterior.predict(q) - loads) / sigma, rtol=1e-12)
    step = np.zeros(posterior.ndim)
    step[0] = 1e-3
    slope = (posterior.residuals(q + step) - posterior.residuals(q - step)) / 2e-3
    np.testing.assert_allclose(posterior.jacobian(q)[:, :, 0], slope, rtol=1e-5, atol=1e-9)
