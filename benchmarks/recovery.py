"""Is the truth recovered, in a hundred simulated knees of every case? `python -m benchmarks.recovery`.

Truths are drawn from the prior, data are simulated from them and calibrated. If the program says what it means, every
90 % interval holds the truth of 90 % of the knees, whatever the posterior's shape (Cook, Gelman & Rubin 2006). The
control calibrates the same data without what the case is about; its intervals have to hold less than 60 %, or the case
would not notice an error. Exit code 1 means that one of the two is not so.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context

import emcee
import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from benchmarks.recovery_cases import CASES, Case
from benchmarks.table import busy, markdown, setting
from calibrate.config import SamplingConfig
from calibrate.data import Measurement
from calibrate.posterior import Posterior
from calibrate.sampling.loop import Budget, sample
from calibrate.sampling.pilot import explore
from calibrate.sampling.start import first_walkers

FloatArray = NDArray[np.float64]
# Posterior and seed in, draws (n, ndim) out, and whether the sampler trusts them.
Sampler = Callable[[Posterior, int], tuple[FloatArray, bool]]

SHARE = 0.9
# What the control may cover at the most.
TOO_FEW = 0.6
# Chance that a case of a right program is called wrong by one of its parameters, or by all together.
_CHANCE = 1e-3
_DRAWS = 1000
_POINTS = 512
_LEAN = SamplingConfig(ensembles=2, walkers=64, min_ess=400.0, max_rhat=1.05, max_steps=3000, workers=1)


@dataclass(frozen=True)
class Ranks:
    """Where the truth lies among the draws of one knee.

    Attributes
    ----------
    below : dict of str to float
        For each free parameter, and for stiffness and reference strain of both collaterals, the share of the
        posterior below the truth.
    converged : bool
        Whether the run said so.
    """

    below: dict[str, float]
    converged: bool


@dataclass(frozen=True)
class Recovery:
    """One knee: calibrated as it was simulated, and by the control; and the processor's seconds."""

    case: str
    ranks: Ranks
    control: Ranks
    seconds: float


def quantities(posterior: Posterior, q: FloatArray) -> dict[str, FloatArray]:
    """Return free parameters, and what both collaterals have in every case, by name for rows of free parameters."""
    found = {name: q[:, i] for i, name in enumerate(posterior.names)}
    law, lengths = posterior.law(q, posterior.tests[0].name), posterior.reference_lengths(posterior.full(q))
    for i, strand in enumerate(("mcl", "lcl")):
        found[f"{strand}.k"] = law[:, i, 0]
        found[f"{strand}.reference_strain"] = lengths[:, i] / law[:, i, 2] - 1.0
    return found


def measured(case: Case, posterior: Posterior, truth: FloatArray, rng: np.random.Generator) -> dict[str, Measurement]:
    """Simulate the tests of one knee."""
    return {
        name: replace(test, loads=posterior.simulate(truth, rng, name)[0]) for name, test in case.measurements.items()
    }


def chains(posterior: Posterior, seed: int) -> tuple[FloatArray, bool]:
    """Calibrate in memory, as `calibrate run` does; return draws (n, ndim) and whether they converged."""
    settings = _LEAN.model_copy(update={"seed": seed})
    starts = first_walkers(posterior, settings)
    backends = [emcee.backends.Backend() for _ in starts]
    outcome = sample(posterior, backends, starts, settings, Budget(settings.max_steps))
    dropped = 0 if outcome.verdict is None else outcome.verdict.burn_in
    draws = np.stack([backend.get_chain()[dropped:] for backend in backends]).reshape(-1, posterior.ndim)
    return draws[np.random.default_rng(seed).permutation(len(draws))[:_DRAWS]], outcome.reason == "converged"


def pilot(posterior: Posterior, seed: int) -> tuple[FloatArray, bool]:
    """Calibrate by nested sampling alone: enough for controls, whose intervals miss the truth by far.

    It is no instrument for the rate itself: with so few points intervals in 15 dimensions hold some 4 % too few.
    """
    rng = np.random.default_rng(seed)
    found = explore(posterior, rng, _POINTS)
    return found.coords[rng.choice(len(found.coords), _DRAWS, p=found.weights)], True


def ranks(posterior: Posterior, truth: dict[str, float], by: Sampler, seed: int) -> Ranks:
    """Calibrate and look where the truth lies; what it has no number for is left out."""
    draws, converged = by(posterior, seed)
    found = quantities(posterior, draws)
    return Ranks({name: float(np.mean(x < truth[name])) for name, x in found.items() if name in truth}, converged)


def recover(name: str, index: int, seed: int = 1) -> Recovery:
    """Draw, simulate and calibrate one knee.

    Parameters
    ----------
    name : str
        A case.
    index : int
        Which of its knees.
    seed : int
        Of all knees.
    """
    begin = time.process_time()
    case = CASES[name]
    rng = np.random.default_rng([seed, index, *name.encode()])
    prior = Posterior.from_config(case.config, case.measurements)
    drawn = prior.prior_sample(rng, 1)
    truth = {key: float(values[0]) for key, values in quantities(prior, drawn).items()}
    data = measured(case, prior, drawn, rng)
    found = ranks(Posterior.from_config(case.config, data), truth, chains, index + 1)
    control = ranks(Posterior.from_config(case.control, data), truth, pilot, index + 1)
    return Recovery(name, found, control, time.process_time() - begin)


