"""What a user should know of a problem before believing a result."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from calibrate.config import Config
from calibrate.config.doubts import doubts_of
from calibrate.problem.laxity_test import LaxityTest
from calibrate.problem.parameters import ParameterTable
from calibrate.problem.quantities import place
from calibrate.texts import count


def warnings_of(config: Config, table: ParameterTable, tests: Sequence[LaxityTest]) -> Iterator[str]:
    """Yield what is odd about numbers, priors and tests, a sentence each."""
    yield from (doubt.text for doubt in doubts_of(config, {test.name: test.measurement for test in tests}))
    readings = sum(test.measurement.angles.size for test in tests)
    if readings < len(table.free):
        yield (
            f"{count(readings, 'data point')} for {count(len(table.free), 'free parameter')}: the priors will decide "
            "some of them"
        )
    spill = 0.0 if config.prior.walls == "hard" else math.sqrt(0.5 / config.prior.weight)
    bounds = [(p.name, p.prior.upper - p.prior.lower) for p in table.free if p.prior is not None]
    if loose := [name for name, width in bounds if np.isfinite(width) and spill > 0.05 * width]:
        yield (
            f"prior.weight = {config.prior.weight:g} lets parameters spill about {spill:.2g} beyond their "
            f'bounds, much for {", ".join(loose)}; use a larger weight or walls = "hard"'
        )
    for parameter in table.free:
        prior = parameter.prior
        if parameter.quantity.key == "rolling" and prior is not None and not 0.0 <= prior.lower <= prior.upper <= 1.0:
            yield (
                f"{place(parameter.name, config.tests)}: its prior reaches beyond 0 (slides) and 1 (rolls), where "
                "rolling means nothing; add lower = 0.0 and upper = 1.0"
            )
    for name in table.unused:
        yield f"{place(name, config.tests)} is free, but no reading depends on it: it is left out"
    seen: dict[str, str] = {}
    for test in tests:
        first = seen.setdefault(test.measurement.sha256, test.name)
        if first != test.name:
            yield f"tests.{first} and tests.{test.name} have the same data: they are counted twice; remove one of them"
    free = set(table.names)
    for test in tests:
        row = table.find(test.name, "measurement.hysteresis")
        unused = row is None or (table.parameters[row].prior is None and table.parameters[row].value == 0.0)
        if test.measurement.direction is not None and unused:
            yield (
                f"{test.measurement.source}: the column 'direction' is not used; give measurement.hysteresis, or "
                "remove it"
            )
        if free.isdisjoint(table.uses[test.name]):
            yield f"tests.{test.name} ({test.measurement.source}) depends on no free parameter: it adds nothing"
