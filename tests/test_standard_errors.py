"""Standard errors of means and quantiles, held to their scatter."""

from __future__ import annotations

import numpy as np
import pytest
from arviz_stats.base.array import array_stats
from toys import ar1

from calibrate.sampling.series import errors_of

# --- standard errors of estimates ---


def test_errors_of_means_and_quantiles_are_their_scatter() -> None:
    """Over 200 repetitions of an autoregression of skewed numbers, which tell a scatter to a twentieth."""
    rng, found, errors = np.random.default_rng(9), [], []
    for _ in range(200):
        x = np.exp(0.5 * ar1(0.7, (4, 120, 8), rng))
        found.append([x.mean(), *np.quantile(x, [0.05, 0.95])])
        errors.append(errors_of(x, (0.05, 0.95)))
    ratio = np.sqrt((np.array(errors) ** 2).mean(axis=0)) / np.std(found, axis=0)
    np.testing.assert_allclose(ratio, 1.0, atol=0.17)


def test_errors_of_few_steps_are_unknown_and_of_stuck_walkers_infinite() -> None:
    x = np.random.default_rng(1).standard_normal((2, 40, 4))
    assert np.isfinite(errors_of(x[:, :8], (0.05,))).all()
    assert np.isnan(errors_of(x[:, :7], (0.05,))).all()
    assert np.isnan(errors_of(x[:1], (0.05,))).all()
    assert np.isinf(errors_of(np.ones((2, 40, 4)), (0.05, 0.95))).all()
    assert len(errors_of(x, (0.05, 0.95))) == 3


def test_the_error_of_the_mean_is_arvizs() -> None:
    x = ar1(0.5, (4, 300, 1), np.random.default_rng(2))
    theirs = float(array_stats.mcse(x[..., 0], chain_axis=0, draw_axis=1, method="mean"))
    assert errors_of(x, ())[0] == pytest.approx(theirs, rel=1e-2)
    theirs = float(array_stats.mcse(x[..., 0], chain_axis=0, draw_axis=1, method="quantile", prob=0.95))
    assert errors_of(x, (0.95,))[1] == pytest.approx(theirs, rel=0.15)
