"""Posing one strand at one test's angles, as compiled code does for every proposal.

Everything is said in the tibia frame, in which the plateau lies at one height `h` for both condyles. With the femur's
point `f` seen from the condyle's centre and turned back by the angle, `w = R(theta)^T (f - C) + (0, r) - a` is the
in-plane pull and `a = t - s_c` the way from the contact to the tibial point; only `a_x` changes, by rolling. So a
strand and an angle cost one square root and one division, and an offset of the angle nothing: `f - C` is turned by it
beforehand. The force's lever arm `h - y` does not depend on the angle at all.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from calibrate.knee.jit import merged
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
)
from calibrate.knee.sums import _index as index

FloatArray = NDArray[np.float64]
# theta_0 [rad], its sine and cosine.
Plateau = tuple[float, float, float]
# y and z of the flexion axis, sine and cosine of the flexion.
Flexion = tuple[float, float, float, float]

# As in `calibrate.knee.geometry`: a lever arm below this [mm] is none.
_COINCIDENT = 1e-6


@merged
def plateau(p: FloatArray, g: General, t: int) -> Plateau:
    """Return where the plateau touches both condyles: `theta_0`, its sine and cosine; NaN if no knee has that."""
    at = 4 * g.strain.shape[1]
    lateral, medial = at + LATERAL, at + MEDIAL
    dx = p[g.at[t, lateral]] - p[g.at[t, medial]]
    dy = p[g.at[t, lateral + 1]] - p[g.at[t, medial + 1]]
    r_lat, r_med = p[g.at[t, lateral + 2]], p[g.at[t, medial + 2]]
    spacing = math.sqrt(dx * dx + dy * dy)
    if not (dx > 0.0 and r_lat > 0.0 and r_med > 0.0 and spacing < np.inf and abs(r_med - r_lat) <= spacing):
        return np.nan, np.nan, np.nan
    a = (r_med - r_lat) / spacing
    b = math.sqrt((1.0 - a) * (1.0 + a))
    theta_0 = math.atan2(dy, dx) + math.asin(a)
    if not abs(theta_0) < 0.25 * math.pi:
        return np.nan, np.nan, np.nan
    return theta_0, (dy * b + dx * a) / spacing, (dx * b - dy * a) / spacing


@merged
def flexion_of(p: FloatArray, g: General, t: int, phi: float) -> Flexion:
    """Return the flexion axis, and sine and cosine of the flexion [rad]."""
    at = 4 * g.strain.shape[1]
    if g.axis_given[t]:
        y, z = p[g.at[t, at + AXIS]], p[g.at[t, at + AXIS + 1]]
    else:
        first, second = at + STRANDS, at + STRANDS + 6
        y = 0.5 * (p[g.at[t, first + 1]] + p[g.at[t, second + 1]])
        z = 0.5 * (p[g.at[t, first + 2]] + p[g.at[t, second + 2]])
    if phi == 0.0:
        return y, z, 0.0, 1.0
    return y, z, math.sin(phi), math.cos(phi)


@merged
def femur_of(p: FloatArray, g: General, t: int, s: int, flexion: Flexion) -> tuple[float, float, float]:
    """Return a strand's femoral attachment at a flexion."""
    at = 4 * g.strain.shape[1] + STRANDS + 6 * s
    x, y, z = p[g.at[t, at]], p[g.at[t, at + 1]] - flexion[0], p[g.at[t, at + 2]] - flexion[1]
    return x, flexion[0] + y * flexion[3] + z * flexion[2], flexion[1] - y * flexion[2] + z * flexion[3]


@merged
def reference_lengths(p: FloatArray, g: General, out: FloatArray) -> None:
    """Compute each strand's length [mm] at `theta_0` and the reference flexion of the shared knee; NaN if it has none.

    There the two frames share their origin.
    """
    if not g.reference_posed:
        for s in range(out.size):
            out[s] = g.reference_length[s]
        return
    row = g.strain.shape[0]
    at = 4 * g.strain.shape[1]
    _, sine, cosine = plateau(p, g, row)
    flexion = flexion_of(p, g, row, math.radians(p[g.at[row, at + REFERENCE_FLEXION]]))
    for s in range(out.size):
        fx, fy, fz = femur_of(p, g, row, s, flexion)
        tibia = at + STRANDS + 6 * s + 3
        tx, ty, tz = p[g.at[row, tibia]], p[g.at[row, tibia + 1]], p[g.at[row, tibia + 2]]
        x, y, z = fx - (cosine * tx - sine * ty), fy - (sine * tx + cosine * ty), fz - tz
        out[s] = math.sqrt(x * x + y * y + z * z)


