"""Posing one strand at one test's angles, as compiled code does for every proposal.

Everything is said in the tibia frame, in which the plateau lies at one height `h` for both condyles. With the femur's
point `f` seen from the condyle's centre and turned back by the angle, `w = R(theta)^T (f - C) + (0, r) - a` is the
in-plane pull and `a = t - s_c` the way from the contact to the tibial point; only `a_x` changes, by rolling. So a
strand and an angle cost one square root and one division, and an offset of the angle nothing: `f - C` is turned by it
beforehand. The force's lever arm `h - y` does not depend on the angle at all.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibrate.knee.jit import borrowing, index, inlined
from calibrate.knee.slots import (
    APPLICATION,
    AXIS,
    LATERAL,
    MEDIAL,
    OFFSET,
    REFERENCE_FLEXION,
    ROLLING,
    STRANDS,
    General,
    Indices,
)

FloatArray = NDArray[np.float64]
# theta_0 [rad], its sine and cosine.
Plateau = tuple[float, float, float]
# y and z of the flexion axis, sine and cosine of the flexion.
Flexion = tuple[float, float, float, float]


class Pose(NamedTuple):
    """What the strands of a test have in common.

    Attributes
    ----------
    touch, flexion : tuple
        See `plateau` and `flexion_of`.
    offset : tuple
        The angle's offset [rad], valgus positive, its sine and cosine.
    height : float
        The plateau's y in the tibia frame [mm].
    unit : float
        What 1 N·mm adds to the load in the file's unit and sign.
    """

    touch: Plateau
    flexion: Flexion
    offset: tuple[float, float, float]
    height: float
    unit: float


# As in `calibrate.knee.geometry`: a lever arm below this [mm] is none.
_COINCIDENT = 1e-6


@inlined
def within_toe(e: float, toe: float) -> float:
    """Clip an elongation to the toe: tension is then `k m (2 e - m) / (2 toe)`, and its slope `k m / toe`."""
    m = e if e > 0.0 else 0.0
    return m if m < toe else toe


@borrowing
def plateau(p: FloatArray, at: Indices, base: int) -> Plateau:
    """Return where the plateau touches both condyles: `theta_0`, its sine and cosine; NaN if no knee has that."""
    lateral, medial = base + LATERAL, base + MEDIAL
    dx = p[at[lateral]] - p[at[medial]]
    dy = p[at[lateral + 1]] - p[at[medial + 1]]
    r_lat, r_med = p[at[lateral + 2]], p[at[medial + 2]]
    spacing = math.sqrt(dx * dx + dy * dy)
    if not (dx > 0.0 and r_lat > 0.0 and r_med > 0.0 and spacing < np.inf and abs(r_med - r_lat) <= spacing):
        return np.nan, np.nan, np.nan
    a = (r_med - r_lat) / spacing
    b = math.sqrt((1.0 - a) * (1.0 + a))
    # Of atan2(dy, dx) + asin(a), which lies between -pi and pi.
    sine, cosine = (dy * b + dx * a) / spacing, (dx * b - dy * a) / spacing
    if not abs(sine) < cosine:
        return np.nan, np.nan, np.nan
    return math.atan(sine / cosine), sine, cosine


@borrowing
def sine_and_cosine(angle: float) -> tuple[float, float]:
    """Return both; at once for the angle that is most usual."""
    return (0.0, 1.0) if angle == 0.0 else (math.sin(angle), math.cos(angle))


@borrowing
def flexion_of(p: FloatArray, at: Indices, base: int, axis_given: bool, sine: float, cosine: float) -> Flexion:
    """Return the flexion axis, and sine and cosine of the flexion as they are."""
    if axis_given:
        y, z = p[at[base + AXIS]], p[at[base + AXIS + 1]]
    else:
        first, second = base + STRANDS, base + STRANDS + 6
        y = 0.5 * (p[at[first + 1]] + p[at[second + 1]])
        z = 0.5 * (p[at[first + 2]] + p[at[second + 2]])
    return y, z, sine, cosine


@borrowing
def femur_of(p: FloatArray, at: Indices, base: int, s: int, flexion: Flexion) -> tuple[float, float, float]:
    """Return a strand's femoral attachment at a flexion."""
    first = base + STRANDS + 6 * s
    x, y, z = p[at[first]], p[at[first + 1]] - flexion[0], p[at[first + 2]] - flexion[1]
    return x, flexion[0] + y * flexion[3] + z * flexion[2], flexion[1] - y * flexion[2] + z * flexion[3]


@borrowing
def reference_lengths(p: FloatArray, g: General, out: FloatArray) -> None:
    """Compute each strand's length [mm] at `theta_0` and the reference flexion of the shared knee; NaN if it has none.

    There the two frames share their origin.
    """
    if not g.reference_posed:
        for s in range(out.size):
            out[s] = g.reference_length[s]
        return
    row, base = g.strain.shape[0], 4 * g.strain.shape[1]
    at = g.at[row]
    _, sine, cosine = plateau(p, at, base)
    turn = sine_and_cosine(math.radians(p[at[base + REFERENCE_FLEXION]]))
    flexion = flexion_of(p, at, base, bool(g.axis_given[row]), turn[0], turn[1])
    for s in range(out.size):
        fx, fy, fz = femur_of(p, at, base, s, flexion)
        tibia = base + STRANDS + 6 * s + 3
        tx, ty, tz = p[at[tibia]], p[at[tibia + 1]], p[at[tibia + 2]]
        x, y, z = fx - (cosine * tx - sine * ty), fy - (sine * tx + cosine * ty), fz - tz
        out[s] = math.sqrt(x * x + y * y + z * z)


