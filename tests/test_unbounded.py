"""Parameters without bounds: there and back, and how much volume a step there has here."""

from __future__ import annotations

import numpy as np
import pytest
from linear_knees import config_of, posterior_of
from scipy.stats import norm

from calibrate.unbounded import Unbounded

ALL = Unbounded(np.array([2.0, 1.0, -np.inf, -np.inf]), np.array([5.0, np.inf, -3.0, np.inf]))


def test_all_kinds_of_bounds_go_there_and_back() -> None:
    q = np.array([[2.5, 1.1, -4.0, 7.0], [4.9999, 30.0, -3.001, -7.0]])
    z = ALL.away(q)
    np.testing.assert_allclose(z[0], [norm.ppf(1.0 / 6.0), np.log(0.1), 0.0, 7.0], atol=1e-12)
    np.testing.assert_allclose(ALL.back(z), q, rtol=1e-12)
    assert ALL.back(np.full((1, 4), 1e3)).tolist() == [[5.0, np.inf, -3.0, 1e3]]


def test_the_volume_is_that_of_the_derivative() -> None:
    z, step = np.array([[0.3, -1.2, 0.8, 2.0]]), 1e-6
    each = [(ALL.back(z + step * row) - ALL.back(z - step * row))[0] @ row / (2.0 * step) for row in np.eye(4)]
    assert ALL.log_stretch(z)[0] == pytest.approx(np.log(each).sum(), abs=1e-8)


def test_what_lies_on_a_bound_or_beyond_is_not_inside() -> None:
    q = np.array([[2.0, 1.1, -4.0, 0.0], [2.1, 1.1, -3.0, 0.0], [2.1, 1.1, -3.1, 0.0], [5.1, 1.1, -3.1, 0.0]])
    assert ALL.inside(q).tolist() == [False, False, True, False]


def test_what_has_to_be_positive_has_nought_for_a_bound() -> None:
    free = {"mcl.k": "{ mean = 10.0, sd = 20.0 }", "mcl.f_ref": "{ mean = 10.0, sd = 20.0, upper = 50.0 }"}
    way = Unbounded.of(posterior_of(config_of(free)))
    assert way.lower.tolist() == [0.0, -np.inf]
    assert way.upper.tolist() == [np.inf, 50.0]
