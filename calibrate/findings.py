"""What to know before believing a run: each finding is a sentence with the number, the threshold and the advice.

One function a finding, which yields its sentences or nothing. What is odd about the numbers that a run was given is
`Posterior.warnings`; what is here needs the draws.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from calibrate.bestfit import BestFit, best_fit
from calibrate.problem.quantities import SIGMA
from calibrate.sampling.convergence import MIN_TIMES, largest_sd_error
from calibrate.texts import known

if TYPE_CHECKING:
    from calibrate.results import Run

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


def warnings_of(run: Run) -> Iterator[str]:
    """Yield what `Run.warnings` yields: first what is wrong with the data, last what is wrong with the settings."""
    yield from run.posterior.warnings
    yield from not_converged(run)
    yield from walkers_straggle(run)
    few = run.thinned(_DRAWS)
    fit = best_fit(run.posterior, few)
    if hopeless := list(explains_little(run, fit)):
        yield from hopeless
    else:
        pattern = list(patterns(fit))
        slips = [] if pattern else list(outlying_readings(run, fit))  # what a pattern puts far off is no slip
        yield from (*pattern, *slips)
        if not slips:  # a slip drags parameters along to their bounds
            yield from bounds_reached(run)
    yield from condyle_pulls(run, few)
    yield from sigma_too_small(run, few)


def not_converged(run: Run) -> Iterator[str]:
    """Find that the ensembles do not agree yet, or are too short to tell."""
    sampling, diagnosis = run.config.sampling, run.diagnosis
    if not run.converged:
        times, error = float(np.min(diagnosis.autocorrelation_times)), 100.0 * float(np.max(diagnosis.sd_error))
        yield (
            f"not converged: worst R-hat {known(diagnosis.worst_rhat, '.3f')} (below {sampling.max_rhat:g} wanted), "
            f"smallest effective sample size {known(diagnosis.smallest_ess, '.0f')} ({sampling.min_ess:g} wanted), "
            f"autocorrelation times {known(times, '.1f')} ({MIN_TIMES:g} wanted), error of a standard deviation "
            f"{known(error, '.1f', ' %')} ({100.0 * largest_sd_error(sampling.min_ess):.1f} % wanted); "
            "go on with 'calibrate resume'"
        )


def walkers_straggle(run: Run) -> Iterator[str]:
    """Find that some walkers stay where the posterior has next to no mass."""
    found = run.diagnosis.stragglers
    if found is not None:
        where = ", ".join(f"{name} = {value:.4g}" for name, value in zip(run.names, found.place, strict=True))
        yield (
            f"{100 * found.share:.2g} % of the walkers stay around {where}, with a log-probability {found.depth:.0f} "
            "below the median of all draws (none is wanted there): they are not yet of the posterior, and widen it; go "
            "on with 'calibrate resume', or start anew with another seed"
        )


def explains_little(run: Run, fit: BestFit) -> Iterator[str]:
    """Find that the model does not follow the loads, though something smooth would."""
    side = run.posterior.tests[0].positive
    if fit.possible > _TELLS and fit.explained < _EXPLAINS * fit.possible:
        yield (
            f"the model explains {max(0.0, 100 * fit.explained):.0f} % of the load's variation, and a curve through "
            f"the readings would explain {100 * fit.possible:.0f} % ({100 * _EXPLAINS:g} % of that is the least to be "
            "wanted): first check the sign of the loads against that of the angles, the units of both columns and of "
            f'the geometry, and the side, positive = "{side}"; the estimates mean nothing yet'
        )


def outlying_readings(run: Run, fit: BestFit) -> Iterator[str]:
    """Find single readings that are not of the others' noise."""
    data = run.measurement
    if fit.outlying.size and not np.isnan(fit.explained):
        named = ", ".join(
            f"{data.loads[row]:g} {data.unit} at {data.angles[row]:g} {data.angle_unit} ({size:.0f} times the scale)"
            for row, size in zip(fit.outlying[:_MOST_NAMED], fit.sizes, strict=False)
        )
        yield (
            f"{fit.outlying.size} of {data.angles.size} readings lie too far off to be noise like the others' (up to "
            f"{fit.threshold:.1f} times their scale is to be expected): {named}; look for a slip of the decimal point "
            "or of a sign, and correct or remove them"
        )


def patterns(fit: BestFit) -> Iterator[str]:
    """Find that the residuals are not noise: neighbours by angle, or in the order of the file, are alike."""
    if np.isnan(fit.explained):
        return  # loads that do not vary have no noise to compare with
    orders = [("by angle", fit.by_angle)]
    if fit.by_row is not None:
        orders.append(("in the order of the file", fit.by_row))
    found = [(order, *serial) for order, serial in orders if serial[0] > _ALIKE and serial[1] < _CHANCE]
    if found:
        order, correlation, probability = min(found, key=lambda one: one[2])
        yield (
            f"the residuals are not noise: neighbours {order} are alike (correlation {correlation:.2f}, in noise as "
            f"much with a probability of {max(probability, 1e-99):.0e}; below {_CHANCE:g} it is no chance), so the "
            "intervals are too narrow; look for a zero of the angle that is off, friction or creep (a loop), held "
            "steps, or a geometry that is not this knee's"
        )


def bounds_reached(run: Run) -> Iterator[str]:
    """Find bounds that cut a parameter's distribution."""
    samples = run.some_samples()
    low, high = np.quantile(samples, [0.025, 0.975], axis=0)
    strip = _STRIP * (high - low)
    at_lower = (samples < run.posterior.lower + strip).mean(axis=0) > _FILLED * _STRIP
    at_upper = (samples > run.posterior.upper - strip).mean(axis=0) > _FILLED * _STRIP
    for name, cut_below, cut_above in zip(run.names, at_lower, at_upper, strict=True):
        if cut_below or cut_above:
            which = "both bounds" if cut_below and cut_above else f"its {'lower' if cut_below else 'upper'} bound"
            yield f"{name} reaches {which}: the bounds, not the data, decide where it ends; widen them or report them"


def condyle_pulls(run: Run, few: FloatArray) -> Iterator[str]:
    """Find that the contact would have to pull, which it cannot, in more than one in a hundred of the draws."""
    knee = run.posterior.knee_at(_some_angles(run), test=run.posterior.tests[0].name)
    pulls = (knee.push(run.posterior.law(few, run.posterior.tests[0].name)) < 0.0).any(axis=1).mean()
    if pulls > _PULLS:
        yield (
            f"in {100 * pulls:.0f} % of the draws a condyle would have to pull on the tibia at some angle of "
            "the data, which it cannot; check f_ref and the geometry"
        )


def sigma_too_small(run: Run, few: FloatArray) -> Iterator[str]:
    """Find that the best fit misses the data by more than a known sigma allows: four standard deviations of chi2."""
    if SIGMA not in run.names:
        count = run.measurement.angles.size
        best = 2.0 * float(np.min(run.posterior.density.knee.constant - run.posterior.log_likelihood(few)))
        if best > count + 4.0 * np.sqrt(2.0 * count):
            yield (
                f"the best fit misses the data by {np.sqrt(best / count):.1f} sigma on average: sigma is too small "
                "or the model does not hold here; infer sigma by giving it bounds"
            )


def _some_angles(run: Run) -> FloatArray | None:
    """Angles of the data to look at one by one: None for all, or of very many a share, both ends included."""
    angles = run.measurement.angles
    if angles.size <= _ANGLES:
        return None
    return np.asarray(np.sort(angles)[np.linspace(0, angles.size - 1, _ANGLES).round().astype(int)])
