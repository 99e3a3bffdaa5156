"""The best of a run's draws as a fit: its residuals, what it explains, and the readings that lie apart from the others.

A reading that is wrong drags the fit along, and few readings have many parameters to follow it with; so the question
which readings lie apart is put to a second fit, which far residuals pull at less the farther they are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrate.posterior import Posterior
from calibrate.priors import Uniform
from calibrate.problem.laxity_test import LaxityTest
from calibrate.problem.noise import variance_of
from calibrate.residuals import explained, outlying, serial

FloatArray = NDArray[np.float64]

# Beyond this many readings none of them drags a fit.
_FEW = 2000
# Beyond this many, what was fitted leaves no trace in the residuals' correlation.
_MANY = 20_000
_PRIOR_DRAWS = 2048
_PRIOR_READINGS = 500_000  # of all prior draws together, at the most
_STARTS = 3
_WITHIN_SIGMA = 0.6827


@dataclass(frozen=True)
class BestFit:
    """What the best draw and the robust fit say of a test's data.

    Attributes
    ----------
    test : LaxityTest
        The test.
    q : ndarray, shape (ndim,)
        The best draw.
    misfit : float
        Mean square of its residuals in units of their standard deviations.
    explained, possible : float
        Share of the loads' variation that the model explains, and that any smooth curve could; see `residuals`.
    outlying : ndarray of int
        Rows of the readings that lie apart, the farthest first; not more than a tenth of all.
    sizes : ndarray
        How far, in units of the others' scale.
    threshold : float
        What of that is the most to be expected of noise.
    by_angle, by_row : tuple of float
        Correlation of neighbouring residuals and its probability in noise, in the order of the angles and of the file;
        the latter None if it is the same order.
    """

    test: LaxityTest
    q: FloatArray
    misfit: float
    explained: float
    possible: float
    outlying: NDArray[np.intp]
    sizes: FloatArray
    threshold: float
    by_angle: tuple[float, float]
    by_row: tuple[float, float] | None


@dataclass(frozen=True)
class _Whole:
    """All tests' readings, one after another.

    Attributes
    ----------
    best : ndarray, shape (ndim,)
        The best draw.
    sigma : ndarray, shape (n,)
        Standard deviations of the errors there, in the loads' units.
    residuals, robust : ndarray, shape (n,)
        Of the best draw and of the robust fit, in units of `sigma`.
    slopes : ndarray, shape (n, ndim), or None
        Derivatives of the former by the parameters in units of their priors; None where there are too many.
    """

    best: FloatArray
    sigma: FloatArray
    residuals: FloatArray
    robust: FloatArray
    slopes: FloatArray | None


@np.errstate(all="ignore")  # a stranger's file may hold loads whose squares overflow; then nothing is found
def best_fits(posterior: Posterior, draws: FloatArray) -> tuple[BestFit, ...]:
    """Look at the best of some draws, (n, ndim), as a fit of each test; none if even that has no prediction."""
    best = draws[int(np.argmax(posterior.log_prob(draws)))]
    if not np.isfinite(posterior.residuals(best[np.newaxis])).all():
        return ()
    sigma = _sigma(posterior, best)
    weight = posterior.residuals_of.unit / sigma
    residuals = robust = posterior.residuals(best[np.newaxis])[0] * weight
    fitted = ~posterior.table.rows("error")
    if residuals.size <= _FEW:
        robust = posterior.residuals(_robust(posterior, best, fitted, weight)[np.newaxis])[0] * weight
    slopes = _slopes(posterior, best, weight) if residuals.size <= _MANY else None
    whole = _Whole(best, sigma, residuals, robust, slopes)
    flat = all(isinstance(prior, Uniform) for prior in posterior.priors)
    counts = _taken(whole, posterior.tests, int(fitted.sum()), flat=flat)
    slips = [_slips(robust[part], count) for (_, part), count in zip(_parts(posterior.tests), counts, strict=True)]
    tidy, left = residuals.copy(), np.ones(residuals.size, dtype=bool)
    for (_, part), (rows, _, _) in zip(_parts(posterior.tests), slips, strict=True):
        if rows.size:
            tidy[part] = robust[part]
            left[part.start + rows] = False
    return tuple(
        _of_test(test, part, whole, found, tidy, left)
        for (test, part), found in zip(_parts(posterior.tests), slips, strict=True)
    )


def _parts(tests: Sequence[LaxityTest]) -> Iterator[tuple[LaxityTest, slice]]:
    """Yield each test, and where its readings are among all."""
    first = 0
    for test in tests:
        count = test.measurement.angles.size
        yield test, slice(first, first + count)
        first += count


def _of_test(
    test: LaxityTest,
    part: slice,
    whole: _Whole,
    slips: tuple[NDArray[np.intp], FloatArray, float],
    tidy: FloatArray,
    left: NDArray[np.bool_],
) -> BestFit:
    """Look at one test; `left` are the readings that do not lie apart, `tidy` the residuals that they are judged by."""
    data, rows = test.measurement, slips[0]
    sigma, rest = whole.sigma[part], left[part]
    share, possible = explained(data.angles, data.loads, whole.residuals[part] * sigma, sigma)
    if rows.size:
        parts = (data.angles, data.loads, whole.robust[part] * sigma, sigma)
        share = max(share, explained(*(one[rest] for one in parts))[0])
    here = np.zeros(left.size, dtype=bool)
    here[part] = rest
    slopes = None
    if whole.slopes is not None:
        slopes = _beyond_others(
            whole.slopes[here] / _noise(tidy[here]), whole.slopes[left & ~here] / _noise(tidy[left & ~here])
        )
    by_angle, by_row = _serial(data.angles[rest], tidy[here], slopes)
    misfit = float(np.mean(whole.residuals[part] ** 2))
    return BestFit(test, whole.best, misfit, share, possible, *slips, by_angle, by_row)


def _slips(residuals: FloatArray, fitted: int) -> tuple[NDArray[np.intp], FloatArray, float]:
    """Return what `outlying` does; so many that they are no slips are none."""
    rows, sizes, threshold = outlying(residuals, fitted)
    if rows.size > max(1, residuals.size // 10):
        rows, sizes = rows[:0], sizes[:0]
    return rows, sizes, threshold


def _taken(whole: _Whole, tests: Sequence[LaxityTest], fitted: int, *, flat: bool) -> list[int]:
    """Return how many parameters were fitted to each test: all to a single one whose priors are flat.

    Else as many as its readings decide against priors and other tests: the sum of their leverages.
    """
    if whole.slopes is None or (len(tests) == 1 and flat):
        return [fitted] * len(tests)
    scaled = whole.slopes / _noise(whole.residuals)
    decided = np.linalg.solve(np.eye(scaled.shape[1]) + scaled.T @ scaled, scaled.T)
    leverage = np.einsum("np,pn->n", scaled, decided)
    return [math.ceil(min(fitted, float(leverage[part].sum()))) for _, part in _parts(tests)]


def _beyond_others(slopes: FloatArray, others: FloatArray) -> FloatArray:
    """Return slopes by parameters in units of what the prior and the other tests together leave of them."""
    if not others.size:
        return slopes
    left = np.linalg.cholesky(np.eye(slopes.shape[1]) + others.T @ others)
    return np.asarray(np.linalg.solve(left, slopes.T).T)


def _noise(residuals: FloatArray) -> float:
    return math.sqrt(float(np.mean(residuals**2))) or 1.0 if residuals.size else 1.0


def _serial(
    angles: FloatArray, residuals: FloatArray, slopes: FloatArray | None
) -> tuple[tuple[float, float], tuple[float, float] | None]:
    """Return the correlation of neighbours by angle, and by row unless that is the same or the reverse order."""
    order = np.argsort(angles, kind="stable")
    steps = np.diff(angles)
    by_angle = serial(residuals[order], None if slopes is None else slopes[order])
    same = bool((steps >= 0.0).all() or (steps <= 0.0).all())
    return by_angle, None if same else serial(residuals, slopes)


def _sigma(posterior: Posterior, q: FloatArray) -> FloatArray:
    """Return the standard deviation of each reading's error with some parameters, in the load's unit."""
    full = posterior.full(q)
    variances = [variance_of(test, full, posterior.law(q, test.name))[0] for test in posterior.tests]
    sigma = np.sqrt(np.concatenate(variances))
    return np.where((sigma > 0.0) & np.isfinite(sigma), sigma, 1.0)


def _slopes(posterior: Posterior, q: FloatArray, weight: FloatArray) -> FloatArray:
    """Return derivatives of weighted residuals by the parameters in units of their priors."""
    slopes = posterior.jacobian(q[np.newaxis])[0] * posterior.scale * weight[:, np.newaxis]
    return np.where(np.isfinite(slopes), slopes, 0.0)


def _robust(posterior: Posterior, best: FloatArray, law: NDArray[np.bool_], weight: FloatArray) -> FloatArray:
    """Fit again so that readings far off count little: from the best draw, and from prior draws that most agree with.

    Residuals enter by the logarithm (Cauchy's loss), in units of the scale of the fit that it starts from. Of several
    fits, that one is taken which two thirds of the readings lie nearest to. What a prior that is not flat expects
    counts like a reading.
    """
    from scipy.optimize import least_squares  # late: only summaries need it

    rng = np.random.default_rng(0)
    width = posterior.scale
    count = min(_PRIOR_DRAWS, max(1, _PRIOR_READINGS // weight.size))
    draws = posterior.prior_sample(rng, count)
    spread = np.quantile(np.abs(posterior.residuals(draws) * weight), _WITHIN_SIGMA, axis=1)
    low, high = _inside(posterior)
    shaped = np.array([not isinstance(prior, Uniform) for prior in posterior.priors]) & law
    means = np.array([prior.mean for prior in posterior.priors])
    fits = []
    for start in (best, *draws[np.argsort(spread, kind="stable")[:_STARTS]]):
        q = start.copy()

        def at(x: FloatArray, q: FloatArray = q) -> FloatArray:
            full = q.copy()
            full[law] = x
            return full

        scale = _scale(posterior, q, weight)

        def residuals(x: FloatArray, at: Any = at, scale: float = scale) -> FloatArray:
            found = posterior.residuals(at(x)[np.newaxis])[0] * weight
            expected = ((at(x) - means) / width)[shaped] * scale
            return np.concatenate([np.where(np.isfinite(found), found, 1e6 * scale), expected])

        def jacobian(x: FloatArray, at: Any = at, scale: float = scale) -> FloatArray:
            found = posterior.jacobian(at(x)[np.newaxis])[0] * weight[:, np.newaxis]
            return np.concatenate([found, scale * np.diag(1.0 / width)[shaped]])[:, law]

        if law.any() and scale > 0.0 and np.isfinite((posterior.residuals(q[np.newaxis]) * weight) ** 2).all():
            q[law] = least_squares(
                residuals,
                np.clip(q, low, high)[law],
                jac=jacobian,
                bounds=(posterior.lower[law], posterior.upper[law]),
                x_scale=width[law],
                loss="cauchy",
                f_scale=0.5 * scale,
                max_nfev=100,
            ).x
        spread_there = _scale(posterior, q, weight)
        fits.append((spread_there if math.isfinite(spread_there) else math.inf, q))
    return np.asarray(min(fits, key=lambda fit: fit[0])[1])


def _inside(posterior: Posterior) -> tuple[FloatArray, FloatArray]:
    """Return the bounds, moved in a little; what has to be positive is."""
    margin = 1e-9 * posterior.scale
    positive = np.array([parameter.quantity.positive for parameter in posterior.table.free])
    return np.maximum(posterior.lower + margin, np.where(positive, margin, -np.inf)), posterior.upper - margin


def _scale(posterior: Posterior, q: FloatArray, weight: FloatArray) -> float:
    return float(np.quantile(np.abs(posterior.residuals(q[np.newaxis])[0] * weight), _WITHIN_SIGMA))
