"""All findings of a calibration, in the order of their importance.

What is odd about the numbers that a calibration was given is `Posterior.warnings`; what is here needs the draws.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from calibrate.bestfit import BestFit, best_fits
from calibrate.findings.codes import ORDER
from calibrate.findings.extrapolation import extrapolated
from calibrate.findings.finding import Finding
from calibrate.findings.fit import condyle_pulls, explains_little, sigma_too_large, sigma_too_small
from calibrate.findings.identify import bounds_reached, parameters_trade_off, prior_decides, regions_unvisited
from calibrate.findings.prior import prior_conflict, prior_matters, sensitivity_of
from calibrate.findings.residual import of_residuals
from calibrate.findings.words import errors
from calibrate.knee.slots import STUDENT

if TYPE_CHECKING:
    from calibrate.draws import Draws

FloatArray = NDArray[np.float64]

# Draws that the costlier findings look at.
_DRAWS = 2000


def findings_of(draws: Draws) -> Iterator[Finding]:
    """Yield all findings: what makes the others idle first, notes last."""
    yield from sorted(_found(draws), key=lambda finding: ORDER[finding.code])


def _found(draws: Draws) -> Iterator[Finding]:
    for doubt in draws.posterior.warnings:
        yield Finding("odd-number", "", None, None, doubt)
    yield from not_converged(draws)
    yield from walkers_straggle(draws)
    few = draws.thinned(_DRAWS)
    misfit = hopeless = False
    for fit in best_fits(draws.posterior, few):
        found, idle = of_fit(draws, fit, few)
        misfit, hopeless = misfit or bool(found), hopeless or idle
        yield from found
    if not hopeless:
        yield from of_answers(draws, misfit=misfit)


def of_fit(draws: Draws, fit: BestFit, few: FloatArray) -> tuple[list[Finding], bool]:
    """Return what a test's fit is found to be, and whether that makes all that is said of parameters idle.

    A wrong sign or unit does, and a slip, which drags parameters along to their bounds, unless it counts little.
    """
    if little := list(explains_little(draws, fit)):
        return little, True
    found = list(of_residuals(draws, fit))
    slips = any(finding.code == "outlying-reading" for finding in found) and errors(draws, fit.test) != STUDENT
    found = found or list(sigma_too_large(draws, fit))
    return [*found, *condyle_pulls(draws, fit, few), *sigma_too_small(draws, fit)], slips


@np.errstate(all="ignore")  # draws of a spoilt file may be anything that is finite
def of_answers(draws: Draws, *, misfit: bool) -> Iterator[Finding]:
    """Yield what is found of parameters and of what follows from them."""
    yield from bounds_reached(draws, misfit=misfit)
    decided = list(prior_decides(draws))
    yield from decided
    yield from regions_unvisited(draws)
    yield from parameters_trade_off(draws)
    sensitive = sensitivity_of(draws)
    yield from prior_conflict(draws, sensitive)
    told = {name for finding in decided for name in finding.subject.split(", ")}
    yield from prior_matters(draws, sensitive, told)
    yield from extrapolated(draws)


def not_converged(draws: Draws) -> Iterator[Finding]:
    """Find that the ensembles do not agree yet, or are too short to tell."""
    verdict = draws.verdict
    if not verdict.converged:
        worst = verdict.missed[0]
        yield Finding("not-converged", worst.subject, worst.value, worst.threshold, verdict.sentence, verdict.advice)


def walkers_straggle(draws: Draws) -> Iterator[Finding]:
    """Find that some walkers stay where the posterior has next to no mass."""
    found = draws.diagnosis.stragglers
    if found is not None:
        where = ", ".join(f"{name} = {value:.4g}" for name, value in zip(draws.names, found.place, strict=True))
        yield Finding(
            "stragglers",
            "",
            found.share,
            0.0,
            f"{100 * found.share:.2g} % of the walkers stay around {where}, with a log-probability {found.depth:.0f} "
            "below the median of all draws (none is wanted there): they are not yet of the posterior, and widen it",
            "go on with 'calibrate resume', or start anew with another seed",
        )
