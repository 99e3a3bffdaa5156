"""Does reweighting agree with the joint answer, and refuse where it must? `python -m benchmarks.reweighting`.

Studies of eight knees are simulated from a population. Of each, every knee is calibrated by itself; these draws are put
together by reweighting, and the knees' data are sampled jointly. Where reweighting says that it may be used, each mean
of its population has to be within its own error of the joint one: three times that error, and the Monte-Carlo errors of
both. The negative control has the ridge of the transition strain and the slack length, with bounds in the place of
priors: few of its draws carry the sum, and every study has to be refused. Exit code 1 means that one of the two is not
so.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.problems import KNEE
from benchmarks.table import busy, markdown, setting
from calibrate import sample as calibrate_one
from calibrate.config import Config, parse_config
from calibrate.data import Measurement
from calibrate.population import Population, sample
from calibrate.population.components import default_components, parameters
from calibrate.population.draws import PopulationDraws
from calibrate.population.finished import Finished
from calibrate.population.trust import Trust, weigh
from calibrate.posterior import Posterior

KNEES = 8
_ANGLES = np.linspace(-8.0, 8.0, 15)
# Effective draws of a knee by itself, and draws of it that are kept.
_ESS, _KEPT = 1000, 4000
_POPULATION = {"min_ess": 1000.0, "max_steps": 2000, "ensembles": 2}
# Truths: mean and standard deviation over knees of each component.
_TRUTHS = {
    "mcl.log_k": (np.log(65.0), 0.3),
    "lcl.log_k": (np.log(55.0), 0.3),
    "mcl.log_alpha": (np.log(0.06), 0.15),
    "lcl.log_alpha": (np.log(0.06), 0.15),
    "mcl.reference_strain": (0.03, 0.02),
    "lcl.reference_strain": (0.02, 0.02),
}
_END = '[data]\nfile = "x.csv"\npositive = "varus"\n'
_WIDE = """
[parameters.STRAND]
k = { median = 60.0, factor = 2.0 }
alpha = 0.06
reference_strain = { mean = 0.02, sd = 0.05 }
"""
_RIDGE = """
[parameters.STRAND]
k = { lower = 5.0, upper = 200.0 }
alpha = { lower = 0.02, upper = 0.12 }
reference_strain = { lower = -0.1, upper = 0.15 }
"""


def _document(laws: str) -> str:
    both = "".join(laws.replace("STRAND", strand) for strand in ("mcl", "lcl"))
    return f"{KNEE}{both}[noise]\nsigma = 2.0\n{_END}"


@dataclass(frozen=True)
class Case:
    """A kind of study.

    Attributes
    ----------
    name : str
        Of the case.
    config : Config
        Of every knee.
    refused : bool
        Whether it has to be.
    """

    name: str
    config: Config
    refused: bool


CASES = (
    Case("log-normal and normal priors", parse_config(_document(_WIDE), "x.toml"), refused=False),
    Case("ridge, uniform priors", parse_config(_document(_RIDGE), "x.toml"), refused=True),
)


@dataclass(frozen=True)
class Study:
    """What came of a study.

    Attributes
    ----------
    trust : Trust
        What reweighting says of itself.
    off : float
        Largest difference of means from the joint answer, in its standard deviations; NaN if there is none.
    beyond : int
        How many means differ by more than three of their errors and 0.1 for Monte Carlo.
    seconds : tuple of float
        CPU time of single knees, of reweighting, of the joint answer.
    """

    trust: Trust
    off: float
    beyond: int
    seconds: tuple[float, float, float]


def knees_of(config: Config, seed: int) -> list[Posterior]:
    """Simulate the knees of a study."""
    rng = np.random.default_rng(seed)
    empty = Measurement(_ANGLES, np.zeros(_ANGLES.size), None, "moment", "deg")
    found = []
    for _ in range(KNEES):
        posterior = Posterior.from_config(config, empty)
        components = default_components([posterior])
        truth = np.array([[_TRUTHS[one.name][0] + _TRUTHS[one.name][1] * rng.standard_normal() for one in components]])
        q = parameters(posterior, components, truth, np.empty((1, posterior.ndim - len(components))))
        found.append(Posterior.from_config(config, replace(empty, loads=posterior.simulate(q, rng)[0])))
    return found


def alone(posterior: Posterior, name: str, seed: int) -> Finished:
    """Calibrate a knee by itself."""
    draws = calibrate_one(posterior, seed=seed, min_ess=_ESS)
    some = np.linspace(0, draws.draws - 1, _KEPT).astype(np.int64)
    effective = draws.diagnosis.smallest_ess
    return Finished(name, posterior, {}, draws.samples()[some], draws.log_prob()[some], effective, draws.draws)


def study(case: Case, seed: int) -> Study:
    """Simulate a study, reweigh it, and sample it jointly if it was not refused."""
    begin = time.process_time()
    knees = [alone(one, f"k{i}", seed + i) for i, one in enumerate(knees_of(case.config, seed))]
    population = Population([one.member for one in knees])
    first = time.process_time()
    draws, trust = weigh(population, [one.atoms(population.components) for one in knees], seed, **_POPULATION)
    second = time.process_time()
    if trust.refusals():
        return Study(trust, np.nan, 0, (first - begin, second - first, 0.0))
    joint = sample(population, seed, **_POPULATION)
    off = _off(draws, joint)
    allowed = 3.0 * np.array([trust.errors[name] for name in population.names]) + 0.1
    seconds = first - begin, second - first, time.process_time() - second
    return Study(trust, float(off.max()), int((off > allowed).sum()), seconds)


def _off(draws: PopulationDraws, joint: PopulationDraws) -> np.ndarray:
    one, other = draws.samples(), joint.samples()
    return np.asarray(np.abs(one.mean(axis=0) - other.mean(axis=0)) / other.std(axis=0))


def report(case: Case, studies: Sequence[Study]) -> Iterator[str]:
    """Yield a row of the table."""
    used = [one for one in studies if not one.trust.refusals()]
    yield case.name
    yield f"{len(studies)}"
    yield f"{len(used)}"
    yield f"{np.median([min(one.trust.effective.values()) for one in studies]):.0f}"
    yield f"{np.median([max(one.trust.k.values()) for one in studies]):.2f}"
    yield f"{np.median([max(one.trust.errors.values()) for one in studies]):.2f}"
    yield f"{max((one.off for one in used), default=np.nan):.2f}"
    yield f"{sum(one.beyond for one in used)}"
    yield ", ".join(f"{np.median([one.seconds[i] for one in studies]):.0f}" for i in range(3))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; see the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=50, help="of each case")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    rows, right = [], True
    for case in CASES:
        studies = []
        for number in range(asked.studies):
            one = study(case, 1000 * (asked.seed + number))
            studies.append(one)
            said = one.trust.refusals() or [f"off {one.off:.2f}, {one.beyond} beyond"]
            print(f"{case.name}, study {number}: {said[0]}", file=sys.stderr, flush=True)
        refused = sum(bool(one.trust.refusals()) for one in studies)
        beyond = sum(one.beyond for one in studies)
        # One mean in a thousand is beyond three errors by chance; several of fifty studies are not.
        right &= refused == len(studies) if case.refused else refused < len(studies) and beyond <= 2
        rows.append(list(report(case, studies)))
    head = ["case", "studies", "used", "effective draws", "Pareto k", "error said", "largest off", "beyond", "CPU s"]
    print(markdown(head, rows))
    print(f"\n{setting()}, {busy()}")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
