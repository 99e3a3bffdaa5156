"""What people ask for besides the parameters, one value per posterior draw: strains, tensions, laxities.

Angles are degrees in a data file's sign, counted from zero of the knee's own angle: an offset of the rig's is taken
off. Searches go along half a degree at a time, then to the last digit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from calibrate.knee.ligament import tension
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
_CLOSE = 1e-10  # mm or N·m
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
    found = {(moment, way): np.empty(len(law)) for moment in at for way in (1.0, -1.0)}
    step = max(1, _BLOCK // (law.shape[1] * 2 * _STEPS))
    for first in range(0, len(law), step):
        part = slice(first, first + step)
        some, of = knees.rows(part), law[part]
        theta, lateral = _grid(some)
        moments = some.moments(theta, lateral, of)
        for (moment, way), out in found.items():
            out[part] = _reached(some, of, theta, moments, way, moment, refinements)
    names = {1.0: "valgus", -1.0: "varus"}
    result = {}
    for moment in at:
        for way in (1.0, -1.0):
            result[f"laxity_{names[way]}_{moment:g}Nm"] = sign * np.rad2deg(found[moment, way]) + 0.0  # no -0
        result[f"laxity_total_{moment:g}Nm"] = np.rad2deg(found[moment, 1.0] - found[moment, -1.0])
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
    out = np.full(l_0.shape, np.nan)
    for s, way in enumerate(knees.sides().astype(int).tolist()):
        slack = l_0[:, s, np.newaxis]
        along, values, bears = theta[:, ::way], lengths[:, s, ::way], lateral[:, ::way]
        reached = values >= slack
        at = np.maximum(np.argmax(reached, axis=1), 1)
        inside = (values[:, 0] < slack[:, 0]) & (values.max(axis=1) > slack[:, 0])
        here, before, which = (_pick(part, at - i) for part, i in ((along, 0), (along, 1), (bears, 0)))
        ends = _pick(values, at - 1) - slack, _pick(values, at) - slack

        def beyond(angle: FloatArray, s: int = s, which: BoolArray = which, slack: FloatArray = slack) -> FloatArray:
            return np.asarray(knees.pose(angle, which)[0][:, s] - slack)

        out[inside, s] = _root(beyond, before, here, ends, refinements)[inside, 0]
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


def _reached(
    knees: Knees,
    law: FloatArray,
    theta: FloatArray,
    moments: FloatArray,
    way: float,
    target: float,
    refinements: int,
) -> FloatArray:
    """Return the angles [rad] at which `way` times the moment reaches a target, (n,)."""
    outward = slice(_STEPS, None) if way > 0.0 else slice(_STEPS - 1, None, -1)
    inward = slice(_STEPS - 1, None, -1) if way > 0.0 else slice(_STEPS, None)
    there, back, angles = way * moments[:, outward], way * moments[:, inward], theta[:, outward]
    goes_out = there[:, 0] < target
    jumps = (there[:, 0] >= target) & (back[:, 0] <= target)
    passed = there >= target
    if not goes_out.all():
        out = goes_out[:, np.newaxis]
        passed = np.where(out, passed, back <= target)
        there, angles = np.where(out, there, back), np.where(out, angles, theta[:, inward])
    at = np.maximum(np.argmax(passed, axis=1), 1)
    here, before = _pick(angles, at), _pick(angles, at - 1)
    ends = _pick(there, at - 1) - target, _pick(there, at) - target
    lateral = (goes_out == (way > 0.0))[:, np.newaxis]

    def beyond(angle: FloatArray) -> FloatArray:
        return way * knees.moments(angle, lateral, law) - target

    found = np.where(passed.any(axis=1), _root(beyond, before, here, ends, refinements)[:, 0], np.nan)
    return np.where(jumps, theta[:, _STEPS], found)


def _pick(values: NDArray[Any], at: NDArray[np.intp]) -> NDArray[Any]:
    """Return one value of each row, (n, 1); one row may stand for all."""
    return np.asarray(values[np.arange(len(at)) if len(values) > 1 else 0, at])[:, np.newaxis]


def _root(
    function: Callable[[FloatArray], FloatArray],
    a: FloatArray,
    b: FloatArray,
    ends: tuple[FloatArray, FloatArray],
    refinements: int,
) -> FloatArray:
    """Return where a function is zero between a and b, at whose ends it has other signs: the Illinois method."""
    f_a, f_b = ends
    for left in reversed(range(refinements)):
        with np.errstate(invalid="ignore", divide="ignore"):
            c = b - f_b * (b - a) / (f_b - f_a)
        c = np.where(np.isfinite(c), c, b)
        if not left:
            return c
        f_c = function(c)
        same = np.sign(f_c) == np.sign(f_b)
        a, f_a = np.where(same, a, b), np.where(same, 0.5 * f_a, f_b)
        b, f_b = c, f_c
        if not (np.abs(f_c) > _CLOSE).any():
            break
    return b
