"""What if: a calibrated knee with some of its numbers changed, and how sure one can be of what it would do then.

Changes are made to each draw's full vector, before the law. What is not changed stays what the posterior says of this
knee: so a knee with a thicker insert or a graft moved elsewhere keeps its slack lengths, and reference strains refer to
the knee as it was calibrated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibrate.data import MAX_ANGLE
from calibrate.decimals import read_number
from calibrate.derived import laxity
from calibrate.errors import GeometryError, ParameterError
from calibrate.posterior import Posterior
from calibrate.problem.laxity_test import LaxityTest
from calibrate.problem.naming import check_value, row_of
from calibrate.problem.parameters import SLACK, Parameter
from calibrate.problem.quantities import quantity_of

FloatArray = NDArray[np.float64]

_NO_POSE = "the knee, changed like this, has no pose"

_WAYS: dict[str, Callable[[FloatArray, float], FloatArray]] = {
    "+": lambda values, number: values + number,
    "-": lambda values, number: values - number,
    "*": lambda values, number: values * number,
    "=": lambda values, number: np.full_like(values, number),
}


@dataclass(frozen=True)
class Change:
    """One change of a parameter.

    Attributes
    ----------
    parameter : Parameter
        What is changed.
    row : int
        Its row among all parameters.
    way : {"+", "-", "*", "="}
        Added, taken off, multiplied by, or put in its place.
    number : float
        By how much.
    strand : int or None
        Whose slack length, or reference strain, is changed where the other of the two is the parameter; then `row` is
        of no account.
    """

    parameter: Parameter
    row: int
    way: str
    number: float
    strand: int | None = None

    def __str__(self) -> str:
        """Write it as it is given on the command line."""
        # A minus alone would say that it is taken off.
        sign = self.way if self.way != "=" or self.number < 0.0 else ""
        return f"{self.parameter.name}={sign}{self.number:g}"

    def of(self, values: FloatArray) -> FloatArray:
        """Return changed values, (n,).

        Raises
        ------
        ParameterError
            If one of them has no meaning. A stiffness of nought in all draws has one: the strand is released.
        """
        with np.errstate(over="ignore"):
            changed = _WAYS[self.way](values, self.number)
        quantity = self.parameter.quantity
        if quantity.key == "k" and not changed.any():
            return changed
        for value in (changed.min(), changed.max()):
            try:
                if not math.isfinite(value):
                    raise ParameterError(f"{self.parameter.name} is not finite")
                check_value(self.parameter.name, quantity, float(value))
            except ParameterError as error:
                hint = "; *0 releases the strand" if quantity.key == "k" else ""
                raise ParameterError(f"change {self}: in a draw, {error}{hint}") from None
        return changed


def changes_of(posterior: Posterior, test: str, change: Mapping[str, str | float]) -> tuple[Change, ...]:
    """Understand changes.

    Parameters
    ----------
    posterior : Posterior
        Whose parameters are changed: free or fixed ones, the geometry's, what turns loads into readings.
    test : str
        For which test; its name, in front of what is its own, may be left out.
    change : mapping
        By name: "+2", "-2", "*0.5", "=60", or a number, which is put in the place of what was there.

    Raises
    ------
    ParameterError
        If a name is unknown, tied, another test's or no part of a prediction, or a change is none of these.
    """
    found: list[Change] = []
    of = posterior.test(test)
    for name, given in change.items():
        way, number = _understood(name, given)
        strand = _other_slack(of, name)
        if strand is None:
            row = row_of(posterior.table, test, name)
            parameter = posterior.table.parameters[row]
        else:  # what the parameter says of the slack length is the same number said in another way
            row, quantity = int(of.slots.law[strand, 2]), quantity_of(name.rpartition(".")[2])
            parameter = Parameter(name, quantity, quantity.unit, None, math.nan)
        if parameter.quantity.role == "error":
            raise ParameterError(f"change {name}: says how readings scatter, and changes no curve")
        if any(row == other.row and (None in (strand, other.strand) or strand == other.strand) for other in found):
            raise ParameterError(f"change {name}: is changed twice")
        found.append(Change(parameter, row, way, number, strand))
    return tuple(found)


def _other_slack(of: LaxityTest, name: str) -> int | None:
    """Return the strand whose slack length or reference strain is meant, if the other of the two is the parameter."""
    strand, _, quantity = name.removeprefix(of.label).rpartition(".")
    if strand not in of.names or quantity not in SLACK:
        return None
    index = of.names.index(strand)
    return None if quantity == SLACK[int(of.slots.strain[index])] else index


def _understood(name: str, given: str | float) -> tuple[str, float]:
    text = given.strip() if isinstance(given, str) else repr(float(given))
    is_text = isinstance(given, str)
    way = text[:1] if is_text and text[:1] in _WAYS else "="
    try:
        return way, read_number(text[1:].strip() if is_text and way == text[:1] else text)
    except ValueError as error:
        raise ParameterError(f"change {name} = {given}: must be +2, -2, *0.5, =60 or 60; {error}") from None


@dataclass(frozen=True, eq=False)
class ChangedKnees:
    """Draws of one knee in one test, changed or not.

    Attributes
    ----------
    test : LaxityTest
        The test.
    full : ndarray, shape (n, all)
        Their full vectors.
    law : ndarray, shape (n, strands, 4)
        Their strands' laws; of a released strand stiffness and tare are 0.
    """

    test: LaxityTest
    full: FloatArray
    law: FloatArray

    @property
    def released(self) -> tuple[str, ...]:
        """The strands that bear nothing at any length."""
        return tuple(name for i, name in enumerate(self.test.names) if not self.law[:, i, 0].any())

    def readings(self, angles: ArrayLike | None = None) -> FloatArray:
        """Predict readings without their errors.

        Parameters
        ----------
        angles : array_like, shape (m,), optional
            In the file's unit and sign; the data's own by default.

        Returns
        -------
        ndarray, shape (n, m)
            In the file's unit and sign.

        Raises
        ------
        ParameterError
            If an angle is beyond 45 degrees, or a knee has no pose.
        """
        at = None
        if angles is not None:
            at = np.atleast_1d(np.asarray(angles, dtype=float))
            worst = np.abs(self.test.measurement.to_radians(at)).max(initial=0.0)
            if not worst <= MAX_ANGLE * (1.0 + 1e-12):
                raise ParameterError(
                    f"an angle of {math.degrees(worst):.4g} degrees is beyond 45, more than any varus-valgus test"
                )
        try:
            return self.test.readings(self.full, self.law, at)
        except GeometryError as error:
            raise ParameterError(f"{_NO_POSE}: {error}") from None

    def laxity(self, moments: Sequence[float]) -> dict[str, FloatArray]:
        """Return the angles [degrees] at which pure moments [N·m] are reached either way, and their difference.

        See `calibrate.derived.laxity`.

        Raises
        ------
        ParameterError
            If a moment is not positive.
        """
        if not all(0.0 < moment < math.inf for moment in moments):
            raise ParameterError(f"moments {', '.join(f'{m:g}' for m in moments)}: have to be positive, in N·m")
        at = tuple(moments)
        if at not in self._laxities:  # one knee is compared with many changed ones
            self._laxities[at] = laxity(self.test.knees(self.full), self.law, self.test.sign, at)
        return self._laxities[at]

    @cached_property
    def _laxities(self) -> dict[tuple[float, ...], dict[str, FloatArray]]:
        """What `laxity` has found, by its moments."""
        return {}


def knees_of(
    posterior: Posterior, q: ArrayLike, changes: Sequence[Change] = (), test: str | None = None
) -> ChangedKnees:
    """Return draws of a knee in a test, changed.

    Parameters
    ----------
    posterior : Posterior
        The calibration.
    q : array_like, shape (n, ndim) or (ndim,)
        Draws of the free parameters.
    changes : sequence of Change
        See `changes_of`.
    test : str, optional
        Which test; not needed if there is one.

    Raises
    ------
    ParameterError
        If a change leaves a draw without a meaning.
    """
    of = posterior.test(test)
    before = posterior.full(q)
    lengths = posterior.reference_lengths(before)
    full = before.copy()
    for change in changes:
        if change.strand is None:
            full[:, change.row] = change.of(full[:, change.row])
    law = of.law(full, lengths)
    for change in changes:
        if change.strand is not None:
            _change_slack(law[:, change.strand], lengths[:, change.strand], change)
    _check_poses(of, full)
    released = ~law[:, :, 0].any(axis=0)
    law[:, released, 3] = 0.0  # no strand, no tare
    return ChangedKnees(of, full, law)


def _change_slack(law: FloatArray, length: FloatArray, change: Change) -> None:
    """Change the slack length in a strand's laws (n, 4), itself or by the reference strain, in place."""
    if change.parameter.quantity.key == "l_0":
        law[:, 2] = change.of(law[:, 2])
    else:
        law[:, 2] = length / (1.0 + change.of(length / law[:, 2] - 1.0))