@merged
def height(p: FloatArray, g: General, t: int, touch: Plateau) -> float:
    """Return the plateau's y in the tibia frame [mm]."""
    at = 4 * g.strain.shape[1] + MEDIAL
    y: float = touch[2] * p[g.at[t, at + 1]] - touch[1] * p[g.at[t, at]] - p[g.at[t, at + 2]]
    return y


@merged
def load_per_moment(p: FloatArray, g: General, t: int, touch: Plateau) -> float:
    """Return what 1 N·mm adds to the load in the file's unit and sign; NaN for a force without a lever arm."""
    unit: float = g.sign[t] * g.factor[t]
    if not g.force[t]:
        return unit
    at = 4 * g.strain.shape[1] + APPLICATION
    x, y = p[g.at[t, at]], p[g.at[t, at + 1]]
    arm: float = height(p, g, t, touch) - y
    return unit / arm if _COINCIDENT <= abs(arm) < np.inf and abs(x) < np.inf else np.nan


@merged
def _side(
    p: FloatArray, g: General, t: int, condyle: int, touch: Plateau, fx: float, fy: float, tx: float
) -> tuple[float, float, float, float]:
    """Return, for one condyle: `f - C` turned by the offset (x, y), `a_x` at `theta_0`, and the radius."""
    at = 4 * g.strain.shape[1]
    x, y, r = p[g.at[t, at + condyle]], p[g.at[t, at + condyle + 1]], p[g.at[t, at + condyle + 2]]
    offset = g.sign[t] * math.radians(p[g.at[t, at + OFFSET]])
    sine, cosine = (0.0, 1.0) if offset == 0.0 else (math.sin(offset), math.cos(offset))
    dx, dy = fx - x, fy - y
    return cosine * dx - sine * dy, sine * dx + cosine * dy, tx - (touch[2] * x + touch[1] * y), r


@merged
def add_posed_strand(
    p: FloatArray,
    g: General,
    t: int,
    s: int,
    touch: Plateau,
    flexion: Flexion,
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
    touch, flexion : tuple
        See `plateau` and `flexion_of`.
    law : tuple
        `k`, toe length, slack length and tare of the strand.
    reading, slope : ndarray
        Are added to.
    slopes : bool
        Whether slopes are wanted.
    """
    at = 4 * g.strain.shape[1]
    fx, fy, fz = femur_of(p, g, t, s, flexion)
    tibia = at + STRANDS + 6 * s + 3
    tx, ty, tz = p[g.at[t, tibia]], p[g.at[t, tibia + 1]], p[g.at[t, tibia + 2]]
    rolling, unit = p[g.at[t, at + ROLLING]], load_per_moment(p, g, t, touch)
    lat_x, lat_y, lat_a, lat_r = _side(p, g, t, LATERAL, touch, fx, fy, tx)
    med_x, med_y, med_a, med_r = _side(p, g, t, MEDIAL, touch, fx, fy, tx)
    a_y = ty - height(p, g, t, touch)
    depth = (fz - tz) * (fz - tz)
    border = touch[0] + g.sign[t] * math.radians(p[g.at[t, at + OFFSET]])
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
        a_x = (lat_a if lateral else med_a) - rolling * r * beyond
        w_x = cosine * x + sine * y - a_x
        w_y = cosine * y - sine * x + (r - a_y)
        square = w_x * w_x + w_y * w_y + depth
        inverse = 1.0 / math.sqrt(square)
        length = square * inverse
        arm = (a_y * w_x - a_x * w_y) * inverse
        e = length - l_0
        m = e if e > 0.0 else 0.0
        m = m if m < toe else toe
        tension = factor * m * (2.0 * e - m) - tare
        reading[i] += unit * arm * tension
        if slopes:
            # With ' for d/dtheta: w_x' = w_y + a_y - r (1 - rolling), w_y' = -(w_x + a_x), a_x' = -rolling r.
            dw_x = w_y + a_y - r * (1.0 - rolling)
            dw_y = -(w_x + a_x)
            dlength = (w_x * dw_x + w_y * dw_y) * inverse
            darm = (a_y * dw_x - a_x * dw_y + rolling * r * w_y - arm * dlength) * inverse
            slope[i] += per_degree * unit * (darm * tension + arm * 2.0 * factor * m * dlength)