@borrowing
def pose_of(p: FloatArray, g: General, t: int) -> Pose:
    """Pose a test's knee; NaN where that is impossible, or where a force has no lever arm."""
    at, base = g.at[t], 4 * g.strain.shape[1]
    touch = plateau(p, at, base)
    flexion = flexion_of(p, at, base, bool(g.axis_given[t]), g.flexion_sine[t], g.flexion_cosine[t])
    offset = g.sign[t] * math.radians(p[at[base + OFFSET]])
    turn = sine_and_cosine(offset)
    medial = base + MEDIAL
    height = touch[2] * p[at[medial + 1]] - touch[1] * p[at[medial]] - p[at[medial + 2]]
    unit = g.sign[t] * g.factor[t]
    if g.force[t]:
        x, y = p[at[base + APPLICATION]], p[at[base + APPLICATION + 1]]
        arm = height - y
        unit = unit / arm if _COINCIDENT <= abs(arm) < np.inf and abs(x) < np.inf else np.nan
    return Pose(touch, flexion, (offset, turn[0], turn[1]), height, unit)


@borrowing
def _side(
    p: FloatArray, at: Indices, condyle: int, pose: Pose, fx: float, fy: float
) -> tuple[float, float, float, float]:
    """Return, for one condyle: `f - C` turned by the offset (x, y), the contact's x at `theta_0`, and the radius."""
    x, y, r = p[at[condyle]], p[at[condyle + 1]], p[at[condyle + 2]]
    dx, dy = fx - x, fy - y
    _, sine, cosine = pose.offset
    return cosine * dx - sine * dy, sine * dx + cosine * dy, pose.touch[2] * x + pose.touch[1] * y, r


@borrowing
def add_posed_strand(
    p: FloatArray,
    g: General,
    t: int,
    s: int,
    pose: Pose,
    law: tuple[float, float, float, float],
    reading: FloatArray,
    slope: FloatArray,
    slopes: bool,
) -> None:
    """Add a strand's share to a test's readings and, if asked, to their slopes per degree of the file's angle.

    Parameters
    ----------
    p, g, t, s
        Parameters, model, number of the test and of the strand.
    pose : Pose
        Of the test's knee, by `pose_of`.
    law : tuple
        `k`, toe length, slack length and tare of the strand.
    reading, slope : ndarray
        Are added to.
    slopes : bool
        Whether slopes are wanted.
    """
    at, base = g.at[t], 4 * g.strain.shape[1]
    fx, fy, fz = femur_of(p, at, base, s, pose.flexion)
    tibia = base + STRANDS + 6 * s + 3
    tx, ty, tz = p[at[tibia]], p[at[tibia + 1]], p[at[tibia + 2]]
    lat_x, lat_y, lat_c, lat_r = _side(p, at, base + LATERAL, pose, fx, fy)
    med_x, med_y, med_c, med_r = _side(p, at, base + MEDIAL, pose, fx, fy)
    rolling, unit = p[at[base + ROLLING]], pose.unit
    a_y = ty - pose.height
    depth = (fz - tz) * (fz - tz)
    border = pose.touch[0] + pose.offset[0]
    k, toe, l_0, tare = law
    factor = k / (2.0 * toe)
    per_degree = g.sign[t] * math.pi / 180.0
    first = index(g.first[t])
    for i in range(index(g.first[t + 1] - g.first[t])):
        beyond = g.theta[first + i] - border
        sine, cosine = g.sine[first + i], g.cosine[first + i]
        lateral = beyond > 0.0
        x = lat_x if lateral else med_x
        y = lat_y if lateral else med_y
        r = lat_r if lateral else med_r
        a_x = tx - (lat_c if lateral else med_c) - rolling * r * beyond
        w_x = cosine * x + sine * y - a_x
        w_y = cosine * y - sine * x + (r - a_y)
        square = w_x * w_x + w_y * w_y + depth
        inverse = 1.0 / math.sqrt(square)
        length = square * inverse
        arm = (a_y * w_x - a_x * w_y) * inverse
        e = length - l_0
        m = within_toe(e, toe)
        tension = factor * m * (2.0 * e - m) - tare
        reading[i] += unit * arm * tension
        if slopes:
            # With ' for d/dtheta: w_x' = w_y + a_y - r (1 - rolling), w_y' = -(w_x + a_x), a_x' = -rolling r.
            dw_x = w_y + a_y - r * (1.0 - rolling)
            dw_y = -(w_x + a_x)
            dlength = (w_x * dw_x + w_y * dw_y) * inverse
            darm = (a_y * dw_x - a_x * dw_y + rolling * r * w_y - arm * dlength) * inverse
            slope[i] += per_degree * unit * (darm * tension + arm * 2.0 * factor * m * dlength)
