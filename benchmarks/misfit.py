"""Wrong model, honest answer? `python -m benchmarks.misfit`.

Knees that calibrate's model is not (`misfit_worlds`: three strands a side, partial rolling, axial rotation, friction,
drift and creep; and one that it is) are tested, and calibrated by two strands in several forms (`misfit_forms`). An
honest 90 % interval holds the truth of 90 % of the knees even so; where it does not, a finding has to say so. Exit
code 1 means that laxity's intervals of an extended form hold clearly fewer than 85 % or more than 95 % in some world,
and most of its runs raise no finding of the fit.

Posteriors are computed by nested sampling, which takes a tenth of the walkers' time, and their draws are handed on as
if they were a run's.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray

from benchmarks.misfit_curves import curves, reached
from benchmarks.misfit_forms import FORMS, Form
from benchmarks.misfit_worlds import WORLDS, Test
from benchmarks.table import busy, markdown, setting
from calibrate.chain import Chains
from calibrate.derived import laxity
from calibrate.draws import Draws
from calibrate.posterior import Posterior
from calibrate.sampling.pilot import explore

FloatArray = NDArray[np.float64]

SHARE = 0.9
HONEST = (0.85, 0.95)
MOMENTS = (5.0, 10.0)
# Which quantities each group of the table has, by the beginning of their names.
GROUPS = ("total", "knee's zero", "rig's zero", "beyond", "mcl strain", "lcl strain")
LAXITY = GROUPS[:3]
# Findings that tell that the model does not follow the readings; others tell of chains, priors and bounds.
TELLING = (
    "explains-little",
    "residuals-loop",
    "noise-swallows",
    "residuals-alike",
    "residuals-arm",
    "residuals-tails",
    "outlying-reading",
    "reading-pulls",
    "sigma-too-large",
    "sigma-too-small",
    "condyle-pulls",
)
# These draws have no chain.
_OF_CHAINS = {"not-converged", "stragglers"}
_POINTS = 512
_DRAWS = 400
_GRID = 60
# Draws as a run has them: ensembles, steps, walkers.
_SHAPE = (4, 40, 16)
_BEYOND = 1.0  # degrees


@dataclass(frozen=True)
class Answer:
    """One knee calibrated in one form.

    Attributes
    ----------
    below : dict of str to float
        The share of the posterior below the truth, by quantity.
    widths : dict of str to float
        Of the 90 % intervals.
    codes : frozenset of str
        The findings' codes.
    """

    below: dict[str, float]
    widths: dict[str, float]
    codes: frozenset[str]


def forms_of(world: str) -> list[str]:
    """Return the forms in which a world's knees are calibrated: hysteresis has a meaning in a loop only."""
    return [name for name, form in FORMS.items() if world == "hysteresis" or not form.direction]


def drawn(world: str, index: int, seed: int = 1, geometry_error: float = 0.0) -> Test:
    """Draw and test one knee."""
    return WORLDS[world].draw(np.random.default_rng([seed, index, *world.encode()]), geometry_error)


def truths(test: Test) -> dict[str, float]:
    """Return what is true of a tested knee, by quantity; angles and loads as the file counts them."""
    found = {}
    for moment in MOMENTS:
        valgus, varus = test.laxity(moment)
        found[f"total {moment:g}"] = varus - valgus
        for way, angle in (("valgus", valgus), ("varus", varus)):
            found[f"knee's zero, {way} {moment:g}"] = angle
            found[f"rig's zero, {way} {moment:g}"] = angle + test.offset
    for way, angle in zip(("valgus", "varus"), _beyond(test.angles), strict=True):
        found[f"beyond, {way}"] = test.load(angle)
    return found | {f"{side} strain": strain for side, strain in test.knee.strains().items()}