def _check_poses(test: LaxityTest, full: FloatArray) -> None:
    """Refuse knees of which one has no pose, with its reason."""
    none = np.isnan(test.knees(full).theta_0)
    try:
        test.geometry(full[np.argmax(none)])
    except GeometryError as error:
        share = f" in {none.mean():.1%} of the draws" if not none.all() else ""
        raise ParameterError(f"{_NO_POSE}{share}: {error}") from None


def predict(
    posterior: Posterior,
    q: ArrayLike,
    angles: ArrayLike | None = None,
    change: Mapping[str, str | float] | None = None,
    test: str | None = None,
) -> FloatArray:
    """Predict readings of a knee that has been changed, without their errors.

    Parameters
    ----------
    posterior : Posterior
        The calibration.
    q : array_like, shape (n, ndim) or (ndim,)
        Draws of the free parameters.
    angles : array_like, shape (m,), optional
        In the file's unit and sign; the data's own by default.
    change : mapping, optional
        Like `{"mcl.l_0": "+2.0", "lcl.k": "*0.5"}`, see `changes_of`.
    test : str, optional
        Which test; not needed if there is one.

    Returns
    -------
    ndarray, shape (n, m)
        In the file's unit and sign.

    Raises
    ------
    ParameterError
        If a change or an angle cannot be meant.
    """
    name = posterior.test(test).name
    return knees_of(posterior, q, changes_of(posterior, name, change or {}), name).readings(angles)
