"""All parameters of a calibration in one table: what each is, what it may be, and which tests it belongs to."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibrate.config import Config, Distribution
from calibrate.data import Measurement
from calibrate.priors import Normal, Prior
from calibrate.problem.quantities import ERROR, LAW, LOAD, READING, Quantity, key_of, quantity_of

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Parameters that a kernel proposal moves together, at the most: beyond, kernels are too far from each other.
_GROUP = 8


@dataclass(frozen=True)
class Parameter:
    """A parameter that is tied to no other.

    Attributes
    ----------
    name : str
        Like `mcl.k`, `flex60.mcl.l_0`, `knee.mcl.femur.x`.
    quantity : Quantity
        What it is.
    unit : str
        As printed; that of the load is settled.
    prior : Prior or None
        What is known of a free parameter; None for a fixed one.
    value : float
        Of a fixed parameter; NaN for a free one.
    start : float
        Where the user would start a free parameter; NaN if nowhere in particular.
    """

    name: str
    quantity: Quantity
    unit: str
    prior: Prior | None
    value: float
    start: float = np.nan

    @property
    def possible(self) -> Prior:
        """The prior of a free parameter, without what is not positive and has to be.

        Raises
        ------
        ValueError
            If the parameter is fixed, or nothing is left.
        """
        if self.prior is None:
            raise ValueError(f"{self.name} is fixed")
        if not self.quantity.positive or not isinstance(self.prior, Normal) or self.prior.lower > 0.0:
            return self.prior
        return Normal(self.prior.location, self.prior.scale, np.nextafter(0.0, 1.0), self.prior.upper)


@dataclass(frozen=True)
class ParameterTable:
    """The parameters, and where each test finds its own.

    Attributes
    ----------
    parameters : tuple of Parameter
        All that have a value of their own, fixed ones included.
    roots : mapping of str to int
        For each declared name, tied ones included, the row of the parameter whose value it has.
    uses : mapping of str to frozenset of str
        For each test, fitted or not, the parameters that its readings depend on.
    unused : tuple of str
        What was given as free and no test depends on; it is no parameter.
    """

    parameters: tuple[Parameter, ...]
    roots: Mapping[str, int]
    uses: Mapping[str, frozenset[str]]
    unused: tuple[str, ...] = ()

    @property
    def tests(self) -> tuple[str, ...]:
        """The tests' names."""
        return tuple(self.uses)

    @cached_property
    def free(self) -> tuple[Parameter, ...]:
        """The free ones."""
        return tuple(parameter for parameter in self.parameters if parameter.prior is not None)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The free parameters' names."""
        return tuple(parameter.name for parameter in self.free)

    @cached_property
    def columns(self) -> IntArray:
        """For each free parameter its row among all."""
        return np.array([i for i, p in enumerate(self.parameters) if p.prior is not None], dtype=np.int64)

    @cached_property
    def template(self) -> FloatArray:
        """The values of all parameters, NaN for free ones."""
        return np.array([parameter.value for parameter in self.parameters])

    def index(self, name: str) -> int:
        """Return a parameter's row among all; a tied one has that of the parameter it is tied to.

        Raises
        ------
        KeyError
            If there is none.
        """
        return self.roots[name]

    def find(self, test: str, key: str) -> int | None:
        """Return the row of what a test has as `key`: its own, or the shared one; None if neither is declared."""
        own = f"{test}.{key}"
        return self.roots[own] if test and own in self.roots else self.roots.get(key)

    def full(self, q: ArrayLike) -> FloatArray:
        """Return all parameters, (n, all), for rows of free ones, (n, ndim)."""
        rows = np.asarray(q, dtype=float)
        out = np.empty((len(rows), self.template.size))
        out[:] = self.template
        out[:, self.columns] = rows
        return out

    def pack(self, values: Mapping[str, float]) -> FloatArray:
        """Return free parameters, given by name, as a vector (ndim,).

        Raises
        ------
        KeyError
            If one is missing.
        """
        return np.array([values[name] for name in self.names])

    def rows(self, *roles: str) -> NDArray[np.bool_]:
        """Tell which of the free parameters have one of some roles."""
        return np.array([parameter.quantity.role in roles for parameter in self.free], dtype=bool)

    def groups(self) -> list[list[int]]:
        """Return which free parameters a kernel proposal moves together, as columns.

        Each strand's law goes with the errors, because a strand that explains less leaves more to them; what turns
        loads into readings goes with the slack lengths, which take up a shift of the angle; a strand's ends go with
        its slack length, and the condyles' numbers with each other. Each is in one group at least.
        """
        keys = [(i, p.name, p.quantity) for i, p in enumerate(self.free)]
        errors = [i for i, _, quantity in keys if quantity in ERROR]
        by_owner: dict[str, list[int]] = {}
        slack: list[int] = []
        for i, name, quantity in keys:
            owner = _owner(name, quantity, self.tests)
            if owner:
                by_owner.setdefault(owner, []).append(i)
            if quantity.key in SLACK:
                slack.append(i)
        groups = []
        for owner, members in by_owner.items():
            extra = errors if owner.startswith("law ") else slack if owner == "reading" else []
            if owner.startswith("ends "):
                extra = [i for i in slack if self.names[i].split(".")[-2] == owner.removeprefix("ends ")]
            groups += _pieces(members, extra)
        moved = {i for group in groups for i in group}
        return groups + _pieces([i for i in range(len(self.free)) if i not in moved], [])


