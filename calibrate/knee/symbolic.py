"""The SymPy knee: the statics as written on paper, the reference that everything faster is checked against.

The equilibrium of `calibrate.knee.statics` with numbers of 30 digits; it shares no coefficient with the NumPy code, and
SymPy solves it anew at every angle. What is derived once and kept lives in `calibrate.knee.precomputed`. The commands
that calibrate import neither.

Units inside: mm, N, N/mm, N·mm, radians, valgus positive, whatever the data file counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import ArrayLike, NDArray

from calibrate.config import Config
from calibrate.errors import CallOrderError, GeometryError, ParameterError
from calibrate.knee.geometry import Geometry
from calibrate.knee.law import BlankevoortFunction as BlankevoortFunction
from calibrate.knee.law import exact
from calibrate.knee.parameters import LoadKind, geometry_from, load_kind
from calibrate.knee.statics import SymbolicPose, cross, equilibrium, flexed, pose, reference_angle

FloatArray = NDArray[np.float64]


class KneeModel:
    """The symbolic knee, step by step: geometry, ligament forces, equations, solution.

    Parameters
    ----------
    config : Config or Geometry
        A configuration, of which only `[knee]` is used: bounds, data and the data file's sign play no part here. Or a
        geometry with any strands, depth and flexion.
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

    def __init__(self, config: Config | Geometry, *, load: LoadKind | None = None) -> None:
        self.geometry = geometry_from(config)
        self.load = load_kind(self.geometry, load)
        self._theta = sp.Symbol("theta", real=True)
        self._unknowns = sp.symbols("R_x R_y F" if self.load == "force" else "R_x R_y M", real=True)
        self._poses: dict[str, SymbolicPose] | None = None
        self._tensions: dict[str, tuple[Any, ...]] | None = None
        self._equations: tuple[Any, ...] | None = None

    def build_geometry(self) -> None:
        """Write the pose on each condyle as a function of the angle; forgets forces and equations built before."""
        g, theta = self.geometry, self._theta
        femurs = [_vector(strand.femur) for strand in g.strands]
        first = femurs[:2]
        mean = sum(first, sp.zeros(3, 1)) / len(first)
        axis = sp.Matrix(mean[1:]) if g.flexion_axis is None else _vector(g.flexion_axis)
        strands = [
            (flexed(femur, axis, exact(g.flexion)), _vector(strand.tibia))
            for femur, strand in zip(femurs, g.strands, strict=True)
        ]
        applied = None if g.application_point is None else _vector(g.application_point)
        condyles = {
            "medial": (_vector(g.medial_centre), exact(g.medial_radius)),
            "lateral": (_vector(g.lateral_centre), exact(g.lateral_radius)),
        }
        theta_0 = reference_angle(*condyles["medial"], *condyles["lateral"])
        self._poses = {
            side: pose(theta, theta_0, centre, radius, exact(g.rolling), strands, applied)
            for side, (centre, radius) in condyles.items()
        }
        self._tensions = self._equations = None

    def build_ligament_forces(self, lcl: ArrayLike | BlankevoortFunction, mcl: ArrayLike | BlankevoortFunction) -> None:
        """Write the tensions of a knee of two ligaments as functions of the angle.

        Parameters
        ----------
        lcl, mcl : array_like, shape (4,), or BlankevoortFunction
            `[k, alpha, l_0, f_ref]` of the lateral, then of the medial ligament.

        Raises
        ------
        CallOrderError
            If the geometry has not been built.
        ParameterError
            If the law has no meaning with these parameters, or the knee has other strands.
        """
        self._build_forces([mcl, lcl], "build_ligament_forces")

    def build_strand_forces(self, parameters: ArrayLike) -> None:
        """Write the tensions of any strands as functions of the angle.

        Parameters
        ----------
        parameters : array_like, shape (4 S,) or (S, 4)
            `[k, alpha, l_0, f_ref]` of each strand, in the geometry's order.

        Raises
        ------
        CallOrderError, ParameterError
            As `build_ligament_forces`.
        """
        self._build_forces(np.asarray(parameters, dtype=float).reshape(-1, 4), "build_strand_forces")

    def _build_forces(self, given: Sequence[ArrayLike | BlankevoortFunction] | FloatArray, caller: str) -> None:
        if self._poses is None:
            raise CallOrderError(f"{caller}: call build_geometry() first")
        names = self.geometry.names
        if len(given) != len(names):
            raise ParameterError(f"{caller}: parameters of {len(given)} strands, expected {', '.join(names)}")
        laws = [one if isinstance(one, BlankevoortFunction) else BlankevoortFunction(one) for one in given]
        self._tensions = {
            side: tuple(law.of(length) for law, (_, length, _) in zip(laws, at.strands, strict=True))
            for side, at in self._poses.items()
        }
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
        vanishing = equilibrium(self._poses[side], self._tensions[side], reaction, applied, self.load)
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
            `mcl_lengths`, `lcl_lengths`, ... [mm], of each strand; `mcl_forces`, `lcl_forces`, ... [N], the modelled
            tensions `T - f_ref`.
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
        lengths, forces = ([f"{name}_{what}" for name in self.geometry.names] for what in ("lengths", "forces"))
        names = ("applied_forces", "applied_moments", *lengths, *forces, "constraint_forces", "contact_pushes")
        return {name: np.array([row[name] for row in rows]) for name in names}

    def _row(self, theta: float) -> dict[str, Any]:
        assert self._poses is not None
        assert self._tensions is not None
        self.assemble_equations(theta)
        solution = self.solve()
        side = self._side(theta)
        at = self._poses[side]
        # The force's moment about the contact turns one load into the other.
        arm = np.nan if at.applied is None else self._number(cross(at.applied - at.contact, at.axis), theta)
        force, moment = solution.get("F", np.nan), solution.get("M", np.nan)
        reaction = sp.Matrix([exact(solution["R_x"]), exact(solution["R_y"])])
        of_strands = {}
        for name, strand, tension in zip(self.geometry.names, at.strands, self._tensions[side], strict=True):
            of_strands[f"{name}_lengths"] = self._number(strand[1], theta)
            of_strands[f"{name}_forces"] = self._number(tension, theta)
        return {
            **of_strands,
            "applied_forces": force if self.load == "force" else moment / arm,
            "applied_moments": moment if self.load == "moment" else force * arm,
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


def _vector(point: Sequence[float]) -> Any:
    return sp.Matrix([exact(value) for value in point])
