"""Findings about answers where nothing was measured: laxity beyond the test's angles, strains at another flexion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from calibrate.findings.finding import Finding
from calibrate.texts import listed

if TYPE_CHECKING:
    from calibrate.draws import Draws
    from calibrate.posterior import Posterior
    from calibrate.problem.laxity_test import LaxityTest

FloatArray = NDArray[np.float64]

# Share of the draws in which a laxity may lie beyond the measured angles, and how far beyond counts [degrees]: about
# what an angle is read to.
BEYOND = 0.5
MARGIN = 0.25
# Flexions [degrees] this near to each other are one.
NEAR = 5.0
_DRAWS = 2000
_MOST_NAMED = 6


def beyond(posterior: Posterior, q: FloatArray, derived: Mapping[str, FloatArray]) -> dict[str, float]:
    """Return in which share of the draws laxity lies beyond the measured angles, by the derived quantity's name.

    Of the total, in which one of the two sides does.

    Parameters
    ----------
    posterior : Posterior
        The calibration.
    q : ndarray, shape (n, ndim)
        Draws.
    derived : mapping of str to ndarray, shape (n,)
        What follows from them.
    """
    full = posterior.full(q)
    out: dict[str, float] = {}
    for test in posterior.tests:
        low, high = ends(test, full)
        label = test.label if len(posterior.tests) > 1 else ""
        ways = {
            name.removeprefix(label): outside(values, low, high)
            for name, values in derived.items()
            if name.removeprefix(label).startswith(("laxity_valgus", "laxity_varus")) and name.startswith(label)
        }
        out |= {f"{label}{name}": float(far.mean()) for name, far in ways.items()}
        for name, far in ways.items():
            if name.startswith("laxity_valgus"):
                at = name.removeprefix("laxity_valgus")
                out[f"{label}laxity_total{at}"] = float((far | ways[f"laxity_varus{at}"]).mean())
    return out


def outside(values: FloatArray, low: FloatArray, high: FloatArray) -> NDArray[np.bool_]:
    """Tell which angles lie beyond the measured ones by more than they are read to; those that are not reached do."""
    return np.asarray(~((values >= low - MARGIN) & (values <= high + MARGIN)))


def ends(test: LaxityTest, full: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the least and the largest measured angle in each draw, in degrees from the knee's own zero."""
    degrees = test.measurement.in_degrees(test.measurement.angles)
    offset = full[:, test.slots.reading[0]]
    return degrees.min() - offset, degrees.max() - offset


def extrapolated(draws: Draws) -> Iterator[Finding]:
    """Find answers about angles and flexions at which nothing was measured."""
    q = draws.spread(_DRAWS).reshape(-1, len(draws.names))
    shares = beyond(draws.posterior, q, draws.derived(_DRAWS))
    far = {name: share for name, share in shares.items() if share > BEYOND and "laxity_total" not in name}
    if far:
        named = [f"{name} ({100 * share:.0f} % of the draws)" for name, share in far.items()]
        lie, them = ("lies", "it") if len(far) == 1 else ("lie", "them")
        yield Finding(
            "extrapolated",
            ", ".join(far),
            max(far.values()),
            BEYOND,
            f"{listed(named, _MOST_NAMED)} {lie} beyond the measured angles (named above {100 * BEYOND:g} %): the law "
            "says so, and no reading",
            f"do not report {them} as measured",
        )
    knee = draws.posterior.config.knee.reference_flexion
    flexions = [test.flexion for test in draws.posterior.tests]
    away = min(abs(flexion - knee) for flexion in flexions)
    if away > NEAR:
        yield Finding(
            "extrapolated",
            "reference_strain",
            away,
            NEAR,
            f"reference strains and tensions are those at {knee:g} degrees of flexion, and the nearest test was at "
            f"{min(flexions, key=lambda one: abs(one - knee)):g} (more than {NEAR:g} degrees away): the model carries "
            "them there",
            "read them as the model's, or set knee.reference_flexion to a measured one",
        )
