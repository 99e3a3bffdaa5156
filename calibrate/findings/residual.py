"""Findings about the residuals of a test: a loop, neighbours alike, readings apart or pulling, arms, tails."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from calibrate.bestfit import CHANCE, BestFit
from calibrate.findings.finding import Finding
from calibrate.findings.words import chance, errors, infers_sigma, of
from calibrate.knee.slots import CORRELATED, STUDENT

if TYPE_CHECKING:
    from calibrate.draws import Draws

# Smaller effects than these may be no chance, where readings are very many, and yet no harm.
ALIKE = 0.1  # correlation of neighbours
LOOP = 0.1  # half of its width, in standard deviations of the noise
WIDER = 1.5  # one arm's scatter over the other's
TAILS = 1.0  # excess kurtosis; Student's t with ten degrees of freedom has 1
MOVES = 1.0  # by how many of its standard deviations one reading moves a parameter
SWALLOWS = 1.5  # residuals' scatter over that of readings at the same angle
_MOST_NAMED = 3


def of_residuals(draws: Draws, fit: BestFit) -> Iterator[Finding]:
    """Yield what residuals say against their being noise; each test assumes that those before it have found nothing."""
    if np.isnan(fit.explained) or errors(draws, fit.test) == CORRELATED:
        return  # loads that do not vary have no noise to compare with, and a discrepancy expects a pattern
    if pattern := [*loop(draws, fit), *([*noise_swallows(draws, fit)] or [*neighbours_alike(draws, fit)])]:
        # A slip comes in any knee; several readings that lie apart beside a pattern are part of it.
        yield from [] if fit.outlying.size > 1 else outlying_readings(draws, fit)
        yield from pattern
        return
    worse = [*one_arm_worse(draws, fit)]  # judged without what lies apart, of which a worse arm has more
    yield from worse or [*outlying_readings(draws, fit)] or [*reading_pulls(draws, fit)] or heavy_tails(draws, fit)


def loop(draws: Draws, fit: BestFit) -> Iterator[Finding]:
    """Find that readings on the way up differ from those on the way down."""
    seen = fit.looks.loop
    if seen is not None and seen.probability < CHANCE and seen.share > LOOP:
        where = "above" if seen.half > 0.0 else "below"
        modelled = int(fit.test.slots.reading[2]) in draws.posterior.table.columns.tolist()
        yield Finding(
            "residuals-loop",
            fit.test.name,
            2.0 * seen.half,
            None,
            f"{of(draws, fit)}the residuals are not noise: at the same angle readings on the way up lie "
            f"{abs(2.0 * seen.half):.2g} {fit.test.measurement.unit} {where} those on the way down "
            f"({chance(seen.probability)}), so the intervals are too narrow",
            "the prior of the hysteresis allows less: widen it, or look for creep"
            if modelled
            else "give a column 'direction' and measurement.hysteresis, or look for friction and creep",
        )


def noise_swallows(draws: Draws, fit: BestFit) -> Iterator[Finding]:
    """Find that readings at the same angle agree better with each other than with the model."""
    seen = fit.looks.repeats
    if seen is None or not infers_sigma(draws, fit.test):
        return
    if seen.probability < CHANCE and seen.misses > SWALLOWS * seen.scatter:
        yield Finding(
            "noise-swallows",
            fit.test.name,
            seen.misses,
            SWALLOWS * seen.scatter,
            f"{of(draws, fit)}the residuals are not noise: readings at the same angle scatter by {seen.scatter:.2g} "
            f"{fit.test.measurement.unit}, the fit misses them by {seen.misses:.2g} ({chance(seen.probability)}): the "
            "inferred noise holds what the model cannot do",
            f"look for {_zero(draws, fit)}a geometry that is not this knee's",
        )


def neighbours_alike(draws: Draws, fit: BestFit) -> Iterator[Finding]:
    """Find that neighbouring residuals are alike, by angle or in the order of the file."""
    orders = [("by angle", fit.by_angle)]
    if fit.by_row is not None:
        orders.append(("in the order of the file", fit.by_row))
    found = [(order, *serial) for order, serial in orders if serial[0] > ALIKE and serial[1] < CHANCE]
    if found:
        order, correlation, probability = min(found, key=lambda one: one[2])
        unit, swallowed = fit.test.measurement.unit, ""
        if infers_sigma(draws, fit.test) and not fit.outlying.size:
            apart = fit.scatter * np.sqrt(max(0.0, 1.0 - correlation))
            swallowed = (
                f"; the inferred noise holds what the model cannot do: the fit misses by {fit.scatter:.2g} {unit}, "
                f"neighbours scatter by {apart:.2g}"
            )
        yield Finding(
            "residuals-alike",
            fit.test.name,
            correlation,
            ALIKE,
            f"{of(draws, fit)}the residuals are not noise: neighbours {order} are alike (correlation "
            f"{correlation:.2f}, {chance(probability)}), so the intervals are too narrow{swallowed}",
            f"look for {_zero(draws, fit)}friction or creep (a loop), held steps, or a geometry that is not this "
            "knee's",
        )


def outlying_readings(draws: Draws, fit: BestFit) -> Iterator[Finding]:
    """Find single readings that are not of the others' noise."""
    data = fit.test.measurement
    if fit.outlying.size:
        named = ", ".join(
            f"{data.loads[row]:g} {data.unit} at {data.angles[row]:g} {data.angle_unit} ({size:.0f} times the scale)"
            for row, size in zip(fit.outlying[:_MOST_NAMED], fit.sizes, strict=False)
        )
        advice = "look for a slip of the decimal point or of a sign, and correct or remove them"
        if errors(draws, fit.test) == STUDENT:
            advice = "with Student-t errors they carry little weight; look for a slip all the same"
        yield Finding(
            "outlying-reading",
            fit.test.name,
            float(fit.sizes[0]),
            fit.threshold,
            f"{of(draws, fit)}{fit.outlying.size} of {data.angles.size} readings lie too far off to be noise like the "
            f"others' (up to {fit.threshold:.1f} times their scale is to be expected): {named}",
            advice,
        )


