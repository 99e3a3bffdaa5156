"""Posterior predictive checks: how readings lie in what a calibrated knee foretells for them, and how far off."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr

from calibrate.errors import ParameterError
from calibrate.posterior import Posterior
from calibrate.problem.laxity_test import LaxityTest
from calibrate.scores.loo import BAD_K, FEWEST_DRAWS, leave_one_out, standard_error
from calibrate.scores.pointwise import foretold, foretold_by_others

FloatArray = NDArray[np.float64]

SHARES = (0.5, 0.9)
# Draws that scores are made from, at the most; they are picked at random.
DRAWS = 4000
MOST_READINGS = 20_000
# Readings that are looked at together: 32 MB for each array of theirs.
_TOGETHER = 1000
# A right model has fewer or more readings than this within an interval once in a hundred data sets.
_CHANCE = 0.01


@dataclass(frozen=True, eq=False)
class TestReadings:
    """The readings of a test beside what is foretold for them, each array of shape (readings,).

    Attributes
    ----------
    name : str
        Of the test; empty for the only one.
    unit : str
        Of the loads.
    degrees, loads : ndarray
        As in the file.
    predicted : ndarray
        The mean of all draws' predictions.
    valgus : ndarray of bool
        Whether the lateral condyle bears: the angle is on the valgus side of where both touch.
    pit : ndarray
        The probability that was foretold for less than the reading. Uniform between 0 and 1 if the model is right.
    """

    __test__ = False  # is no test of pytest's

    name: str
    unit: str
    degrees: FloatArray
    loads: FloatArray
    predicted: FloatArray
    valgus: NDArray[np.bool_]
    pit: FloatArray

    def rmse(self, arm: str = "") -> float:
        """Return the root of the mean squared error of the prediction; of "valgus" or "varus" alone, NaN if empty."""
        chosen = {"": np.ones_like(self.valgus), "valgus": self.valgus, "varus": ~self.valgus}[arm]
        error = (self.predicted - self.loads)[chosen]
        return math.sqrt(float(np.mean(error**2))) if error.size else math.nan

    def within(self, share: float) -> int:
        """Return how many readings lie within their central predictive intervals of this share."""
        return within(self.pit, share)

    def content(self) -> dict[str, Any]:
        """Return all of it as plain numbers."""
        arms = {f"rmse_{arm}": known(self.rmse(arm)) for arm in ("valgus", "varus")}
        return {
            "name": self.name,
            "readings": int(self.loads.size),
            "unit": self.unit,
            "rmse": self.rmse(),
            **arms,
            **{f"within_{100 * share:.0f}": self.within(share) for share in SHARES},
            "angle_deg": self.degrees.tolist(),
            "load": self.loads.tolist(),
            "predicted": self.predicted.tolist(),
            "pit": self.pit.tolist(),
        }


@dataclass(frozen=True, eq=False)
class TestScores(TestReadings):
    """The scores of a test that was fitted. `within` counts in intervals foretold by all other readings.

    Attributes
    ----------
    pit_loo : ndarray, shape (readings,)
        As `pit`, foretold by all other readings.
    elpd, error, k : ndarray, shape (readings,)
        See `LeaveOneOut`.
    """

    pit_loo: FloatArray
    elpd: FloatArray
    error: FloatArray
    k: FloatArray

    def within(self, share: float) -> int:
        """Return how many readings lie within the intervals of this share that all others foretell."""
        return within(self.pit_loo, share)

    def content(self) -> dict[str, Any]:
        """Return all of it as plain numbers; a Pareto k that has no tail to be fitted to is None."""
        loo = {"elpd": self.elpd.tolist(), "elpd_error": self.error.tolist(), "pareto_k": [known(k) for k in self.k]}
        return {**super().content(), "pit_loo": self.pit_loo.tolist(), **loo}


@dataclass(frozen=True, eq=False)
class Scores:
    """How well a calibration foretells its own readings, each by all others.

    Attributes
    ----------
    tests : tuple of TestScores
        In the configuration's order.
    draws : int
        How many were used.
    parameters : float
        The effective number of parameters.
    error : float
        The Monte-Carlo error of `total`.
    """

    tests: tuple[TestScores, ...]
    draws: int
    parameters: float
    error: float

    @property
    def elpd(self) -> FloatArray:
        """The expected log predictive density of each reading, tests one after another."""
        return np.concatenate([test.elpd for test in self.tests])

    @property
    def k(self) -> FloatArray:
        """Pareto's k of each reading."""
        return np.concatenate([test.k for test in self.tests])

    @property
    def total(self) -> float:
        """The sum over readings."""
        return float(self.elpd.sum())

    @property
    def spread(self) -> float:
        """The standard error of `total` as an estimate for other readings of the kind."""
        return standard_error(self.elpd)

    def notes(self) -> Iterator[str]:
        """Yield what is odd, and what cannot be relied on."""
        bad = [(test, i) for test in self.tests for i in np.flatnonzero(~(test.k <= BAD_K))]
        if bad:
            test, row = max(bad, key=lambda at: np.nan_to_num(at[0].k[at[1]], nan=np.inf))
            where = f"{test.degrees[row]:g} degrees{f' of {test.name}' if test.name else ''}"
            yield (
                f"Pareto k of {len(bad)} of {self.k.size} readings is above {BAD_K:g} (largest {test.k[row]:.2f}, at "
                f"{where}): the draws do not say how they are foretold without themselves, so the sum is not to be "
                "relied on; a calibration without each of them does"
            )
        count = self.k.size
        for share in SHARES:
            found = sum(test.within(share) for test in self.tests)
            few, many = usual(count, share)
            if not few <= found <= many:
                why = "narrow, for the errors are larger" if found < few else "wide, for the errors are smaller"
                yield (
                    f"{found} of {count} readings lie within their {100 * share:.0f} % predictive intervals, where "
                    f"{few} to {many} are usual: the intervals are too {why} than the model says, or of another kind"
                )

    def content(self) -> dict[str, Any]:
        """Return all of it as plain numbers."""
        finite = self.k[np.isfinite(self.k)]
        return {
            "readings": int(self.k.size),
            "draws": self.draws,
            "elpd": self.total,
            "elpd_se": self.spread,
            "elpd_error": self.error,
            "effective_parameters": self.parameters,
            "largest_pareto_k": known(float(finite.max())) if finite.size else None,
            "bad_pareto_k": int((~(self.k <= BAD_K)).sum()),
            "tests": [test.content() for test in self.tests],
            "notes": list(self.notes()),
        }