def answers(posterior: Posterior, q: FloatArray, curve: bool, rng: np.random.Generator) -> dict[str, FloatArray]:
    """Return draws of the same quantities, (n,), infinite where a moment is not reached."""
    offset = posterior.values(q, "measurement.angle_offset")
    angles = posterior.measurement.angles
    low, high = _beyond(angles)
    found = {}
    if curve:
        grid = np.linspace(low, high, _GRID)
        loads = curves(posterior, q, grid, rng)
        found |= {"beyond, valgus": loads[:, 0], "beyond, varus": loads[:, -1]}
        ends = {m: (reached(grid, loads, -m) - offset, reached(grid, loads, m) - offset) for m in MOMENTS}
    else:
        loads = posterior.predict(q, [low, high])
        found |= {"beyond, valgus": loads[:, 0], "beyond, varus": loads[:, 1]}
        knee = posterior.tests[0]
        of = laxity(knee.knees(posterior.full(q)), posterior.law(q), knee.sign, MOMENTS)
        ends = {
            m: (_known(of[f"laxity_valgus_{m:g}Nm"], -math.inf), _known(of[f"laxity_varus_{m:g}Nm"], math.inf))
            for m in MOMENTS
        }
    for moment, (valgus, varus) in ends.items():
        found[f"total {moment:g}"] = varus - valgus
        for way, angle in (("valgus", valgus), ("varus", varus)):
            found[f"knee's zero, {way} {moment:g}"] = angle
            found[f"rig's zero, {way} {moment:g}"] = angle + offset
    law, lengths = posterior.law(q), posterior.reference_lengths(posterior.full(q))
    return found | {f"{side} strain": lengths[:, i] / law[:, i, 2] - 1.0 for i, side in enumerate(("mcl", "lcl"))}


def calibrated(form: Form, test: Test, seed: int) -> Draws:
    """Calibrate, and hand the draws on as those of a run, without an order."""
    posterior, rng = form.posterior(test), np.random.default_rng(seed)
    found = explore(posterior, rng, _POINTS)
    rows = rng.choice(len(found.coords), _SHAPE, p=found.weights)
    return Draws(posterior, posterior.config.sampling, Chains(found.coords[rows], found.log_prob[rows], 0.5))


def judged(form: Form, test: Test, draws: Draws, codes: frozenset[str], rng: np.random.Generator) -> Answer:
    """Look where the truth lies among draws."""
    found, true = answers(draws.posterior, draws.thinned(_DRAWS), form.curve, rng), truths(test)
    below = {name: float(np.mean(found[name] < true[name])) for name in true}
    edges = (0.5 * (1.0 - SHARE), 0.5 * (1.0 + SHARE))
    widths = {name: float(np.subtract(*np.quantile(found[name], edges[::-1], method="nearest"))) for name in true}
    return Answer(below, widths, codes)


def knee(
    world: str, index: int, seed: int = 1, geometry_error: float = 0.0, forms: Sequence[str] = ()
) -> dict[str, Answer]:
    """Draw, test and calibrate one knee in some forms, all by default.

    Forms that differ only in what is asked of the draws have the same draws.
    """
    test, found = drawn(world, index, seed, geometry_error), {}
    made: dict[str, tuple[Draws, frozenset[str]]] = {}
    for name in forms or forms_of(world):
        form = FORMS[name]
        if form.document not in made:
            draws = calibrated(form, test, index + 1)
            made[form.document] = draws, frozenset(finding.code for finding in draws.findings()) - _OF_CHAINS
        found[name] = judged(form, test, *made[form.document], np.random.default_rng([seed, index]))
    return found


