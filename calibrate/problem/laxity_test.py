"""One laxity test of a calibration: its data, its knee, and where it finds its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from calibrate.config import Config
from calibrate.data import Measurement
from calibrate.errors import ConfigError, GeometryError
from calibrate.knee.cached import CachedKnee
from calibrate.knee.geometry import Geometry, Strand
from calibrate.knee.many import Knees
from calibrate.problem.checks import check_errors, check_sharing
from calibrate.problem.parameters import ParameterTable, slack_keys

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# What is said where there are several tests and none is named.
UNNAMED = "which test: {}? Name it by --test, in Python by test="
_READING = ("measurement.angle_offset", "measurement.load_bias", "measurement.hysteresis")
_ERRORS = (
    "noise.sigma",
    "noise.nu",
    "noise.angle_sigma",
    "noise.discrepancy.amplitude",
    "noise.discrepancy.length",
)
_SHAPE = (
    *(f"knee.{side}_condyle.{key}" for side in ("lateral", "medial") for key in ("centre.x", "centre.y", "radius")),
    "knee.rolling",
    "knee.application_point.x",
    "knee.application_point.y",
    "knee.flexion_axis.y",
    "knee.flexion_axis.z",
)
_ENDS = tuple(f"{end}.{axis}" for end in ("femur", "tibia") for axis in ("x", "y", "z"))


@dataclass(frozen=True)
class Slots:
    """Where a test's numbers stand among all parameters; see `calibrate.knee.general.General`.

    Attributes
    ----------
    rows : ndarray of int
        Rows of the full vector, slot by slot: laws, reading, errors, geometry.
    strands : int
        How many strands there are.
    strain : ndarray of bool, shape (strands,)
        Whose slack length is given by the reference strain.
    axis_given : bool
        Whether the flexion axis is given; by default it follows from the attachments of `mcl` and `lcl`.
    """

    rows: IntArray
    strands: int
    strain: NDArray[np.bool_]
    axis_given: bool

    @property
    def law(self) -> IntArray:
        """Rows of the laws, (strands, 4)."""
        return self.rows[: 4 * self.strands].reshape(-1, 4)

    @property
    def reading(self) -> IntArray:
        """Rows of angle offset, load bias and hysteresis."""
        return self.rows[4 * self.strands : 4 * self.strands + 3]

    @property
    def errors(self) -> IntArray:
        """Rows of sigma, nu, angle_sigma, amplitude and length."""
        return self.rows[4 * self.strands + 3 : 4 * self.strands + 8]

    @property
    def shape(self) -> IntArray:
        """Rows of the geometry's numbers, the strands' ends apart."""
        return self.rows[4 * self.strands + 8 : 4 * self.strands + 20]

    @property
    def geometry(self) -> IntArray:
        """Rows of all of the geometry's numbers."""
        return self.rows[4 * self.strands + 8 :]

    @property
    def ends(self) -> IntArray:
        """Rows of the attachments, (strands, 6): femur x, y, z and tibia x, y, z."""
        return self.rows[4 * self.strands + 20 :].reshape(-1, 6)


def slots_of(config: Config, table: ParameterTable, test: str) -> Slots:
    """Find a test's numbers; what is not declared is in the row after the last, which holds a zero.

    The name "" stands for what is shared.
    """
    slack = slack_keys(config, test)
    nothing = len(table.parameters)

    def row(key: str) -> int:
        found = table.find(test, key)
        return nothing if found is None else found

    rows = []
    for strand, third in zip(config.knee.strands, slack, strict=True):
        rows += [row(f"{strand}.k"), row(f"{strand}.alpha"), row(third), row(f"{strand}.f_ref")]
    rows += [row(key) for key in (*_READING, *_ERRORS, *_SHAPE)]
    rows.append(nothing + 1)  # the reference flexion
    for strand in config.knee.strands:
        rows += [row(f"knee.{strand}.{key}") for key in _ENDS]
    strain = np.array([key.endswith("reference_strain") for key in slack])
    given = table.find(test, "knee.flexion_axis.y") is not None
    return Slots(np.array(rows, dtype=np.int64), len(slack), strain, given)


