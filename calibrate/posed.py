"""A calibrated knee posed for a picture: condyles, plateau, strands, contact, reaction and load, for draws and angles.

Everything lies in the frame of the femur, which stays where it is while the tibia turns (x lateral, y proximal, z
anterior, mm). `Posed.on_tibia` says the same in the tibia's frame. At a flexion the strands' femoral ends are where
the flexion puts them; the condyles' circles stay as given.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibrate.knee.contact import rotate
from calibrate.knee.ligament import tension
from calibrate.knee.many import Knees
from calibrate.knee.parameters import LoadKind
from calibrate.posterior import Posterior
from calibrate.problem.laxity_test import LaxityTest

FloatArray = NDArray[np.float64]

# What `Posed.region` counts.
REGIONS = ("slack", "toe", "linear")
_MM_PER_M = 1000.0
# How far the plateau reaches beyond the contacts of the straight knee, in radii of the condyles.
_BEYOND = 0.8


@dataclass(frozen=True, eq=False)
class Posed:
    """m draws of a knee with S strands at n angles; a draw whose knee has no pose is NaN.

    Attributes
    ----------
    test : LaxityTest
        In which test: whose flexion, sign and unit.
    angles : ndarray, shape (n,)
        Degrees, as the test's file counts them.
    theta : ndarray, shape (m, n)
        The knee's own angle [rad], valgus positive: the tibia frame is turned by it counter-clockwise.
    theta_0 : ndarray, shape (m,)
        Where both condyles touch [rad].
    condyles : ndarray, shape (m, 2, 3)
        Centre x, y and radius, of the medial condyle, then of the lateral one.
    lateral : ndarray of bool, shape (m, n)
        Where the lateral condyle bears.
    contact : ndarray, shape (m, n, 2)
        Where it does.
    plateau : ndarray, shape (m, n, 2, 2)
        The medial and the lateral end of the plateau, a straight line.
    femur : ndarray, shape (m, S, 3)
        The strands' femoral ends.
    tibia : ndarray, shape (m, n, S, 3)
        Their tibial ends.
    lengths : ndarray, shape (m, n, S)
        Their lengths [mm].
    tensions : ndarray, shape (m, n, S)
        Tensions of the law [N]; `f_ref` is not subtracted.
    regions : ndarray of int, shape (m, n, S)
        Where in its law each strand is, see `REGIONS`; 0 for a draw without a pose.
    moments : ndarray, shape (m, n, S)
        The part of each strand [N·m] in the pure moment that holds the knee, valgus positive, `f_ref` subtracted.
    reaction : ndarray, shape (m, n, 2)
        What the condyle does to the tibia at the contact [N].
    load : ndarray, shape (m, n)
        What holds the tibia there, valgus positive: a force [N] along the tibia's x axis, or a pure moment [N·m].
    applied : ndarray, shape (m, n, 2), or None
        Where a force acts; None for a moment.
    readings : ndarray, shape (m, n)
        What the rig reads there: the load in the file's unit and sign, with its bias.
    origin : ndarray, shape (m, n, 2)
        Where the origin of the tibia's frame lies.
    """

    test: LaxityTest
    angles: FloatArray
    theta: FloatArray
    theta_0: FloatArray
    condyles: FloatArray
    lateral: NDArray[np.bool_]
    contact: FloatArray
    plateau: FloatArray
    femur: FloatArray
    tibia: FloatArray
    lengths: FloatArray
    tensions: FloatArray
    regions: NDArray[np.intp]
    moments: FloatArray
    reaction: FloatArray
    load: FloatArray
    applied: FloatArray | None
    readings: FloatArray
    origin: FloatArray

    @property
    def strands(self) -> tuple[str, ...]:
        """The strands' names."""
        return self.test.names

    @property
    def kind(self) -> LoadKind:
        """Whether the load is a force or a moment."""
        return self.test.measurement.kind

    @property
    def pushes(self) -> NDArray[np.bool_]:
        """Where the reaction pushes the tibia distally, (m, n); where it had to pull, the knee is none of ours."""
        normal = np.stack([np.sin(self.theta), -np.cos(self.theta)], axis=-1)
        return np.asarray((self.reaction * normal).sum(axis=-1) >= 0.0)

    def on_tibia(self, points: FloatArray) -> FloatArray:
        """Return points of the femur's frame, (m, n, ..., 2), in the tibia's."""
        more = points.ndim - 3
        theta, origin = self.theta.reshape(*self.theta.shape, *[1] * more), self.origin
        origin = origin.reshape(*origin.shape[:2], *[1] * more, 2)
        return np.moveaxis(rotate(-theta, np.moveaxis(points - origin, -1, 0)), 0, -1)