def scores(posterior: Posterior, q: FloatArray, efficiency: float = 1.0) -> Scores:
    """Score a calibration's readings.

    Parameters
    ----------
    posterior : Posterior
        Of the readings.
    q : ndarray, shape (n, ndim)
        Draws of it.
    efficiency : float
        Effective draws for each of them.

    Raises
    ------
    ParameterError
        If draws are too few or readings too many.
    """
    count = sum(test.measurement.loads.size for test in posterior.tests)
    if efficiency * len(q) < FEWEST_DRAWS:
        raise ParameterError(f"{efficiency * len(q):.0f} effective draws, and scores need {FEWEST_DRAWS} at least")
    if count > MOST_READINGS:
        raise ParameterError(
            f"{count:,} readings, and each is scored by itself: {MOST_READINGS:,} at the most; average neighbours"
        )
    found, parameters, shares = [], 0.0, np.zeros(len(q))
    for test in posterior.tests:
        columns = []
        for piece in _pieces(test):
            loads = piece.measurement.loads
            others = foretold_by_others(posterior, piece, q)
            left = leave_one_out(others.log_density(loads), efficiency)
            shares += left.shares
            parameters += left.parameters
            pit_loo = (left.weights * others.below(loads)).sum(axis=0)
            columns.append((pit_loo, left.elpd, left.error, left.k))
        pit_loo, elpd, error, k = (np.concatenate(column) for column in zip(*columns, strict=True))
        plain = readings(posterior, test, q)
        known_of = {field.name: getattr(plain, field.name) for field in dataclasses.fields(plain)}
        found.append(TestScores(**known_of, pit_loo=pit_loo, elpd=elpd, error=error, k=k))
    return Scores(tuple(found), len(q), parameters, math.sqrt(float(shares @ shares)))


def readings(posterior: Posterior, test: LaxityTest, q: FloatArray) -> TestReadings:
    """Return a test's readings beside what draws (n, ndim) foretell for them."""
    predicted, pit = [], []
    for piece in _pieces(test):
        alone = foretold(posterior, piece, q)
        predicted.append(alone.location.mean(axis=0))
        pit.append(alone.below(piece.measurement.loads).mean(axis=0))
    measurement, full = test.measurement, posterior.full(np.median(q, axis=0))[0]
    degrees = measurement.in_degrees(measurement.angles)
    bare = test.sign * np.deg2rad(degrees - full[test.slots.reading[0]])
    valgus = bare > test.geometry(full).theta_0
    return TestReadings(
        test.name, measurement.unit, degrees, measurement.loads, np.concatenate(predicted), valgus, np.concatenate(pit)
    )


def within(pit: FloatArray, share: float) -> int:
    """Count the readings whose probabilities are in the middle share."""
    return int((np.abs(pit - 0.5) <= 0.5 * share).sum())


def usual(count: int, share: float) -> tuple[int, int]:
    """Return how many of some readings a right model has within intervals of a share, at the least and at the most."""
    below = bdtr(np.arange(count + 1.0), count, share)
    return int(np.searchsorted(below, 0.5 * _CHANCE)), int(np.searchsorted(below, 1.0 - 0.5 * _CHANCE))


def known(value: float) -> float | None:
    """JSON has no NaN and no infinity."""
    return float(value) if math.isfinite(value) else None


def _pieces(test: LaxityTest) -> Sequence[LaxityTest]:
    """Cut a test's readings into pieces that fit into memory; correlated ones are few, and stay together."""
    measurement = test.measurement
    starts = range(0, measurement.loads.size, _TOGETHER)
    parts = [measurement.part(slice(first, first + _TOGETHER)) for first in starts]
    return [dataclasses.replace(test, measurement=part) for part in parts]
