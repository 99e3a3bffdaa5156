"""The log-prior of priors of every kind: SciPy's within the bounds, a penalty or a wall beyond; and the old form."""

from __future__ import annotations

import math

import numpy as np
import pytest
from conftest import PARAMETERS, bench_config
from five_readings import changed, posterior_of
from scipy import stats

from calibrate.knee.ligament import tension
from calibrate.posterior import Posterior

# --- Priors. ----------------------------------------------------------------------------------------------------------

# What is written, and SciPy's distribution of it.
NORMAL = stats.truncnorm(-2.0, 1.5, loc=90.0, scale=5.0)
PRIORS = {
    "{ lower = 10.0, upper = 100.0 }": (stats.uniform(10.0, 90.0), "mcl.k", 10.0, 100.0),
    "{ median = 60.0, factor = 1.5 }": (stats.lognorm(math.log(1.5), scale=60.0), "mcl.k", 0.0, math.inf),
    "{ mean = 60.0, sd = 9.0 }": (stats.norm(60.0, 9.0), "mcl.k", -math.inf, math.inf),
    "{ mean = 90.0, sd = 5.0, lower = 80.0, upper = 97.5 }": (NORMAL, "mcl.l_0", 80.0, 97.5),
    "{ mean = 0.0, sd = 40.0, upper = 80.0 }": (
        stats.truncnorm(-math.inf, 2.0, scale=40.0),
        "mcl.f_ref",
        -math.inf,
        80.0,
    ),
}


def log_pdf_of_log_normal(x: float, median: float, factor: float, lower: float, upper: float) -> float:
    free = stats.lognorm(math.log(factor), scale=median)
    return float(free.logpdf(x) - math.log(free.cdf(upper) - free.cdf(lower)))


def with_prior(name: str, prior: str, extra: str = "") -> Posterior:
    """Return the posterior in which one parameter of the MCL has a prior, and the LCL is fixed."""
    given = {"k": "50.0", "alpha": "0.06", "l_0": "90.0", "f_ref": "0.0"} | {name.split(".")[1]: prior}
    law = "[parameters.mcl]\n" + "".join(f"{key} = {value}\n" for key, value in given.items())
    return posterior_of(parameters=law + "[parameters.lcl]\nk = 40.0\nalpha = 0.06\nl_0 = 60.0\n", extra=extra)


