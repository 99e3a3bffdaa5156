"""Priors of one parameter: uniform, normal and log-normal, each truncated to bounds and normalised over them.

A kind is one class: density, samples, quantiles, moments, row for compiled code, words. Which quantity a prior
belongs to, and what has to be positive, is not known here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibrate.truncated import TruncatedNormal

Array = NDArray[np.float64]
# What compiled code needs of a prior: kind, a, b, constant.
Row = tuple[int, float, float, float]

# Below this logarithm of its mass a truncated prior is refused: e^-700 is next to the smallest number there is.
LEAST_LOG_MASS = -700.0
# A log-normal's factor; with a thousand, 95 % of its mass spans twelve orders of magnitude.
LARGEST_FACTOR = 1000.0


class _Bounded:
    """What all kinds share: bounds, and draws by way of the quantiles."""

    lower: float
    upper: float

    def quantile(self, u: ArrayLike) -> Array:
        """Return the value below which a share u of the mass between the bounds lies."""
        raise NotImplementedError  # each kind says its own

    def sample(self, rng: np.random.Generator, n: int) -> Array:
        """Return n independent draws, shape (n,), all inside the bounds."""
        u = rng.random(n)
        u[u == 0.0] = 2.0**-54  # the quantile at 0 is the bound itself, which may be infinite
        return self.quantile(u)

    def _keep(self, **numbers: float) -> None:
        """Keep these numbers as floats.

        Raises
        ------
        ValueError
            If one is not finite, unless it is a bound that is open; or the bounds are in the wrong order.
        """
        for name, value in numbers.items():
            if not math.isfinite(value) and value != {"lower": -math.inf, "upper": math.inf}.get(name):
                raise ValueError(f"{name} = {value:g} must be a finite number")
            object.__setattr__(self, name, float(value))
        if not self.lower < self.upper:
            raise ValueError(f"lower = {self.lower:g} must be below upper = {self.upper:g}")


@dataclass(frozen=True)
class Uniform(_Bounded):
    """Every value between two bounds is as likely as any other.

    Attributes
    ----------
    lower, upper : float
        The bounds.

    Raises
    ------
    ValueError
        If a bound is not finite, or lower is not below upper.
    """

    lower: float
    upper: float
    kind: ClassVar[int] = 0

    def __post_init__(self) -> None:
        for name in ("lower", "upper"):
            if not math.isfinite(getattr(self, name)):
                raise ValueError(f"{name} = {getattr(self, name):g} must be a finite number in a uniform prior")
        self._keep(lower=self.lower, upper=self.upper)
        if not math.isfinite(self.upper - self.lower):
            raise ValueError(f"lower = {self.lower:g} and upper = {self.upper:g} are too far apart to compute with")

    @property
    def mean(self) -> float:
        """Return the middle of the bounds."""
        return 0.5 * self.lower + 0.5 * self.upper

    @property
    def sd(self) -> float:
        """Return the standard deviation, the width over the root of twelve."""
        return (self.upper - self.lower) / math.sqrt(12.0)

    def row(self) -> Row:
        """Return (kind, 0, 0, constant): the log-density is the constant."""
        return self.kind, 0.0, 0.0, -math.log(self.upper - self.lower)

    def log_density(self, x: ArrayLike) -> Array:
        """Return the log-density at x, of x's shape: the same everywhere, for walls are the caller's."""
        return np.full(np.shape(x), self.row()[3])

    def quantile(self, u: ArrayLike) -> Array:
        """Return the value below which a share u of the mass lies, of u's shape; NaN for u outside [0, 1]."""
        u = np.asarray(u, dtype=np.float64)
        inside = np.minimum(self.lower + u * (self.upper - self.lower), self.upper)
        return np.where((u >= 0.0) & (u <= 1.0), inside, np.nan)

    def describe(self, unit: str = "") -> str:
        """Return a phrase for tables, like "uniform, 5 to 200 N/mm"."""
        return f"uniform{_between(self.lower, self.upper, unit)}"


