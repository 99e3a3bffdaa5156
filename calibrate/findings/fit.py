"""Findings about the fit of a test as a whole: what it explains, what its noise is, whether the contact holds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from calibrate.bestfit import BestFit
from calibrate.findings.finding import Finding
from calibrate.findings.words import errors, infers_sigma, of
from calibrate.knee.slots import GAUSSIAN
from calibrate.plausible import QUANTITIES
from calibrate.regions import some_angles

if TYPE_CHECKING:
    from calibrate.draws import Draws

FloatArray = NDArray[np.float64]

# A model that explains less than this share of what a curve could has the wrong sign or unit, not the wrong bounds;
# where a curve could explain less than the second number, nobody can tell.
EXPLAINS = 0.75
TELLS = 0.3
# Share of the draws in which a condyle may have to pull.
PULLS = 0.01
# Share of the largest load that sigma may be. A robot's laxity has a standard error of 0.3 degrees at the most (Sports
# Med Open 2020, 6:34: rotation at 6 N·m); on a loaded arm, 1 to 3 N·m a degree, that is 1 N·m of 10.
NOISE = 0.1


def explains_little(draws: Draws, fit: BestFit) -> Iterator[Finding]:
    """Find that the model does not follow a test's loads, though something smooth would."""
    if fit.possible > TELLS and fit.explained < EXPLAINS * fit.possible:
        yield Finding(
            "explains-little",
            fit.test.name,
            fit.explained,
            EXPLAINS * fit.possible,
            f"{of(draws, fit)}the model explains {max(0.0, 100 * fit.explained):.0f} % of the load's variation, and a "
            f"curve through the readings would explain {100 * fit.possible:.0f} % ({100 * EXPLAINS:g} % of that is "
            "the least to be wanted), so the estimates mean nothing yet",
            "first check the sign of the loads against that of the angles, the units of both columns and of the "
            f'geometry, and the side, positive = "{fit.test.positive}"',
        )


def sigma_too_large(draws: Draws, fit: BestFit) -> Iterator[Finding]:
    """Find that the inferred noise is more than laxity tests have."""
    data = fit.test.measurement
    if not infers_sigma(draws, fit.test):
        return
    row = int(fit.test.slots.errors[0])
    name = draws.posterior.table.parameters[row].name
    sigma = float(np.median(draws.some_samples()[:, draws.names.index(name)]))
    largest = float(np.abs(data.loads).max())
    most = min(NOISE * largest, QUANTITIES[f"sigma_{data.kind}"].measured[1])
    if sigma > most > 0.0:
        yield Finding(
            "sigma-too-large",
            name,
            sigma,
            most,
            f"{of(draws, fit)}the inferred {name} is {sigma:.2g} {data.unit}, where the largest load is {largest:.3g} "
            f"and the noise of a laxity test {most:.2g} at the most: it holds what the model cannot do, or the rig "
            "is worse than others",
            "look at the residuals (calibrate plot)",
        )


def sigma_too_small(draws: Draws, fit: BestFit) -> Iterator[Finding]:
    """Find that the best fit misses the data by more than a known sigma allows: four standard deviations of chi2."""
    count = fit.test.measurement.angles.size
    most = 1.0 + 4.0 * math.sqrt(2.0 / count)
    if _knows_sigma(draws, fit) and fit.misfit > most:
        yield Finding(
            "sigma-too-small",
            fit.test.name,
            math.sqrt(fit.misfit),
            math.sqrt(most),
            f"{of(draws, fit)}the best fit misses the data by {math.sqrt(fit.misfit):.1f} sigma on average "
            f"({math.sqrt(most):.1f} would be much): sigma is too small or the model does not hold here",
            "infer sigma by giving it bounds",
        )


def condyle_pulls(draws: Draws, fit: BestFit, few: FloatArray) -> Iterator[Finding]:
    """Find that the contact would have to pull, which it cannot, in more than one in a hundred of the draws."""
    knee = draws.posterior.knee_at(some_angles(fit.test), fit.q, fit.test.name)
    pulls = (knee.push(draws.posterior.law(few, fit.test.name)) < 0.0).any(axis=1).mean()
    if pulls > PULLS:
        yield Finding(
            "condyle-pulls",
            fit.test.name,
            float(pulls),
            PULLS,
            f"{of(draws, fit)}in {100 * pulls:.0f} % of the draws a condyle would have to pull on the tibia at some "
            "angle of the data, which it cannot",
            "check f_ref and the geometry",
        )


def _knows_sigma(draws: Draws, fit: BestFit) -> bool:
    """Tell whether the errors are Gaussian, and all that they consist of is known."""
    angle_sigma = int(fit.test.slots.errors[2])
    inferred = draws.posterior.table.columns.tolist()
    return errors(draws, fit.test) == GAUSSIAN and not infers_sigma(draws, fit.test) and angle_sigma not in inferred
