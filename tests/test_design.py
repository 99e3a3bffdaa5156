"""What to measure next: promises against closed forms, foreseen readings against the posterior they would make."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from linear_knees import BIAS, LINEAR, Drawn, config_of, drawn, gaussian, posterior_of

from calibrate import chain
from calibrate.config import parse_config
from calibrate.data import Measurement
from calibrate.design import Candidate, Design, chosen, menu, what_next
from calibrate.design.foreseen import Foreseen, foresee
from calibrate.design.shrinkage import expected_shrinkage
from calibrate.errors import CalibrateError, ParameterError
from calibrate.posterior import Posterior

LOW, HIGH = Candidate("-6", (-6.0,)), Candidate("6", (6.0,))


@pytest.fixture(scope="module")
def linear() -> Drawn:
    posterior = posterior_of(config_of(LINEAR, BIAS))
    mean, cov, _ = gaussian(posterior)
    return drawn(posterior, np.random.default_rng(1).multivariate_normal(mean, cov, 8000))


def exactly(posterior: Posterior, candidate: Candidate, name: str) -> tuple[float, float]:
    """Return a parameter's standard deviation after some readings, and before, as linear algebra has them."""
    _, cov, _ = gaussian(posterior)
    angles = np.tile(candidate.angles, candidate.repeats)
    slopes = posterior.predict(np.eye(posterior.ndim), angles) - posterior.predict(np.zeros(posterior.ndim), angles)
    gain = cov @ slopes @ np.linalg.inv(slopes.T @ cov @ slopes + 4.0 * np.eye(len(angles)))
    at = posterior.names.index(name)
    return math.sqrt((cov - gain @ slopes.T @ cov)[at, at]), math.sqrt(cov[at, at])


@pytest.mark.parametrize("name", ["mcl.f_ref", "lcl.f_ref", "measurement.load_bias"])
def test_promises_for_a_gaussian_are_those_of_linear_algebra(name: str, linear: Drawn) -> None:
    candidates = [LOW, HIGH, replace(LOW, repeats=4), Candidate("both", (-9.0, 9.0)), Candidate("0", (0.0,))]
    found = what_next(linear, name, candidates, sets=500)
    assert found.unit == {"mcl.f_ref": "N", "lcl.f_ref": "N", "measurement.load_bias": "N·m"}[name]
    shares = [one.shrinkage.share for one in found.outlooks]
    assert shares == sorted(shares, reverse=True)
    for one in found.outlooks:
        after, before = exactly(linear.posterior, one.candidate, name)
        assert found.sd == pytest.approx(before, rel=0.04)
        assert 0.0 < one.shrinkage.error < 0.02
        assert abs(one.shrinkage.ratio - after / before) < 4.0 * one.shrinkage.error
        assert one.shrinkage.sd == pytest.approx(after, rel=0.06)
        assert one.shrinkage.effective > 1000.0


def test_what_leaves_too_few_draws_is_promised_at_least_by_regression(linear: Drawn) -> None:
    few = drawn(linear.posterior, linear.samples()[:768])
    much = Candidate("much", (-8.0, -4.0, 4.0, 8.0), repeats=25)
    found = what_next(few, "mcl.f_ref", [much], sets=200)
    (one,) = found.outlooks
    after, before = exactly(linear.posterior, much, "mcl.f_ref")
    assert one.shrinkage.effective < 100.0
    assert one.shrinkage.at_least
    assert one.shrinkage.ratio == pytest.approx(after / before, rel=0.1)
    assert "its promise is the least that it holds" in " ".join(found.notes)


def test_readings_say_nothing_of_what_they_do_not_depend_on(linear: Drawn) -> None:
    q = linear.samples()[:4000]
    readings = foresee(linear.posterior, linear.posterior.tests[0], q, np.array([-6.0, 6.0]), own=False, flexion=None)
    none = expected_shrinkage(np.random.default_rng(9).normal(5.0, 3.0, 4000), readings, 500, 1)
    assert abs(none.share) < 4.0 * none.error < 0.03
    assert none.sd == pytest.approx(3.0, rel=0.05)


