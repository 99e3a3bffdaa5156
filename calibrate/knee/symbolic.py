"""The SymPy knee: the statics as written on paper, the reference that everything faster is checked against.

The equilibrium is written here from vectors, with 30 digits, and shares no coefficient with the NumPy code; SymPy
solves it anew at every angle. What is derived once and kept lives in `calibrate.knee.precomputed`. The commands that
calibrate import neither.

Units inside: mm, N, N/mm, N·mm, radians, valgus positive, whatever the data file counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import ArrayLike, NDArray

from calibrate.config import Config
from calibrate.errors import CallOrderError, GeometryError
from calibrate.knee.geometry import geometry_of
from calibrate.knee.law import BlankevoortFunction as BlankevoortFunction
from calibrate.knee.law import exact
from calibrate.knee.parameters import LoadKind, load_kind

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class SymbolicPose:
    """The knee resting on one condyle, as SymPy vectors in the femur frame that depend on the angle.

    Attributes
    ----------
    contact, normal, axis : Matrix
        Contact point `p`, plateau normal `n` (distal) and the tibia frame's x axis `e`.
    mcl, lcl : tuple of (Matrix, expression, Matrix)
        Tibial attachment `q`, length and unit vector `u` of the ligament's pull on the tibia.
    applied : Matrix, or None
        Where the force is applied.
    """

    contact: Any
    normal: Any
    axis: Any
    mcl: tuple[Any, Any, Any]
    lcl: tuple[Any, Any, Any]
    applied: Any | None


def reference_angle(medial_centre: Any, medial_radius: Any, lateral_centre: Any, lateral_radius: Any) -> Any:
    """Return `theta_0`, at which the plateau touches both condyles."""
    between = lateral_centre - medial_centre
    spacing = sp.sqrt(between.dot(between))
    return sp.atan2(between[1], between[0]) + sp.asin((medial_radius - lateral_radius) / spacing)


def pose(theta: Any, theta_0: Any, centre: Any, radius: Any, rolling: Any, points: dict[str, Any]) -> SymbolicPose:
    """Pose the tibia at an angle on one condyle; `points` as the fields of `calibrate.knee.geometry.Geometry`."""
    turn = _rotation(theta)
    contact = centre + radius * _normal(theta)
    at_reference = _rotation(theta_0).T * (centre + radius * _normal(theta_0))
    on_tibia = at_reference + sp.Matrix([rolling * radius * (theta - theta_0), 0])

    def place(tibial: Any) -> Any:
        return contact + turn * (tibial - on_tibia)

    def ligament(name: str) -> tuple[Any, Any, Any]:
        attachment = place(points[f"{name}_tibia"])
        pull = points[f"{name}_femur"] - attachment
        length = sp.sqrt(pull.dot(pull))
        return attachment, length, pull / length

    applied = None if points["application_point"] is None else place(points["application_point"])
    axis = turn * sp.Matrix([1, 0])
    return SymbolicPose(contact, _normal(theta), axis, ligament("mcl"), ligament("lcl"), applied)


def equilibrium(at: SymbolicPose, mcl: Any, lcl: Any, reaction: Any, applied: Any, load: LoadKind) -> tuple[Any, ...]:
    """Return three expressions that vanish in equilibrium: forces along x and y, moments about the femur's origin.

    Parameters
    ----------
    at : SymbolicPose
        Where the tibia is.
    mcl, lcl : expression
        Modelled tensions.
    reaction : Matrix
        What the condyle does to the tibia at the contact.
    applied : expression
        The load: a force along the tibia's x axis, or a pure counter-clockwise moment.
    load : {"force", "moment"}
        Which of the two.
    """
    pulls = [(at.mcl[0], mcl * at.mcl[2]), (at.lcl[0], lcl * at.lcl[2]), (at.contact, reaction)]
    moment: Any = 0
    if load == "force":
        pulls.append((at.applied, applied * at.axis))
    else:
        moment = applied
    force = sp.zeros(2, 1)
    for point, vector in pulls:
        force += vector
        moment += _cross(point, vector)
    return force[0], force[1], moment


class KneeModel:
    """The symbolic knee, step by step: geometry, ligament forces, equations, solution.

    Parameters
    ----------
    config : Config
        Of which only `[knee]` is used: bounds, data and the data file's sign play no part here.
    load : {"force", "moment"}, optional
        What holds the tibia: a force at the application point, or a pure moment. By default a force where the knee has
        an application point, else a moment.

    Raises
    ------
    GeometryError
        If the knee has no pose, or a force is asked for without an application point.

    Examples
    --------
    >>> model = KneeModel(config)                                 # doctest: +SKIP
    >>> model.build_geometry()                                    # doctest: +SKIP
    >>> model.build_ligament_forces(lcl, mcl)                     # doctest: +SKIP
    >>> model.calculate_thetas(thetas)["applied_forces"]          # doctest: +SKIP
    """

    def __init__(self, config: Config, *, load: LoadKind | None = None) -> None:
        self.geometry = geometry_of(config.knee)
        self.load = load_kind(config, load)
        self._theta = sp.Symbol("theta", real=True)
        self._unknowns = sp.symbols("R_x R_y F" if self.load == "force" else "R_x R_y M", real=True)
        self._poses: dict[str, SymbolicPose] | None = None
        self._tensions: dict[str, tuple[Any, Any]] | None = None
        self._equations: tuple[Any, ...] | None = None

    def build_geometry(self) -> None:
        """Write the pose on each condyle as a function of the angle; forgets forces and equations built before."""
        g, theta = self.geometry, self._theta
        names = ("mcl_femur", "mcl_tibia", "lcl_femur", "lcl_tibia", "application_point")
        points = {name: _vector(getattr(g, name)) for name in names}
        condyles = {
            "medial": (_vector(g.medial_centre), exact(g.medial_radius)),
            "lateral": (_vector(g.lateral_centre), exact(g.lateral_radius)),
        }
        theta_0 = reference_angle(*condyles["medial"], *condyles["lateral"])
        self._poses = {
            side: pose(theta, theta_0, centre, radius, exact(g.rolling), points)
            for side, (centre, radius) in condyles.items()
        }
        self._tensions = self._equations = None

    def build_ligament_forces(self, lcl: ArrayLike | BlankevoortFunction, mcl: ArrayLike | BlankevoortFunction) -> None:
        """Write the tensions as functions of the angle.

        Parameters
        ----------
        lcl, mcl : array_like, shape (4,), or BlankevoortFunction
            `[k, alpha, l_0, f_ref]` of the lateral, then of the medial ligament.

        Raises
        ------
        CallOrderError
            If the geometry has not been built.
        ParameterError
            If the law has no meaning with these parameters.
        """
        if self._poses is None:
            raise CallOrderError("build_ligament_forces: call build_geometry() first")
        laws = [one if isinstance(one, BlankevoortFunction) else BlankevoortFunction(one) for one in (mcl, lcl)]
        self._tensions = {side: (laws[0].of(at.mcl[1]), laws[1].of(at.lcl[1])) for side, at in self._poses.items()}
        self._equations = None

    def assemble_equations(self, theta: float) -> tuple[Any, ...]:
        """Write the three equilibrium equations at an angle.

        Parameters
        ----------
        theta : float
            Angle [rad], valgus positive. Above `theta_0` the lateral condyle carries the load, else the medial one.

        Returns
        -------
        tuple of three sympy.Eq
            Forces along x, forces along y, moments about the femur's origin; unknowns `R_x`, `R_y` and the load.

        Raises
        ------
        CallOrderError
            If the ligament forces have not been built.
        """
        if self._poses is None or self._tensions is None:
            first = "build_geometry()" if self._poses is None else "build_ligament_forces(lcl, mcl)"
            raise CallOrderError(f"assemble_equations: call {first} first")
        side = self._side(theta)
        reaction, applied = sp.Matrix(self._unknowns[:2]), self._unknowns[2]
        vanishing = equilibrium(self._poses[side], *self._tensions[side], reaction, applied, self.load)
        self._equations = tuple(sp.Eq(self._at(one, theta), 0) for one in vanishing)
        return self._equations

    def solve(self) -> dict[str, float]:
        """Let SymPy solve the equations assembled last.

        Returns
        -------
        dict
            `R_x` and `R_y` [N], the reaction on the tibia in the femur frame, and `F` [N] or `M` [N·mm], the load.

        Raises
        ------
        CallOrderError
            If no equations have been assembled.
        GeometryError
            If they have no single solution: the force then has no lever arm about the contact.
        """
        if self._equations is None:
            raise CallOrderError("solve: call assemble_equations(theta) first")
        # rational=False keeps the 30 digits; SymPy would otherwise look for fractions close to every number.
        solutions = sp.solve(self._equations, self._unknowns, dict=True, rational=False)
        if len(solutions) != 1 or len(solutions[0]) != len(self._unknowns):
            raise GeometryError("application_point lies on the plateau, so the force has no lever arm")
        return {unknown.name: float(solutions[0][unknown]) for unknown in self._unknowns}

    def calculate_thetas(self, thetas: ArrayLike) -> dict[str, NDArray[Any]]:
        """Solve the knee at many angles.

        Parameters
        ----------
        thetas : array_like, shape (n,)
            Angles [rad], valgus positive.

        Returns
        -------
        dict of ndarray, shape (n,) unless said otherwise
            `applied_forces` [N] and `applied_moments` [N·mm]: the load that is applied, signed, and its equivalent, the
            one being the other's moment about the contact (forces are NaN without an application point).
            `mcl_lengths`, `lcl_lengths` [mm]; `mcl_forces`, `lcl_forces` [N], the modelled tensions `T - f_ref`.
            `constraint_forces` [N], (n, 2): the reaction on the tibia in the femur frame, under the load applied.
            `contact_pushes`, bool: whether that reaction pushes, `R . n >= 0`; the same under either load.

        Raises
        ------
        CallOrderError
            If geometry or ligament forces have not been built.
        """
        if self._poses is None or self._tensions is None:
            first = "build_geometry()" if self._poses is None else "build_ligament_forces(lcl, mcl)"
            raise CallOrderError(f"calculate_thetas: call {first} first")
        rows = [self._row(float(theta)) for theta in np.atleast_1d(np.asarray(thetas, dtype=float))]
        names = (*_ROW, "contact_pushes")
        return {name: np.array([row[name] for row in rows]) for name in names}

    def _row(self, theta: float) -> dict[str, Any]:
        assert self._poses is not None
        assert self._tensions is not None
        self.assemble_equations(theta)
        solution = self.solve()
        side = self._side(theta)
        at = self._poses[side]
        # The force's moment about the contact turns one load into the other.
        arm = np.nan if at.applied is None else self._number(_cross(at.applied - at.contact, at.axis), theta)
        force, moment = solution.get("F", np.nan), solution.get("M", np.nan)
        reaction = sp.Matrix([exact(solution["R_x"]), exact(solution["R_y"])])
        return {
            "applied_forces": force if self.load == "force" else moment / arm,
            "applied_moments": moment if self.load == "moment" else force * arm,
            "mcl_lengths": self._number(at.mcl[1], theta),
            "lcl_lengths": self._number(at.lcl[1], theta),
            "mcl_forces": self._number(self._tensions[side][0], theta),
            "lcl_forces": self._number(self._tensions[side][1], theta),
            "constraint_forces": [solution["R_x"], solution["R_y"]],
            "contact_pushes": self._number(reaction.dot(at.normal), theta) >= 0.0,
        }

    def _side(self, theta: float) -> str:
        # The one number taken from the numeric geometry, so that all codes agree which side of it an angle is on.
        return "lateral" if float(theta) > self.geometry.theta_0 else "medial"

    def _at(self, expression: Any, theta: float) -> Any:
        return expression.subs(self._theta, exact(float(theta)))

    def _number(self, expression: Any, theta: float) -> float:
        return float(self._at(expression, theta))


_ROW = (
    "applied_forces",
    "applied_moments",
    "mcl_lengths",
    "lcl_lengths",
    "mcl_forces",
    "lcl_forces",
    "constraint_forces",
)


def _vector(point: tuple[float, float] | None) -> Any:
    return None if point is None else sp.Matrix([exact(point[0]), exact(point[1])])


def _rotation(angle: Any) -> Any:
    return sp.Matrix([[sp.cos(angle), -sp.sin(angle)], [sp.sin(angle), sp.cos(angle)]])


def _normal(angle: Any) -> Any:
    return sp.Matrix([sp.sin(angle), -sp.cos(angle)])


def _cross(a: Any, b: Any) -> Any:
    return a[0] * b[1] - a[1] * b[0]
