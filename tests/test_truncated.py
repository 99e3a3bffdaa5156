"""Where the truncated normal distribution goes another way: close bounds, far tails, and how far an integral goes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from calibrate import truncated
from calibrate.priors import LogNormal, Normal
from calibrate.truncated import TruncatedNormal

INF = math.inf


@pytest.mark.parametrize(
    ("low", "width", "close"),
    [
        (0.0, 0.9e-5, True),
        (0.0, 1e-5, False),
        (-0.5, 0.9e-5, True),
        (0.5, 1.1e-5, False),
        (-100.0, 0.9e-7, True),
        (100.0, 0.9e-7, True),
        (100.0, 1.1e-7, False),
        (0.0, INF, False),
        (-INF, INF, False),
    ],
)
def test_bounds_are_close_where_the_density_is_an_exponential(low: float, width: float, close: bool) -> None:
    assert TruncatedNormal(0.0, 1.0, low, low + width, width)._close is close
    assert TruncatedNormal(7.0, 2.0, 7.0 + 2.0 * low, 7.0 + 2.0 * (low + width), 2.0 * width)._close is close


def test_mass_is_none_where_bounds_are_one_number_of_standard_deviations() -> None:
    with pytest.raises(ValueError) as error:
        Normal(0.0, 10.0, 0.0, 5e-324)
    assert str(error.value) == "there is no mass between the bounds: normal, 0 +- 10, 0 to 4.94066e-324"
    far = math.exp(100.0)  # a million standard deviations out
    assert far < far * (1.0 + 2e-15)
    with pytest.raises(ValueError, match="there is no mass between the bounds"):
        LogNormal(1.0, 1.0001, far, far * (1.0 + 2e-15))


@pytest.mark.parametrize(
    ("low", "high", "mass"),
    [
        (0.0, INF, 0.5),
        (-INF, 0.0, 0.5),
        (-1.0, 1.0, 0.682689492137086),
        (-1.0, 2.0, 0.818594614120364),
        (-2.0, 1.0, 0.818594614120364),
        (0.5, 2.0, 0.285787406777808),
        (-2.0, -0.5, 0.285787406777808),
        (8.0, INF, 6.22096057427178e-16),
        (-INF, -8.0, 6.22096057427178e-16),
    ],
)
def test_mass_is_the_tables(low: float, high: float, mass: float) -> None:
    assert TruncatedNormal(0.0, 1.0, low, high, high - low).log_mass == pytest.approx(math.log(mass), rel=1e-13)
    assert TruncatedNormal(3.0, 2.0, 3 + 2 * low, 3 + 2 * high, 2 * (high - low)).log_mass == pytest.approx(
        math.log(mass), rel=1e-13
    )


def test_shares_beyond_all_and_nothing_are_no_quantiles_between_close_bounds_either() -> None:
    found = Normal(0.0, 1.0, 8.0, 8.0000001).quantile([-0.1, 1.1, math.nan, 0.0, 1.0])
    np.testing.assert_array_equal(found, [math.nan, math.nan, math.nan, 8.0, 8.0000001])
    assert -9.8e-06 + (9e-08 + 9.8e-06) > 9e-08
    assert Normal(0.0, 1.0, -9.8e-06, 9e-08).quantile(1.0) == 9e-08


# --- How far an integral goes. ----------------------------------------------------------------------------------------


@pytest.fixture
def ends_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Integrate by the two ends alone, so that where these are can be told from the moments."""
    monkeypatch.setattr(truncated, "_rule", lambda: (np.array([-1.0, 1.0]), np.array([1.0, 1.0])))


@pytest.mark.usefixtures("ends_alone")
def test_an_integral_goes_to_where_the_density_is_as_good_as_nothing() -> None:
    # exp(-x^2 / 2) is exp(-45) at the root of 90.
    assert TruncatedNormal(3.0, 1.0, -INF, INF, INF).moments() == pytest.approx((3.0, 0.0, math.sqrt(90.0)))
    # Above 1, from where it is likeliest: to the root of 91, where the density is exp(-45) of that at 1.
    far = math.sqrt(91.0) - 1.0
    mode, mean, sd = TruncatedNormal(0.0, 1.0, 1.0, INF, INF).moments()
    assert (mode, mean, sd) == (1.0, pytest.approx(far * math.exp(-45.0)), pytest.approx(far * math.exp(-22.5)))
    mode, mean, sd = TruncatedNormal(0.0, 1.0, -INF, -1.0, INF).moments()
    assert (mode, mean, sd) == (-1.0, pytest.approx(-far * math.exp(-45.0)), pytest.approx(far * math.exp(-22.5)))
    # Between 1 and 2, to these.
    mode, mean, sd = TruncatedNormal(0.0, 1.0, 1.0, 2.0, 1.0).moments()
    assert (mode, mean) == (1.0, pytest.approx(1.0 / (1.0 + math.exp(1.5))))  # the densities are 1 to exp(-1.5)


@pytest.mark.usefixtures("ends_alone")
def test_an_integral_of_a_square_goes_on_to_where_that_is_as_good_as_nothing() -> None:
    # exp(2 x) exp(-x^2 / 2) peaks at 2: left to the root of 90 below 0, right to the root of 90 above 2.
    left, right = math.sqrt(90.0), 2.0 + math.sqrt(90.0)
    share = math.exp(-0.5 * right**2) / (math.exp(-0.5 * left**2) + math.exp(-0.5 * right**2))
    _, mean, _ = TruncatedNormal(0.0, 1.0, -INF, INF, INF).moments(1.0)
    low = math.exp(-left) - 1.0
    assert mean == pytest.approx(low + share * (math.exp(right) - 1.0 - low), rel=1e-9)
    # Above 3, the peak at 2 is passed: to the root of 91 beyond it.
    _, mean, sd = TruncatedNormal(0.0, 1.0, 3.0, INF, INF).moments(1.0)
    far = math.sqrt(91.0) - 1.0  # from 3
    share = math.exp(-far * (0.5 * far + 3.0))
    assert mean == pytest.approx(share * (math.exp(far) - 1.0), rel=1e-9)
    assert sd == pytest.approx(math.sqrt(share) * (math.exp(far) - 1.0), rel=1e-9)


def test_the_rule_is_exact_to_the_degree_that_two_hundred_nodes_are() -> None:
    nodes, weights = truncated._rule()
    assert nodes.shape == weights.shape == (200,)
    assert weights @ nodes**398 == pytest.approx(2.0 / 399.0, rel=1e-10)