@dataclass(frozen=True, init=False, repr=False)
class Normal(_Bounded):
    """A normal prior, truncated to its bounds: `Normal(mean, sd, lower=-inf, upper=inf)`.

    `mean` and `sd` are given before truncation and kept as `location` and `scale`; the properties of those names
    are the moments of what is left between the bounds.

    Attributes
    ----------
    location, scale : float
        Mean and standard deviation before truncation.
    lower, upper : float
        The bounds, infinite where there is none.

    Raises
    ------
    ValueError
        If a number is not finite, sd is not positive, lower not below upper, or no mass lies between them.
    """

    location: float
    scale: float
    lower: float
    upper: float
    kind: ClassVar[int] = 1

    def __init__(self, mean: float, sd: float, lower: float = -math.inf, upper: float = math.inf) -> None:
        for name, value in (("mean", mean), ("sd", sd)):
            if not math.isfinite(value):
                raise ValueError(f"{name} = {value:g} must be a finite number")
        if sd <= 0.0:
            raise ValueError(f"sd = {sd:g} must be greater than 0")
        self._keep(location=mean, scale=sd, lower=lower, upper=upper)
        _refuse_empty(self, self._inside)

    def __repr__(self) -> str:
        return f"Normal(mean={self.location!r}, sd={self.scale!r}, lower={self.lower!r}, upper={self.upper!r})"

    @cached_property
    def _inside(self) -> TruncatedNormal:
        return TruncatedNormal(self.location, self.scale, self.lower, self.upper, self.upper - self.lower)

    @cached_property
    def mean(self) -> float:
        """Return the mean of what is left between the bounds."""
        mode, mean, _ = self._inside.moments()
        return mode + mean

    @cached_property
    def sd(self) -> float:
        """Return the standard deviation of what is left between the bounds."""
        return self._inside.moments()[2]

    def row(self) -> Row:
        """Return (kind, a, b, constant): the log-density is constant - ((x - a) / b)^2 / 2."""
        return self.kind, self.location, self.scale, self._inside.constant

    def log_density(self, x: ArrayLike) -> Array:
        """Return the log-density at x, of x's shape; the formula goes on beyond the bounds, walls are the caller's."""
        _, a, b, constant = self.row()
        return np.asarray(constant - 0.5 * ((np.asarray(x, dtype=np.float64) - a) / b) ** 2)

    def quantile(self, u: ArrayLike) -> Array:
        """Return the value below which a share u of the mass lies, of u's shape; NaN for u outside [0, 1]."""
        return self._inside.quantile(np.asarray(u, dtype=np.float64))

    def describe(self, unit: str = "") -> str:
        """Return a phrase for tables, like "normal, 0.03 +- 0.02, 0.01 to 0.1"; the first two before truncation."""
        ends = _between(self.lower, self.upper, unit)
        return f"normal, {self.location:g} +- {self.scale:.4g}{_in(unit)}{ends}"


