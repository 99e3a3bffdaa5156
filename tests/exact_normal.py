"""Truncated normal and log-normal distributions in as many digits as asked for, by their textbook formulas."""

from __future__ import annotations

import math

import mpmath

from calibrate.priors import LogNormal, Normal


class Exact:
    """A truncated normal or log-normal in as many digits as mpmath works with, from the numbers as they were given."""

    def __init__(self, prior: Normal | LogNormal) -> None:
        self.logs = isinstance(prior, LogNormal)
        if isinstance(prior, LogNormal):
            self.middle, self.scale = mpmath.log(prior.median), mpmath.log(prior.factor)
        else:
            self.middle, self.scale = mpmath.mpf(prior.location), mpmath.mpf(prior.scale)
        self.low, self.high = self.z(prior.lower), self.z(prior.upper)
        self.whole = self.mass(self.low, self.high)

    def z(self, x: float) -> mpmath.mpf:
        if math.isinf(x) or (self.logs and x == 0.0):
            return mpmath.inf if x > 0.0 else -mpmath.inf
        return ((mpmath.log(x) if self.logs else mpmath.mpf(x)) - self.middle) / self.scale

    def mass(self, low: mpmath.mpf, high: mpmath.mpf) -> mpmath.mpf:
        return mpmath.ncdf(high) - mpmath.ncdf(low)

    def log_density(self, x: float) -> mpmath.mpf:
        stretch = mpmath.mpf(x) if self.logs else 1
        return mpmath.log(mpmath.npdf(self.z(x)) / self.scale / self.whole / stretch)

    def share(self, x: float) -> mpmath.mpf:
        return self.mass(self.low, self.z(x)) / self.whole

    def moments(self) -> tuple[mpmath.mpf, mpmath.mpf]:
        if self.logs:  # E x^j is exp(j a + j^2 b^2 / 2) times the mass between bounds that are j b lower
            first, second = (
                mpmath.exp(j * self.middle + (j * self.scale) ** 2 / 2)
                * (self.mass(self.low - j * self.scale, self.high - j * self.scale) / self.whole)
                for j in (1, 2)
            )
            return first, mpmath.sqrt(second - first**2)
        ends = [end for end in (self.low, self.high) if mpmath.isfinite(end)]
        signs = [1 if end == self.low else -1 for end in ends]
        zeroth, first = (
            sum(sign * end**power * mpmath.npdf(end) for sign, end in zip(signs, ends, strict=True)) / self.whole
            for power in (0, 1)
        )
        return self.middle + self.scale * zeroth, self.scale * mpmath.sqrt(1 + first - zeroth**2)