@pytest.mark.parametrize("prior", PRIORS)
def test_a_log_prior_is_scipys_inside_the_bounds(prior: str) -> None:
    known, name, lower, upper = PRIORS[prior]
    posterior = with_prior(name, prior)
    assert (posterior.names, posterior.lower[0], posterior.upper[0]) == ((name,), lower, upper)
    x = known.ppf(np.linspace(0.001, 0.999, 11))
    np.testing.assert_allclose(posterior.log_prior(x[:, np.newaxis]), known.logpdf(x), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(posterior.scale, [known.std()], rtol=1e-6)
    drawn = posterior.prior_sample(np.random.default_rng(3), 4000)
    assert drawn.shape == (4000, 1)
    assert stats.kstest(drawn[:, 0], known.cdf).pvalue > 1e-3


def test_a_truncated_log_normal_prior_is_normalised() -> None:
    posterior = with_prior("mcl.k", "{ median = 60.0, factor = 1.5, lower = 50.0, upper = 90.0 }")
    for x in (50.0, 61.0, 90.0):
        wanted = log_pdf_of_log_normal(x, 60.0, 1.5, 50.0, 90.0)
        assert posterior.log_prior([x]) == pytest.approx(wanted, rel=1e-9)


def test_priors_are_independent_and_add_up() -> None:
    parameters = changed(
        PARAMETERS,
        ("k = { lower = 10.0, upper = 100.0 }", "k = { median = 60.0, factor = 1.5 }"),
        ("l_0 = { lower = 80.0, upper = 100.0 }", "reference_strain = { mean = 0.02, sd = 0.03 }"),
    )
    posterior = posterior_of(
        parameters=parameters,
        noise="sigma = { median = 0.5, factor = 2.0 }",
        extra="[measurement]\nangle_offset = { mean = 0.0, sd = 2.0 }\n",
    )
    known = {
        "mcl.k": stats.lognorm(math.log(1.5), scale=60.0),
        "mcl.alpha": stats.uniform(0.02, 0.1),
        "mcl.reference_strain": stats.norm(0.02, 0.03),
        "lcl.k": stats.uniform(10.0, 90.0),
        "lcl.alpha": stats.uniform(0.02, 0.1),
        "lcl.l_0": stats.uniform(50.0, 16.0),
        "measurement.angle_offset": stats.norm(0.0, 2.0),
        "noise.sigma": stats.lognorm(math.log(2.0), scale=0.5),
    }
    assert posterior.names == tuple(known)
    q = posterior.prior_sample(np.random.default_rng(8), 50)
    wanted = sum(prior.logpdf(column) for prior, column in zip(known.values(), q.T, strict=True))
    np.testing.assert_allclose(posterior.log_prior(q), wanted, rtol=1e-9)
    np.testing.assert_allclose(
        posterior.log_prob(q), np.asarray(posterior.log_prior(q)) + np.asarray(posterior.log_likelihood(q)), rtol=1e-14
    )


@pytest.mark.parametrize("walls", ["penalty", "hard"])
def test_outside_the_bounds_there_is_a_penalty_or_a_wall(walls: str) -> None:
    prior = "{ mean = 90.0, sd = 5.0, lower = 80.0, upper = 97.5 }"
    posterior = with_prior("mcl.l_0", prior, f'[prior]\nwalls = "{walls}"\nweight = 100.0\n')
    constant = NORMAL.logpdf(90.0)
    for x, beyond in ((79.0, 1.0), (98.0, 0.5)):
        if walls == "hard":
            assert posterior.log_prior([x]) == -math.inf
        else:  # the formula goes on, and the penalty comes on top
            wanted = constant - 0.5 * ((x - 90.0) / 5.0) ** 2 - 100.0 * beyond**2
            assert posterior.log_prior([x]) == pytest.approx(wanted, rel=1e-12)
    assert posterior.log_prior([80.0]) == pytest.approx(NORMAL.logpdf(80.0))


def test_what_has_to_be_positive_is_impossible_elsewhere_and_never_drawn() -> None:
    posterior = with_prior("mcl.k", "{ mean = 1.0, sd = 50.0 }")
    assert posterior.log_prior([-1e-9]) == posterior.log_prior([0.0]) == -math.inf
    assert posterior.log_prob([-1.0]) == -math.inf
    # A normal prior is not normalised anew for it.
    assert posterior.log_prior([1.0]) == pytest.approx(stats.norm(1.0, 50.0).logpdf(1.0), rel=1e-12)
    drawn = posterior.prior_sample(np.random.default_rng(1), 2000)[:, 0]
    assert drawn.min() > 0.0
    assert stats.kstest(drawn, stats.truncnorm(-0.02, math.inf, loc=1.0, scale=50.0).cdf).pvalue > 1e-3
    nearly_none = posterior_of(
        noise="sigma = 0.5\nnu = { mean = -4.0, sd = 1.0 }"
    )  # one draw in thirty thousand is positive
    assert nearly_none.prior_sample(np.random.default_rng(1), 500)[:, -1].min() > 0.0
    signed = with_prior("mcl.f_ref", "{ mean = 0.0, sd = 1.0 }")
    assert signed.prior_sample(np.random.default_rng(1), 500).min() < 0.0


# --- The old form. ----------------------------------------------------------------------------------------------------


def old_log_prob(posterior: Posterior, q: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> float:
    """The model of two ligaments as it was: a penalty of 1e6, and Gaussian errors of sigma = 2; written out."""
    outside = np.maximum(0.0, np.maximum(lower - q, q - upper))
    knee, measurement = posterior.knee_at(), posterior.tests[0].measurement
    pull = [tension(lengths, *law) for lengths, law in zip(knee.kinematics.lengths, (q[:3], q[3:6]), strict=True)]
    loads = (knee.coefficients * np.array(pull)).sum(axis=0)
    sigma = q[6] if q.size == 7 else 2.0
    residuals = (loads - measurement.loads) / sigma
    constant = measurement.loads.size * math.log(sigma * math.sqrt(2.0 * math.pi))
    return float(-1e6 * (outside**2).sum() - 0.5 * (residuals**2).sum() - constant)


@pytest.mark.parametrize("noise", ["sigma = 2.0", "sigma = { lower = 0.5, upper = 4.0 }"])
@pytest.mark.parametrize("name", ["toe", "ridge"])
def test_the_old_form_differs_from_the_old_formula_by_the_widths_alone(name: str, noise: str) -> None:
    config = bench_config(name, noise=noise)
    posterior, old = Posterior.from_config(config), Posterior.from_config(config, normalised=False)
    lower = np.array([10.0, 0.02, 80.0, 10.0, 0.02, 50.0, 0.5])[: posterior.ndim]
    upper = np.array([100.0, 0.12, 100.0, 100.0, 0.12, 66.0, 4.0])[: posterior.ndim]
    rng = np.random.default_rng(2)
    q = lower + rng.uniform(0.0, 1.0, (200, posterior.ndim)) * (upper - lower)
    q[150:, 2] = 100.0 + rng.uniform(0.0, 0.003, 50)  # a little beyond the bound
    wanted = np.array([old_log_prob(posterior, row, lower, upper) for row in q])
    np.testing.assert_allclose(old.log_prob(q), wanted, rtol=1e-9)
    np.testing.assert_allclose(posterior.log_prob(q), wanted - np.log(upper - lower).sum(), rtol=1e-9, atol=1e-9)
