"""Which findings there are: one function each, which yields what it finds or nothing.

What is odd about the numbers that a calibration was given is `Posterior.warnings`; what is here needs the draws.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from calibrate.bestfit import BestFit, best_fits
from calibrate.findings.finding import Finding
from calibrate.knee.slots import CORRELATED, GAUSSIAN, STUDENT
from calibrate.priors import LogNormal, Uniform
from calibrate.problem.build import errors_of
from calibrate.sampling.convergence import MIN_TIMES, largest_sd_error
from calibrate.texts import known

if TYPE_CHECKING:
    from calibrate.draws import Draws
    from calibrate.problem.laxity_test import LaxityTest

FloatArray = NDArray[np.float64]

# A bound cuts a distribution if the strip beside it, this share of the central 95 % wide, is filled at least this
# much compared with an even spread.
_STRIP = 0.05
_FILLED = 0.25
# Angles at which contact is checked: the push of a condyle changes smoothly between them.
_ANGLES = 1000
# Share of the draws in which a condyle may have to pull.
_PULLS = 0.01
# Draws that the costlier findings look at.
_DRAWS = 2000
# A model that explains less than this share of what a curve could has the wrong sign or unit, not the wrong bounds;
# where a curve could explain less than the second number, nobody can tell.
_EXPLAINS = 0.75
_TELLS = 0.3
# Residuals whose neighbours are as alike as this, with less than this probability in noise, are not noise.
_ALIKE = 0.1
_CHANCE = 1e-3
_MOST_NAMED = 3
# A parameter with more than this share of its prior's standard deviation left was not learnt.
_LEARNT = 0.9


def findings_of(draws: Draws) -> Iterator[Finding]:
    """Yield all findings: first what is wrong with the data, last what is wrong with the settings."""
    for doubt in draws.posterior.warnings:
        yield Finding("odd-number", "", None, None, doubt)
    yield from not_converged(draws)
    yield from walkers_straggle(draws)
    few = draws.thinned(_DRAWS)
    fits = best_fits(draws.posterior, few)
    wrong = False
    for fit in fits:
        if hopeless := list(explains_little(draws, fit)):
            yield from hopeless
        else:
            pattern = list(patterns(draws, fit))
            slips = [] if pattern else list(outlying_readings(draws, fit))  # what a pattern puts far off is no slip
            yield from (*pattern, *slips)
            # A slip drags parameters along to their bounds, unless it counts little.
            hopeless = [] if _errors(draws, fit) == STUDENT else slips
        wrong = wrong or bool(hopeless)
    if not wrong:
        yield from bounds_reached(draws)
    yield from prior_decides(draws)
    for fit in fits:
        yield from condyle_pulls(draws, fit, few)
        yield from sigma_too_small(draws, fit)


def _of(draws: Draws, fit: BestFit) -> str:
    """Return what a sentence about one of several tests begins with."""
    return f"test {fit.test.name}: " if len(draws.posterior.tests) > 1 else ""


def not_converged(draws: Draws) -> Iterator[Finding]:
    """Find that the ensembles do not agree yet, or are too short to tell."""
    settings, diagnosis = draws.settings, draws.diagnosis
    if not draws.converged:
        times, error = float(np.min(diagnosis.autocorrelation_times)), 100.0 * float(np.max(diagnosis.sd_error))
        yield Finding(
            "not-converged",
            "",
            diagnosis.worst_rhat,
            settings.max_rhat,
            f"not converged: worst R-hat {known(diagnosis.worst_rhat, '.3f')} (below {settings.max_rhat:g} wanted), "
            f"smallest effective sample size {known(diagnosis.smallest_ess, '.0f')} ({settings.min_ess:g} wanted), "
            f"autocorrelation times {known(times, '.1f')} ({MIN_TIMES:g} wanted), error of a standard deviation "
            f"{known(error, '.1f', ' %')} ({100.0 * largest_sd_error(settings.min_ess):.1f} % wanted)",
            "go on with 'calibrate resume'",
        )


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


def explains_little(draws: Draws, fit: BestFit) -> Iterator[Finding]:
    """Find that the model does not follow a test's loads, though something smooth would."""
    if fit.possible > _TELLS and fit.explained < _EXPLAINS * fit.possible:
        yield Finding(
            "explains-little",
            fit.test.name,
            fit.explained,
            _EXPLAINS * fit.possible,
            f"{_of(draws, fit)}the model explains {max(0.0, 100 * fit.explained):.0f} % of the load's variation, and a "
            f"curve through the readings would explain {100 * fit.possible:.0f} % ({100 * _EXPLAINS:g} % of that is "
            "the least to be wanted): first check the sign of the loads against that of the angles, the units of both "
            f'columns and of the geometry, and the side, positive = "{fit.test.positive}"',
            "the estimates mean nothing yet",
        )


def outlying_readings(draws: Draws, fit: BestFit) -> Iterator[Finding]:
    """Find single readings that are not of the others' noise."""
    data = fit.test.measurement
    if fit.outlying.size and not np.isnan(fit.explained):
        named = ", ".join(
            f"{data.loads[row]:g} {data.unit} at {data.angles[row]:g} {data.angle_unit} ({size:.0f} times the scale)"
            for row, size in zip(fit.outlying[:_MOST_NAMED], fit.sizes, strict=False)
        )
        advice = "look for a slip of the decimal point or of a sign, and correct or remove them"
        if _errors(draws, fit) == STUDENT:
            advice = "with Student-t errors they carry little weight; look for a slip all the same"
        yield Finding(
            "outlying-reading",
            fit.test.name,
            float(fit.sizes[0]),
            fit.threshold,
            f"{_of(draws, fit)}{fit.outlying.size} of {data.angles.size} readings lie too far off to be noise like the "
            f"others' (up to {fit.threshold:.1f} times their scale is to be expected): {named}",
            advice,
        )