@dataclass(frozen=True)
class Coverage:
    """How often intervals hold the truth.

    Attributes
    ----------
    knees : int
        How many there are.
    shares : dict of str to float
        By parameter.
    pooled, error : float
        Of all parameters, and the standard error that it has over knees. Parameters of one knee are wrong together, so
        they do not count as so many trials.
    """

    knees: int
    shares: dict[str, float]
    pooled: float
    error: float

    @classmethod
    def of(cls, found: Sequence[Ranks], only: Sequence[str] = ()) -> Coverage:
        """Count, of some quantities or of all."""
        names = only or list(found[0].below)
        below = np.array([[ranks.below[name] for name in names] for ranks in found])
        inside = np.abs(below - 0.5) <= 0.5 * SHARE
        binomial = np.sqrt(SHARE * (1.0 - SHARE) / inside.size)
        error = max(float(inside.mean(axis=1).std() / np.sqrt(len(found))), float(binomial))
        shares = dict(zip(names, inside.mean(axis=0).tolist(), strict=True))
        return cls(len(found), shares, float(inside.mean()), error)

    @property
    def limits(self) -> tuple[float, float]:
        """Shares between which each parameter's has to lie: quantiles of the binomial distribution."""
        chance = 0.5 * _CHANCE / len(self.shares)
        low, high = binom.ppf([chance, 1.0 - chance], self.knees, SHARE) / self.knees
        return float(low), float(high)

    @property
    def wrong(self) -> list[str]:
        """What is not covered as it should be, in words."""
        low, high = self.limits
        said = [
            f"{name}: {100 * share:.0f} %, not {100 * low:.0f} to {100 * high:.0f} %"
            for name, share in self.shares.items()
            if not low <= share <= high
        ]
        if abs(self.pooled - SHARE) > 3.3 * self.error:
            said.append(f"all together: {100 * self.pooled:.1f} ± {100 * self.error:.1f} %")
        return said


@dataclass(frozen=True)
class Answer:
    """All knees of a case."""

    case: Case
    knees: Sequence[Recovery]

    @property
    def coverage(self) -> Coverage:
        """Of the case."""
        return Coverage.of([knee.ranks for knee in self.knees])

    @property
    def control(self) -> float:
        """What the control covers of what it is wrong about."""
        return Coverage.of([knee.control for knee in self.knees], self.case.fails).pooled

    @property
    def wrong(self) -> list[str]:
        """What is not as it should be, in words."""
        said = [f"{self.case.name}: {words}" for words in self.coverage.wrong]
        if not self.control < TOO_FEW:
            said.append(f"{self.case.name}: the control holds {_of(self.case.fails)} in {100 * self.control:.0f} %")
        lost = sum(not knee.ranks.converged for knee in self.knees)
        if lost > 0.05 * len(self.knees):
            said.append(f"{self.case.name}: {lost} of {len(self.knees)} runs did not converge")
        return said

    def row(self) -> list[str]:
        """Return a line of the table."""
        found = self.coverage
        worst = max(found.shares, key=lambda name: abs(found.shares[name] - SHARE))
        return [
            self.case.name,
            str(found.knees),
            str(len(found.shares)),
            f"{100 * found.pooled:.1f} ± {100 * found.error:.1f}",
            f"{worst} {100 * found.shares[worst]:.0f}",
            f"{100 * found.limits[0]:.0f} to {100 * found.limits[1]:.0f}",
            self.case.said,
            f"{_of(self.case.fails)} {100 * self.control:.0f}",
            f"{sum(knee.ranks.converged for knee in self.knees)}",
            f"{np.mean([knee.seconds for knee in self.knees]):.1f}",
        ]

    def line(self) -> list[str]:
        """Return a line of the table of all quantities."""
        return [self.case.name, ", ".join(f"{name} {100 * x:.0f}" for name, x in self.coverage.shares.items())]


def _of(names: Sequence[str]) -> str:
    """Name quantities in short: those of both collaterals by what they are of each."""
    return names[0] if len(names) == 1 else names[0].rpartition(".")[2]


HEAD = [
    "case",
    "knees",
    "quantities",
    "90 % intervals hold [%]",
    "farthest off [%]",
    "may be [%]",
    "control: taken for granted",
    "control holds [%]",
    "converged",
    "CPU s a knee",
]


def answers(names: Sequence[str], knees: int, seed: int = 1, processes: int = 1) -> Iterator[Answer]:
    """Recover all knees of some cases, one case after the other."""
    if processes == 1:
        for name in names:
            yield Answer(CASES[name], [recover(name, i, seed) for i in range(knees)])
        return
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        for name in names:
            jobs = [pool.submit(recover, name, i, seed) for i in range(knees)]
            yield Answer(CASES[name], [job.result() for job in jobs])


def main() -> int:
    """Recover, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", default=list(CASES), help=f"of {', '.join(CASES)}; all by default")
    parser.add_argument("--knees", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    if unknown := [name for name in options.cases if name not in CASES]:
        parser.error(f"no case is called '{unknown[0]}'; there are {', '.join(CASES)}")
    rows, lines, wrong = [], [], []
    for answer in answers(options.cases, options.knees, options.seed, options.processes):
        rows.append(answer.row())
        lines.append(answer.line())
        wrong += answer.wrong
        print(*rows[-1], *lines[-1][1:], sep=" | ", file=sys.stderr, flush=True)
    print(markdown(HEAD, rows))
    print()
    print(markdown(["case", "each quantity [%]"], lines))
    print(f"\n{setting()}; {busy()}")
    for complaint in wrong:
        print(complaint, file=sys.stderr)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
