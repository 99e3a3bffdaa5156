"""Walkers four at a time: exponentials, logarithms and arithmetic are those of NumPy but for the last bit."""

import numba
import numpy as np

from calibrate.population.lanes import LANES, between, exp_of, load, log_of, sqrt_of, store, where_positive, whole

ODD = [0.0, 1.0, -1.0, np.nan, np.inf, -np.inf, 5e-324, 2.0**-1022]


@numba.njit
def worked_out(x, exp, log, rest):
    """Put into place what lanes make of x."""
    for w in range(0, x.size, LANES):
        here = load(x, w)
        store(exp, w, exp_of(here))
        store(log, w, log_of(here))
        kept = where_positive(here, 2.0 / (1.0 + here) - here)
        store(rest[0], w, kept)
        store(rest[1], w, sqrt_of(between(here, 0.0, 9.0)) * 3.0)
    return whole(x.size), whole(x.size - 1), whole(x.size - LANES)


def made_of(values):
    x = np.ascontiguousarray(values, dtype=float)
    exp, log, rest = np.empty_like(x), np.empty_like(x), np.empty((2, x.size))
    assert worked_out(x, exp, log, rest) == (x.size, x.size, x.size - LANES)
    return exp, log, rest


def test_exponentials_and_logarithms_are_right_but_for_the_last_bit():
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.uniform(-700.0, 700.0, 2000), rng.standard_normal(2000), 1e-9 * rng.standard_normal(400)])
    exp, _, _ = made_of(x)
    np.testing.assert_array_max_ulp(exp, np.exp(x), 1)
    y = np.concatenate([np.exp(x[:4000]), 1.0 + 1e-3 * rng.standard_normal(400)])
    _, log, _ = made_of(y)
    np.testing.assert_array_max_ulp(log, np.log(y), 1)


def test_what_has_no_logarithm_is_nan_and_what_overflows_infinite():
    exp, log, _ = made_of(ODD)
    np.testing.assert_allclose(exp, np.exp(ODD), rtol=1e-15)
    np.testing.assert_allclose(log[[1, 7]], [0.0, np.log(2.0**-1022)], rtol=1e-15)
    assert np.isnan(np.delete(log, [1, 7])).all()
    assert made_of([710.0, 1000.0, -710.0, -1000.0])[0].tolist() == [np.inf, np.inf, 0.0, 0.0]


def test_arithmetic_of_lanes_and_numbers():
    x = np.array([0.5, 1.0, 4.0, 16.0, -0.5, np.nan, 9.0, 1e300])
    _, _, (kept, root) = made_of(x)
    expected = 2.0 / (1.0 + x) - x
    np.testing.assert_allclose(kept, np.where(x > 0.0, expected, np.nan), rtol=1e-15)
    np.testing.assert_allclose(root, 3.0 * np.sqrt(np.clip(x, 0.0, 9.0)), rtol=1e-15)
