"""Candidates ranked by what they promise for one quantity."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrate.complaints import did_you_mean
from calibrate.derived import MOST_POSED, derived, unit_of
from calibrate.design.candidates import Candidate, menu
from calibrate.design.foreseen import Foreseen, foresee, most_foreseen
from calibrate.design.shrinkage import FEW, Shrinkage, expected_shrinkage
from calibrate.draws import Draws
from calibrate.errors import ParameterError
from calibrate.posterior import Posterior
from calibrate.problem.laxity_test import LaxityTest

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

# A short name of what clinics read.
LAXITY = {"laxity": "laxity_total_10Nm"}
# Draws, and sets of readings, that a promise is made from.
_DRAWS, _SETS = 4000, 800
# Share of the draws that may have no number for the target.
_LOST = 0.05
# Correlated readings need a matrix for each draw: with fewer draws than this there is nothing to weigh.
_FEWEST = 200


@dataclass(frozen=True)
class Outlook:
    """A candidate, and what it promises.

    Attributes
    ----------
    candidate : Candidate
        The readings.
    loads : tuple of float
        The medians of what they are expected to be, in the file's unit and sign.
    shrinkage : Shrinkage
        What they leave of the target's standard deviation.
    """

    candidate: Candidate
    loads: tuple[float, ...]
    shrinkage: Shrinkage


@dataclass(frozen=True)
class Design:
    """What to measure next.

    Attributes
    ----------
    target, unit : str
        The quantity that is to be known better.
    mean, sd : float
        Its posterior's mean and standard deviation in hand.
    draws : int
        From so many draws.
    test : str
        The test that goes on; empty for the only one.
    positive : str
        What its file counts as positive.
    load_unit : str
        The unit of its readings.
    outlooks : tuple of Outlook
        The candidates, the best first.
    notes : tuple of str
        What all of this supposes, and what to beware of.
    """

    target: str
    unit: str
    mean: float
    sd: float
    draws: int
    test: str
    positive: str
    load_unit: str
    outlooks: tuple[Outlook, ...]
    notes: tuple[str, ...]

    def content(self) -> dict[str, Any]:
        """Return all that is said, as one object of plain numbers."""
        rows = []
        for outlook in self.outlooks:
            candidate, found = outlook.candidate, outlook.shrinkage
            rows.append(
                {
                    "label": candidate.label,
                    "angles": list(candidate.angles),
                    "loads": list(outlook.loads),
                    "flexion": candidate.flexion,
                    "repeats": candidate.repeats,
                    "readings": candidate.readings,
                    "sd_after": found.sd,
                    "shrinkage": found.share,
                    "shrinkage_error": found.error,
                    "effective_draws": found.effective,
                    "at_least": found.at_least,
                }
            )
        return {
            "target": self.target,
            "unit": self.unit,
            "mean": self.mean,
            "sd": self.sd,
            "draws": self.draws,
            "test": self.test or None,
            "positive": self.positive,
            "load_unit": self.load_unit,
            "candidates": rows,
            "notes": list(self.notes),
        }


def what_next(
    draws: Draws,
    target: str,
    candidates: Sequence[Candidate] | None = None,
    *,
    test: str | None = None,
    most: int = _DRAWS,
    sets: int = _SETS,
    seed: int = 1,
) -> Design:
    """Rank candidate readings by how far they may be expected to narrow a quantity's posterior.

    Parameters
    ----------
    draws : Draws
        A run's, or any other draws of a posterior.
    target : str
        A parameter, one of `derived`, or "laxity", that between 10 N·m either way.
    candidates : sequence of Candidate, optional
        What might be read; `menu` by default.
    test : str, optional
        Which test goes on, or whose rig is used at another flexion; the first by default.
    most : int
        Draws that are used at the most.
    sets : int
        Sets of readings that are drawn for each candidate.
    seed : int
        Draws them.

    Returns
    -------
    Design
        The candidates, the best first.

    Raises
    ------
    ParameterError
        If there is no such quantity, or it has no number in too many draws; or the draws are too few.
    """
    posterior = draws.posterior
    of = posterior.tests[0] if test is None else posterior.test(test)
    slow = any(one.posed and one.slots.errors[2] < len(posterior.table.parameters) for one in posterior.tests)
    q = draws.thinned(min(most, MOST_POSED) if slow else most)  # an angle's error takes each knee's slope
    if len(q) < _FEWEST:
        raise ParameterError(f"design: {len(q)} draws are too few to weigh, it needs {_FEWEST}; go on with the run")
    name = LAXITY.get(target, target)
    values, unit = _target(posterior, q, name)
    known = np.isfinite(values)
    if known.mean() < 1.0 - _LOST:
        raise ParameterError(f"target {name}: has no number in {1.0 - known.mean():.0%} of the draws")
    q, values = q[known], values[known]
    if not np.ptp(values) > 0.0:
        raise ParameterError(f"target {name}: is the same in all draws, so nothing is left to learn of it")
    wanted = menu(posterior, of) if candidates is None else list(candidates)
    outlooks = sorted(_outlooks(posterior, of, q, values, wanted, sets, seed), key=lambda one: one.shrinkage.ratio)
    return Design(
        name,
        unit,
        float(values.mean()),
        float(values.std()),
        len(values),
        of.name,
        of.positive,
        of.measurement.unit,
        tuple(outlooks),
        tuple(_notes(draws, of, outlooks, float(1.0 - known.mean()))),
    )


def _target(posterior: Posterior, q: FloatArray, name: str) -> tuple[FloatArray, str]:
    """Return a quantity's value in each draw, and its unit."""
    if name in posterior.names:
        column = posterior.names.index(name)
        return q[:, column], posterior.units[column]
    with np.errstate(all="ignore"):  # a draw may lack a number
        found = derived(posterior, q)
    if name not in found:
        known = [*posterior.names, *found]
        near = [one for one in known if name.rpartition(".")[2] in one] or known
        raise ParameterError(f"target {name}: there is no such quantity; {did_you_mean(name, near)}")
    return found[name], unit_of(name)


