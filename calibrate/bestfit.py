"""The best of a run's draws as a fit: its residuals, what it explains, and the readings that lie apart from the others.

A reading that is wrong drags the fit along, and few readings have many parameters to follow it with; so the question
which readings lie apart is put to a second fit, which far residuals pull at less the farther they are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibrate.hat import Hat
from calibrate.looks import Looks, look
from calibrate.posterior import Posterior
from calibrate.priors import Uniform
from calibrate.problem.laxity_test import LaxityTest
from calibrate.problem.noise import variance_of
from calibrate.residuals import explained, isolated, outlying, serial
from calibrate.robustfit import robust_fit

FloatArray = NDArray[np.float64]

# Beyond this many readings none of them drags a fit.
_FEW = 2000
# Beyond this many, what was fitted leaves no trace in the residuals' correlation.
_MANY = 20_000
# Draws that leverage is worked out from, and numbers in all: beyond, no reading has any.
_HAT_DRAWS = 1000
_HAT_NUMBERS = 4_000_000
# No slope that means anything is as large, and its square is a number still.
_STEEPEST = 1e100
# A loop of less than this probability in noise is taken out before neighbours are compared.
CHANCE = 1e-3


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
    scatter : float
        Root of the mean square of the residuals, in the load's unit; readings that lie apart are left out.
    looks : Looks
        What else is seen in the residuals.
    rows : ndarray of int
        Which of the readings `looks` counts.
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
    scatter: float
    looks: Looks
    rows: NDArray[np.intp]


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
    mean : ndarray, shape (n,)
        Residuals of the mean prediction, in units of `sigma`.
    hat : Hat
        What all draws together take of the readings.
    """

    best: FloatArray
    sigma: FloatArray
    residuals: FloatArray
    robust: FloatArray
    slopes: FloatArray | None
    mean: FloatArray
    hat: Hat


@np.errstate(all="ignore")  # a stranger's file may hold loads whose squares overflow; then nothing is found
def best_fits(posterior: Posterior, draws: FloatArray) -> tuple[BestFit, ...]:
    """Look at the best of some draws, (n, ndim), as a fit of each test; none if even that has no prediction."""
    best = draws[int(np.argmax(posterior.log_prob(draws)))]
    if not np.isfinite(posterior.residuals(best[np.newaxis])).all():
        return ()
    sigma = _sigma(posterior, best)
    weight = posterior.residuals_of.unit / sigma
    residuals = robust = posterior.residuals(best[np.newaxis])[0] * weight
    fitted, again = ~posterior.table.rows("error"), best
    if residuals.size <= _FEW:
        again = robust_fit(posterior, best, fitted, weight)
        robust = posterior.residuals(again[np.newaxis])[0] * weight
    slopes = _slopes(posterior, best, weight) if residuals.size <= _MANY else None
    whole = _Whole(best, sigma, residuals, robust, slopes, *_of_draws(posterior, draws, weight, residuals))
    flat = all(isinstance(prior, Uniform) for prior in posterior.priors)
    counts = _taken(whole, posterior.tests, int(fitted.sum()), flat=flat)
    slips = [
        _slips(test.measurement.angles, robust[part], count)
        for (test, part), count in zip(_parts(posterior.tests), counts, strict=True)
    ]
    tidy, left = residuals.copy(), np.ones(residuals.size, dtype=bool)
    for (_, part), (rows, _, _) in zip(_parts(posterior.tests), slips, strict=True):
        if rows.size:
            tidy[part] = robust[part]
            left[part.start + rows] = False
    if slopes is not None and not left.all():  # the best draw is dragged along, to where slopes are others
        whole = replace(whole, slopes=_slopes(posterior, again, weight))
    return tuple(
        _of_test(test, part, whole, found, tidy, left, _valgus(posterior, test, best))
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
    valgus: NDArray[np.bool_],
) -> BestFit:
    """Look at one test; `left` are the readings that do not lie apart, `tidy` the residuals that they are judged by."""
    data, sigma, rest = test.measurement, whole.sigma[part], left[part]
    apart = not rest.all()
    share, possible = explained(data.angles, data.loads, whole.residuals[part] * sigma, sigma)
    if apart:
        parts = (data.angles, data.loads, whole.robust[part] * sigma, sigma)
        share = max(share, explained(*(one[rest] for one in parts))[0])
    here = np.zeros(left.size, dtype=bool)
    here[part] = rest
    slopes = None
    if whole.slopes is not None:
        slopes = _beyond_others(
            _scaled(whole.slopes[here], tidy[here]), _scaled(whole.slopes[left & ~here], tidy[left & ~here])
        )
    direction = None if data.direction is None else data.direction[rest]
    seen = tidy[here] if apart else whole.mean[part]
    looks = look(data.angles[rest], direction, valgus[rest], seen, sigma[rest], whole.hat.some(here), CHANCE)
    by_angle, by_row = _serial(data.angles[rest], tidy[here] + looks.straight - seen, slopes)
    misfit = float(np.mean(whole.residuals[part] ** 2))
    scatter = math.sqrt(float(np.mean((tidy[here] * sigma[rest]) ** 2)))
    return BestFit(
        test, whole.best, misfit, share, possible, *slips, by_angle, by_row, scatter, looks, np.flatnonzero(rest)
    )


