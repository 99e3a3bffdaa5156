"""Are promises of `calibrate design` kept, and is its first choice a good one? `python -m benchmarks.design`.

Truths are drawn from the prior, readings are simulated and calibrated, and design says which angle it would read five
times more. These readings are simulated, too, and all is calibrated again: how much narrower is the target now? The
same for an angle drawn at random. Over the prior the mean of what is kept is that of what was promised, if the program
says what it means. Exit code 1 if promise and outcome differ by more than a tenth, and by more than chance, or the
first choice is no better than the random one.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray

from benchmarks.recovery_cases import CASES
from benchmarks.table import busy, markdown, setting
from calibrate.data import Measurement
from calibrate.design import Candidate, what_next
from calibrate.draws import Draws
from calibrate.posterior import Posterior
from calibrate.runner import sample

FloatArray = NDArray[np.float64]

# Which knees, and what is to be known better.
WORLDS = {
    "zero of the angle uncertain": ("angle_offset", "mcl.reference_strain"),
    "log-normal priors": ("log-normal prior", "laxity"),
}
ANGLES = np.linspace(-6.0, 6.0, 13)
CHOICES = np.linspace(-10.0, 10.0, 11)
REPEATS = 5
# What promise and outcome may differ by, as a share of the promise.
TOLERANCE = 0.1
_SETTINGS = {"ensembles": 2, "walkers": 128, "min_ess": 1000.0, "max_steps": 3000}


@dataclass(frozen=True)
class Kept:
    """One knee: by what share of itself the target's standard deviation was to shrink, and did.

    Attributes
    ----------
    world : str
        Of `WORLDS`.
    angle, promised, kept : float
        Of design's first choice.
    other, promised_other, kept_other : float
        Of the random one.
    converged : bool
        Whether all three runs were.
    seconds : float
        Of the processor.
    """

    world: str
    angle: float
    promised: float
    kept: float
    other: float
    promised_other: float
    kept_other: float
    converged: bool
    seconds: float


def fit(posterior: Posterior, seed: int) -> Draws:
    """Calibrate in memory."""
    return sample(posterior, seed, **_SETTINGS)


def spread(draws: Draws, target: str) -> float:
    """Return a target's standard deviation."""
    return what_next(draws, target, [Candidate("none of account", (0.0,))], sets=2, most=8000).sd


def more(posterior: Posterior, truth: FloatArray, angle: float, rng: np.random.Generator) -> Posterior:
    """Return the posterior after more readings of the true knee at an angle."""
    measurement = posterior.measurement
    at = np.full(REPEATS, angle)
    blank = replace(measurement, angles=np.append(measurement.angles, at), loads=np.append(measurement.loads, 0.0 * at))
    read = Posterior.from_config(posterior.config, blank).simulate(truth, rng)[0, -REPEATS:]
    return Posterior.from_config(posterior.config, replace(blank, loads=np.append(measurement.loads, read)))


def keep(world: str, index: int, seed: int = 1) -> Kept:
    """Draw, simulate, calibrate, ask, read on and calibrate again."""
    begin = time.process_time()
    case, target = WORLDS[world]
    config = CASES[case].config
    rng = np.random.default_rng([seed, index, *world.encode()])
    blank = Measurement(ANGLES, np.zeros(ANGLES.size), None, "moment", "deg")
    prior = Posterior.from_config(config, blank)
    truth = prior.prior_sample(rng, 1)
    posterior = Posterior.from_config(config, replace(blank, loads=prior.simulate(truth, rng)[0]))
    before = fit(posterior, index + 1)
    candidates = [Candidate(f"{angle:g}", (float(angle),), repeats=REPEATS) for angle in CHOICES]
    asked = what_next(before, target, candidates)
    first, other = asked.outlooks[0], asked.outlooks[int(rng.integers(len(CHOICES)))]
    runs = [fit(more(posterior, truth, one.candidate.angles[0], rng), index + 1) for one in (first, other)]
    now = spread(before, target)
    kept = [1.0 - spread(run, target) / now for run in runs]
    return Kept(
        world,
        first.candidate.angles[0],
        first.shrinkage.share,
        kept[0],
        other.candidate.angles[0],
        other.shrinkage.share,
        kept[1],
        all(run.converged for run in (before, *runs)),
        time.process_time() - begin,
    )


def ratio(found: Sequence[Kept]) -> tuple[float, float]:
    """Return what first choices kept over what they promised, both summed over knees, and its standard error."""
    promised, kept = (np.array([getattr(one, key) for one in found]) for key in ("promised", "kept"))
    value = float(kept.sum() / promised.sum())
    return value, float(np.std(kept - value * promised) * len(found) ** 0.5 / promised.sum())


def row(name: str, found: Sequence[Kept]) -> list[str]:
    """Return a line of the table."""
    value, error = ratio(found)

    def mean(key: str) -> str:
        numbers = np.array([getattr(one, key) for one in found])
        return f"{100 * numbers.mean():.1f} ± {100 * numbers.std() / len(numbers) ** 0.5:.1f}"

    return [
        name,
        str(len(found)),
        mean("promised"),
        mean("kept"),
        f"{value:.3f} ± {error:.3f}",
        mean("promised_other"),
        mean("kept_other"),
        str(sum(one.converged for one in found)),
        f"{np.mean([one.seconds for one in found]):.1f}",
    ]


HEAD = [
    "knees with",
    "knees",
    "first choice: promised [%]",
    "kept [%]",
    "kept / promised",
    "random choice: promised [%]",
    "kept [%]",
    "converged",
    "CPU s a knee",
]


def wrong(name: str, found: Sequence[Kept]) -> list[str]:
    """Return what is not as it should be, in words."""
    value, error = ratio(found)
    said = []
    if abs(value - 1.0) > max(TOLERANCE, 3.0 * error):
        said.append(f"{name}: {value:.2f} ± {error:.2f} of what was promised is kept")
    gain = np.array([one.kept - one.kept_other for one in found])
    if not gain.mean() > 2.0 * gain.std() / len(gain) ** 0.5:
        said.append(f"{name}: the first choice gains {100 * gain.mean():.1f} % over a random one")
    return said


def answers(names: Sequence[str], knees: int, seed: int, processes: int) -> Iterator[tuple[str, list[Kept]]]:
    """Yield all knees of some worlds, one world after the other."""
    if processes == 1:
        for name in names:
            yield name, [keep(name, i, seed) for i in range(knees)]
        return
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        for name in names:
            jobs = [pool.submit(keep, name, i, seed) for i in range(knees)]
            yield name, [job.result() for job in jobs]


def main() -> int:
    """Calibrate, ask, read on, judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("worlds", nargs="*", default=list(WORLDS), help=f"of {', '.join(WORLDS)}; all by default")
    parser.add_argument("--knees", type=int, default=100, help="of each world")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    if unknown := [name for name in options.worlds if name not in WORLDS]:
        parser.error(f"no world is called '{unknown[0]}'; there are {', '.join(WORLDS)}")
    rows, complaints, everything = [], [], []
    for name, found in answers(options.worlds, options.knees, options.seed, options.processes):
        rows.append(row(name, found))
        print(*rows[-1], sep=" | ", file=sys.stderr, flush=True)
        complaints += wrong(name, found)
        everything += found
    if len(rows) > 1:
        rows.append(row("all", everything))
        complaints += wrong("all", everything)
    print(markdown(HEAD, rows))
    print(f"\n{setting()}; {busy()}")
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    return int(bool(complaints))


if __name__ == "__main__":
    sys.exit(main())
