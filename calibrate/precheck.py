"""What a configuration means, before anything runs: its parameters, and whether its priors allow the knee measured.

The prior predictive check is Box's (1980, J. R. Stat. Soc. A 143:383): knees are drawn from the priors, each is
measured as this one was, errors and all, and the readings are looked for in the band that holds 95 % of theirs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrate.config import Config
from calibrate.data import Measurement
from calibrate.derived import RANGE, laxity
from calibrate.literature import PublishedLaxity, laxity_band
from calibrate.posterior import Posterior
from calibrate.problem.laxity_test import LaxityTest
from calibrate.sampling.brief import check_walkers

FloatArray = NDArray[np.float64]

_KNEES = 1000
# Readings of a test that are looked at: neighbours of very many say the same, and correlated errors take the cube.
_READINGS = 200
_BAND = (0.025, 0.5, 0.975)
# A share of readings inside that only one in so many knees of the priors stays below is too small.
_ONE_IN = 20
_MOMENT = 10.0  # N·m
# Laxities of other flexions say little.
_NEAR = 20.0


@dataclass(frozen=True)
class PriorPredictive:
    """What the priors foretell of one test.

    Attributes
    ----------
    test : LaxityTest
        With the readings that were looked at.
    points : int
        All that there are.
    band : ndarray, shape (3, n)
        What 2.5, 50 and 97.5 % of the knees' readings are below, in the file's unit and sign.
    inside : float
        Share of the readings between the first and the last.
    enough : float
        The share that all but one in twenty knees of the priors reach.
    posed : float
        Share of the knees that have a pose at every reading.
    laxity : tuple of float, or None
        What 5, 50 and 95 % of the knees' laxities at 10 N·m, varus to valgus [degrees], are below; None if fewer than
        half of them reach that moment.
    published : PublishedLaxity or None
        The published one at the nearest flexion, if that is near.
    """

    test: LaxityTest
    points: int
    band: FloatArray
    inside: float
    enough: float
    posed: float
    laxity: tuple[float, float, float] | None
    published: PublishedLaxity | None

    @property
    def allowed(self) -> bool:
        """Whether the readings are what the priors may foretell."""
        return self.inside >= self.enough

    @property
    def sentences(self) -> tuple[str, ...]:
        """What is found, in words."""
        return tuple(self._sentences())

    def _sentences(self) -> Iterator[str]:
        label = f"{self.test.name}: " if self.test.name else ""
        looked = self.test.measurement.angles.size
        of = f"{looked}" if looked == self.points else f"{looked} (of {self.points})"
        counted = f"{round(self.inside * looked)} of {of} readings lie in the band that holds 95 % of the priors' knees"
        expected = f"{100 * self.enough:.0f} % or more do for {_ONE_IN - 1} of {_ONE_IN} such knees"
        if self.allowed:
            yield f"{label}the priors allow this knee: {counted} ({expected})"
        else:
            yield (
                f"{label}the priors do not allow this knee: {counted} ({expected}); look at sign, side, units and the "
                "zero of the angle first, then at the priors"
            )
        if self.posed < 1.0:
            yield f"{label}{100 * (1.0 - self.posed):.0f} % of the priors' knees have no pose at some angle of the test"
        yield f"{label}{self._laxity()}"

    def _laxity(self) -> str:
        if self.laxity is None:
            return (
                f"fewer than half of the priors' knees reach {_MOMENT:g} N·m within {RANGE:g} degrees either way: they "
                "are slacker than any knee that was measured"
            )
        low, middle, high = self.laxity
        own = f"laxity at {_MOMENT:g} N·m by the priors {middle:.1f} degrees (90 % between {low:.1f} and {high:.1f})"
        there = self.published
        if there is None:
            return f"{own}; nothing is published within {_NEAR:g} degrees of this flexion"
        where = "inside" if low <= there.total <= high else "outside"
        knees = "" if there.n is None else f", {there.n} knee{'' if there.n == 1 else 's'}"
        return (
            f"{own}; the published {there.total:.1f} at {there.flexion:g} degrees of flexion is {where} "
            f"({there.source.key}{knees})"
        )

    def content(self) -> dict[str, Any]:
        """Return it for JSON."""
        of, there = self.test.measurement, self.published
        degrees = of.in_degrees(of.angles)
        return {
            "name": self.test.name,
            "file": of.source,
            "understood": of.understood,
            "points": self.points,
            "load": of.kind,
            "unit": of.unit,
            "positive": self.test.positive,
            "flexion": self.test.flexion,
            "angles": [float(degrees.min()), float(degrees.max())],
            "loads": [float(of.loads.min()), float(of.loads.max())],
            "inside": self.inside,
            "threshold": self.enough,
            "allowed": self.allowed,
            "posed": self.posed,
            "laxity": None if self.laxity is None else dict(zip(("q5", "median", "q95"), self.laxity, strict=True)),
            "published": None
            if there is None
            else {"total": there.total, "flexion": there.flexion, "n": there.n, "source": there.source.key},
            "sentences": list(self.sentences),
        }


@dataclass(frozen=True)
class Precheck:
    """What a configuration means; see `precheck`."""

    config: Config
    posterior: Posterior
    tests: tuple[PriorPredictive, ...]

    @property
    def allowed(self) -> bool:
        """Whether the priors allow every test's readings."""
        return all(test.allowed for test in self.tests)

    @cached_property
    def parameters(self) -> dict[str, dict[str, Any]]:
        """Each parameter's unit, and its prior, its number, or the other one that it is tied to.

        Of the geometry, only what is not simply fixed.
        """
        found: dict[str, dict[str, Any]] = {}
        for one in self.posterior.table.parameters:
            if one.prior is not None:
                found[one.name] = {"unit": one.unit, "state": "free", "prior": one.prior.describe(one.unit)}
            elif one.quantity.role != "geometry":
                found[one.name] = {"unit": one.unit, "state": "fixed", "value": one.value}
        for name, root in self.config.roots().items():
            if name != root:
                unit = found.get(root, {"unit": ""})["unit"]
                found[name] = {"unit": unit, "state": "tied", "to": root}
        return found

    def content(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "file": None if self.config.source is None else str(self.config.source),
            "strands": list(self.posterior.strands),
            "free": self.posterior.ndim,
            "parameters": self.parameters,
            "tests": [test.content() for test in self.tests],
            "held_out": list(self.config.held_out),
            "allowed": self.allowed,
            "warnings": list(self.posterior.warnings),
        }


