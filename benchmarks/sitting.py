"""What every sampler hands over: its estimate and its seconds, compilation excluded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.accuracy import Estimate


@dataclass(frozen=True)
class Sitting:
    """One run of one sampler.

    Attributes
    ----------
    estimate : Estimate
        From the draws without burn-in or warm-up.
    kept_seconds : float
        Time in which those draws were made.
    seconds : float
        Time of everything but compilation: starting points, warm-up, burn-in, sampling, storing.
    """

    estimate: Estimate
    kept_seconds: float
    seconds: float

    @property
    def kept_rate(self) -> float:
        """Effective samples per second of the kept part."""
        return self.estimate.ess / self.kept_seconds

    @property
    def rate(self) -> float:
        """Effective samples per second of the whole sitting."""
        return self.estimate.ess / self.seconds


@dataclass(frozen=True)
class Size:
    """How long sittings are.

    Attributes
    ----------
    seconds : float
        Sampling time of a sampler that is stopped by the clock, burn-in or warm-up not counted for NUTS.
    ess : float
        Effective samples at which calibrate's own run stops.
    kish, live : int
        Effective samples at which nautilus stops, and its live points.
    warm_up, chunk : int
        Steps of NUTS's warm-up, and steps that it makes between two looks at the clock.
    """

    seconds: float
    ess: float
    kish: int
    live: int
    warm_up: int
    chunk: int


# A sampler made ready for one posterior, compiled and warm: seed in, sitting out.
Sit = Callable[[int], Sitting]
# Makes a sampler ready: name of the posterior, size, folder for files.
Prepare = Callable[[str, Size, Path], Sit]


@dataclass(frozen=True)
class Contender:
    """One sampler of the comparison.

    Attributes
    ----------
    label : str
        Its name in the tables.
    prepare : callable
        Makes it ready for one posterior.
    package : str or None
        What it needs besides the project itself, as pip knows it.
    control : bool
        Whether it is wrong on purpose.
    once : bool
        Whether one sitting is enough: for controls, and where ESS follows from weights and is known exactly.
    """

    label: str
    prepare: Prepare
    package: str | None = None
    control: bool = False
    once: bool = False