@dataclass(frozen=True, eq=False)
class LaxityTest:
    """One test: what was measured, and the knee that it was measured on.

    Attributes
    ----------
    name : str
        Empty for the only test of the one-test form.
    measurement : Measurement
        The data.
    positive : {"valgus", "varus"}
        What the file counts as positive.
    flexion : float
        Degrees.
    slots : Slots
        Where its parameters stand.
    names : tuple of str
        The strands' names.
    reference_flexion : float
        Degrees, see `Geometry`.
    posed : bool
        Whether the poses depend on free parameters, so that the knee is posed anew for every proposal.
    """

    name: str
    measurement: Measurement
    positive: Literal["valgus", "varus"]
    flexion: float
    slots: Slots
    names: tuple[str, ...]
    reference_flexion: float
    posed: bool

    def as_reference(self, slots: Slots, posed: bool) -> LaxityTest:
        """Return what stands for the shared knee, at whose reference flexion no test needs to be."""
        return replace(self, name="", slots=slots, flexion=self.reference_flexion, posed=posed)

    @property
    def sign(self) -> float:
        """1 if the file counts valgus as positive, -1 if varus."""
        return 1.0 if self.positive == "valgus" else -1.0

    @property
    def label(self) -> str:
        """The name with a dot, in front of what is this test's; empty for the only test."""
        return f"{self.name}." if self.name else ""

    def geometry(self, full: FloatArray) -> Geometry:
        """Return the knee at this test's flexion for one full vector of parameters.

        Raises
        ------
        GeometryError
            If it has no pose.
        """
        shape = full[self.slots.shape].tolist()
        ends = full[self.slots.ends]
        strands = tuple(
            Strand(name, tuple(row[:3]), tuple(row[3:])) for name, row in zip(self.names, ends.tolist(), strict=True)
        )
        has_point = self.slots.shape[7] < len(full) - 2
        return Geometry(
            lateral_centre=(shape[0], shape[1]),
            lateral_radius=shape[2],
            medial_centre=(shape[3], shape[4]),
            medial_radius=shape[5],
            strands=strands,
            rolling=shape[6],
            application_point=(shape[7], shape[8]) if has_point else None,
            flexion_axis=(shape[9], shape[10]) if self.slots.axis_given else None,
            flexion=float(np.deg2rad(self.flexion)),
            reference_flexion=float(np.deg2rad(self.reference_flexion)),
        )

    def knees(self, full: FloatArray) -> Knees:
        """Return the knees of rows of all parameters (n, all): one for each row, or one if all rows have the same."""
        rows = full if self.posed else full[:1]
        slots = self.slots
        flexion = float(np.deg2rad(self.flexion))
        return Knees.of(rows[:, slots.shape], rows[:, slots.ends], flexion, axis_given=slots.axis_given)

    def knee(self, full: FloatArray, angles: FloatArray | None = None, *, slopes: bool = False) -> CachedKnee:
        """Return the knee at angles in the file's unit and sign, its own by default, for one full vector.

        Raises
        ------
        GeometryError
            If it has no pose there.
        """
        measurement = self.measurement
        at = measurement.to_radians(measurement.angles if angles is None else angles)
        offset = float(full[self.slots.reading[0]])
        return CachedKnee.build(
            self.geometry(full), at - np.deg2rad(offset), measurement.kind, self.positive, slopes=slopes
        )

    def law(self, full: FloatArray, reference_lengths: FloatArray | None) -> FloatArray:
        """Return the strands' laws, slack lengths in the place of reference strains.

        Parameters
        ----------
        full : ndarray, shape (n, all)
            Full vectors.
        reference_lengths : ndarray, shape (n, strands), or None
            What reference strains refer to [mm]; not needed where there are none.

        Returns
        -------
        ndarray, shape (n, strands, 4)
            `[k, alpha, l_0, f_ref]`.
        """
        law = full[:, self.slots.law]
        strain = self.slots.strain
        if strain.any():
            assert reference_lengths is not None
            law[:, strain, 2] = reference_lengths[:, strain] / (1.0 + law[:, strain, 2])
        return law

    def shift(self, full: FloatArray, *, at_data: bool) -> FloatArray:
        """Return what is added to loads, (n, points) or (n, 1), for full vectors (n, all).

        Load bias; at the data's own points, which may have a direction, hysteresis as well.
        """
        _, bias, hysteresis = self.slots.reading
        direction = self.measurement.direction
        if not at_data or direction is None:
            return full[:, [bias]]
        return np.asarray(full[:, [bias]] + full[:, [hysteresis]] * direction)

    def readings(self, full: FloatArray, law: FloatArray, angles: FloatArray | None = None) -> FloatArray:
        """Predict readings without their errors, (n, points), in the file's unit and sign.

        Parameters
        ----------
        full : ndarray, shape (n, all)
            Full vectors; where the test is not posed, their geometry is that of the first.
        law : ndarray, shape (n, strands, 4)
            The strands' laws.
        angles : ndarray, shape (points,), optional
            In the file's unit and sign; the data's own by default.

        Raises
        ------
        GeometryError
            If a knee has no pose there.
        """
        shift = self.shift(full, at_data=angles is None)
        if not self.posed:
            return self.knee(full[0], angles).loads(law) + shift
        pairs = zip(full, law, strict=True)
        return np.concatenate([self.knee(row, angles).loads(one[np.newaxis]) for row, one in pairs]) + shift


def laxity_tests(
    config: Config, table: ParameterTable, measurements: Mapping[str, Measurement]
) -> tuple[LaxityTest, ...]:
    """Make the tests of a configuration of which there are measurements.

    Raises
    ------
    ConfigError
        If tests share what they cannot, sigma is missing or given twice, or errors cannot go together.
    """
    free = set(table.columns.tolist())
    where = str(config.source or "configuration")
    check_sharing(config, table, measurements, where)
    tests = []
    for name, measurement in measurements.items():
        declared, slots = config.all_tests[name], slots_of(config, table, name)
        check_errors(config, table, name, measurement, where)
        posed = not free.isdisjoint([int(slots.reading[0]), *slots.geometry.tolist()])
        tests.append(
            LaxityTest(
                name,
                measurement,
                declared.positive,
                declared.flexion,
                slots,
                config.knee.strands,
                config.knee.reference_flexion,
                posed,
            )
        )
    return tuple(tests)


def refused(error: GeometryError, where: str, test: str) -> ConfigError:
    """Turn a knee without a pose into a complaint about the configuration."""
    return ConfigError(f"{where}: {f'tests.{test}.' if test else ''}knee: {error}")