def patterns(draws: Draws, fit: BestFit) -> Iterator[Finding]:
    """Find that the residuals are not noise: neighbours by angle, or in the order of the file, are alike."""
    if np.isnan(fit.explained) or _errors(draws, fit) == CORRELATED:
        return  # loads that do not vary have no noise to compare with, and a discrepancy expects a pattern
    orders = [("by angle", fit.by_angle)]
    if fit.by_row is not None:
        orders.append(("in the order of the file", fit.by_row))
    found = [(order, *serial) for order, serial in orders if serial[0] > _ALIKE and serial[1] < _CHANCE]
    if found:
        order, correlation, probability = min(found, key=lambda one: one[2])
        zero_is_free = int(fit.test.slots.reading[0]) in draws.posterior.table.columns
        zero = "" if zero_is_free else "a zero of the angle that is off, "
        yield Finding(
            "residuals-alike",
            fit.test.name,
            probability,
            _CHANCE,
            f"{_of(draws, fit)}the residuals are not noise: neighbours {order} are alike (correlation "
            f"{correlation:.2f}, in noise as much with a probability of {max(probability, 1e-99):.0e}; below "
            f"{_CHANCE:g} it is no chance), so the intervals are too narrow",
            f"look for {zero}friction or creep (a loop), held steps, or a geometry that is not this knee's",
        )


def bounds_reached(draws: Draws) -> Iterator[Finding]:
    """Find bounds that cut a parameter's distribution; the zero of a log-normal prior is none."""
    samples, posterior = draws.some_samples(), draws.posterior
    low, high = np.quantile(samples, [0.025, 0.975], axis=0)
    strip = _STRIP * (high - low)
    natural = np.array([isinstance(prior, LogNormal) and prior.lower == 0.0 for prior in posterior.priors], dtype=bool)
    near_lower = np.where(natural, 0.0, (samples < posterior.lower + strip).mean(axis=0))
    near_upper = (samples > posterior.upper - strip).mean(axis=0)
    for i, name in enumerate(draws.names):
        cut_below, cut_above = near_lower[i] > _FILLED * _STRIP, near_upper[i] > _FILLED * _STRIP
        if cut_below or cut_above:
            which = "both bounds" if cut_below and cut_above else f"its {'lower' if cut_below else 'upper'} bound"
            yield Finding(
                "bound-reached",
                name,
                float(max(near_lower[i], near_upper[i])),
                _FILLED * _STRIP,
                f"{name} reaches {which}: the bounds, not the data, decide where it ends",
                "widen them or report them",
            )


def prior_decides(draws: Draws) -> Iterator[Finding]:
    """Find parameters of which the data say next to nothing; flat priors are told by their bounds instead."""
    shares = draws.some_samples().std(axis=0) / draws.posterior.scale
    named = [
        f"{name} ({100 * share:.0f} %)"
        for name, share, prior in zip(draws.names, shares, draws.posterior.priors, strict=True)
        if share > _LEARNT and not isinstance(prior, Uniform)
    ]
    if named:
        they = "it" if len(named) == 1 else "them"
        yield Finding(
            "prior-decides",
            "",
            float(shares.max()),
            _LEARNT,
            f"the prior, not the data, decides {', '.join(named)}: in brackets the share of the prior's standard "
            f"deviation that is left (below {100 * _LEARNT:g} % the data say something)",
            f"report the prior with {they}",
        )


def condyle_pulls(draws: Draws, fit: BestFit, few: FloatArray) -> Iterator[Finding]:
    """Find that the contact would have to pull, which it cannot, in more than one in a hundred of the draws."""
    knee = draws.posterior.knee_at(_some_angles(fit.test), fit.q, fit.test.name)
    pulls = (knee.push(draws.posterior.law(few, fit.test.name)) < 0.0).any(axis=1).mean()
    if pulls > _PULLS:
        yield Finding(
            "condyle-pulls",
            fit.test.name,
            float(pulls),
            _PULLS,
            f"{_of(draws, fit)}in {100 * pulls:.0f} % of the draws a condyle would have to pull on the tibia at some "
            "angle of the data, which it cannot",
            "check f_ref and the geometry",
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
            f"{_of(draws, fit)}the best fit misses the data by {np.sqrt(fit.misfit):.1f} sigma on average: sigma is "
            "too small or the model does not hold here",
            "infer sigma by giving it bounds",
        )


def _errors(draws: Draws, fit: BestFit) -> int:
    """Return the kind of a test's errors."""
    return errors_of(fit.test, len(draws.posterior.table.parameters))


def _knows_sigma(draws: Draws, fit: BestFit) -> bool:
    """Tell whether the errors are Gaussian, and all that they consist of is known."""
    sigma, _, angle_sigma, _, _ = fit.test.slots.errors.tolist()
    inferred = draws.posterior.table.columns.tolist()
    known = fit.test.measurement.sigma is not None or sigma not in inferred
    return _errors(draws, fit) == GAUSSIAN and known and angle_sigma not in inferred


def _some_angles(test: LaxityTest) -> FloatArray | None:
    """Angles of the data to look at one by one: None for all, or of very many a share, both ends included."""
    angles = test.measurement.angles
    if angles.size <= _ANGLES:
        return None
    return np.asarray(np.sort(angles)[np.linspace(0, angles.size - 1, _ANGLES).round().astype(int)])
