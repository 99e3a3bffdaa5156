"""What draws have left of a prior, on the scale on which it is even or normal."""

import math

import numpy as np
import pytest

from calibrate.priors import LogNormal, Normal, Uniform, left_of


@pytest.mark.parametrize("prior", [Normal(50.0, 10.0), Normal(50.0, 10.0, lower=45.0, upper=52.0), Uniform(-3.0, 9.0)])
def test_what_is_left_counts_in_the_priors_own_moments(prior: Normal | Uniform) -> None:
    share, shift = left_of(np.array([-1, 3]) * prior.sd + prior.mean, prior)  # integers are numbers, too
    assert (share, shift) == pytest.approx((2.0, 1.0))


def test_a_stiffness_twice_as_large_is_not_less_well_known_for_being_twice_as_uncertain() -> None:
    """Median 70, factor 1.7; 141 within a factor of 1.35 has 93 % of the prior's standard deviation in N/mm."""
    prior = LogNormal(70.0, 1.7)
    draws = 141.0 * 1.35 ** np.array([-1.0, 1.0])
    assert 0.9 < draws.std() / prior.sd < 1.0
    share, shift = left_of(draws, prior)
    assert share == pytest.approx(np.log(1.35) / np.log(1.7))  # 0.57
    assert shift == pytest.approx(np.log(141.0 / 70.0) / np.log(1.7))  # 1.3
    bounded = LogNormal(70.0, 1.7, lower=60.0, upper=90.0)
    even = np.log(bounded.quantile((np.arange(20_000) + 0.5) / 20_000))
    expected = float(even.std()), float(even.mean())
    assert left_of(np.exp(even), bounded) == pytest.approx((1.0, 0.0), abs=1e-4)
    assert left_of(np.exp(expected[1] + np.array([1.0, 3.0]) * expected[0]), bounded) == pytest.approx((1.0, 2.0), 1e-3)


def test_what_has_no_logarithm_leaves_nothing_known() -> None:
    for spoilt in ([0.0, 1.0], [-1.0, 1.0]):
        assert all(math.isnan(number) for number in left_of(np.array(spoilt), LogNormal(70.0, 1.7)))
    assert left_of([1, 1], LogNormal(1.0, math.e)) == pytest.approx((0.0, 0.0))
    assert left_of([0.25, 0.25], LogNormal(1.0, 2.0)) == pytest.approx((0.0, -2.0))
