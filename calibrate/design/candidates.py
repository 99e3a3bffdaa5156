"""Readings that might be taken next: at angles, at moments, once more, at another flexion."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibrate.data import MAX_ANGLE
from calibrate.decimals import read_number
from calibrate.derived import RANGE
from calibrate.draws import Draws
from calibrate.errors import ConfigError, ParameterError
from calibrate.posterior import Posterior
from calibrate.problem.laxity_test import LaxityTest
from calibrate.simulation import parse_angles
from calibrate.whatif import knees_of

FloatArray = NDArray[np.float64]

REPEAT = "repeat"
_MOMENT = "Nm"
# Angles of the menu: how many, and how far they go beyond what was measured, as a share of it.
_ANGLES, _BEYOND = 11, 0.125
# Flexions of the menu [degrees], and how far a test has to be from one for it to be new.
_FLEXIONS, _NEAR = (0.0, 30.0, 60.0, 90.0), 10.0
# Draws that say at which angle a moment is reached.
_DRAWS = 1000
# Readings at a time at the most.
MOST = 500


@dataclass(frozen=True)
class Candidate:
    """Readings that might be taken together.

    Attributes
    ----------
    label : str
        In words.
    angles : tuple of float
        Where, in degrees as the test's file counts.
    flexion : float or None
        Degrees, of a test of its own; None where the test in hand goes on.
    own : bool
        Whether the angles are all of the test's own: the whole test once more.
    repeats : int
        How often each is taken.
    """

    label: str
    angles: tuple[float, ...]
    flexion: float | None = None
    own: bool = False
    repeats: int = 1

    @property
    def readings(self) -> int:
        """How many readings it takes."""
        return len(self.angles) * self.repeats


def menu(posterior: Posterior, test: LaxityTest) -> list[Candidate]:
    """Return what is worth a thought where nobody says what: angles, the test once more, and other flexions.

    Flexions only of a knee with a third coordinate.
    """
    measured = test.measurement.in_degrees(test.measurement.angles)
    low, high = float(measured.min()), float(measured.max())
    beyond = _BEYOND * (high - low)
    limit = math.degrees(MAX_ANGLE)
    at = np.clip(np.linspace(low - beyond, high + beyond, _ANGLES), -limit, limit)
    found = [Candidate(_at(angle), (angle,)) for angle in np.unique(_rounded(at)).tolist()]
    if measured.size <= MOST:
        found.append(_again(test))
    if has_depth(posterior) and measured.size <= MOST:
        new = [flexion for flexion in _FLEXIONS if all(abs(flexion - t.flexion) > _NEAR for t in posterior.tests)]
        found += [_flexed(test, flexion) for flexion in new]
    return found


def chosen(
    draws: Draws,
    test: LaxityTest,
    given: str | None,
    *,
    flexions: Sequence[float] = (),
    repeats: int = 1,
    together: bool = False,
) -> list[Candidate]:
    """Return the candidates that somebody asks for.

    Parameters
    ----------
    draws : Draws
        Of the posterior in hand.
    test : LaxityTest
        The test that goes on, or whose rig is used.
    given : str, optional
        Angles in degrees as the file counts, "-8,8" or "-8:8:5"; moments, "10Nm,-10Nm"; "repeat", the whole test
        once more. Commas between them. By default the menu, or with flexions the whole test.
    flexions : sequence of float
        Degrees, where not that of the test.
    repeats : int
        How often each reading is taken.
    together : bool
        Whether all of them make one candidate.

    Raises
    ------
    ConfigError, ParameterError
        If one cannot be meant.
    """
    posterior = draws.posterior
    if flexions and not has_depth(posterior):
        raise ConfigError("--flexion: this knee has no third coordinates, so no flexion says anything new of it")
    if given is None:
        found = [_flexed(test, flexion) for flexion in flexions] or menu(posterior, test)
    else:
        plain = list(_parsed(draws, test, given))
        found = [_moved(one, flexion) for one in plain for flexion in flexions] or plain
    if together:
        found = [_joined(found)]
    found = [replace(one, label=_times(one.label, repeats), repeats=repeats) for one in found]
    if (most := max(one.readings for one in found)) > MOST:
        raise ConfigError(f"candidates: {most} readings at a time are more than {MOST}; ask for fewer")
    for one in found:
        if one.flexion is not None and not 0.0 <= one.flexion <= 150.0:
            raise ConfigError(f"--flexion {one.flexion:g}: has to be 0 to 150 degrees")
    return found


def has_depth(posterior: Posterior) -> bool:
    """Tell whether strands have a third coordinate, so that flexion changes their lengths."""
    full = posterior.full(posterior.middle)[0]
    ends = np.array([full[test.slots.ends] for test in posterior.tests])
    return bool(ends[..., [2, 5]].any())


def _parsed(draws: Draws, test: LaxityTest, given: str) -> Iterator[Candidate]:
    for part in (part.strip() for part in given.split(",")):
        if part == REPEAT:
            yield _again(test)
        elif part.endswith(_MOMENT):
            yield _loaded(draws, test, part)
        else:
            try:
                angles = parse_angles(part if ":" in part else f"{part}:{part}:1")
            except ConfigError:
                raise ConfigError(
                    f"candidates {part}: must be an angle like 8, angles like -8:8:5, all within 45 degrees, a moment "
                    f"like 10Nm, or {REPEAT}"
                ) from None
            for angle in _rounded(angles).tolist():
                yield Candidate(_at(angle), (angle,))


def _loaded(draws: Draws, test: LaxityTest, part: str) -> Candidate:
    """Return a reading at the angle at which the knee's pure moment is likely to be reached."""
    try:
        moment = read_number(part.removesuffix(_MOMENT).strip())
    except ValueError as error:
        raise ConfigError(f"candidates {part}: must be a moment like 10Nm; {error}") from None
    if not moment:
        raise ConfigError(f"candidates {part}: a moment of nought has no direction; give its angle")
    way = "valgus" if (moment > 0.0) == (test.positive == "valgus") else "varus"
    knees = knees_of(draws.posterior, draws.thinned(_DRAWS), (), test.name)
    angles = knees.laxity((abs(moment),))[f"laxity_{way}_{abs(moment):g}Nm"]
    reached = np.isfinite(angles)
    if reached.mean() < 0.5:
        raise ParameterError(
            f"candidates {part}: in {1.0 - reached.mean():.0%} of the draws it is not reached within {RANGE:g} degrees"
        )
    offset = knees.full[reached][:, test.slots.reading[0]]
    angle = float(_rounded(np.median(angles[reached] + offset)))
    return Candidate(f"{abs(moment):g} N·m {way}, about {angle:g}°", (angle,))


