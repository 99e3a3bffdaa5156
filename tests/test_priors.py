"""Priors: against SciPy's distributions, against arithmetic of 60 digits in the tails, and against themselves."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields
from itertools import pairwise

import mpmath
import numpy as np
import pytest
from exact_normal import Exact
from scipy import stats
from scipy.integrate import quad

from calibrate.priors import LogNormal, Normal, Prior, Uniform

INF = math.inf
# Each kind, free and truncated on either side, as a user might write it.
USUAL: dict[str, Prior] = {
    "uniform": Uniform(5.0, 200.0),
    "normal": Normal(0.03, 0.02),
    "normal, both": Normal(0.03, 0.02, 0.01, 0.1),
    "normal, below": Normal(2.0, 3.0, upper=1.0),
    "normal, above": Normal(2.0, 3.0, lower=-1.0),
    "log-normal": LogNormal(70.0, 1.4),
    "log-normal, below": LogNormal(70.0, 1.4, upper=300.0),
    "log-normal, both": LogNormal(10.0, 2.0, 1.0, 30.0),
    "log-normal, above": LogNormal(10.0, 2.0, lower=12.0),
}
# Where differences of probabilities, and closed forms of moments, lose all their digits.
EXTREME: dict[str, Prior] = {
    "8 sd above": Normal(0.0, 1.0, 8.0, 9.0),
    "8 sd above, open": Normal(0.0, 1.0, lower=8.0),
    "8 sd below": Normal(0.0, 1.0, -9.0, -8.0),
    "37 sd above": Normal(0.0, 1.0, lower=37.0),
    "37 sd above, close": Normal(0.0, 1.0, 37.0, 37.001),
    "8 sd above, close": Normal(0.0, 1.0, 8.0, 8.0001),
    "8 sd above, closer": Normal(0.0, 1.0, 8.0, 8.0000001),
    "37 sd above, closer": Normal(0.0, 1.0, 37.0, 37.000009),
    "8 sd above, at zero": Normal(-8.0, 1.0, 0.0, 1e-6),
    "8 sd below, at zero": Normal(8.0, 1.0, -1e-6, 0.0),
    "in the middle, close": Normal(0.0, 1.0, -1e-9, 1e-9),
    "in the middle, less close": Normal(0.0, 1.0, -1e-3, 2e-3),
    "hardly bent": Normal(5.0, 1e6, 0.0, 1.0),
    "flat": Normal(0.0, 1e12, 0.0, 1.0),
    "log-normal, 9 sd above": LogNormal(70.0, 1.4, lower=1500.0),
    "log-normal, 8 sd below": LogNormal(70.0, 1.4, upper=5.0),
    "log-normal, close": LogNormal(70.0, 1.4, 70.0, 70.0001),
    "log-normal, closer": LogNormal(70.0, 1.4, 70.0, 70.0000000001),
    "log-normal of small numbers, closer": LogNormal(0.07, 1.4, 0.07, 0.0700000000001),
    "log-normal, narrow": LogNormal(70.0, 1.0001),
    "log-normal, widest": LogNormal(1.0, 1000.0),
    "log-normal, widest, cut": LogNormal(1.0, 1000.0, 1e3, 1e30),
}


def by_name(cases: dict[str, Prior]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("prior", cases.values(), ids=cases.keys())


def parent(prior: Prior) -> stats.rv_continuous:
    """Return SciPy's distribution before truncation, from the numbers as they were given."""
    if isinstance(prior, Uniform):
        return stats.uniform(prior.lower, prior.upper - prior.lower)
    if isinstance(prior, Normal):
        return stats.norm(prior.location, prior.scale)
    return stats.lognorm(math.log(prior.factor), scale=prior.median)


def within(prior: Prior) -> np.ndarray:
    """Return points between the bounds, most of them where the mass is."""
    return prior.quantile(np.linspace(0.001, 0.999, 41))


@pytest.fixture
def digits() -> Iterator[None]:
    """Work with 400 digits: what cancels between 8 and 9 standard deviations leaves enough of them."""
    with mpmath.workdps(400):
        yield