def posed(posterior: Posterior, q: ArrayLike, angles: ArrayLike, *, test: str | None = None) -> Posed:
    """Pose a knee.

    Parameters
    ----------
    posterior : Posterior
        What it was calibrated with.
    q : array_like, shape (m, ndim) or (ndim,)
        Draws of the free parameters.
    angles : array_like, shape (n,)
        Degrees, as the test's file counts them: an offset of the rig's zero is taken off.
    test : str, optional
        Which test; not needed if there is one.

    Raises
    ------
    ConfigError
        If there is no such test, or several and none is named.

    Examples
    --------
    >>> from calibrate import Posterior, load_config
    >>> from calibrate.examples import example
    >>> knee = Posterior.from_config(load_config(example("simulated.toml")))
    >>> posed(knee, knee.middle, [-4.0, 0.0, 4.0]).lateral.tolist()
    [[False, False, True]]
    """
    of = posterior.test(test)
    return posed_of(of, posterior.full(q), posterior.law(q, of.name), angles)


@np.errstate(invalid="ignore", divide="ignore")  # knees without a pose
def posed_of(of: LaxityTest, full: FloatArray, law: FloatArray, angles: ArrayLike) -> Posed:
    """Pose knees of a test by their full vectors (m, all) and their strands' laws (m, S, 4), see `posed`."""
    degrees = np.atleast_1d(np.asarray(angles, dtype=float))
    knees = of.knees(full)
    offset, bias = (full[:, [row]] for row in of.slots.reading[:2])
    theta = of.sign * np.deg2rad(degrees - offset)
    lateral = theta > knees.theta_0[:, np.newaxis]
    lengths, arms = knees.pose(theta, lateral)
    k, alpha, l_0, f_ref = np.moveaxis(law, 2, 0)[..., np.newaxis]
    tensions = tension(lengths, k, alpha, l_0)
    pulls = tensions - f_ref
    m, ones = len(full), np.ones((1, len(full), 1))

    def place(points: FloatArray) -> FloatArray:
        return np.moveaxis(knees.placed(theta, lateral, points), 0, -1)

    contact = knees.contact(theta, lateral)
    tibia = np.moveaxis(place(knees.tibia[:2] * ones), 1, 2)
    depth = np.broadcast_to(knees.tibia[2][:, np.newaxis], tibia.shape[:-1])
    femur = np.broadcast_to(np.moveaxis(knees.femur, 0, -1), (m, of.slots.strands, 3))
    ways = femur[:, np.newaxis, :, :2] - tibia
    force = (np.moveaxis(pulls / lengths, 1, 2)[..., np.newaxis] * ways).sum(axis=2)
    moments = arms * pulls / _MM_PER_M
    load, applied = moments.sum(axis=1), None
    if of.measurement.kind == "force":
        point = full[:, of.slots.shape[7:9]].T
        load = _MM_PER_M * load / (contact.on_tibia[1] - point[1][:, np.newaxis])
        applied = place(point[:, :, np.newaxis])[:, 0]
        force = force + load[..., np.newaxis] * np.stack([np.cos(theta), np.sin(theta)], axis=-1)
    return Posed(
        test=of,
        angles=degrees,
        theta=theta,
        theta_0=np.broadcast_to(knees.theta_0, (m,)),
        condyles=np.broadcast_to(np.moveaxis(knees.condyles, 2, 0), (m, 2, 3)),
        lateral=lateral,
        contact=np.moveaxis(contact.point, 0, -1),
        plateau=np.moveaxis(place(_plateau(knees) * ones), 1, 2),
        femur=femur,
        tibia=np.concatenate([tibia, depth[..., np.newaxis]], axis=-1),
        lengths=np.moveaxis(lengths, 1, 2),
        tensions=np.moveaxis(tensions, 1, 2),
        regions=np.moveaxis((lengths > l_0) * 1 + (lengths > (1.0 + alpha) * l_0), 1, 2),
        moments=np.moveaxis(moments, 1, 2),
        reaction=-force,
        load=load,
        applied=applied,
        readings=of.sign * load + bias,
        origin=place(np.zeros((2, m, 1)))[:, 0],
    )


def _plateau(knees: Knees) -> FloatArray:
    """Return both ends of the plateau in the tibia's frame, (2, m, 2)."""
    both = knees.contact(knees.theta_0[:, np.newaxis], np.array([[False, True]]))
    x, y = both.on_tibia
    return np.stack([x + _BEYOND * both.radius * np.array([-1.0, 1.0]), y])