def _again(test: LaxityTest) -> Candidate:
    measured = test.measurement.in_degrees(test.measurement.angles)
    name = f"test {test.name}" if test.name else "the whole test"
    return Candidate(f"{name} again", tuple(measured.tolist()), own=True)


def _flexed(test: LaxityTest, flexion: float) -> Candidate:
    return _moved(_again(test), flexion)


def _moved(candidate: Candidate, flexion: float) -> Candidate:
    what = "the same angles" if candidate.own else candidate.label
    return replace(candidate, label=f"{what} at flexion {flexion:g}°", flexion=flexion)


def _joined(found: Sequence[Candidate]) -> Candidate:
    """Make one candidate of several.

    Raises
    ------
    ConfigError
        If they are not of one test.
    """
    if len({one.flexion for one in found}) > 1 or (len(found) > 1 and any(one.own for one in found)):
        raise ConfigError("--together: has to be of angles or moments at one flexion")
    (first, *others) = found
    label = f"{', '.join(one.label for one in found[:4])}{', ...' if len(found) > 4 else ''}"
    angles = sum((one.angles for one in others), first.angles)
    return replace(first, label=label, angles=angles)


def _at(angle: float) -> str:
    return f"{angle:g}°"


def _times(label: str, repeats: int) -> str:
    return label if repeats == 1 else f"{label}, {repeats} times"


def _rounded(angles: FloatArray | float) -> FloatArray:
    """Return angles that a rig can be set to, and a table can show; no minus before nought."""
    return np.asarray(np.round(angles, 2) + 0.0)