@by_name(USUAL)
def test_the_density_is_scipys_over_the_mass_between_the_bounds(prior: Prior) -> None:
    whole = parent(prior)
    x = within(prior)
    expected = whole.logpdf(x) - np.log(whole.cdf(prior.upper) - whole.cdf(prior.lower))
    np.testing.assert_allclose(prior.log_density(x), expected, rtol=0.0, atol=1e-12)


@by_name(USUAL)
def test_the_density_integrates_to_one(prior: Prior) -> None:
    marks = prior.quantile(np.array([0.0, 1e-6, 0.01, 0.5, 0.99, 1 - 1e-6, 1.0]))
    pieces = [quad(lambda x: float(np.exp(prior.log_density(x))), a, b, epsabs=1e-13)[0] for a, b in pairwise(marks)]
    assert sum(pieces) == pytest.approx(1.0, abs=1e-9)


@by_name(USUAL)
def test_quantiles_are_scipys_and_come_back_through_its_cumulative_distribution(prior: Prior) -> None:
    whole = parent(prior)
    u = np.linspace(0.0, 1.0, 51)
    low, high = whole.cdf(prior.lower), whole.cdf(prior.upper)
    x = prior.quantile(u)
    np.testing.assert_allclose((whole.cdf(x) - low) / (high - low), u, rtol=0.0, atol=1e-12)
    np.testing.assert_allclose(x[1:-1], whole.ppf(low + u[1:-1] * (high - low)), rtol=1e-9)
    assert np.all((x >= prior.lower) & (x <= prior.upper))
    np.testing.assert_array_equal(np.isnan(prior.quantile([-0.1, 1.1, np.nan, 0.5])), [True, True, True, False])


@by_name(USUAL)
def test_mean_and_sd_are_those_of_the_truncated_density(prior: Prior) -> None:
    marks = prior.quantile(np.array([1e-13, 1e-6, 0.01, 0.5, 0.99, 1 - 1e-6, 1 - 1e-13]))

    def integral(power: int, about: float) -> float:
        return sum(
            quad(lambda x: (x - about) ** power * float(np.exp(prior.log_density(x))), a, b, epsrel=1e-11)[0]
            for a, b in pairwise(marks)
        )

    mean = integral(1, 0.0)
    assert prior.mean == pytest.approx(mean, rel=1e-8)
    assert prior.sd == pytest.approx(math.sqrt(integral(2, mean)), rel=1e-7)


@pytest.mark.parametrize("prior", [USUAL["normal"], USUAL["log-normal"], USUAL["uniform"]])
def test_moments_without_truncation_are_the_textbooks(prior: Prior) -> None:
    assert prior.mean == pytest.approx(parent(prior).mean(), rel=1e-13)
    assert prior.sd == pytest.approx(parent(prior).std(), rel=1e-13)


def test_a_truncated_normals_mean_and_sd_are_not_the_numbers_it_was_given() -> None:
    prior = Normal(mean=0.0, sd=1.0, lower=0.0)
    assert (prior.location, prior.scale) == (0.0, 1.0)
    assert prior.mean == pytest.approx(math.sqrt(2.0 / math.pi), rel=1e-14)
    assert prior.sd == pytest.approx(math.sqrt(1.0 - 2.0 / math.pi), rel=1e-14)
    assert repr(prior) == "Normal(mean=0.0, sd=1.0, lower=0.0, upper=inf)"
    assert prior == Normal(0, 1, lower=0)


@pytest.mark.usefixtures("digits")
@by_name(EXTREME)
def test_the_density_keeps_ten_digits_far_out_and_between_close_bounds(prior: Normal | LogNormal) -> None:
    exact = Exact(prior)
    for x in prior.quantile([0.1, 0.5, 0.9]):
        assert float(prior.log_density(x) - exact.log_density(float(x))) == pytest.approx(0.0, abs=2e-10)