def test_one_seed_gives_one_answer_and_noise_that_is_larger_a_smaller_promise(linear: Drawn) -> None:
    first = what_next(linear, "mcl.f_ref", [LOW], seed=3)
    assert first == what_next(linear, "mcl.f_ref", [LOW], seed=3)
    q = linear.samples()[:2000]
    readings = foresee(linear.posterior, linear.posterior.tests[0], q, np.array([-6.0]), own=False, flexion=None)
    louder = Foreseen(readings.mean, 4.0 * readings.variance)
    assert expected_shrinkage(q[:, 0], louder, 500, 1).share < 0.7 * first.outlooks[0].shrinkage.share


ERRORS = {
    "known sigma": "sigma = 2.0",
    "sigma inferred": "sigma = { median = 2.0, factor = 1.5 }",
    "Student-t": "sigma = { median = 2.0, factor = 1.5 }\nnu = { median = 4.0, factor = 1.5 }",
    "angle error": "sigma = 1.0\nangle_sigma = { median = 0.5, factor = 1.5 }",
    "correlated": "sigma = 1.0\ndiscrepancy = { amplitude = { median = 2.0, factor = 1.5 }, length = 3.0 }",
}
OFFSET = "angle_offset = { mean = 0.3, sd = 0.5 }\nload_bias = { mean = 0.0, sd = 1.5 }"


