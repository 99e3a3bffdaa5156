"""What the symbolic knee need not do twice: cached geometry and laws, and the equilibrium solved once for all angles.

`CachedKneeModel` keeps what one calibration asks for again and again. `PrecomputedKneeModel` has SymPy solve the
statics once per process, with a symbol for everything, and turns the solution and its derivatives into NumPy code.
The batch evaluators that need no SymPy are `calibrate.knee.cached` and `calibrate.knee.kernel`.

Units inside: mm, N, N/mm, N·mm, radians, valgus positive, whatever the data file counts.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import cache
from threading import Lock
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
import sympy as sp
from numpy.typing import ArrayLike, NDArray

from calibrate.config import Config
from calibrate.knee.geometry import Geometry, kinematics
from calibrate.knee.law import LAW_SYMBOLS, BlankevoortFunction, law, numpy_code
from calibrate.knee.parameters import LIGAMENTS, PARAMETERS, LoadKind, check_measured, eight, load_kind, planar_pair
from calibrate.knee.statics import SymbolicPose, equilibrium, pose, reference_angle

FloatArray = NDArray[np.float64]
_Value = TypeVar("_Value")


class Recent(Generic[_Value]):
    """A bounded cache that forgets what has not been used for longest.

    Parameters
    ----------
    size : int
        How many values it keeps.
    """

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ValueError(f"a cache of {size} keeps nothing; give 1 or more")
        self.size = size
        self._values: OrderedDict[Hashable, _Value] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._values

    def get(self, key: Hashable, make: Callable[[], _Value]) -> _Value:
        """Return the value of a key, made now if it is not kept."""
        if key in self._values:
            self._values.move_to_end(key)
            return self._values[key]
        value = self._values[key] = make()
        if len(self._values) > self.size:
            self._values.popitem(last=False)
        return value


class Coefficients(NamedTuple):
    """The knee at some angles, all that a load needs besides the tensions; MCL, then LCL, shape (2, n)."""

    lengths: FloatArray
    per_newton: FloatArray


class CachedKneeModel:
    """The first remedy: geometry built once for each set of angles, ligament functions kept by parameter value.

    Parameters
    ----------
    config : Config or Geometry
        The knee: mcl and lcl in the plane. Of a configuration only `[knee]` is used.
    load : {"force", "moment"}, optional
        What holds the tibia, as in `KneeModel`: a force where the knee has an application point, else a moment.
    ligaments, angle_sets : int
        How many ligament functions and how many sets of angles are kept; the least recently used go first.

    Raises
    ------
    GeometryError
        If the knee has no pose, other strands or depth, or a force is asked for without an application point.
    """

    def __init__(
        self, config: Config | Geometry, *, load: LoadKind | None = None, ligaments: int = 256, angle_sets: int = 8
    ) -> None:
        self.geometry = planar_pair(config)
        self.load = load_kind(self.geometry, load)
        self.ligaments: Recent[BlankevoortFunction] = Recent(ligaments)
        self.angle_sets: Recent[Coefficients] = Recent(angle_sets)

    def coefficients(self, thetas: ArrayLike) -> Coefficients:
        """Return lengths [mm] and load per newton of tension at angles [rad] (n,); kept for next time."""
        at = np.atleast_1d(np.asarray(thetas, dtype=float))

        def make() -> Coefficients:
            poses = kinematics(self.geometry, at)
            return Coefficients(poses.lengths, poses.coefficients(self.load))

        return self.angle_sets.get(at.tobytes(), make)

    def ligament(self, parameters: ArrayLike) -> BlankevoortFunction:
        """Return the law of one ligament, kept by the values of its parameters (4,)."""
        key = np.asarray(parameters, dtype=float)
        return self.ligaments.get((key.shape, key.tobytes()), lambda: BlankevoortFunction(key))

    def loads(self, mcl_params: ArrayLike, lcl_params: ArrayLike, thetas: ArrayLike) -> FloatArray:
        """Return the loads (n,), forces [N] or moments [N·mm], at angles [rad] (n,); parameters (4,) per ligament."""
        at = self.coefficients(thetas)
        laws = self.ligament(mcl_params), self.ligament(lcl_params)
        tensions = [law(length) for law, length in zip(laws, at.lengths, strict=True)]
        return np.asarray((at.per_newton * tensions).sum(axis=0))

    def evaluate_loss(
        self, mcl_params: ArrayLike, lcl_params: ArrayLike, thetas: ArrayLike, applied_forces: ArrayLike
    ) -> float:
        """Return the sum of squares of (predicted - measured) load.

        Parameters
        ----------
        mcl_params, lcl_params : array_like, shape (4,)
            `[k, alpha, l_0, f_ref]`.
        thetas : array_like, shape (n,)
            Angles [rad], valgus positive.
        applied_forces : array_like, shape (n,)
            Measured loads [N, or N·mm where the model's load is a moment], valgus positive.

        Returns
        -------
        float
            In N^2, or (N·mm)^2.

        Raises
        ------
        ParameterError
            If the law has no meaning with these parameters.
        ValueError
            If angles and loads are not equally many.
        """
        residual = self.loads(mcl_params, lcl_params, thetas) - check_measured(thetas, applied_forces)
        return float(residual @ residual)


class PrecomputedKneeModel:
    """The second remedy: the equilibrium solved once, with symbols for angle, geometry and parameters.

    The derivation takes place when the first model of a process is made and serves all later ones. Derivatives are
    SymPy's; at a kink they are those of the shorter side, slack at `e = 0` and toe at `e = alpha l_0`.

    Parameters
    ----------
    config : Config or Geometry
        The knee: mcl and lcl in the plane. Of a configuration only `[knee]` is used.
    load : {"force", "moment"}, optional
        What holds the tibia, as in `KneeModel`.

    Raises
    ------
    GeometryError
        If the knee has no pose, other strands or depth, or a force is asked for without an application point.
    """

    def __init__(self, config: Config | Geometry, *, load: LoadKind | None = None) -> None:
        self.geometry = planar_pair(config)
        self.load = load_kind(self.geometry, load)
        self._derived = derive()
        self._at: Recent[tuple[FloatArray, ...]] = Recent(8)

    def loads(self, params: ArrayLike, thetas: ArrayLike) -> FloatArray:
        """Predict the load-angle curve.

        Parameters
        ----------
        params : array_like, shape (8,) or (m, 8)
            `[k, alpha, l_0, f_ref]` of the MCL, then of the LCL.
        thetas : array_like, shape (n,)
            Angles [rad], valgus positive.

        Returns
        -------
        ndarray, shape (n,) or (m, n)
            Forces [N] or moments [N·mm], valgus positive.

        Raises
        ------
        ParameterError
            If the law has no meaning with these parameters.
        GeometryError
            If a ligament has no length, or the force no lever arm, at one of the angles.
        """
        return self._evaluate(self._derived.loads, params, thetas, ())

    def jacobian(self, params: ArrayLike, thetas: ArrayLike) -> FloatArray:
        """Return the loads' derivatives by parameter, shape (n, 8) or (m, n, 8). Arguments as `loads`."""
        return self._evaluate(self._derived.jacobian, params, thetas, (PARAMETERS,))

    def hessian(self, params: ArrayLike, thetas: ArrayLike) -> FloatArray:
        """Return the loads' second derivatives, shape (n, 8, 8) or (m, n, 8, 8). Arguments as `loads`."""
        return self._evaluate(self._derived.hessian, params, thetas, (PARAMETERS, PARAMETERS))

    def evaluate_loss(self, params: ArrayLike, thetas: ArrayLike, applied_forces: ArrayLike) -> float:
        """Return the sum of squares of (predicted - measured) load for one vector (8,), as `CachedKneeModel` does."""
        residual = self.loads(params, thetas) - check_measured(thetas, applied_forces)
        return float(residual @ residual)

    def _evaluate(self, function: Any, params: ArrayLike, thetas: ArrayLike, tail: tuple[int, ...]) -> FloatArray:
        p = eight(params)
        at = np.atleast_1d(np.asarray(thetas, dtype=float))
        angle_part = self._at.get(at.tobytes(), lambda: self._angle_part(at))
        values = function(*angle_part, *np.moveaxis(p, -1, 0)[..., np.newaxis])
        shape = (*p.shape[:-1], at.size)
        if not tail:
            return np.array(np.broadcast_to(values, shape), dtype=float)
        stacked = np.stack([np.broadcast_to(value, shape) for value in values], axis=-1)
        return np.asarray(stacked.reshape(*shape, *tail), dtype=float)

    def _angle_part(self, theta: FloatArray) -> tuple[FloatArray, ...]:
        """Evaluate lengths and coefficients at angles (n,), each on the condyle that carries the load."""
        g = self.geometry
        kinematics(g, theta).coefficients(self.load)  # refuses what has no length or no lever arm, and says what
        lateral = (theta > g.theta_0)[:, np.newaxis]
        centre = np.where(lateral, g.lateral_centre, g.medial_centre).T
        radius = np.where(lateral[:, 0], g.lateral_radius, g.medial_radius)
        values = self._derived.angle[self.load](theta, *centre, radius, *_geometry_values(g))
        return tuple(np.array(np.broadcast_to(value, theta.shape), dtype=float) for value in values)


class Derived(NamedTuple):
    """NumPy functions that SymPy derived.

    `angle`, one function for each kind of load, takes angle, loaded condyle and geometry, and returns two lengths and
    two coefficients; the others take these four and the eight parameters.
    """

    angle: dict[LoadKind, Any]
    loads: Any
    jacobian: Any
    hessian: Any


_DERIVING = Lock()


def derive() -> Derived:
    """Solve the equilibrium with a symbol for everything and turn it into NumPy code; once per process."""
    with _DERIVING:
        return _derive()


@cache
def _derive() -> Derived:
    lengths = sp.symbols("L_mcl L_lcl", positive=True)
    per_newton = sp.symbols("c_mcl c_lcl", real=True)
    laws = [[sp.Symbol(f"{s.name}_{ligament}", **s.assumptions0) for s in LAW_SYMBOLS] for ligament in LIGAMENTS]
    loads = sum(c * law(length, p) for c, length, p in zip(per_newton, lengths, laws, strict=True))
    parameters = [*laws[0], *laws[1]]
    gradient = [sp.diff(loads, p) for p in parameters]
    second = [sp.diff(first, p) for first in gradient for p in parameters]
    arguments = (*lengths, *per_newton, *parameters)
    angle: dict[LoadKind, Any] = {"force": _derive_angle_part("force"), "moment": _derive_angle_part("moment")}
    return Derived(angle, *(numpy_code(arguments, e) for e in (loads, gradient, second)))


def _derive_angle_part(load: LoadKind) -> Any:
    """Solve the three equations for vectors that are plain symbols, then write the vectors as functions of the angle.

    So the solver sees polynomials only, and no sine or square root.
    """
    v = _symbolic_vector
    strands = tuple((v(f"q_{name}"), None, v(f"u_{name}")) for name in LIGAMENTS)
    at = SymbolicPose(v("p"), v("n"), v("e"), strands, v("q_a"))
    r_x, r_y, applied = sp.symbols("R_x R_y F", real=True)
    tensions = [sp.Symbol(f"T_{name}", real=True) for name in LIGAMENTS]
    equations = equilibrium(at, tensions, sp.Matrix([r_x, r_y]), applied, load)
    (solution,) = sp.solve(equations, (r_x, r_y, applied), dict=True)

    theta, r, rolling, r_medial, r_lateral = sp.symbols("theta r rho r_med r_lat", real=True)
    centre, medial, lateral = v("C"), v("C_med"), v("C_lat")
    femurs, tibias = ([v(f"{side}_{name}") for name in LIGAMENTS] for side in ("f", "t"))
    point = v("a")
    theta_0 = reference_angle(medial, r_medial, lateral, r_lateral)
    # In the plane: no third coordinate.
    points = [(sp.Matrix([*f, 0]), sp.Matrix([*t, 0])) for f, t in zip(femurs, tibias, strict=True)]
    real = pose(theta, theta_0, centre, r, rolling, points, point)
    pairs = [(at.contact, real.contact), (at.axis, real.axis), (at.applied, real.applied)]
    pairs += [(s[i], actual[i]) for s, actual in zip(at.strands, real.strands, strict=True) for i in (0, 2)]
    written_out = {symbol: value for pair in pairs for symbol, value in zip(*pair, strict=True)}
    coefficients = [sp.diff(solution[applied], t).xreplace(written_out) for t in tensions]
    attached = (x for pair in zip(femurs, tibias, strict=True) for one in pair for x in one)
    geometry = (*medial, r_medial, *lateral, r_lateral, rolling, *attached, *point)
    return numpy_code((theta, *centre, r, *geometry), [*(length for _, length, _ in real.strands), *coefficients])


def _symbolic_vector(name: str) -> Any:
    return sp.Matrix(sp.symbols(f"{name}_x {name}_y", real=True))


def _geometry_values(g: Geometry) -> tuple[float, ...]:
    """List the geometry's numbers in the order of `_derive_angle_part`'s symbols."""
    condyles = (*g.medial_centre, g.medial_radius, *g.lateral_centre, g.lateral_radius, g.rolling)
    attached = (x for strand in g.flexed for point in (strand.femur, strand.tibia) for x in point[:2])
    # A moment never touches the application point; its symbols still want a number.
    return (*condyles, *attached, *(g.application_point or (0.0, 0.0)))