@pytest.mark.usefixtures("digits")
@by_name(EXTREME)
def test_quantiles_keep_their_digits_far_out_and_between_close_bounds(prior: Normal | LogNormal) -> None:
    exact = Exact(prior)
    u = np.array([0.01, 0.3, 0.5, 0.9, 0.99])
    x = prior.quantile(u)
    density = np.exp(prior.log_density(x))
    # x is a number of 53 bits: what it may be off by, times the density there, is all that may be missing of u.
    rounding = 8.0 * np.finfo(float).eps * np.abs(x) * density
    shares = np.array([float(exact.share(float(value))) for value in x])
    assert np.all(np.abs(shares - u) < 1e-8 + rounding), shares - u


@pytest.mark.usefixtures("digits")
@by_name(EXTREME)
def test_moments_keep_their_digits_far_out_and_between_close_bounds(prior: Normal | LogNormal) -> None:
    mean, sd = Exact(prior).moments()
    assert prior.mean == pytest.approx(float(mean), rel=1e-12, abs=1e-20)
    assert prior.sd == pytest.approx(float(sd), rel=1e-10)


@by_name(USUAL | EXTREME)
def test_samples_stay_inside(prior: Prior) -> None:
    draws = prior.sample(np.random.default_rng(1), 20_000)
    assert draws.shape == (20_000,)
    assert np.all((draws >= prior.lower) & (draws <= prior.upper))


def test_no_quantile_is_beyond_its_bounds_by_rounding() -> None:
    for bound in np.linspace(50.0, 300.0, 101):
        assert LogNormal(70.0, 1.4, upper=bound).quantile(1.0) <= bound
        assert LogNormal(70.0, 1.4, lower=bound).quantile(0.0) >= bound
    assert 1.4 + (7.2 - 1.4) > 7.2
    assert Uniform(1.4, 7.2).quantile(1.0) == 7.2


@by_name(USUAL)
def test_samples_follow_scipys_distribution_and_others_are_told_apart(prior: Prior) -> None:
    n = 20_000
    draws = prior.sample(np.random.default_rng(4), n)
    whole = parent(prior)
    low, high = whole.cdf(prior.lower), whole.cdf(prior.upper)

    def cumulative(x: np.ndarray) -> np.ndarray:
        return np.clip((whole.cdf(x) - low) / (high - low), 0.0, 1.0)

    limit = 1.95 / math.sqrt(n)  # Kolmogorov's distance is below that in 999 of 1000 samples
    assert stats.kstest(draws, cumulative).statistic < limit
    assert stats.kstest(draws + 0.06 * prior.sd, cumulative).statistic > limit


