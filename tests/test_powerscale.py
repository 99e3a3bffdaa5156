"""Power-scaling sensitivity against ArviZ's, and against a normal distribution for which it can be worked out."""

import math

import arviz_base
import arviz_stats
import numpy as np
import pytest

from calibrate.powerscale import sensitivity


def test_sensitivity_is_that_of_arviz_to_the_second_digit() -> None:
    """Plain weights are as good as ArviZ's smoothed ones where the power is within 1 % of one."""
    rng = np.random.default_rng(1)
    q = rng.standard_normal((2000, 3)) * [1.0, 2.0, 0.5] + [0.0, 1.0, 3.0]
    q[:, 2] = np.exp(q[:, 2])
    parts = {
        "log_prior": -0.5 * (q[:, 0] - 1.0) ** 2 - 0.1 * q[:, 1],
        "log_likelihood": -np.abs(q[:, 1]) - 0.01 * q[:, 2],
    }
    tree = arviz_base.from_dict(
        {"posterior": {str(i): q[:, i].reshape(1, -1) for i in range(3)}}
        | {group: {"x": part.reshape(1, -1)} for group, part in parts.items()}
    )
    for group, part in parts.items():
        found = arviz_stats.psense(tree, group=group.removeprefix("log_"))
        expected = [float(found[str(i)]) for i in range(3)]
        np.testing.assert_allclose(sensitivity(q, part), expected, rtol=0.02, atol=1e-3)
        assert max(expected) > 0.05


def test_a_shift_is_as_fast_as_it_can_be_worked_out() -> None:
    """Prior N(0, 1) and one reading as good: a power a of the prior moves the mean to y / (1 + a), by -y/4 a unit."""
    rng = np.random.default_rng(2)
    x = rng.standard_normal(40_000)  # an orthonormal problem: sensitivity grows with how far prior and data are apart
    rates = []
    for y in (1.0, 4.0):
        posterior = 0.5 * y + math.sqrt(0.5) * x
        rates.append(sensitivity(posterior[:, np.newaxis], -0.5 * posterior**2)[0])
    assert rates[1] > 2.0 * rates[0] > 0.0
    # What the other part does not touch does not move.
    assert sensitivity(x[:, np.newaxis], rng.standard_normal(x.size))[0] < 0.03
    assert sensitivity(x[:, np.newaxis], np.full(x.size, -3.0))[0] == 0.0


def test_both_ends_and_any_unit_are_alike() -> None:
    rng = np.random.default_rng(3)
    x = rng.gamma(2.0, size=5000)
    part = np.log(x)
    one = sensitivity(x[:, np.newaxis], part)
    np.testing.assert_allclose(sensitivity(-7.0 * x[:, np.newaxis], part + 1e3), one)


def test_three_draws_whose_last_weighs_thrice_or_a_third() -> None:
    """Of 0, 1 and 3, by hand: shares of 1/3, 2/3 become 1/5, 2/5 with a power of 1.01, and 3/7, 6/7 with 0.99.

    Their distance over widths of 1 and 2 is 0.21346 and, seen from the other end, 0.23244: the larger of both ends, for
    steps of log2 1.01 and -log2 0.99.
    """
    found = sensitivity(np.array([[0.0], [1.0], [3.0]]), np.array([0.0, 0.0, 100.0 * math.log(3.0)]))
    assert found == pytest.approx(0.5 * (0.21346193 / 0.01435529 + 0.23243832 / 0.01449957), rel=1e-6)


@pytest.mark.parametrize("offset", [-1e6, 1e6])
def test_neither_the_normalisation_nor_the_unit_matters(offset: float) -> None:
    x = np.random.default_rng(5).standard_normal((500, 1))
    np.testing.assert_allclose(sensitivity(1e-6 * x, x[:, 0] + offset), sensitivity(x, x[:, 0]), rtol=1e-6)


def test_what_is_not_finite_is_left_out_up_to_half() -> None:
    x = np.random.default_rng(4).standard_normal((1000, 2))
    part = x[:, 0]
    some = x.copy()
    some[::2, 0] = math.nan
    some[:501, 1] = math.inf
    found = sensitivity(some, part)
    assert found[0] == pytest.approx(sensitivity(x[1::2, :1], part[1::2])[0])
    assert math.isnan(found[1])
    assert sensitivity(np.ones((10, 1)), np.arange(10.0))[0] == 0.0