def precheck(config: Config, *, seed: int = 1) -> Precheck:
    """Read a configuration and its data, and see what its priors foretell.

    Parameters
    ----------
    config : Config
        What `calibrate.load_config` returns.
    seed : int
        Of the knees that are drawn.

    Raises
    ------
    ConfigError, DataError
        As `Posterior.from_config`, and if a run would be refused for its walkers.

    Examples
    --------
    >>> from calibrate import load_config
    >>> from calibrate.examples import example
    >>> precheck(load_config(example("simulated.toml"))).tests[0].allowed
    True
    """
    whole = Posterior.from_config(config)
    if "walkers" in config.sampling.model_fields_set:
        check_walkers(config.sampling, whole.ndim)
    few = whole
    if any(len(one.angles) > _READINGS for one in whole.measurements.values()):
        some = {name: _some(one) for name, one in whole.measurements.items()}
        few = Posterior.from_config(config, some.get("", some))
    rng = np.random.default_rng(seed)
    q = few.prior_sample(rng, _KNEES)
    points = [test.measurement.angles.size for test in whole.tests]
    return Precheck(
        config, whole, tuple(_foretold(few, test, n, q, rng) for test, n in zip(few.tests, points, strict=True))
    )


def _some(measurement: Measurement) -> Measurement:
    """Return readings from the first to the last, as many as are looked at."""
    at = np.unique(np.linspace(0, measurement.angles.size - 1, _READINGS).round().astype(int))
    parts = {name: getattr(measurement, name) for name in ("angles", "loads", "sigma", "direction")}
    changes: dict[str, Any] = {name: None if part is None else part[at] for name, part in parts.items()}
    return replace(measurement, **changes)


def _foretold(
    posterior: Posterior, test: LaxityTest, points: int, q: FloatArray, rng: np.random.Generator
) -> PriorPredictive:
    with np.errstate(all="ignore"):  # knees without a pose
        readings = posterior.simulate(q, rng, test.name)
        found = laxity(test.knees(posterior.full(q)), posterior.law(q, test.name), test.sign, (_MOMENT,))
    whole = np.isfinite(readings).all(axis=1)
    readings = readings[whole]
    band = np.quantile(readings, _BAND, axis=0) if len(readings) else np.full((3, readings.shape[1]), np.nan)
    shares = np.mean((readings >= band[0]) & (readings <= band[2]), axis=1)
    loads = test.measurement.loads
    total = found[f"laxity_total_{_MOMENT:g}Nm"]
    known = total[np.isfinite(total)]
    reached = None
    if 2 * known.size > total.size:
        low, middle, high = (float(value) for value in np.quantile(known, (0.05, 0.5, 0.95)))
        reached = low, middle, high
    near = [one for one in laxity_band(_MOMENT) if abs(one.flexion - test.flexion) <= _NEAR]
    return PriorPredictive(
        test,
        points,
        band,
        float(np.mean((loads >= band[0]) & (loads <= band[2]))),
        float(np.quantile(shares, 1.0 / _ONE_IN)) if shares.size else 1.0,
        float(whole.mean()),
        reached,
        min(near, key=lambda one: abs(one.flexion - test.flexion), default=None),
    )