def _of_draws(
    posterior: Posterior, draws: FloatArray, weight: FloatArray, residuals: FloatArray
) -> tuple[FloatArray, Hat]:
    """Return residuals of the mean prediction, and the hat, of some of the draws; else those of the best, and nothing.

    Draws that decide more readings than there are parameters are no posterior of one hill, and their mean is no fit.
    """
    count = min(_HAT_DRAWS, _HAT_NUMBERS // weight.size, len(draws))
    some = draws[np.linspace(0, len(draws) - 1, count).round().astype(int)]
    errors = posterior.residuals(some) * weight
    good = np.isfinite(errors).all(axis=1)
    if good.sum() < 2:
        return residuals, Hat.nothing(weight.size)
    hat = Hat.of(errors[good], some[good])
    if not hat.leverage.sum() <= posterior.ndim:
        return residuals, Hat.nothing(weight.size)
    return errors[good].mean(axis=0), hat


def _valgus(posterior: Posterior, test: LaxityTest, q: FloatArray) -> NDArray[np.bool_]:
    """Tell of each reading whether it lies on the valgus side of the pose in which both condyles touch."""
    full = posterior.full(q)
    degrees = test.measurement.in_degrees(test.measurement.angles) - full[0, test.slots.reading[0]]
    return np.asarray(test.sign * np.deg2rad(degrees) > test.geometry(full[0]).theta_0)


def _slips(angles: FloatArray, residuals: FloatArray, fitted: int) -> tuple[NDArray[np.intp], FloatArray, float]:
    """Return what `outlying` does, of readings that lie apart from their neighbours; so many are no slips, but none."""
    rows, sizes, threshold = outlying(residuals, fitted)
    alone = isolated(angles, residuals, rows, threshold * np.abs(residuals[rows]) / sizes)
    alone &= rows.size <= max(1, residuals.size // 10)
    return rows[alone], sizes[alone], threshold


def _taken(whole: _Whole, tests: Sequence[LaxityTest], fitted: int, *, flat: bool) -> list[int]:
    """Return how many parameters were fitted to each test: all to a single one whose priors are flat.

    Else as many as its readings decide against priors and other tests: the sum of their leverages.
    """
    if whole.slopes is None or (len(tests) == 1 and flat):
        return [fitted] * len(tests)
    axes, size, _ = np.linalg.svd(_scaled(whole.slopes, whole.residuals), full_matrices=False)
    leverage = axes**2 @ (size**2 / (1.0 + size**2))
    return [math.ceil(min(fitted, float(leverage[part].sum()))) for _, part in _parts(tests)]


def _beyond_others(slopes: FloatArray, others: FloatArray) -> FloatArray:
    """Return slopes by combinations of parameters, in units of what prior and other tests together leave of them."""
    if not others.size:
        return slopes
    _, size, axes = np.linalg.svd(np.linalg.qr(others, mode="r"))
    told = np.zeros(len(axes))
    told[: size.size] = np.maximum(size - size[0] * len(others) * np.finfo(float).eps, 0.0)  # less what may be rounding
    return np.asarray(slopes @ axes.T / np.sqrt(1.0 + told**2))


def _scaled(slopes: FloatArray, residuals: FloatArray) -> FloatArray:
    """Return slopes in units of the residuals' noise; those of a stranger's file may be near any number's end."""
    return np.clip(slopes / _noise(residuals), -_STEEPEST, _STEEPEST)


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