def test_a_seed_gives_its_draws_and_no_draw_is_at_an_open_end() -> None:
    class Least:
        def random(self, n: int) -> np.ndarray:
            return np.zeros(n)

    prior = Normal(0.0, 1.0)
    one, two = (prior.sample(np.random.default_rng(5), 3) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert np.isfinite(prior.sample(Least(), 2)).all()  # type: ignore[arg-type]  # a generator at its smallest number
    # All numbers below the generator's next one, 2^-53, are taken for the one in their middle.
    assert Uniform(0.0, 2.0**54).sample(Least(), 2).tolist() == [1.0, 1.0]  # type: ignore[arg-type]  # likewise


@by_name(USUAL)
def test_numbers_of_fewer_digits_lose_none_and_shapes_are_kept(prior: Prior) -> None:
    for function in (prior.log_density, prior.quantile):
        few = function(np.array([[0.3], [0.7]], dtype=np.float32))
        assert (few.dtype, few.shape) == (np.float64, (2, 1))
        assert few.tolist() == function([[float(np.float32(0.3))], [float(np.float32(0.7))]]).tolist()
    assert np.shape(prior.log_density(0.5)) == np.shape(prior.quantile(0.5)) == ()


def test_all_numbers_of_a_prior_are_floats() -> None:
    for prior in (Uniform(1, 3), Normal(2, 1, 1, 3), LogNormal(2, 2, 1, 3)):
        numbers = [getattr(prior, field.name) for field in fields(prior)]
        assert [type(number) for number in numbers] == [float] * len(numbers)


def from_row(row: tuple[int, float, float, float], x: float) -> float:
    """Return the log-density as compiled code computes it."""
    kind, a, b, constant = row
    if kind == 0:
        return constant
    if kind == 1:
        return constant - 0.5 * ((x - a) / b) ** 2
    return constant - math.log(x) - 0.5 * ((math.log(x) - a) / b) ** 2


@by_name(USUAL | EXTREME)
def test_the_row_gives_the_log_density_and_is_plain_numbers(prior: Prior) -> None:
    row = prior.row()
    assert [type(part) for part in row] == [int, float, float, float]
    for x in prior.quantile([0.2, 0.5, 0.8]):
        assert from_row(row, float(x)) == pytest.approx(float(prior.log_density(x)), rel=1e-15)


def test_rows_number_the_kinds_as_compiled_code_does() -> None:
    assert Uniform(1.0, 3.0).row() == (0, 0.0, 0.0, -math.log(2.0))
    assert Normal(3.0, 2.0).row()[:3] == (1, 3.0, 2.0)
    assert LogNormal(3.0, 2.0).row()[:3] == (2, math.log(3.0), math.log(2.0))


def test_the_formula_goes_on_beyond_the_bounds_but_not_to_where_a_logarithm_ends() -> None:
    normal, log_normal = Normal(0.0, 1.0, -1.0, 1.0), LogNormal(2.0, 1.5, 1.0, 3.0)
    assert normal.log_density(2.0) - normal.log_density(1.0) == pytest.approx(-1.5)
    assert np.isfinite(log_normal.log_density([0.5, 4.0])).all()
    np.testing.assert_array_equal(log_normal.log_density([0.0, -1.0]), [-INF, -INF])
    assert np.isnan(log_normal.log_density(np.nan))
    np.testing.assert_array_equal(Uniform(0.0, 2.0).log_density([[-9.0], [1.0]]), [[-math.log(2.0)]] * 2)


TOO_LARGE = "the numbers are too large, or too close together, to compute with"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Uniform(2.0, 1.0), "lower = 2 must be below upper = 1"),
        (lambda: Uniform(1.0, 1.0), "lower = 1 must be below upper = 1"),
        (lambda: Uniform(-INF, 1.0), "lower = -inf must be a finite number in a uniform prior"),
        (lambda: Uniform(0.0, math.nan), "upper = nan must be a finite number in a uniform prior"),
        (lambda: Uniform(-1e308, 1e308), "lower = -1e+308 and upper = 1e+308 are too far apart to compute with"),
        (lambda: Normal(0.0, 0.0), "sd = 0 must be greater than 0"),
        (lambda: Normal(0.0, -1.0), "sd = -1 must be greater than 0"),
        (lambda: Normal(INF, 1.0), "mean = inf must be a finite number"),
        (lambda: Normal(0.0, math.nan), "sd = nan must be a finite number"),
        (lambda: Normal(0.0, 1.0, 2.0, 1.0), "lower = 2 must be below upper = 1"),
        (lambda: Normal(0.0, 1.0, math.nan), "lower = nan must be a finite number"),
        (lambda: Normal(0.0, 1.0, INF), "lower = inf must be a finite number"),
        (lambda: Normal(0.0, 1.0, 100.0, 200.0), "there is no mass between the bounds: normal, 0 +- 1, 100 to 200"),
        (lambda: Normal(0.0, 1.0, upper=-1e200), "there is no mass between the bounds: normal, 0 +- 1, below -1e+200"),
        (
            lambda: Normal(0.0, 1.0, 1e200, 2e200),
            "there is no mass between the bounds: normal, 0 +- 1, 1e+200 to 2e+200",
        ),
        (lambda: Normal(1e308, 1e308), f"{TOO_LARGE}: normal, 1e+308 +- 1e+308"),
        (lambda: Normal(0.0, 1e-300), f"{TOO_LARGE}: normal, 0 +- 1e-300"),
        (lambda: Normal(0.0, 1e300), f"{TOO_LARGE}: normal, 0 +- 1e+300"),
        (lambda: LogNormal(0.0, 2.0), "median = 0 must be greater than 0"),
        (lambda: LogNormal(-70.0, 2.0), "median = -70 must be greater than 0"),
        (lambda: LogNormal(math.nan, 2.0), "median = nan must be a finite number"),
        (lambda: LogNormal(70.0, INF), "factor = inf must be a finite number"),
        (lambda: LogNormal(70.0, 1.4, upper=math.nan), "upper = nan must be a finite number"),
        (lambda: LogNormal(70.0, 1.0), "factor = 1 must be greater than 1, and at most 1000"),
        (lambda: LogNormal(70.0, 0.5), "factor = 0.5 must be greater than 1, and at most 1000"),
        (lambda: LogNormal(70.0, 1001.0), "factor = 1001 must be greater than 1, and at most 1000"),
        (lambda: LogNormal(70.0, 2.0, -1.0), "lower = -1 must not be negative in a log-normal prior"),
        (lambda: LogNormal(70.0, 2.0, upper=-3.0), "upper = -3 must not be negative in a log-normal prior"),
        (lambda: LogNormal(70.0, 2.0, upper=0.0), "lower = 0 must be below upper = 0"),
        (
            lambda: LogNormal(1.0, 1.01, 5.0, 6.0),
            "there is no mass between the bounds: log-normal, median 1, factor 1.01, 5 to 6",
        ),
        (lambda: LogNormal(sys.float_info.max, 2.0), f"{TOO_LARGE}: log-normal, median 1.79769e+308, factor 2"),
    ],
)
def test_what_is_no_prior_is_refused_with_what_was_found(make: Callable[[], Prior], words: str) -> None:
    with pytest.raises(ValueError) as refused:
        make()
    assert str(refused.value) == words