def reading_pulls(draws: Draws, fit: BestFit) -> Iterator[Finding]:
    """Find a reading that all others speak against, and that the answer hangs on."""
    seen, data = fit.looks.pull, fit.test.measurement
    if seen is None or errors(draws, fit.test) == STUDENT:
        return
    if seen.probability < CHANCE and seen.moves > MOVES:
        row = fit.rows[seen.row]
        yield Finding(
            "reading-pulls",
            fit.test.name,
            seen.far,
            None,
            f"{of(draws, fit)}the reading {data.loads[row]:g} {data.unit} at {data.angles[row]:g} {data.angle_unit} "
            f"lies {seen.far:.1f} standard deviations from what all others predict ({chance(seen.probability)}), and "
            f"pulls {draws.names[seen.parameter]} by about {seen.moves:.1f} of its own",
            "check that reading; calibrate without it to see what hangs on it",
        )


def one_arm_worse(draws: Draws, fit: BestFit) -> Iterator[Finding]:
    """Find that residuals scatter wider on one arm than on the other."""
    ratio, probability = fit.looks.arms
    worse, better = ("valgus", "varus") if ratio > 1.0 else ("varus", "valgus")
    times = max(ratio, 1.0 / ratio)
    if probability < CHANCE and times > WIDER:
        yield Finding(
            "residuals-arm",
            fit.test.name,
            times,
            WIDER,
            f"{of(draws, fit)}the residuals are not alike: on the {worse} arm they scatter {times:.1f} times as wide "
            f"as on the {better} one ({chance(probability)}), so one sigma for both is wrong",
            f"look at the {worse} arm for what the model lacks; if its readings are worse, give each reading its "
            "sigma, or measurement errors of the angle (noise.angle_sigma)",
        )


def heavy_tails(draws: Draws, fit: BestFit) -> Iterator[Finding]:
    """Find that far residuals are more frequent than in Gaussian noise."""
    excess, probability = fit.looks.tails
    if probability < CHANCE and excess > TAILS and errors(draws, fit.test) != STUDENT:
        yield Finding(
            "residuals-tails",
            fit.test.name,
            excess,
            TAILS,
            f"{of(draws, fit)}the residuals have heavier tails than Gaussian noise (excess kurtosis {excess:.1f}, "
            f"{chance(probability)}), so few readings weigh too much",
            "give noise.nu, for Student-t errors",
        )


def _zero(draws: Draws, fit: BestFit) -> str:
    """Return what to look for if the zero of the angle is taken as known."""
    free = int(fit.test.slots.reading[0]) in draws.posterior.table.columns
    return "" if free else "a zero of the angle that is off, "