def _outlooks(
    posterior: Posterior,
    test: LaxityTest,
    q: FloatArray,
    values: FloatArray,
    wanted: Sequence[Candidate],
    sets: int,
    seed: int,
) -> list[Outlook]:
    """Foresee the readings of each flexion at once, and weigh each candidate's."""
    found = []
    for flexion, own in dict.fromkeys((one.flexion, one.own) for one in wanted):
        group = [one for one in wanted if (one.flexion, one.own) == (flexion, own)]
        angles = np.array(group[0].angles) if own else np.unique([angle for one in group for angle in one.angles])
        readings, rows = _foreseen(posterior, test, q, angles, own, flexion)
        for one in group:
            which = np.arange(angles.size) if own else np.searchsorted(angles, np.array(one.angles))
            shrunk = expected_shrinkage(values[rows], readings.of(np.tile(which, one.repeats)), sets, seed)
            loads = np.median(readings.mean[:, which], axis=0)
            found.append(Outlook(one, tuple(loads.tolist()), shrunk))
    return found


def _foreseen(
    posterior: Posterior, test: LaxityTest, q: FloatArray, angles: FloatArray, own: bool, flexion: float | None
) -> tuple[Foreseen, IntArray]:
    """Return what draws foresee, and which draws: fewer where each needs a matrix."""
    rows = np.arange(len(q))
    if test.slots.errors[3] < len(posterior.table.parameters):
        size = angles.size if flexion is not None else angles.size + test.measurement.angles.size
        rows = np.linspace(0, len(q) - 1, min(len(q), most_foreseen(size))).astype(int)
        if rows.size < _FEWEST:
            raise ParameterError(
                f"candidates: {angles.size} correlated readings, added to {test.measurement.angles.size}, are too many "
                "to foresee; ask for fewer angles"
            )
    return foresee(posterior, test, q[rows], angles, own=own, flexion=flexion), rows


def _notes(draws: Draws, test: LaxityTest, outlooks: Sequence[Outlook], lost: float) -> list[str]:
    found = ["promises suppose that the model is true and that errors are as this posterior says"]
    if not draws.converged:
        found.append("the run has not converged, and its draws may not be the posterior's")
    if any(one.candidate.flexion is not None for one in outlooks):
        name = f"test {test.name}" if test.name else "this test"
        found.append(
            f"another flexion is a test of its own by the same rig, with the zeros and errors of {name}; the model "
            "leaves out axial rotation and a flexion axis that moves"
        )
    if any(one.shrinkage.at_least for one in outlooks):
        found.append(
            f"where a candidate says so much that it leaves fewer than {FEW:g} of the draws, its promise is the least "
            "that it holds (by linear regression)"
        )
    if lost:
        found.append(f"{lost:.1%} of the draws have no number for the target and are left out")
    best = outlooks[0].shrinkage
    if best.share < 2.0 * best.error:
        found.append("no candidate promises more than the Monte-Carlo error: measure something else")
    else:
        rest = [
            one
            for one in outlooks[1:]
            if one.shrinkage.ratio - best.ratio < 2.0 * math.hypot(best.error, one.shrinkage.error)
        ]
        if rest:
            found.append(f"{len(rest)} more promise as much as the first, within the Monte-Carlo error")
    return found