def _owner(name: str, quantity: Quantity, tests: Sequence[str]) -> str:
    """Return what a parameter belongs to: a strand's law, its ends, the condyles, the readings; '' for errors."""
    key = key_of(name, tests)
    if quantity in LAW:
        return f"law {key.split('.')[0]}"
    if quantity in READING:
        return "reading"
    if quantity in ERROR:
        return ""
    part = key.split(".")[1]
    return f"ends {part}" if part not in _SHAPE else "shape"


_SHAPE = ("lateral_condyle", "medial_condyle", "rolling", "application_point", "flexion_axis")


def _pieces(members: list[int], extra: list[int]) -> list[list[int]]:
    """Cut a group into pieces that kernels can cover, each with as much of `extra` as there is room for."""
    pieces = [members[i : i + _GROUP] for i in range(0, len(members), _GROUP)]
    return [piece + [i for i in extra if i not in piece][: max(0, _GROUP - len(piece))] for piece in pieces]


def table_of(
    config: Config, measurements: Mapping[str, Measurement], fitted: Collection[str] | None = None
) -> ParameterTable:
    """Make the table of a configuration's parameters.

    Parameters
    ----------
    config : Config
        What is declared.
    measurements : mapping of str to Measurement
        The data of each test, which know the loads' units.
    fitted : collection of str, optional
        The tests whose readings count; all by default. What is free and only of others is no parameter.
    """
    declared, roots = config.declared(), config.roots()
    keys = keys_of(config)
    uses = {test: _used(config, keys, test, measurement) for test, measurement in measurements.items()}
    used = frozenset().union(*(uses[test] for test in (uses if fitted is None else fitted)))
    free = {name for name, value in declared.items() if isinstance(value, Distribution)}
    kept = [name for name, root in roots.items() if name == root and (name in used or name not in free)]
    parameters = tuple(_parameter(name, config, measurements) for name in kept)
    rows = {name: i for i, name in enumerate(kept)}
    at = {name: rows[root] for name, root in roots.items() if root in rows}
    needless = free - frozenset().union(*uses.values())
    return ParameterTable(parameters, at, uses, tuple(name for name in declared if name in needless))


def keys_of(config: Config) -> list[str]:
    """Return the keys of all that a test may have, without a test's name."""
    return list(dict.fromkeys(key_of(name, config.all_tests) for name in config.declared()))


def _used(config: Config, keys: Sequence[str], test: str, measurement: Measurement) -> frozenset[str]:
    """Return the parameters that a test's readings or their errors depend on."""
    declared, roots = config.declared(), config.roots()
    slack = slack_keys(config, test)
    idle = ["noise.sigma"] if measurement.sigma is not None else []
    idle += [f"{strand}.{key}" for strand in config.knee.strands for key in SLACK if f"{strand}.{key}" not in slack]
    idle += [] if measurement.kind == "force" else _POINT
    still = [*idle, *([] if config.all_tests[test].flexion else _AXIS)]
    own = {key: f"{test}.{key}" if test and f"{test}.{key}" in declared else key for key in keys}
    used = {roots[name] for key, name in own.items() if key not in still and name in declared}
    strained = [f"{key.partition('.')[0]}." for key in slack if key.endswith("reference_strain")]
    if strained:  # it refers to lengths in the shared knee, which turns about an axis only if it is flexed
        turning = ("flexion_axis.", "mcl.femur.", "lcl.femur.") if config.knee.reference_flexion else ()
        parts = ("lateral_condyle.", "medial_condyle.", *strained, *turning)
        used |= {roots[f"knee.{key}"] for key, _ in config.knee.items() if key.startswith(parts)}
    return frozenset(used)


SLACK = ("l_0", "reference_strain")
_POINT = [f"knee.application_point.{axis}" for axis in "xy"]
_AXIS = [f"knee.flexion_axis.{axis}" for axis in "yz"]


def slack_keys(config: Config, test: str) -> tuple[str, ...]:
    """Return for each strand which of `l_0` and `reference_strain` holds in a test, its own before the shared one."""
    declared = config.declared()
    found = []
    for strand in config.knee.strands:
        names = [f"{test}.{strand}.{key}" for key in SLACK] if test else []
        names += [f"{strand}.{key}" for key in SLACK]
        first = next((name for name in names if name in declared), f"{strand}.l_0")
        found.append(f"{strand}.{first.rsplit('.', 1)[1]}")
    return tuple(found)


def _parameter(name: str, config: Config, measurements: Mapping[str, Measurement]) -> Parameter:
    tests = config.all_tests
    quantity = quantity_of(key_of(name, tests))
    unit = quantity.unit
    if unit == LOAD:
        own = name.partition(".")[0]
        of = [own] if own in measurements else list(measurements)
        unit = measurements[of[0]].unit
    value = config.declared()[name]
    if isinstance(value, Distribution):
        start = value.start
        return Parameter(name, quantity, unit, value.prior, np.nan, np.nan if start is None else start)
    assert isinstance(value, (int, float))
    return Parameter(name, quantity, unit, None, float(value))
