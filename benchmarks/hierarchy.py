"""Simulation-based calibration of populations: `python -m benchmarks.hierarchy`.

Studies of 12 knees are simulated, each with a population from its prior, knees from that, readings from these. Where
truths lie among their posterior's draws has to be uniform: means and spreads of the population, a correlation, and the
parameters of one knee (Talts et al. 2018). Then the same with a planted fault, which has to show.

    python -m benchmarks.hierarchy --studies 200 --lines hierarchy.jsonl              # goes on where it was
    python -m benchmarks.hierarchy --studies 200 --fault jacobian --lines jacobian.jsonl
    python -m benchmarks.hierarchy --studies 200 --fault stale --lines stale.jsonl

Exit code 1 means that ranks are not uniform where they should be, or are where they should not.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from benchmarks.table import busy, markdown, setting
from calibrate.config import parse_config
from calibrate.data import Measurement
from calibrate.population import Member, Population, Scale
from calibrate.population import sweep as sweeps
from calibrate.population.components import parameters
from calibrate.population.draws import PopulationDraws
from calibrate.population.sampler import advance, begin, settings_of
from calibrate.population.sweep import Ensemble
from calibrate.posterior import Posterior
from calibrate.validate.uniform import DRAWS, distance_chance

FloatArray = NDArray[np.float64]

KNEES = 12
ANGLES = np.linspace(-8.0, 8.0, 15)
STEPS, WALKERS = 150, 16
# What is thought beforehand; knees are then such that data tell much of some and little of others.
SCALES = {
    "mcl.log_k": Scale(np.log(60.0), 0.5, 0.5, 0.25),
    "mcl.reference_strain": Scale(0.02, 0.03, 0.05, 0.015),
    "lcl.log_k": Scale(np.log(60.0), 0.5, 0.5, 0.25),
}
# Spreads have heavy tails: a study with a load [N.m] beyond this, where no knee can be started, is drawn anew. Ranks
# stay uniform, for this depends on the readings alone.
_MOST = 1e6
# All ranks together: a right sampler fails so seldom.
_LEVEL = 0.01
# Of a study whose R-hat is above that, ranks are counted all the same, and it is told.
_APART = 1.1
_TEXT = """
[knee]
lateral_condyle = { centre = [23.5, -6.0], radius = 15.5 }
medial_condyle = { centre = [-20.4, -6.0], radius = 17.5 }
mcl = { femur = [-40.0, 12.0], tibia = [-16.0, -65.0] }
lcl = { femur = [36.0, 4.0], tibia = [44.8, -50.7] }
[parameters.mcl]
k = { median = 60.0, factor = 3.0 }
alpha = 0.06
reference_strain = { mean = 0.02, sd = 0.06 }
f_ref = 0.0
[parameters.lcl]
k = { median = 60.0, factor = 3.0 }
alpha = 0.06
l_0 = 59.0
f_ref = 0.0
[noise]
sigma = { median = 1.0, factor = 1.5 }
[data]
file = "none.csv"
positive = "varus"
"""
_CONFIG = parse_config(_TEXT)
Line = dict[str, Any]


def posterior(loads: FloatArray) -> Posterior:
    """Return a knee with some readings."""
    return Posterior.from_config(_CONFIG, Measurement(ANGLES, loads, None, "moment", "deg"))


def simulated(rng: np.random.Generator) -> tuple[Population, FloatArray, FloatArray, FloatArray]:
    """Draw a study; return it, the mean, the covariance, and the first knee's free parameters."""
    blank = posterior(np.zeros(ANGLES.size))
    scales = list(SCALES.values())
    mean = np.array([rng.normal(scale.centre, scale.sd) for scale in scales])
    spread = np.array([scale.spread for scale in scales])
    size = len(scales)
    # Huang & Wand 2013, two degrees of freedom.
    a = 1.0 / rng.gamma(0.5, spread**2)
    sigma = np.atleast_2d(stats.invwishart.rvs(size + 1.0, np.diag(4.0 / a), random_state=rng))
    components = Population([Member(str(i), blank) for i in range(2)], list(SCALES)).components
    members, first = [], np.empty(0)
    for number in range(KNEES):
        phi = rng.multivariate_normal(mean, sigma)
        noise = np.exp(rng.normal(0.0, np.log(1.5)))
        q = parameters(blank, components, phi[np.newaxis], np.array([[noise]]))
        first = q[0] if number == 0 else first
        members.append(Member(str(number), posterior(blank.simulate(q, rng)[0])))
    return Population(members, list(SCALES), scales=SCALES), mean, sigma, first


