"""Knees for `benchmarks.validation`, and faults that the check has to find: fits that are wrong in one thing each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import emcee
import numpy as np
from numpy.typing import NDArray

from benchmarks.problems import KNEE
from calibrate.config import Config, parse_config
from calibrate.data import Measurement, read_measurement
from calibrate.examples import example
from calibrate.posterior import Posterior
from calibrate.sampling.block import Block
from calibrate.sampling.moves import Stretch
from calibrate.sampling.pilot import POINTS, explore
from calibrate.validate.trial import Fit, Fitted

FloatArray = NDArray[np.float64]

_ROOT = Path(__file__).parents[1]
_ZERO = (
    KNEE
    + """[parameters.mcl]
k = { median = 70.0, factor = 1.7 }
alpha = { median = 0.06, factor = 1.4 }
reference_strain = { mean = 0.03, sd = 0.02 }
[parameters.lcl]
k = { median = 60.0, factor = 1.7 }
alpha = "mcl.alpha"
reference_strain = { mean = 0.01, sd = 0.03 }
[measurement]
angle_offset = { mean = 0.0, sd = 2.0 }
load_bias = { mean = 0.0, sd = 1.0 }
[noise]
sigma = 0.3
[data]
file = "oks009_30deg.csv"
positive = "varus"
"""
)
_FREE = """
[knee]
lateral_condyle = { centre = [23.5, -6.0], radius = 15.5 }
medial_condyle = { centre = [-20.4, { mean = -6.0, sd = 0.5 }], radius = 17.5 }
rolling = { lower = 0.0, upper = 1.0 }
mcl = { femur = [{ mean = -40.0, sd = 2.0 }, 12.0], tibia = [-16.0, -65.0] }
lcl = { femur = [36.0, 4.0], tibia = [44.8, -50.7] }
[parameters.mcl]
k = { lower = 30.0, upper = 120.0 }
alpha = 0.06
reference_strain = { mean = 0.03, sd = 0.015 }
[parameters.lcl]
k = { lower = 30.0, upper = 120.0 }
alpha = 0.06
reference_strain = { mean = 0.03, sd = 0.015 }
[noise]
sigma = 0.3
[data]
file = "oks009_30deg.csv"
positive = "varus"
"""
_DOCUMENTS = {
    "bounds alone": (_ROOT / "tests" / "data" / "oks009_box.toml").read_text(),
    "zero, bias, log-normal": _ZERO,
    "free geometry": _FREE,
}


def document(name: str) -> str:
    """Return the text of a case's configuration."""
    return _DOCUMENTS[name]


def config_of(name: str) -> Config:
    """Return a case's configuration."""
    return parse_config(document(name))


def data() -> Mapping[str, Measurement]:
    """Return the test that every case simulates: the angles of the bundled knee's."""
    return {"": read_measurement(example("oks009_30deg.csv"))}


CASES = tuple(_DOCUMENTS)


@dataclass(frozen=True)
class Sample:
    """Draws that think well of themselves."""

    coords: FloatArray
    converged: bool = True

    def thinned(self, draws: int) -> FloatArray:
        """Return so many of them, chosen by chance."""
        return self.coords[np.random.default_rng(0).choice(len(self.coords), draws, replace=False)]


_WALKERS, _STEPS, _BLOCKS = 256, 400, 48


def quick(posterior: Posterior, seed: int) -> Sample:
    """Start in the posterior, as one pilot finds it, and go on with block moves: quicker than the program's own fit."""
    rng = np.random.default_rng(seed)
    found = explore(posterior, rng, POINTS)
    start = found.coords[rng.choice(len(found.coords), _WALKERS, p=found.weights)]
    return _chain(posterior, start, Block(posterior), seed, _BLOCKS, _BLOCKS // 2)


def altered(changes: Sequence[tuple[str, str]], posterior: Posterior, seed: int) -> Fitted:
    """Fit with another configuration than that of the simulator: parts of its text are replaced."""
    text = _ZERO
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return quick(Posterior.from_config(parse_config(text), posterior.measurements), seed)


def turned(posterior: Posterior, seed: int) -> Fitted:
    """Fit as if readings were taken at the angle plus its offset: the prior is even, so draws have the other sign."""
    draws = quick(posterior, seed).coords
    draws[:, posterior.names.index("measurement.angle_offset")] *= -1.0
    return Sample(draws)


class NoFactor(Stretch):
    """A stretch move that forgets how much room there is at either end."""

    def get_proposal(self, *arguments: object) -> tuple[FloatArray, FloatArray]:
        """Propose as the stretch move does."""
        proposed, factors = super().get_proposal(*arguments)
        return proposed, np.zeros_like(factors)


def walked(move: type[Stretch], posterior: Posterior, seed: int) -> Fitted:
    """Fit quickly, and go on with another move."""
    start = quick(posterior, seed).coords[-_WALKERS:]
    return _chain(posterior, start, move(), seed, _STEPS, _STEPS // 2)


def unburnt(posterior: Posterior, seed: int) -> Fitted:
    """Start anywhere in the prior and keep every step."""
    start = posterior.prior_sample(np.random.default_rng(seed), _WALKERS)
    return _chain(posterior, start, Stretch(), seed, _STEPS, 0)


def _chain(
    posterior: Posterior, start: FloatArray, move: emcee.moves.Move, seed: int, steps: int, dropped: int
) -> Sample:
    """Move walkers, and return where they were after the steps that are dropped."""
    sampler = emcee.EnsembleSampler(*start.shape, posterior.log_prob, moves=[move], vectorize=True)
    state = emcee.State(start, random_state=np.random.RandomState(seed).get_state(legacy=True))
    sampler.run_mcmc(state, steps, skip_initial_state_check=True)
    return Sample(np.array(sampler.get_chain(discard=dropped, flat=True)))


def _no_reciprocal() -> list[tuple[str, str]]:
    """Log-normal priors without their 1/x: completing the square moves the median by a factor of exp(ln(factor)^2)."""
    out = []
    for median, factor in ((70.0, 1.7), (60.0, 1.7), (0.06, 1.4)):
        moved = median * math.exp(math.log(factor) ** 2)
        out.append((f"median = {median}, factor = {factor}", f"median = {moved!r}, factor = {factor}"))
    return out


# A quarter of the logarithm's sd.
_SHIFTED = [("median = 0.06, factor = 1.4", f"median = {0.06 * 1.4**0.25!r}, factor = 1.4")]

_OTHER = "zero, bias, log-normal"
FAULTS: dict[str, tuple[str, Fit]] = {
    "sigma 20 % too small": (_OTHER, partial(altered, [("sigma = 0.3", "sigma = 0.24")])),
    "one prior a quarter sd off": (_OTHER, partial(altered, _SHIFTED)),
    "log-normal without its 1/x": (_OTHER, partial(altered, _no_reciprocal())),
    "angle offset of the wrong sign": (_OTHER, turned),
    "no burn-in, a start in the prior": ("bounds alone", unburnt),
    "a move without its Hastings factor": (_OTHER, partial(walked, NoFactor)),
}
# What shows that it is the faults, and not such quick fits, that are found.
CONTROLS: dict[str, tuple[str, Fit]] = {
    "a quick fit without a fault": (_OTHER, quick),
    "a move with its Hastings factor": (_OTHER, partial(walked, Stretch)),
}
