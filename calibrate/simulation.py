"""Synthetic measurements with known truth: readings of the general model, errors and all, for one knee."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibrate.columns import AngleUnit, LoadKind
from calibrate.config import Config, Distribution, middle
from calibrate.data import MAX_ANGLE, Measurement, format_measurement, parse_measurement, read_measurement
from calibrate.decimals import read_number
from calibrate.errors import ConfigError, DataError, GeometryError
from calibrate.files import check_target, replacing
from calibrate.kinds import MEASUREMENT
from calibrate.problem.laxity_test import UNNAMED, LaxityTest, laxity_tests, refused, slots_of
from calibrate.problem.naming import check_value, row_of
from calibrate.problem.noise import noise_of
from calibrate.problem.parameters import ParameterTable, keys_of, slack_keys, table_of
from calibrate.problem.quantities import LOAD, SIGMA, quantity_of

FloatArray = NDArray[np.float64]

HYSTERESIS = "measurement.hysteresis"
_MOST_ANGLES = 10_000_000


def simulate(
    config: Config,
    truth: Mapping[str, float] | None = None,
    *,
    angles: str | ArrayLike | None = None,
    load: str | None = None,
    seed: int | np.random.Generator = 1,
    test: str | None = None,
) -> Measurement:
    """Make a laxity test of a knee whose parameters are known.

    Parameters
    ----------
    config : Config
        The knee, its parameters, what a reading is, and its errors.
    truth : mapping of str to float, optional
        True values by name, like `{"mcl.k": 40.0}`. Of the rest, fixed parameters keep their number and free ones take
        the middle of their prior: the mean, of a log-normal one the median.
    angles : str or array_like, shape (n,), optional
        "LOW:HIGH:N", or numbers, in degrees; the angles of the configuration's data file by default. With hysteresis
        the load goes up through them and down again, so that there are 2 n readings.
    load : {"force", "moment"}, optional
        What is applied; by default as in the configuration's data file, and a moment if there is none.
    seed : int or numpy.random.Generator
        Draws the errors.
    test : str, optional
        Which of several tests.

    Returns
    -------
    Measurement
        Counted as the test's `positive` says, with its `truth`; what is the test's own is named without the test.

    Raises
    ------
    ConfigError, DataError, ParameterError
        If a true value, the angles, the load or the test cannot be meant.
    """
    name = _chosen(config, test)
    given = {key: float(value) for key, value in (truth or {}).items()}
    plan, template = _plan(config, name, given, angles, load)
    measurements = {one: plan if one == name else _stand_in(config, one, plan) for one in config.all_tests}
    table = table_of(config, measurements)
    full = _full(config, table, name, given, sigma_known=plan.sigma is not None)
    if template is not None and template.kind != plan.kind:
        _check_units(table, name, given, full, plan, template)
    chosen = next(one for one in laxity_tests(config, table, measurements) if one.name == name)
    try:
        loads = _readings(config, table, chosen, full, np.random.default_rng(seed))
    except GeometryError as error:
        raise refused(error, str(config.source or "configuration"), name) from None
    text = format_measurement(
        plan.angles,
        loads,
        plan.kind,
        plan.angle_unit,
        (
            f"Simulated laxity test{f' {name}' if name else ''}{f', seed {seed}' if isinstance(seed, int) else ''}; "
            f"{chosen.positive} is positive in both columns.",
            "The parameters it was made with:",
        ),
        _truth(config, table, name, given, full),
        None if SIGMA in given else plan.sigma,
        plan.direction,
    )
    return parse_measurement(text, "simulated data")


def check_output(path: str | Path, config: Config, *, overwrite: bool = False) -> None:
    """Refuse a file that `write` had better not write, before anything is computed.

    Raises
    ------
    DataError
        If it is the configuration or its data, is no measurement, or exists and `overwrite` is not given.
    """
    spare = (config.source, *config.data_paths.values())
    check_target(Path(path), DataError, kind=MEASUREMENT, overwrite=overwrite, spare=spare)


def write(measurement: Measurement, path: str | Path, config: Config, *, overwrite: bool = False) -> None:
    """Write a measurement file, whole or not at all.

    Parameters
    ----------
    measurement : Measurement
        What to write.
    path : str or Path
        Where to.
    config : Config
        What it was simulated from; neither this file nor its data are written over.
    overwrite : bool
        Replace an existing measurement.

    Raises
    ------
    DataError
        As `check_output`, or if it cannot be written.
    """
    path = Path(path)
    check_output(path, config, overwrite=overwrite)
    with replacing(path, DataError) as temporary:
        temporary.write_bytes(measurement.text.encode())


def parse_angles(text: str) -> FloatArray:
    """Return the angles [degrees] that "LOW:HIGH:N" means.

    Raises
    ------
    ConfigError
        If it means none, or angles beyond 45 degrees.
    """
    try:
        low, high, count = (read_number(part.strip()) for part in text.split(":"))
        if count != int(count):
            raise ValueError
        at = np.linspace(low, high, min(int(count), _MOST_ANGLES + 1))
    except (ValueError, OverflowError):
        raise ConfigError(f"angles {text}: must be LOW:HIGH:N in degrees, like -8:8:33") from None
    _check_angles(at, f"angles {text}")
    return at


def _check_angles(at: FloatArray, what: str) -> None:
    if not 0 < at.size <= _MOST_ANGLES or not np.isfinite(at).all() or np.abs(np.deg2rad(at)).max() > MAX_ANGLE:
        raise ConfigError(f"{what}: one to {_MOST_ANGLES:,} angles, none beyond 45 degrees")


def _chosen(config: Config, test: str | None) -> str:
    names = list(config.all_tests)
    if test is None and len(names) == 1:
        return names[0]
    if test in names:
        return test
    known = ", ".join(names)
    if not known:
        raise ConfigError(f"no test is called '{test}'; there is only one, and it has no name")
    raise ConfigError(UNNAMED.format(known) if test is None else f"no test is called '{test}'; there are {known}")


def _plan(
    config: Config, test: str, given: Mapping[str, float], angles: str | ArrayLike | None, load: str | None
) -> tuple[Measurement, Measurement | None]:
    """Return the test without its loads, and the one in its file if there is one.

    That is at which angles, in which units, in which direction, and with which sigma unless the parameters have it.
    """
    if load is not None and load not in get_args(LoadKind):
        raise ConfigError(f"load {load}: must be force or moment")
    path = config.data_paths[test]
    template: Measurement | None = None
    if angles is None or path.exists():
        try:
            template = read_measurement(path)
        except DataError as error:
            if angles is None:
                raise DataError(f"{error}; give angles, LOW:HIGH:N, to simulate without it") from None
            raise
    kind: LoadKind = "moment" if template is None else template.kind
    if load is not None:
        kind = "force" if load == "force" else "moment"
    unit: AngleUnit = "deg"
    sigma = direction = None
    if angles is not None:
        at = parse_angles(angles) if isinstance(angles, str) else np.array(angles, dtype=float, ndmin=1).ravel()
        _check_angles(at, "angles")
    else:
        assert template is not None
        at, unit, sigma, direction = template.angles, template.angle_unit, template.sigma, template.direction
    directed = template is not None and template.direction is not None
    if direction is None and (directed or _has_hysteresis(config, test, given)):
        up = np.argsort(at, kind="stable")
        order = np.concatenate([up, up[::-1]])
        direction = np.repeat([1.0, -1.0], at.size)
        at, sigma = at[order], None if sigma is None else sigma[order]
    if _declares(config, test, SIGMA):
        sigma = None
    elif SIGMA in given:
        check_value(SIGMA, quantity_of(SIGMA), given[SIGMA])
        sigma = np.full(at.size, given[SIGMA])
    elif sigma is None:
        raise ConfigError(f"{config.source or 'configuration'}: {SIGMA}: missing; give a value to simulate with")
    elif template is not None and kind != template.kind:
        raise _other_unit([SIGMA], kind, template)
    plan = Measurement(at, np.zeros(at.size), sigma, kind, unit, source=str(path), direction=direction)
    return plan, template


def _stand_in(config: Config, test: str, plan: Measurement) -> Measurement:
    """Return something for a test that is not simulated, and whose data need not be there."""
    sigma = None if _declares(config, test, SIGMA) else np.ones(2)
    return Measurement(np.zeros(2), np.zeros(2), sigma, plan.kind, plan.angle_unit, direction=np.array([1.0, -1.0]))


def _declares(config: Config, test: str, key: str) -> bool:
    declared = config.declared()
    return key in declared or f"{test}.{key}" in declared


def _has_hysteresis(config: Config, test: str, given: Mapping[str, float]) -> bool:
    """Tell whether readings depend on the direction, or might in a fit."""
    declared = config.declared()
    value = declared.get(f"{test}.{HYSTERESIS}", declared[HYSTERESIS])
    names = (HYSTERESIS, f"{test}.{HYSTERESIS}")
    return value != 0.0 or any(given.get(name, 0.0) != 0.0 for name in names)


def _full(
    config: Config, table: ParameterTable, test: str, given: Mapping[str, float], *, sigma_known: bool
) -> FloatArray:
    """Return all parameters of the true knee as a full vector (all + 2,), see `Posterior.full`."""
    declared = config.declared()
    full = np.array([middle(declared[parameter.name]) for parameter in table.parameters])
    for name, value in given.items():
        if name == SIGMA and sigma_known:
            continue
        row = row_of(table, test, name)
        check_value(name, table.parameters[row].quantity, value)
        full[row] = value
    return np.concatenate([full, [0.0, config.knee.reference_flexion]])


def _check_units(
    table: ParameterTable,
    test: str,
    given: Mapping[str, float],
    full: FloatArray,
    plan: Measurement,
    template: Measurement,
) -> None:
    """Refuse numbers that the configuration gives in the unit of its data, where another load is simulated."""
    said = {row_of(table, test, name) for name in given if name != SIGMA or plan.sigma is None}
    wrong = [
        parameter.name
        for row, parameter in enumerate(table.parameters)
        if parameter.quantity.unit == LOAD
        and row == table.find(test, parameter.quantity.key)
        and row not in said
        and (full[row] != 0.0 or parameter.prior is not None)
    ]
    if wrong:
        raise _other_unit(wrong, plan.kind, template)


def _other_unit(names: list[str], kind: str, template: Measurement) -> ConfigError:
    several = len(names) > 1
    return ConfigError(
        f"load {kind}: {', '.join(names)} {'are' if several else 'is'} in {template.unit}, the unit of "
        f"{template.source}; give {'them' if several else 'it'} as well"
    )


def _readings(
    config: Config, table: ParameterTable, test: LaxityTest, full: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """Draw the readings of the true knee, (n,)."""
    rows = full[np.newaxis]
    shared = test.as_reference(slots_of(config, table, ""), posed=False)
    lengths = shared.geometry(full).reference_lengths() if test.slots.strain.any() else None
    law = test.law(rows, None if lengths is None else lengths[np.newaxis])
    return np.asarray((test.readings(rows, law) + noise_of(test, rows, law, rng))[0])


def _truth(
    config: Config, table: ParameterTable, test: str, given: Mapping[str, float], full: FloatArray
) -> dict[str, float]:
    """Return what a file states: laws, errors, and of readings and geometry what is free, was given, or is not nought.

    What is the test's own is named without it: so the file fits a calibration of this test alone as well.
    """
    slack, declared = slack_keys(config, test), config.declared()
    found: dict[str, float] = {}
    for key in keys_of(config):
        row = table.find(test, key)
        if row is None or (key.endswith((".l_0", ".reference_strain")) and key not in slack):
            continue
        parameter = table.parameters[row]
        chosen = isinstance(declared[parameter.name], Distribution) or bool({key, parameter.name} & given.keys())
        role = parameter.quantity.role
        if chosen or role in ("law", "error") or (role == "reading" and full[row] != 0.0):
            found[key] = float(full[row])
    if SIGMA in given:
        found[SIGMA] = given[SIGMA]
    return found
