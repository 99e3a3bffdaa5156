"""What people ask for besides the parameters, one value per posterior draw: strains, tensions, laxities.

Angles are degrees in a data file's sign, counted from zero of the knee's own angle: an offset of the rig's is taken
off. Searches go along half a degree at a time, then to the last digit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from calibrate.knee.ligament import tension
from calibrate.knee.reach import reached, tightened
from calibrate.sampling.verdict import FEW_SAMPLES

if TYPE_CHECKING:
    from calibrate.knee.many import Knees
    from calibrate.posterior import Posterior

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# Pure moments [N·m] at which laxity is read.
LAXITY_MOMENTS = (5.0, 10.0, 12.0)
# How far from zero angles are looked for [degrees].
RANGE = 20.0
# Draws at the most: of knees that are all alike, shared out among the tests; and of knees that are each posed anew.
MOST_DRAWS, MOST_POSED = 20_000, 2_000

_STEPS = 41  # on either side of theta_0
_REFINEMENTS = 20
_BLOCK = 1_000_000  # numbers in a temporary
_UNITS = {"stiffness_per_strain": "N", "reference_strain": "", "reference_tension": "N", "stiffness_share": ""}


def unit_of(name: str) -> str:
    """Return a derived quantity's unit.

    Examples
    --------
    >>> unit_of("flex60.mcl.reference_tension"), unit_of("laxity_total_10Nm")
    ('N', 'deg')
    """
    return _UNITS.get(name.rpartition(".")[2], "deg")


def most_draws(posterior: Posterior) -> int:
    """Return of how many draws at the most derived quantities are computed."""
    posed = posterior.reference.posed or any(test.posed for test in posterior.tests)
    return MOST_POSED if posed else MOST_DRAWS // len(posterior.tests)


def derived(posterior: Posterior, q: FloatArray, refinements: int = _REFINEMENTS) -> dict[str, FloatArray]:
    """Return what follows from rows of free parameters.

    Parameters
    ----------
    posterior : Posterior
        What they are parameters of.
    q : ndarray, shape (n, ndim)
        The draws.
    refinements : int
        Of each angle that is looked for, at the most.

    Returns
    -------
    dict of str to ndarray, shape (n,)
        See `Draws.derived`. Of several tests, what is a test's own has its name and a dot in front.
    """
    full = posterior.full(q)
    reference = posterior.reference_lengths(full)
    sides = posterior.reference.knees(full).sides()
    several = len(posterior.tests) > 1
    laws = np.array([np.append(test.slots.law, test.slots.strain[:, np.newaxis], 1) for test in posterior.tests])
    same = (laws == laws[0]).all(axis=(0, 2))  # strands with one law for all tests
    shared: dict[str, FloatArray] = {}
    own: dict[str, FloatArray] = {} if several else shared
    for number, test in enumerate(posterior.tests):
        label = test.label if several else ""
        law, knees = posterior.law(q, test.name), test.knees(full)
        taut = taut_angles(knees, law[:, :, 2], test.sign, refinements)
        for s, strand in enumerate(posterior.strands):
            if number == 0 or not same[s]:
                into, name = (shared, strand) if same[s] else (own, f"{label}{strand}")
                into |= {f"{name}.{key}": value for key, value in _of_strand(law[:, s], reference[:, s])}
            own[f"{label}{strand}.taut_angle"] = taut[:, s]
            beside = sides == sides[s]
            if beside.sum() > 1 and (number == 0 or not same[beside].all()):
                into, name = (shared, strand) if same[beside].all() else (own, f"{label}{strand}")
                into[f"{name}.stiffness_share"] = law[:, s, 0] / law[:, beside, 0].sum(axis=1)
        own |= {f"{label}{key}": value for key, value in laxity(knees, law, test.sign, refinements=refinements).items()}
    return shared | own


def looked_at(posterior: Posterior, min_ess: float) -> Callable[[FloatArray], dict[str, FloatArray]]:
    """Return what gives the derived quantities that a run of so many effective samples has to agree on.

    Where few are asked for, angles are where a straight line through two that are half a degree apart says: good to
    some hundredths of a degree, which is what ranks of a thousand draws need, at a third of the cost.
    """
    return partial(derived, posterior, refinements=1 if min_ess <= FEW_SAMPLES else _REFINEMENTS)


def laxity(
    knees: Knees,
    law: FloatArray,
    sign: float,
    at: Sequence[float] = LAXITY_MOMENTS,
    refinements: int = _REFINEMENTS,
) -> dict[str, FloatArray]:
    """Return the angles at which the knee's pure moment reaches some moments, each way, and their difference.

    Going from `theta_0`, where the moment jumps, to the side where the moment lies; at `theta_0` itself if the jump
    passes it.

    Parameters
    ----------
    knees : Knees
        The geometry in a test.
    law : ndarray, shape (n, strands, 4)
        The strands' laws.
    sign : float
        1 if the file counts valgus as positive, -1 if varus.
    at : sequence of float
        The moments [N·m].
    refinements : int
        Of each angle, at the most.

    Returns
    -------
    dict of str to ndarray, shape (n,)
        `laxity_valgus_10Nm`, `laxity_varus_10Nm` and so on: degrees in the file's sign; `laxity_total_10Nm` positive.
        NaN where the moment is not reached within 20 degrees.
    """
    found = np.empty((2, len(at), len(law)))
    step = max(1, _BLOCK // (law.shape[1] * 2 * _STEPS))
    for first in range(0, len(law), step):
        part = slice(first, first + step)
        some, of = knees.rows(part), law[part]
        theta, lateral = _grid(some)
        moments = some.moments(theta, lateral, of)
        found[..., part] = reached(some, of, theta, moments, np.asarray(at, dtype=float), refinements)
    result = {}
    for number, moment in enumerate(at):
        valgus, varus = np.rad2deg(found[:, number])
        result[f"laxity_valgus_{moment:g}Nm"] = sign * valgus + 0.0  # no -0
        result[f"laxity_varus_{moment:g}Nm"] = sign * varus + 0.0
        result[f"laxity_total_{moment:g}Nm"] = valgus - varus
    return result


def taut_angles(knees: Knees, l_0: FloatArray, sign: float, refinements: int) -> FloatArray:
    """Return the angles at which strands become taut when turned the way that stretches them.

    Parameters
    ----------
    knees : Knees
        The geometry in a test.
    l_0 : ndarray, shape (n, strands)
        Slack lengths [mm].
    sign : float
        1 if the file counts valgus as positive, -1 if varus.
    refinements : int
        Of each angle, at the most.

    Returns
    -------
    ndarray, shape (n, strands)
        Degrees in the file's sign; NaN for a strand that is slack or taut all the way from -20 to 20.
    """
    theta, lateral = _grid(knees)
    lengths, _ = knees.pose(theta, lateral)
    out = tightened(knees, l_0, theta, lengths, knees.sides(), refinements)
    return np.asarray(sign * np.rad2deg(out) + 0.0)


def _of_strand(law: FloatArray, reference: FloatArray) -> Iterator[tuple[str, FloatArray]]:
    """Yield what follows from a strand's law (n, 4) and its length (n,) at the reference pose."""
    k, alpha, l_0, _ = law.T
    yield "stiffness_per_strain", k * l_0
    yield "reference_strain", (reference - l_0) / l_0
    yield "reference_tension", tension(reference, k, alpha, l_0)


def _grid(knees: Knees) -> tuple[FloatArray, BoolArray]:
    """Return angles from -20 to 20 degrees with `theta_0` twice, and where the lateral condyle bears, (m, 82)."""
    share = np.linspace(0.0, 1.0, _STEPS)
    middle, end = knees.theta_0[:, np.newaxis], np.deg2rad(RANGE)
    middle = np.where(np.abs(middle) < end, middle, np.nan)
    down, up = ((1.0 - share) * middle + share * last for last in (-end, end))
    lateral = np.repeat([False, True], _STEPS)
    return np.concatenate([down[:, ::-1], up], axis=1), np.broadcast_to(lateral, (len(middle), 2 * _STEPS))