def ranked(seed: int) -> Line:
    """Simulate a study, sample it, and rank its truths."""
    rng = np.random.default_rng([8, seed])
    population, mean, sigma, first = simulated(rng)
    while max(np.abs(m.loads).max() for one in population.posteriors for m in one.measurements.values()) > _MOST:
        population, mean, sigma, first = simulated(rng)
    cpu = time.process_time()
    settings = settings_of(population, seed, walkers=WALKERS, thin=2, max_steps=STEPS, max_rhat=1.0 + 1e-9, workers=1)
    run = begin(population, settings)
    verdict, _ = advance(run, settings)
    draws = PopulationDraws.of(population, run.record, verdict)
    kept = draws.chains[:, STEPS // 5 :].reshape(-1, len(draws.names))
    sds = np.sqrt(np.diag(sigma))
    truths = {}
    for i, name in enumerate(SCALES):
        truths[f"population.{name}.mean"], truths[f"population.{name}.sd"] = mean[i], sds[i]
    truths["population.corr(mcl.log_k, mcl.reference_strain)"] = sigma[0, 1] / sds[0] / sds[1]
    picked = kept[np.linspace(0, len(kept) - 1, DRAWS).astype(int)]
    ranks = {name: int((picked[:, draws.names.index(name)] < truth).sum()) for name, truth in truths.items()}
    knee = draws.knee("0")
    knee = knee[np.linspace(len(knee) // 5, len(knee) - 1, DRAWS).astype(int)]
    names = population.posteriors[0].names
    ranks |= {f"knee.{name}": int((knee[:, i] < first[i]).sum()) for i, name in enumerate(names)}
    rhat = float(np.nanmax(verdict.diagnosis.rhat))
    return {"seed": seed, "ranks": ranks, "rhat": rhat, "cpu": time.process_time() - cpu}


class _Stale(Ensemble):
    """Updates knees at the population of the sweep before."""

    _before: Any = None

    def update_knees(self, rng: np.random.Generator, state: Any, tuned: Any) -> None:
        now = state.laws
        state.laws = now if self._before is None else self._before
        super().update_knees(rng, state, tuned)
        state.laws, self._before = now, now


def plant(fault: str) -> None:
    """Plant a fault into this process."""
    if fault == "jacobian":
        sweeps.interweave = _altered("interweave", "return (size + 1.0) * log_det", "return 0.0 * log_det")  # type: ignore[attr-defined]
    elif fault == "stale":
        import calibrate.population.sampler as sampler

        sampler.Ensemble = _Stale  # type: ignore[misc]


def _altered(name: str, before: str, after: str) -> ModuleType:
    """Return a module of the population's with one line changed."""
    spec = importlib.util.find_spec(f"calibrate.population.{name}")
    assert spec is not None
    assert spec.origin is not None
    text = Path(spec.origin).read_text(encoding="utf-8")
    assert text.count(before) == 1
    module = ModuleType(f"planted_{name}")
    exec(compile(text.replace(before, after), f"<planted {name}>", "exec"), module.__dict__)
    return module


def main() -> int:
    """Rank all studies, keep each as a line, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--fault", choices=("none", "jacobian", "stale"), default="none")
    parser.add_argument("--lines", type=Path, default=Path("hierarchy.jsonl"), help="file for one line a study")
    options = parser.parse_args()
    plant(options.fault)
    lines = [json.loads(line) for line in options.lines.read_text().splitlines()] if options.lines.exists() else []
    for seed in range(len(lines) + 1, options.studies + 1):
        try:
            lines.append(ranked(seed))
        except np.linalg.LinAlgError as error:
            if options.fault == "none":
                raise
            print(f"study {seed}: the fault shows, for sampling cannot go on: {error}")
            return 0
        with options.lines.open("a") as file:
            file.write(json.dumps(lines[-1]) + "\n")
    chances = {}
    for name in lines[0]["ranks"]:
        chances[name] = distance_chance(np.array([line["ranks"][name] for line in lines]))
    print(markdown(("quantity", "chance of ranks as uneven"), [(name, f"{c:.2g}") for name, c in chances.items()]))
    apart = sum(line["rhat"] > _APART for line in lines)
    cpu = np.mean([line["cpu"] for line in lines])
    print(f"\n{len(lines)} studies, {apart} with R-hat above {_APART}; {cpu:.1f} s of CPU each; {setting()}; {busy()}")
    passed = min(chances.values()) * len(chances) > _LEVEL
    print("uniform" if passed else "not uniform")
    return int(passed != (options.fault == "none"))


if __name__ == "__main__":
    sys.exit(main())
