"""Named parameters <-> vectors, and the posterior: constraint penalty as prior plus cached likelihood.

Free parameters are those given as bounds, in file order: MCL, LCL, noise. A vector `q` holds the free ones only;
`full` puts the fixed ones back in. Knows no sampler.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibrate.config import LAW, PARAMETER_NAMES, SIGMA, UNITS, Bounds, Config
from calibrate.data import Measurement, read_measurement
from calibrate.density import Density, evaluate
from calibrate.errors import ConfigError, DataError, GeometryError
from calibrate.knee.cached import CachedKnee
from calibrate.knee.compress import compress
from calibrate.knee.factors import build
from calibrate.knee.geometry import Geometry, geometry_of
from calibrate.knee.pair import Pair
from calibrate.plausible import doubts_of, doubts_of_sigma, refuse

FloatArray = NDArray[np.float64]

_SIGMA_COLUMN = len(LAW)
# From this many points on, sums of squares are put together from stored factors: `python -m benchmarks.sums` finds the
# two ways equally fast there. It depends on nothing but the data, so that one seed gives one chain on any machine.
MANY = 800


@dataclass(frozen=True, eq=False)
class Posterior:
    """The log-probability of free parameters given one laxity test.

    Built by `from_config`; all evaluation is vectorized over rows of `q`.

    Attributes
    ----------
    names : tuple of str
        The free parameters: `mcl.k`, `mcl.alpha`, ..., `lcl.f_ref`, `noise.sigma`.
    lower, upper : ndarray, shape (ndim,)
        Their bounds.
    start : ndarray, shape (ndim,)
        The user's starting point, NaN where none was given.
    measurement : Measurement
        The data.
    knee : CachedKnee
        The knee at the data's angles.
    density : Density
        All of it as compiled code takes it.
    order : ndarray of int, shape (n_angles,), or None
        What sorts the data by angle, as the density has them where there are many; None if they are as in the file.
    """

    config: Config
    measurement: Measurement
    geometry: Geometry
    knee: CachedKnee
    names: tuple[str, ...]
    lower: FloatArray
    upper: FloatArray
    start: FloatArray
    density: Density = field(repr=False)
    order: NDArray[np.intp] | None = field(default=None, repr=False)

    @classmethod
    def from_config(cls, config: Config, measurement: Measurement | None = None) -> Posterior:
        """Build the posterior that a configuration describes.

        Parameters
        ----------
        config : Config
            What `calibrate.load_config` returns.
        measurement : Measurement, optional
            The data, if they are at hand; otherwise the configuration's file is read.

        Raises
        ------
        ConfigError
            If the knee has no pose, nothing is free, or sigma is missing or given twice.
        DataError
            If the measurement file cannot be used.
        """
        where = str(config.source or "configuration")
        if measurement is None:
            measurement = read_measurement(config.data_path)
            if measurement.kind == "moment":  # what is none of a force either, `load_config` refuses
                refuse(doubts_of_sigma(config, "moment"), ConfigError, where=where)
        angles = measurement.to_radians(measurement.angles)
        try:
            geometry = geometry_of(config.knee)
            knee = CachedKnee.build(geometry, angles, measurement.kind, config.data.positive)
        except GeometryError as error:
            raise ConfigError(f"{where}: knee: {error}") from None

        settings = dict(config.parameter_items())
        settings[SIGMA] = _sigma_setting(config, measurement, where)
        free = {name: value for name, value in settings.items() if isinstance(value, Bounds)}
        if not free:
            raise ConfigError(
                f"{where}: parameters: all are fixed, so nothing is left to calibrate; "
                "give at least one as { lower = ..., upper = ... }"
            )
        template = np.array([np.nan if isinstance(value, Bounds) else float(value) for value in settings.values()])

        known = measurement.sigma if measurement.sigma is not None else np.full(angles.size, template[_SIGMA_COLUMN])
        inferred = SIGMA in free
        weight = np.ones(angles.size) if inferred else 1.0 / known
        constant = -0.5 * angles.size * math.log(2.0 * math.pi) + float(np.log(weight).sum())
        if not inferred:
            template[_SIGMA_COLUMN] = 1.0
        poses = knee.kinematics
        pair = Pair(
            lengths=np.stack([poses.mcl_length, poses.lcl_length]),
            arms=np.stack([knee.mcl_coefficient, knee.lcl_coefficient]) * weight,
            load=np.ascontiguousarray(measurement.loads * weight),
            constant=constant,
        )
        if not all(np.isfinite(a).all() for a in pair[:3]):
            raise DataError(f"{measurement.source}: loads or sigma so extreme that their ratio overflows; check units")
        order = None
        if angles.size >= MANY:
            if (np.diff(angles) < 0.0).any():
                order = np.argsort(angles, kind="stable")
                pair = Pair(pair.lengths[:, order], pair.arms[:, order], pair.load[order], constant)
            pair = pair._replace(sums=build(pair) or ())
        lower = np.array([bounds.lower for bounds in free.values()])
        upper = np.array([bounds.upper for bounds in free.values()])
        density = Density(
            lower=lower,
            upper=upper,
            positive=np.array([not name.endswith("f_ref") for name in free]),
            weight=math.inf if config.prior.walls == "hard" else config.prior.weight,
            template=template,
            columns=np.array([PARAMETER_NAMES.index(name) for name in free]),
            knee=pair,
        )
        return cls(
            config=config,
            measurement=measurement,
            geometry=geometry,
            knee=knee,
            names=tuple(free),
            lower=lower,
            upper=upper,
            start=np.array([np.nan if b.start is None else b.start for b in free.values()]),
            density=density,
            order=order,
        )

    @property
    def ndim(self) -> int:
        """The number of free parameters."""
        return len(self.names)

    @property
    def units(self) -> tuple[str, ...]:
        """The unit of each free parameter; empty for a pure number."""
        return tuple(self.measurement.unit if name == SIGMA else UNITS[name.split(".")[1]] for name in self.names)

    @property
    def truth(self) -> Mapping[str, float]:
        """The free parameters' true values, as far as the data file states them."""
        return {name: self.measurement.truth[name] for name in self.names if name in self.measurement.truth}

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a user should know before believing a result."""
        found = [doubt.text for doubt in doubts_of(self.config, self.measurement)]
        count = self.measurement.angles.size
        if count < self.ndim:
            found.append(
                f"{count} data points for {self.ndim} free parameters: the prior bounds will decide some of them"
            )
        spill = math.sqrt(0.5 / self.density.weight)
        loose = [name for name, width in zip(self.names, self.upper - self.lower, strict=True) if spill > 0.05 * width]
        if loose:
            found.append(
                f"prior.weight = {self.density.weight:g} lets parameters spill about {spill:.2g} beyond their bounds, "
                f'much for {", ".join(loose)}; use a larger weight or walls = "hard"'
            )
        return tuple(found)

    def full(self, q: ArrayLike) -> FloatArray:
        """Return all nine parameters for rows of free ones.

        Parameters
        ----------
        q : array_like, shape (n, ndim) or (ndim,)
            Free parameters.

        Returns
        -------
        ndarray, shape (n, 9)
            The eight of the law, then sigma: in the load's unit where it is inferred, else 1 (of the known one).
        """
        rows = self._rows(q)
        out = np.tile(self.density.template, (rows.shape[0], 1))
        out[:, self.density.columns] = rows
        return out

    @overload
    def log_prob(self, q: FloatArray) -> FloatArray: ...
    @overload
    def log_prob(self, q: ArrayLike) -> FloatArray | float: ...
    def log_prob(self, q: ArrayLike) -> FloatArray | float:
        """Evaluate the log-posterior, up to the prior's normalisation.

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
        """Evaluate the log-prior: 0 inside the bounds, the penalty or a wall outside. Shapes as `log_prob`."""
        return _like(q, self._evaluate(q)[0])

    def log_likelihood(self, q: ArrayLike) -> FloatArray | float:
        """Evaluate the Gaussian log-likelihood with its normalising constant. Shapes as `log_prob`."""
        return _like(q, self._evaluate(q)[1])

    def predict(self, q: ArrayLike, angles: ArrayLike | None = None) -> FloatArray:
        """Predict the load-angle curve.

        Parameters
        ----------
        q : array_like, shape (n, ndim) or (ndim,)
            Free parameters.
        angles : array_like, shape (m,), optional
            Angles in the data file's unit and sign; the data's own by default.

        Returns
        -------
        ndarray, shape (n, m)
            Loads in the data file's unit and sign.

        Raises
        ------
        GeometryError
            If the knee admits no load at one of the angles.
        """
        return self.knee_at(angles).loads(self.full(q)[:, :_SIGMA_COLUMN])

    def knee_at(self, angles: ArrayLike | None = None) -> CachedKnee:
        """Return the cached knee at other angles, in the data file's unit and sign; the data's own by default."""
        if angles is None:
            return self.knee
        radians = self.measurement.to_radians(np.atleast_1d(np.asarray(angles, dtype=float)))
        return CachedKnee.build(self.geometry, radians, self.measurement.kind, self.config.data.positive)

    def residuals(self, q: FloatArray) -> FloatArray:
        """Return (prediction - data) / sigma, (n, n_angles), for rows `q`; not divided where sigma is inferred."""
        tensions = self._weighted.tensions(self.full(q)[:, :_SIGMA_COLUMN])
        arms, load = self.density.knee.arms, self.density.knee.load
        return self._as_in_file(arms[0] * tensions[0] + arms[1] * tensions[1] - load)

    def jacobian(self, q: FloatArray) -> FloatArray:
        """Return the derivatives of `residuals` by the free parameters, (n, n_angles, ndim); 0 for sigma."""
        return self._free_columns(self._as_in_file(self._weighted.jacobian(self.full(q)[:, :_SIGMA_COLUMN])))

    def fit_residuals(self, q: FloatArray) -> FloatArray:
        """Return what a least-squares fit at `q` (ndim,) needs of `residuals`: all, or nine that stand for very many.

        Nine numbers `r` and nine rows `J` of `fit_jacobian` have the sum of squares, `J^T r` and `J^T J` of all.
        """
        return self._compressed(q)[0] if self.density.knee.sums else self.residuals(q[np.newaxis])[0]

    def fit_jacobian(self, q: FloatArray) -> FloatArray:
        """Return the derivatives (m, ndim) of `fit_residuals`."""
        return self._compressed(q)[1] if self.density.knee.sums else self.jacobian(q[np.newaxis])[0]

    def _compressed(self, q: FloatArray) -> tuple[FloatArray, FloatArray]:
        rows, slopes = compress(self.full(q)[0, :_SIGMA_COLUMN], self.density.knee)
        return rows, self._free_columns(slopes)

    @property
    def _weighted(self) -> CachedKnee:
        """The knee as the density has it: loads in units of a known sigma, sorted where the density is."""
        lengths, arms = self.density.knee.lengths, self.density.knee.arms
        poses = replace(self.knee.kinematics, mcl_length=lengths[0], lcl_length=lengths[1])
        return CachedKnee(poses, arms[0], arms[1])

    def _as_in_file(self, values: FloatArray) -> FloatArray:
        """Put the second axis back into the file's order."""
        if self.order is None:
            return values
        out = np.empty_like(values)
        out[:, self.order] = values
        return out

    def _free_columns(self, by_law: FloatArray) -> FloatArray:
        """Pick the free parameters' columns out of derivatives by the law's eight; those by sigma are 0."""
        sigma = np.zeros((*by_law.shape[:-1], 1))
        return np.concatenate([by_law, sigma], axis=-1)[..., self.density.columns]

    def _rows(self, q: ArrayLike) -> FloatArray:
        rows = np.ascontiguousarray(q, dtype=float)
        if rows.ndim not in (1, 2) or rows.shape[-1] != self.ndim:
            raise ValueError(
                f"q has shape {rows.shape}, expected (n, {self.ndim}) or ({self.ndim},): {', '.join(self.names)}"
            )
        return rows.reshape(-1, self.ndim)

    def _evaluate(self, q: ArrayLike) -> FloatArray:
        return evaluate(self._rows(q), self.density)


def _like(q: ArrayLike, values: FloatArray) -> FloatArray | float:
    return float(values[0]) if np.ndim(q) == 1 else values  # one number for one vector


def _sigma_setting(config: Config, measurement: Measurement, where: str) -> float | Bounds:
    """Settle where sigma comes from; exactly one place may say."""
    given = config.noise.sigma
    if measurement.sigma is not None:
        if given is not None:
            raise ConfigError(
                f"{where}: {SIGMA} is given, and {measurement.source} has a sigma column as well; keep one of them"
            )
        return 1.0
    if given is None:
        raise ConfigError(
            f"{where}: {SIGMA}: missing; give a number, bounds to infer it, or a sigma column in the data"
        )
    return given