@dataclass(frozen=True)
class LogNormal(_Bounded):
    """A log-normal prior, truncated to its bounds: ln x is normal about ln median with sd ln factor.

    Before truncation 68 % of its mass lies between median / factor and median * factor.

    Attributes
    ----------
    median, factor : float
        Before truncation.
    lower, upper : float
        The bounds. lower is 0 where there is none, upper infinite.

    Raises
    ------
    ValueError
        If a number is not finite, median is not positive, factor not above 1 or above 1000, lower negative or not
        below upper, or no mass lies between them.
    """

    median: float
    factor: float
    lower: float = 0.0
    upper: float = math.inf
    kind: ClassVar[int] = 2

    def __post_init__(self) -> None:
        lower = 0.0 if self.lower == -math.inf else self.lower
        if self.upper < 0.0:
            raise ValueError(f"upper = {self.upper:g} must not be negative in a log-normal prior")
        self._keep(median=self.median, factor=self.factor, lower=lower, upper=self.upper)
        if self.median <= 0.0:
            raise ValueError(f"median = {self.median:g} must be greater than 0")
        if not 1.0 < self.factor <= LARGEST_FACTOR:
            raise ValueError(f"factor = {self.factor:g} must be greater than 1, and at most {LARGEST_FACTOR:g}")
        if self.lower < 0.0:
            raise ValueError(f"lower = {self.lower:g} must not be negative in a log-normal prior")
        _refuse_empty(self, self._inside)

    @cached_property
    def _inside(self) -> TruncatedNormal:
        """Return the distribution of ln x."""
        low = math.log(self.lower) if self.lower > 0.0 else -math.inf
        width = math.log1p((self.upper - self.lower) / self.lower) if self.lower > 0.0 else math.inf
        return TruncatedNormal(math.log(self.median), math.log(self.factor), low, math.log(self.upper), width)

    @cached_property
    def mean(self) -> float:
        """Return the mean of what is left between the bounds."""
        mode, growth, _ = self._inside.moments(1.0)
        return float(np.exp(mode)) * (1.0 + growth)

    @cached_property
    def sd(self) -> float:
        """Return the standard deviation of what is left between the bounds."""
        mode, _, growth = self._inside.moments(1.0)
        return float(np.exp(mode)) * growth

    def row(self) -> Row:
        """Return (kind, a, b, constant): the log-density is constant - ln x - ((ln x - a) / b)^2 / 2."""
        return self.kind, self._inside.middle, self._inside.scale, self._inside.constant

    def log_density(self, x: ArrayLike) -> Array:
        """Return the log-density at x, of x's shape, -inf where x is not positive; walls are the caller's."""
        _, a, b, constant = self.row()
        x = np.asarray(x, dtype=np.float64)
        y = np.log(np.where(x > 0.0, x, np.nan))
        return np.where(x > 0.0, constant - y - 0.5 * ((y - a) / b) ** 2, np.where(np.isnan(x), np.nan, -np.inf))

    def quantile(self, u: ArrayLike) -> Array:
        """Return the value below which a share u of the mass lies, of u's shape; NaN for u outside [0, 1]."""
        return np.clip(np.exp(self._inside.quantile(np.asarray(u, dtype=np.float64))), self.lower, self.upper)

    def describe(self, unit: str = "") -> str:
        """Return a phrase for tables, like "log-normal, median 70 N/mm, factor 1.4, below 300 N/mm"."""
        ends = _between(self.lower or -math.inf, self.upper, unit)
        return f"log-normal, median {self.median:g}{_in(unit)}, factor {self.factor:g}{ends}"


Prior = Uniform | Normal | LogNormal


def left_of(values: ArrayLike, prior: Prior) -> tuple[float, float]:
    """Return what draws have left of a prior's standard deviation, and how far their mean has moved.

    On the scale on which the prior is even or normal. Of a log-normal prior that is the logarithm's: as it stands, a
    value that is known to a tenth is twice as uncertain where it is twice as large.

    Parameters
    ----------
    values : array_like, shape (n,)
        Draws of the posterior.
    prior : Prior
        The prior.

    Returns
    -------
    share, shift : float
        Standard deviation over the prior's, and mean less the prior's in standard deviations of the prior.
    """
    own, mean, sd = np.asarray(values), prior.mean, prior.sd
    if isinstance(prior, LogNormal):
        own = np.log(np.where(own > 0.0, own, np.nan))
        mode, mean, sd = prior._inside.moments()
        mean += mode
    return float(own.std()) / sd, (float(own.mean()) - mean) / sd


def _refuse_empty(prior: Normal | LogNormal, inside: TruncatedNormal) -> None:
    """Refuse a truncated prior without mass, or with numbers that overflow."""
    if not inside.log_mass >= LEAST_LOG_MASS:
        raise ValueError(f"there is no mass between the bounds: {prior.describe()}")
    if not (math.isfinite(prior.mean) and 0.0 < prior.sd < math.inf):
        raise ValueError(f"the numbers are too large, or too close together, to compute with: {prior.describe()}")


def _in(unit: str) -> str:
    return f" {unit}" if unit else ""


def _between(lower: float, upper: float, unit: str) -> str:
    """Return the bounds in words, "" if there are none."""
    if lower == -math.inf:
        return "" if upper == math.inf else f", below {upper:g}{_in(unit)}"
    return f", above {lower:g}{_in(unit)}" if upper == math.inf else f", {lower:g} to {upper:g}{_in(unit)}"