def test_mass_is_refused_where_it_is_no_number_and_taken_just_before(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Normal(0.0, 1.0, lower=37.2).sd > 0.0  # log mass -696.5
    with pytest.raises(ValueError, match="no mass"):
        Normal(0.0, 1.0, lower=37.3)  # log mass -700.2
    monkeypatch.setattr("calibrate.priors.LEAST_LOG_MASS", math.log(0.5))
    assert Normal(0.0, 1.0, lower=0.0).sd > 0.0


def test_a_lower_bound_of_nothing_is_zero_for_a_log_normal() -> None:
    assert LogNormal(70.0, 1.4, lower=-INF) == LogNormal(70.0, 1.4)
    assert LogNormal(70.0, 1.4).lower == 0.0


@pytest.mark.parametrize(
    ("prior", "unit", "words"),
    [
        (Uniform(5, 200), "N/mm", "uniform, 5 to 200 N/mm"),
        (Normal(0.03, 0.02, 0.01, 0.1), "", "normal, 0.03 +- 0.02, 0.01 to 0.1"),
        (Uniform(5, 200), "", "uniform, 5 to 200"),
        (Normal(0.0, 2.0), "deg", "normal, 0 +- 2 deg"),
        (Normal(0.0, 2.0, -1.0, 3.0), "deg", "normal, 0 +- 2 deg, -1 to 3 deg"),
        (Normal(0.03, 0.08 / 3.92, lower=0.0), "", "normal, 0.03 +- 0.02041, above 0"),
        (LogNormal(70.0, 1.4, upper=300.0), "N/mm", "log-normal, median 70 N/mm, factor 1.4, below 300 N/mm"),
        (LogNormal(70.0, 1.4), "", "log-normal, median 70, factor 1.4"),
        (LogNormal(70.0, 1.4, 5.0), "N/mm", "log-normal, median 70 N/mm, factor 1.4, above 5 N/mm"),
    ],
)
def test_priors_describe_themselves_in_a_phrase(prior: Prior, unit: str, words: str) -> None:
    assert prior.describe(unit) == words
    assert unit or prior.describe() == words


def test_priors_do_without_the_second_that_scipy_stats_costs() -> None:
    code = "import sys, calibrate.literature, calibrate.priors; print('scipy.stats' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