@pytest.mark.parametrize("measurement", [BIAS, OFFSET], ids=["cached", "posed"])
@pytest.mark.parametrize("noise", ERRORS)
def test_readings_are_foreseen_as_the_posterior_with_them_has_them(noise: str, measurement: str) -> None:
    posterior = posterior_of(config_of(LINEAR, measurement, noise=ERRORS[noise]))
    q = posterior.prior_sample(np.random.default_rng(3), 12)
    angles, y = np.array([-8.0, 1.5, 7.0]), np.array([[-30.0, 2.0, 26.0], [-20.0, -5.0, 31.0]])
    foreseen = foresee(posterior, posterior.tests[0], q, angles, own=False, flexion=None)
    was = posterior.measurement
    for row, loads in zip(foreseen.of(np.array([0, 1, 2, 1])).log_density(y[:, [0, 1, 2, 1]]), y, strict=True):
        more = replace(
            was, angles=np.append(was.angles, angles[[0, 1, 2, 1]]), loads=np.append(was.loads, loads[[0, 1, 2, 1]])
        )
        gain = Posterior.from_config(posterior.config, more).log_likelihood(q) - posterior.log_likelihood(q)
        constant = 0.0 if noise == "Student-t" else -2.0 * math.log(2.0 * math.pi)
        np.testing.assert_allclose(row + constant, gain, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("noise", ["sigma inferred", "Student-t", "correlated"])
def test_readings_are_drawn_as_they_are_foreseen(noise: str) -> None:
    posterior = posterior_of(config_of(LINEAR, BIAS, noise=ERRORS[noise]))
    q = posterior.prior_sample(np.random.default_rng(4), 2)
    foreseen = foresee(posterior, posterior.tests[0], q, np.array([2.0, 2.5]), own=False, flexion=None)
    y = foreseen.draw(np.full(20_000, 1), np.random.default_rng(5))
    variance = foreseen.variance[1]
    if foreseen.nu is not None:
        variance = variance * foreseen.nu[1] / (foreseen.nu[1] - 2.0)
    covariance = np.diag(variance) + (0.0 if foreseen.smooth is None else foreseen.smooth[1])
    np.testing.assert_allclose(y.mean(axis=0), foreseen.mean[1], atol=5.0 * np.sqrt(variance.max() / 2e4) + 0.03)
    np.testing.assert_allclose(np.cov(y.T), covariance, atol=0.12 * covariance.max())


FLEXED = """
[knee]
lateral_condyle = { centre = [23.5, -6.0], radius = 15.5 }
medial_condyle = { centre = [-20.4, -6.0], radius = 17.5 }
mcl = { femur = [-40.1, 12.2, 2.1], tibia = [-16.9, -64.9, 10.1] }
lcl = { femur = [36.0, 4.0, -3.0], tibia = [44.8, -50.7, -18.0] }
[parameters]
mcl = { k = { lower = 30.0, upper = 120.0 }, alpha = 0.06, reference_strain = { mean = 0.03, sd = 0.015 } }
lcl = { k = 60.0, alpha = 0.06, reference_strain = { mean = 0.03, sd = 0.015 } }
[noise]
sigma = 0.5
"""


def test_a_test_at_another_flexion_is_foreseen_as_a_second_test_of_the_knee() -> None:
    def measured_at(*flexions: float) -> str:
        some = (f'[tests.t{f:g}]\nfile = "x.csv"\npositive = "varus"\nflexion = {f}\n' for f in flexions)
        return FLEXED + "".join(some)

    angles = np.linspace(-6.0, 6.0, 4)
    empty = Measurement(angles, np.zeros(4), None, "moment", "deg")
    one = Posterior.from_config(parse_config(measured_at(30.0)), {"t30": empty})
    q = one.prior_sample(np.random.default_rng(6), 300)
    y = one.predict(q[:1], angles)
    both = Posterior.from_config(
        parse_config(measured_at(30.0, 75.0)), {"t30": empty, "t75": replace(empty, loads=y[0])}
    )
    assert both.names == one.names
    foreseen = foresee(one, one.tests[0], q, angles, own=False, flexion=75.0)
    gain = both.log_likelihood(q) - one.log_likelihood(q)
    np.testing.assert_allclose(foreseen.log_density(y)[0] - 2.0 * math.log(2.0 * math.pi), gain, rtol=1e-8, atol=1e-8)
    draws = drawn(one, np.repeat(q, 2, axis=0), ensembles=2, walkers=4)
    labels = [candidate.label for candidate in menu(one, one.tests[0])]
    assert labels[-4:] == [
        "test t30 again",
        "the same angles at flexion 0°",
        "the same angles at flexion 60°",
        "the same angles at flexion 90°",
    ]
    found = what_next(draws, "mcl.reference_strain", chosen(draws, one.tests[0], None, flexions=[0.0]))
    assert found.outlooks[0].candidate.flexion == 0.0
    assert any("a test of its own by the same rig" in note for note in found.notes)


def test_the_menu_reaches_a_little_beyond_what_was_measured(linear: Drawn) -> None:
    found = menu(linear.posterior, linear.posterior.tests[0])
    ranked = what_next(linear, "mcl.f_ref", most=1000, sets=100)
    assert [one.candidate.label for one in ranked.outlooks if one.candidate.readings > 1] == ["the whole test again"]
    assert [one.angles for one in found[:-1]] == [(angle,) for angle in np.round(np.linspace(-7.5, 7.5, 11), 2)]
    assert found[-1].angles == tuple(linear.posterior.measurement.angles)
    assert found[-1].own


def test_what_is_asked_for_is_understood(linear: Drawn) -> None:
    test = linear.posterior.tests[0]
    found = chosen(linear, test, "8, -2:2:3,repeat", repeats=2)
    assert [(one.label, one.angles, one.readings) for one in found] == [
        ("8°, 2 times", (8.0,), 2),
        ("-2°, 2 times", (-2.0,), 2),
        ("0°, 2 times", (0.0,), 2),
        ("2°, 2 times", (2.0,), 2),
        ("the whole test again, 2 times", tuple(test.measurement.angles), 14),
    ]
    (one,) = chosen(linear, test, "-8,8", together=True)
    assert (one.label, one.angles) == ("-8°, 8°", (-8.0, 8.0))


def test_a_moment_is_read_where_most_draws_reach_it(linear: Drawn) -> None:
    # Tares of the strands turn the knee about; the loads at the found angles say whether these are right.
    posterior = posterior_of(config_of({"mcl.k": "{ lower = 39.0, upper = 41.0 }"}))
    draws = drawn(posterior, posterior.prior_sample(np.random.default_rng(1), 2048))
    found = what_next(draws, "mcl.k", chosen(draws, posterior.tests[0], "10Nm,-5Nm"))
    loads = {one.candidate.label.split(" ", 2)[2]: one.loads[0] for one in found.outlooks}
    assert sorted(label.partition(",")[0] for label in loads) == ["valgus", "varus"]
    for label, load in loads.items():
        assert load == pytest.approx(10.0 if label.startswith("valgus") else -5.0, abs=0.1)
    with pytest.raises(ParameterError, match="it is not reached within 20 degrees"):
        chosen(draws, posterior.tests[0], "5000Nm")


BAD = {
    "8;9": "candidates 8;9: must be an angle like 8, angles like -8:8:5, all within 45 degrees, a moment like 10Nm, "
    "or repeat",
    "60": "candidates 60: must be an angle",
    "xNm": "candidates xNm: must be a moment like 10Nm",
    "0Nm": "a moment of nought has no direction",
    "": "candidates : must be an angle",
    "-8:8:600": "600 readings at a time are more than 500",
}


@pytest.mark.parametrize("given", BAD)
def test_what_cannot_be_meant_is_refused(given: str, linear: Drawn) -> None:
    with pytest.raises(CalibrateError) as caught:
        chosen(linear, linear.posterior.tests[0], given, together=":" in given)
    assert BAD[given] in str(caught.value)


def test_flexions_of_a_flat_knee_and_candidates_of_two_tests_are_refused(linear: Drawn) -> None:
    test = linear.posterior.tests[0]
    with pytest.raises(CalibrateError, match="this knee has no third coordinates"):
        chosen(linear, test, None, flexions=[60.0])
    with pytest.raises(CalibrateError, match="--together: has to be of angles or moments at one flexion"):
        chosen(linear, test, "8,repeat", together=True)


def test_targets_that_are_none_are_refused(linear: Drawn) -> None:
    with pytest.raises(ParameterError, match=r"f_reff: there is no such quantity; did you mean 'mcl.f_ref'"):
        what_next(linear, "mcl.f_reff", [LOW])
    with pytest.raises(ParameterError, match=r"target mcl\.reference_strain: is the same in all draws"):
        what_next(linear, "mcl.reference_strain", [LOW])
    with pytest.raises(ParameterError, match="design: 64 draws are too few to weigh"):
        what_next(drawn(linear.posterior, linear.samples()[:64]), "mcl.f_ref", [LOW])
    with pytest.raises(CalibrateError, match="no test is called 'flex9'"):
        what_next(linear, "mcl.f_ref", [LOW], test="flex9")


def test_laxity_is_that_between_ten_newton_metres(linear: Drawn) -> None:
    posterior = posterior_of(config_of({"mcl.k": "{ lower = 20.0, upper = 80.0 }"}))
    draws = drawn(posterior, posterior.prior_sample(np.random.default_rng(1), 1024))
    found: Design = what_next(draws, "laxity", [LOW, HIGH])
    assert (found.target, found.unit) == ("laxity_total_10Nm", "deg")
    # The MCL is stretched towards valgus alone.
    assert found.outlooks[0].candidate == HIGH
    assert found.outlooks[0].shrinkage.share > 0.3 > abs(found.outlooks[1].shrinkage.share)


def test_a_run_that_has_not_converged_is_said_so_and_content_is_plain(linear: Drawn) -> None:
    found = what_next(linear, "mcl.f_ref", [LOW, HIGH])
    short = chain.Chains(linear.chains.coords[:, :8], linear.chains.log_prob[:, :8], 0.3)
    rough = what_next(Drawn(linear.posterior, linear.settings, short), "mcl.f_ref", [LOW])
    assert "the run has not converged, and its draws may not be the posterior's" in rough.notes
    content = found.content()
    assert content["test"] is None
    assert content["positive"] == "valgus"
    assert content["candidates"][0]["shrinkage"] == pytest.approx(1.0 - content["candidates"][0]["sd_after"] / found.sd)
    assert content["candidates"][0]["readings"] == 1
    assert content["notes"][0] == "promises suppose that the model is true and that errors are as this posterior says"