@dataclass(frozen=True)
class Row:
    """All knees of a world, calibrated in one form."""

    world: str
    form: Form
    knees: Sequence[Answer]

    def holds(self, *groups: str) -> tuple[float, float]:
        """Return the share of 90 % intervals that hold the truth, of groups of quantities, and its standard error.

        Quantities of one knee are wrong together: errors are those over knees.
        """
        names = [name for name in self.knees[0].below if name.startswith(groups)]
        below = np.array([[answer.below[name] for name in names] for answer in self.knees])
        each = (np.abs(below - 0.5) <= 0.5 * SHARE).mean(axis=1)
        least = math.sqrt(SHARE * (1.0 - SHARE) / below.size)
        return float(each.mean()), max(float(each.std() / math.sqrt(len(each))), least)

    def raises(self, code: str) -> float:
        """Return in which share of the runs a finding is raised."""
        return float(np.mean([code in answer.codes for answer in self.knees]))

    @property
    def told(self) -> float:
        """The share of the runs in which some finding says that the model does not follow the readings."""
        return float(np.mean([not answer.codes.isdisjoint(TELLING) for answer in self.knees]))

    @property
    def wrong(self) -> str:
        """What is not as it should be, in words; empty if it is."""
        share, error = self.holds(*LAXITY)
        low, high = HONEST
        if not self.form.extended or low - 2.0 * error <= share <= high + 2.0 * error or self.told > 0.5:
            return ""
        return (
            f"{self.world}, {self.form.said}: intervals of laxity hold {100 * share:.0f} ± {100 * error:.0f} %, and "
            f"only {100 * self.told:.0f} % of the runs say that something is wrong"
        )

    def line(self) -> list[str]:
        """Return a line of the table."""
        shares = [self.holds(group)[0] for group in GROUPS]
        pooled, error = self.holds(*LAXITY)
        width = float(np.median([answer.widths["total 10"] for answer in self.knees]))
        return [
            self.world,
            self.form.said,
            str(len(self.knees)),
            f"{100 * pooled:.0f} ± {100 * error:.0f}",
            *(f"{100 * share:.0f}" for share in shares),
            f"{width:.2f}",
            f"{100 * self.told:.0f}",
        ]

    def findings(self) -> list[str]:
        """Return a line of the table of findings."""
        codes = sorted({code for answer in self.knees for code in answer.codes})
        return [self.world, self.form.said, ", ".join(f"{code} {100 * self.raises(code):.0f}" for code in codes)]


HEAD = ["world", "form", "knees", "laxity holds [%]", *GROUPS, "width of total 10 [°]", "told [%]"]


def rows(
    worlds: Sequence[str], knees: int, seed: int = 1, processes: int = 1, geometry_error: float = 0.0
) -> Iterator[Row]:
    """Calibrate all knees of some worlds, one world after the other."""
    if processes == 1:
        for world in worlds:
            yield from _rows(world, [knee(world, i, seed, geometry_error) for i in range(knees)])
        return
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        for world in worlds:
            jobs = [pool.submit(knee, world, i, seed, geometry_error) for i in range(knees)]
            yield from _rows(world, [job.result() for job in jobs])


def _rows(world: str, found: Sequence[Mapping[str, Answer]]) -> Iterator[Row]:
    for name in forms_of(world):
        yield Row(world, FORMS[name], [answers[name] for answers in found])


def _beyond(angles: FloatArray) -> tuple[float, float]:
    """Return the angles one degree beyond the data."""
    return float(angles.min()) - _BEYOND, float(angles.max()) + _BEYOND


def _known(angles: FloatArray, otherwise: float) -> FloatArray:
    return np.where(np.isnan(angles), otherwise, angles)


def main() -> int:
    """Calibrate, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("worlds", nargs="*", default=list(WORLDS), help=f"of {', '.join(WORLDS)}; all by default")
    parser.add_argument("--knees", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--geometry-error", type=float, default=0.0, help="of each attachment's coordinates [mm]")
    options = parser.parse_args()
    if unknown := [name for name in options.worlds if name not in WORLDS]:
        parser.error(f"no world is called '{unknown[0]}'; there are {', '.join(WORLDS)}")
    found = []
    for row in rows(options.worlds, options.knees, options.seed, options.processes, options.geometry_error):
        found.append(row)
        print(*row.line(), *row.findings()[2:], sep=" | ", file=sys.stderr, flush=True)
    print(markdown(HEAD, [row.line() for row in found]))
    print()
    print(markdown(["world", "form", "findings: runs that raise each [%]"], [row.findings() for row in found]))
    print(f"\n{setting()}; {busy()}")
    wrong = [row.wrong for row in found if row.wrong]
    for complaint in wrong:
        print(complaint, file=sys.stderr)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
