"""The posterior: priors of the free parameters, with walls at their bounds, plus the likelihood of all tests.

Free parameters are those given as distributions; `ParameterTable` has their order. A vector `q` holds the free ones
only; `full` puts the fixed ones back in. Knows no sampler.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibrate.config import Config
from calibrate.data import Measurement
from calibrate.density import LOWER, UPPER, Density, evaluate
from calibrate.errors import ConfigError
from calibrate.knee.cached import CachedKnee
from calibrate.knee.geometry import Geometry
from calibrate.priors import Prior
from calibrate.problem.advice import warnings_of
from calibrate.problem.assemble import assemble
from calibrate.problem.laxity_test import UNNAMED, LaxityTest
from calibrate.problem.noise import noise_of
from calibrate.problem.parameters import ParameterTable
from calibrate.problem.reading import law_of, predicted, reference_lengths, truth_of
from calibrate.problem.residuals import Residuals

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Posterior:
    """The log-probability of free parameters given one or more laxity tests.

    Attributes
    ----------
    config : Config
        What it was built from.
    table : ParameterTable
        All parameters: what they are, their priors, fixed ones and ties.
    tests : tuple of LaxityTest
        The tests that are fitted; the name of the only one of the one-test form is empty.
    reference : LaxityTest
        Stands for the shared knee, which reference strains refer to.
    middle : ndarray, shape (ndim,)
        The middles of the priors.
    density : Density
        All of it as compiled code takes it.
    residuals_of : Residuals
        What fits take of it.
    measurements : mapping of str to Measurement
        The data of all tests, held-out ones as well.
    """

    config: Config
    table: ParameterTable
    tests: tuple[LaxityTest, ...]
    reference: LaxityTest
    middle: FloatArray
    density: Density = field(repr=False)
    residuals_of: Residuals = field(repr=False)
    measurements: Mapping[str, Measurement] = field(repr=False)

    @classmethod
    def from_config(
        cls,
        config: Config,
        measurement: Measurement | Mapping[str, Measurement] | None = None,
        *,
        normalised: bool = True,
        tests: Collection[str] | None = None,
    ) -> Posterior:
        """Build the posterior that a configuration describes.

        Parameters
        ----------
        config : Config
            What `calibrate.load_config` returns.
        measurement : Measurement or mapping of str to Measurement, optional
            The data, if they are at hand, of several tests by name; otherwise the configuration's files are read.
        normalised : bool
            Whether uniform priors have their normalising constant. Runs of calibrate 0.1 lack it.
        tests : collection of str, optional
            The tests to fit; by default those that the configuration does not hold out.

        Raises
        ------
        ConfigError
            If the knee has no pose, nothing is free, or sigma is missing or given twice.
        DataError
            If a measurement file cannot be used.
        """
        return cls(*assemble(config, measurement, normalised=normalised, tests=tests))

    @property
    def names(self) -> tuple[str, ...]:
        """The free parameters' names: `mcl.k`, `mcl.alpha`, ..., `noise.sigma`."""
        return self.table.names

    @property
    def ndim(self) -> int:
        """The number of free parameters."""
        return len(self.names)

    @property
    def units(self) -> tuple[str, ...]:
        """The unit of each free parameter; empty for a pure number."""
        return tuple(parameter.unit for parameter in self.table.free)

    @property
    def priors(self) -> tuple[Prior, ...]:
        """The free parameters' priors."""
        return tuple(parameter.prior for parameter in self.table.free if parameter.prior is not None)

    @property
    def lower(self) -> FloatArray:
        """The lower bounds, shape (ndim,); minus infinity where there is none."""
        return self.density.prior[:-1, LOWER]

    @property
    def upper(self) -> FloatArray:
        """The upper bounds, shape (ndim,); infinity where there is none."""
        return self.density.prior[:-1, UPPER]

    @property
    def weight(self) -> float:
        """The weight of the penalty outside the bounds; infinite for hard walls."""
        return math.inf if self.config.prior.walls == "hard" else self.config.prior.weight

    @property
    def start(self) -> FloatArray:
        """The user's starting point, shape (ndim,), NaN where none was given."""
        return np.array([parameter.start for parameter in self.table.free])

    @property
    def scale(self) -> FloatArray:
        """The priors' standard deviations, shape (ndim,)."""
        return np.array([prior.sd for prior in self.priors])

    @property
    def strands(self) -> tuple[str, ...]:
        """The strands' names, `mcl` and `lcl` first."""
        return self.config.knee.strands

    @property
    def measurement(self) -> Measurement:
        """The data of the first test."""
        return self.tests[0].measurement

    @property
    def truth(self) -> Mapping[str, float]:
        """The free parameters' true values, as far as the data files state them."""
        return truth_of(self.table, self.tests)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a user should know before believing a result."""
        return tuple(warnings_of(self.config, self.table, self.tests))

    def full(self, q: ArrayLike) -> FloatArray:
        """Return all parameters for rows of free ones.

        Parameters
        ----------
        q : array_like, shape (n, ndim) or (ndim,)
            Free parameters.

        Returns
        -------
        ndarray, shape (n, all + 2)
            Columns as in `table.parameters`, then a zero and the reference flexion [degrees], which slots may name.
        """
        rows = self.table.full(self._rows(q))
        constant = np.tile([0.0, self.config.knee.reference_flexion], (len(rows), 1))
        return np.concatenate([rows, constant], axis=1)

    def values(self, q: ArrayLike, name: str) -> FloatArray:
        """Return one parameter's values, free, tied or fixed, (n,), for rows of free ones; KeyError if unknown."""
        return self.full(q)[:, self.table.index(name)]

    def test(self, name: str | None = None) -> LaxityTest:
        """Return a test by name; without one the only test.

        Raises
        ------
        ConfigError
            If no such test is fitted, or there are several and none is named.
        """
        if name is None and len(self.tests) == 1:
            return self.tests[0]
        if found := [test for test in self.tests if test.name == name]:
            return found[0]
        if not self.tests[0].name:
            raise ConfigError(f"no test is called '{name}'; the only one has no name, so leave it out")
        known = ", ".join(test.name for test in self.tests)
        wrong = f"{name} is held out" if name in self.measurements else f"no test is called '{name}'"
        raise ConfigError(UNNAMED.format(known) if name is None else f"{wrong}; there are {known}")

    def law(self, q: ArrayLike, test: str | None = None) -> FloatArray:
        """Return the strands' laws in a test.

        Parameters
        ----------
        q : array_like, shape (n, ndim) or (ndim,)
            Free parameters.
        test : str, optional
            Its name; not needed if there is one.

        Returns
        -------
        ndarray, shape (n, strands, 4)
            `[k, alpha, l_0, f_ref]`; where a reference strain is given, the slack length that it means.
        """
        return law_of(self.test(test), self.reference, self.full(q))

    def reference_lengths(self, full: FloatArray) -> FloatArray:
        """Return the strands' lengths at the shared knee's reference pose [mm], (n, strands), NaN without a pose."""
        return reference_lengths(self.reference, full)

    def geometry(self, q: ArrayLike | None = None, test: str | None = None) -> Geometry:
        """Return the knee of a test for one vector of free parameters (ndim,); for the priors' middles by default.

        Raises
        ------
        GeometryError
            If it has no pose.
        """
        return self.test(test).geometry(self.full(self.middle if q is None else q)[0])

    @overload
    def log_prob(self, q: FloatArray) -> FloatArray: ...
    @overload
    def log_prob(self, q: ArrayLike) -> FloatArray | float: ...
    def log_prob(self, q: ArrayLike) -> FloatArray | float:
        """Evaluate the log-posterior: normalised prior, less the penalty outside of bounds, plus log-likelihood.

        Parameters
        ----------
        q : array_like, shape (n, ndim) or (ndim,)
            Free parameters.

        Returns
        -------
        ndarray, shape (n,), or float
            Never NaN and never `+inf`.
        """
        prior, likelihood = self._evaluate(q)
        return _like(q, prior + likelihood)

    def log_prior(self, q: ArrayLike) -> FloatArray | float:
        """Evaluate the log-prior: normalised inside the bounds, a penalty or a wall outside. Shapes as `log_prob`."""
        return _like(q, self._evaluate(q)[0])

    def log_likelihood(self, q: ArrayLike) -> FloatArray | float:
        """Evaluate the log-likelihood of all tests with its normalising constants. Shapes as `log_prob`."""
        return _like(q, self._evaluate(q)[1])

    def prior_sample(self, rng: np.random.Generator, n: int) -> FloatArray:
        """Draw from the prior inside the bounds, shape (n, ndim); what has to be positive is."""
        return np.column_stack([parameter.possible.sample(rng, n) for parameter in self.table.free])

    def predict(self, q: ArrayLike, angles: ArrayLike | None = None, test: str | None = None) -> FloatArray:
        """Predict readings without their errors: load at the angle less its offset, plus bias and hysteresis.

        Parameters
        ----------
        q : array_like, shape (n, ndim) or (ndim,)
            Free parameters.
        angles : array_like, shape (m,), optional
            Angles in the data file's unit and sign; the data's own by default. Elsewhere than at the data's own points
            there is no direction, so hysteresis counts as nought.
        test : str, optional
            Which test; needed with angles if there are several. Without either, all tests' data one after another.

        Returns
        -------
        ndarray, shape (n, m)
            In the data file's unit and sign.

        Raises
        ------
        GeometryError
            If the knee admits no load at one of the angles.
        """
        if angles is None and test is None and len(self.tests) > 1:
            return np.concatenate([self.predict(q, None, one.name) for one in self.tests], axis=1)
        at = None if angles is None else np.atleast_1d(np.asarray(angles, dtype=float))
        return predicted(self.test(test), self.reference, self.table, self.full(q), at)

    def simulate(self, q: ArrayLike, rng: np.random.Generator, test: str | None = None) -> FloatArray:
        """Draw readings as the model says that they come about: prediction plus errors. Shapes as `predict`.

        Parameters
        ----------
        q : array_like, shape (n, ndim) or (ndim,)
            Free parameters.
        rng : numpy.random.Generator
            Draws the errors.
        test : str, optional
            Which test; all by default, one after another.
        """
        chosen = self.tests if test is None else (self.test(test),)
        full = self.full(q)
        exact = [self.predict(q, None, one.name) for one in chosen]
        noise = [noise_of(one, full, self.law(q, one.name), rng) for one in chosen]
        return np.concatenate([a + b for a, b in zip(exact, noise, strict=True)], axis=1)

    def knee_at(
        self, angles: ArrayLike | None = None, q: ArrayLike | None = None, test: str | None = None
    ) -> CachedKnee:
        """Return the knee posed at angles in the file's unit and sign, for one vector of free parameters.

        The data's own angles, and the priors' middles, by default.
        """
        full = self.full(self.middle if q is None else q)[0]
        at = None if angles is None else np.atleast_1d(np.asarray(angles, dtype=float))
        return self.test(test).knee(full, at)

    def residuals(self, q: FloatArray) -> FloatArray:
        """Return (prediction - data) / sigma, (n, n_angles), for rows `q`; not divided where sigma is inferred."""
        return self.residuals_of.rows(self._rows(q))

    def jacobian(self, q: FloatArray) -> FloatArray:
        """Return the derivatives of `residuals` by the free parameters, (n, n_angles, ndim)."""
        return self.residuals_of.jacobian(self._rows(q))

    def _repr_html_(self) -> str:
        from calibrate.notebook_view import of_posterior

        return of_posterior(self)

    def _rows(self, q: ArrayLike) -> FloatArray:
        rows = np.ascontiguousarray(q, dtype=float)
        if rows.ndim not in (1, 2) or rows.shape[-1] != self.ndim:
            wanted = f"(n, {self.ndim}) or ({self.ndim},): {', '.join(self.names)}"
            raise ValueError(f"q has shape {rows.shape}, expected {wanted}")
        return rows.reshape(-1, self.ndim)

    def _evaluate(self, q: ArrayLike) -> FloatArray:
        return evaluate(self._rows(q), self.density)


def _like(q: ArrayLike, values: FloatArray) -> FloatArray | float:
    return float(values[0]) if np.ndim(q) == 1 else values  # one number for one vector
