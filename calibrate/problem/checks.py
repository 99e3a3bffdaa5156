"""What tests may share, and which errors of readings go together."""

from __future__ import annotations

from collections.abc import Mapping

from calibrate.config import Config
from calibrate.data import Measurement
from calibrate.errors import ConfigError
from calibrate.problem.parameters import ParameterTable
from calibrate.problem.quantities import ERROR, LOAD, READING, place

# Readings of a test whose discrepancy is correlated, at the most: each evaluation factorises their covariance.
MOST_CORRELATED = 500


def check_errors(config: Config, table: ParameterTable, test: str, measurement: Measurement, where: str) -> None:
    """Refuse errors of readings that are not given, given twice, or cannot go together.

    Raises
    ------
    ConfigError
        Saying which.
    """
    declared, source = config.declared(), measurement.source

    def named(key: str) -> str:
        own = f"{test}.{key}"
        return place(own if own in declared or key not in declared else key, config.all_tests)

    given = not {"noise.sigma", f"{test}.noise.sigma"}.isdisjoint(declared)
    if measurement.sigma is not None and given:
        raise ConfigError(
            f"{where}: {named('noise.sigma')} is given, and {source} has a sigma column as well; keep one of them"
        )
    if measurement.sigma is None and not given:
        label = named("noise.sigma") if test else "noise.sigma"
        raise ConfigError(
            f"{where}: {label}: missing; give a number, bounds to infer it, or a sigma column in the data"
        )
    correlated = table.find(test, "noise.discrepancy.amplitude") is not None
    if correlated and table.find(test, "noise.nu") is not None:
        raise ConfigError(f"{where}: tests.{test}.noise: discrepancy and nu both hold here; keep one")
    if correlated and measurement.angles.size > MOST_CORRELATED:
        raise ConfigError(
            f"{where}: noise.discrepancy: {source} has {measurement.angles.size} readings, and correlated "
            f"errors are for {MOST_CORRELATED} at the most; average neighbouring ones"
        )
    row = table.find(test, "measurement.hysteresis")
    if measurement.direction is None and row is not None and table.template[row] != 0.0:  # NaN of a free one
        raise ConfigError(
            f"{where}: {named('measurement.hysteresis')} is given, but {source} has no column 'direction' "
            "with +1 while the load goes up and -1 while it goes down"
        )


def check_sharing(config: Config, table: ParameterTable, measurements: Mapping[str, Measurement], where: str) -> None:
    """Refuse readings' parameters that tests share though they count differently or measure in other units.

    Raises
    ------
    ConfigError
        Naming the parameter.
    """
    tests = config.all_tests
    for quantity in (*READING, *ERROR):
        if quantity.unit != LOAD and quantity.key != "measurement.angle_offset":
            continue
        by_row: dict[int, list[str]] = {}
        for test in measurements:
            row = table.find(test, quantity.key)
            if row is None or (quantity.key == "noise.sigma" and measurements[test].sigma is not None):
                continue
            parameter = table.parameters[row]
            if parameter.prior is not None or parameter.value != 0.0:
                by_row.setdefault(row, []).append(test)
        for row, sharing in by_row.items():
            name = table.parameters[row].name
            units = {measurements[test].unit for test in sharing}
            senses = {tests[test].positive for test in sharing}
            if quantity.unit == LOAD and len(units) > 1:
                raise ConfigError(
                    f"{where}: {name} is shared by tests in {' and '.join(sorted(units))}; give each test its own"
                )
            if quantity in READING and len(senses) > 1:
                raise ConfigError(
                    f"{where}: {name} is shared by tests that count valgus and tests that count varus as positive; "
                    "give each test its own"
                )
