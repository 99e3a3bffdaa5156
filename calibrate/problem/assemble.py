"""How the parts of a posterior are put together from a configuration and its data."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibrate.config import Config
from calibrate.config.doubts import doubts_of_sigma
from calibrate.data import Measurement, checked_measurement, read_measurement
from calibrate.density import Density, prior_rows
from calibrate.errors import ConfigError, DataError, GeometryError
from calibrate.knee.pair import Pair
from calibrate.knee.slots import General
from calibrate.plausible import refuse
from calibrate.priors import LogNormal, Prior
from calibrate.problem.build import general_of, is_pair, pair_of
from calibrate.problem.laxity_test import LaxityTest, laxity_tests, refused, slots_of
from calibrate.problem.parameters import ParameterTable, table_of
from calibrate.problem.residuals import Residuals

FloatArray = NDArray[np.float64]


class Parts(NamedTuple):
    """What a `Posterior` consists of, in its order."""

    config: Config
    table: ParameterTable
    tests: tuple[LaxityTest, ...]
    reference: LaxityTest
    middle: FloatArray
    density: Density
    residuals_of: Residuals
    measurements: Mapping[str, Measurement]


def assemble(
    config: Config,
    measurement: Measurement | Mapping[str, Measurement] | None,
    *,
    normalised: bool,
    tests: Collection[str] | None = None,
    again: Mapping[str, Measurement] | None = None,
) -> Parts:
    """Build the parts of the posterior that a configuration describes; see `Posterior.from_config`.

    Raises
    ------
    ConfigError, DataError
        As `Posterior.from_config`.
    """
    if not isinstance(config, Config):
        raise ConfigError(f"a Config is wanted, not {type(config).__name__}; read a file with calibrate.load_config")
    where = str(config.source or "configuration")
    measurements = _measurements(config, measurement, where)
    chosen = config.fitted if tests is None else tests
    table = table_of(config, measurements, chosen)
    if not table.names:
        raise ConfigError(
            f"{where}: parameters: all are fixed, so nothing is left to calibrate; "
            "give at least one as { lower = ..., upper = ... }"
        )
    fitted = laxity_tests(config, table, {name: data for name, data in measurements.items() if name in chosen})
    # A configuration's names have no blanks.
    fitted += tuple(replace(one, name=f"{one.name} again", measurement=again[one.name]) for one in fitted if again)
    slots = slots_of(config, table, "")
    shared = fitted[0].as_reference(slots, not set(table.columns.tolist()).isdisjoint(slots.geometry.tolist()))
    template = np.concatenate([table.template, [0.0, config.knee.reference_flexion]])
    middle = np.array([_middle(p.prior, p.start) for p in table.free if p.prior is not None])
    full = template.copy()
    full[table.columns] = middle
    _check_poses(fitted, shared, full, where)
    try:
        columns, template, knee, order = _compiled_form(fitted, table, shared, full)
    except GeometryError as error:
        raise refused(error, where, "") from None
    weight = math.inf if config.prior.walls == "hard" else config.prior.weight
    density = Density(prior_rows(table.free, weight, normalised=normalised), template, columns, knee)
    residuals = Residuals(fitted, table, density, full, order)
    return Parts(config, table, fitted, shared, middle, density, residuals, measurements)


def read_measurements(config: Config, texts: Mapping[str, str] | None = None) -> dict[str, Measurement]:
    """Read the data of each test, and refuse what the configuration contradicts.

    Parameters
    ----------
    config : Config
        The configuration.
    texts : mapping of str to str, optional
        The files' texts by test, where they are at hand; else the files are read.

    Raises
    ------
    ConfigError, DataError
        As `Posterior.from_config`.
    """
    where = str(config.source or "configuration")
    found = {}
    for name, path in config.data_paths.items():
        found[name] = _read(path, name, where) if texts is None else checked_measurement(texts[name], str(path))
        _check_way(found[name], config.all_tests[name].positive, f"tests.{name}" if name else "data", where)
        if found[name].kind == "moment":  # what is none of a force either, `load_config` refuses
            refuse(doubts_of_sigma(config, "moment", name), ConfigError, where=where)
    return found


def _read(path: Path, test: str, where: str) -> Measurement:
    """Read a test's file; that there is none is the configuration's fault, and is said of its key."""
    try:
        path.stat()
    except FileNotFoundError:
        key = f"tests.{test}.file" if test else "data.file"
        raise DataError(f"{where}: {key}: {path}: no such file") from None
    except (OSError, ValueError):
        pass  # what cannot be looked at, or is no name, the reader has its own words for
    return read_measurement(path)


def _measurements(
    config: Config, given: Measurement | Mapping[str, Measurement] | None, where: str
) -> dict[str, Measurement]:
    """Return the data of each test, in the configuration's order; read where they are not given."""
    if given is None:
        return read_measurements(config)
    named = given if isinstance(given, Mapping) else {next(iter(config.all_tests)): given}
    if missing := [name for name in config.all_tests if name not in named]:
        raise ConfigError(f"{where}: no data are given for tests.{missing[0]}")
    return {name: named[name] for name in config.all_tests}


def _check_way(measurement: Measurement, positive: str, test: str, where: str) -> None:
    """Refuse a direction that the names of the file's own columns contradict."""
    if measurement.way not in (None, positive):
        raise ConfigError(
            f"{where}: {test}.positive = '{positive}', but the columns of {measurement.source} speak of "
            f"{measurement.way}; correct one, or name the columns angle_deg and moment_Nm or the like"
        )


def _check_poses(tests: tuple[LaxityTest, ...], shared: LaxityTest, full: FloatArray, where: str) -> None:
    """Refuse a knee that has no pose at a test's angles, or none that reference strains could refer to."""
    for test in tests:
        try:
            test.knee(full)
        except GeometryError as error:
            raise refused(error, where, test.name) from None
    if any(test.slots.strain.any() for test in tests):
        try:
            shared.geometry(full).reference_lengths()
        except GeometryError as error:
            raise refused(error, where, "") from None


def _compiled_form(
    tests: tuple[LaxityTest, ...], table: ParameterTable, shared: LaxityTest, full: FloatArray
) -> tuple[NDArray[np.int64], FloatArray, Pair | General, NDArray[np.intp] | None]:
    """Choose the short form or the general one; return where free parameters go, the rest, the knee and its order."""
    if not is_pair(tests, table):
        template = full.copy()
        template[table.columns] = np.nan
        return table.columns, template, general_of(tests, table, shared, full), None
    # The laws' eight and sigma, in places of their own.
    (test,) = tests
    rows = [*test.slots.law.ravel().tolist(), int(test.slots.errors[0])]
    inferred = rows[-1] in table.columns
    knee, order = pair_of(test, full, inferred=inferred)
    template = full[rows]
    if not inferred:
        template[-1] = 1.0
    return np.array([rows.index(row) for row in table.columns.tolist()], dtype=np.int64), template, knee, order


def _middle(prior: Prior, start: float) -> float:
    """Return where a free parameter is taken to be where one number is needed: its start, or the prior's middle."""
    if math.isfinite(start):
        return start
    return float(prior.quantile(0.5)) if isinstance(prior, LogNormal) else prior.mean
