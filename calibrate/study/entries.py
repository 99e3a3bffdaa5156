"""What one knee's summary says, taken apart: its quantities, valgus positive, and why it has not converged."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from calibrate.errors import ChainError
from calibrate.problem.quantities import key_of
from calibrate.sampling.remedy import NAMES

# Derived quantities of the table; all parameters are in it, too.
_WAYS = ("laxity_valgus_10Nm", "laxity_varus_10Nm")
_DERIVED = (".reference_strain", ".stiffness_per_strain", "laxity_total_10Nm", *_WAYS)
# Whose sign is that of the file.
_TURNING = (*_WAYS, "measurement.angle_offset", "measurement.load_bias")
_NAME = re.compile(r"[\w-]+(\.[\w-]+)*")
# The finding that says what the status says already.
NOT_CONVERGED = "not-converged"
_UNIT = re.compile(r"[\w/·.%^-]{0,16}")
_LONGEST = 200


@dataclass(frozen=True)
class Entry:
    """One quantity of one knee, valgus positive; numbers as in `Quantity`."""

    test: str
    key: str
    unit: str
    low: float
    median: float
    high: float
    beyond: float
    reached: float


def entries_of(summary: Mapping[str, Any]) -> Iterator[Entry]:
    """Yield a knee's parameters, then those derived quantities that a study is about and that are no parameters.

    Raises
    ------
    ChainError
        If a name is none that a quantity has.
    """
    tests = [test for test, _ in flexions_of(summary)]
    parameters, derived = (_mapping(summary.get(key)) for key in ("parameters", "derived"))
    wanted = {name: entry for name, entry in derived.items() if name.endswith(_DERIVED) and name not in parameters}
    for name, entry in (*parameters.items(), *wanted.items()):
        if len(name) > _LONGEST or not _NAME.fullmatch(name):
            raise ChainError(f"a quantity is called {name[:60]!r}, which is no name of any; this is no study of ours")
        if not _UNIT.fullmatch(str(_mapping(entry).get("unit") or "")):
            raise ChainError(f"the unit of {name} is none of any; this is no study of ours")
        yield _entry(name, _mapping(entry), tests, summary)


def _entry(name: str, entry: Mapping[str, Any], tests: Sequence[str], summary: Mapping[str, Any]) -> Entry:
    key = key_of(name, tests)
    test = name.partition(".")[0] if key != name else ""
    if not test and "laxity_" in key and len(tests) == 1:
        test = tests[0]  # of one test, a summary leaves its name out
    low, median, high = (number_of(entry.get(quantile)) for quantile in ("q5", "median", "q95"))
    if key.endswith(_TURNING):
        sign = _sign(key, test, summary)
        low, high = (low, high) if sign > 0.0 else (high, low)
        low, median, high = (sign * value + 0.0 for value in (low, median, high))
    beyond, share = number_of(entry.get("beyond")), number_of(entry.get("share"))
    return Entry(test, key, str(entry.get("unit") or ""), low, median, high, beyond, 1.0 if share != share else share)


def _sign(key: str, test: str, summary: Mapping[str, Any]) -> float:
    """Return 1 if the tests that a quantity is of count valgus as positive, -1 if varus, NaN if nobody can tell."""
    own = [name for name in _mapping(summary.get("parameters")) if name.endswith(f".{key}")]
    senses = {
        each.get("positive")
        for each in _tests(summary)
        if (each.get("name") == test if test else f"{each.get('name')}.{key}" not in own)
    }
    sense = senses.pop() if len(senses) == 1 else None
    return {"valgus": 1.0, "varus": -1.0}.get(str(sense), math.nan)


def flexions_of(summary: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Yield each test's name and flexion [degrees]."""
    for test in _tests(summary):
        yield str(test.get("name") or ""), number_of(test.get("flexion"))


def checks_of(summary: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the verdict's checks that were missed."""
    checks = _mapping(summary.get("checks"))
    return tuple(str(name) for name, check in checks.items() if _mapping(check).get("met") is False)


def thresholds_of(summary: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Yield what each of the verdict's checks holds its number against, if it is a number."""
    for name, check in _mapping(summary.get("checks")).items():
        threshold = number_of(_mapping(check).get("threshold"))
        if math.isfinite(threshold):
            yield str(name), threshold


def reason_of(message: str, summary: Mapping[str, Any]) -> str:
    """Return why a knee has not converged: its message, else the finding's sentence, else the checks missed."""
    if message:
        return message
    for finding in _list(summary.get("findings")):
        if _mapping(finding).get("code") == NOT_CONVERGED:
            return str(_mapping(finding).get("sentence")).removeprefix("not converged: ")
    missed = ", ".join(words_of(check) for check in checks_of(summary))
    return f"missed: {missed}" if missed else "no reason is stored"


def words_of(check: str) -> str:
    """Return what people call a check."""
    more = {"looks": "two looks that agree", "drift": "no drift", "stragglers": "no stragglers"}
    return NAMES.get(check) or more.get(check, check)


def texts_of(summary: Mapping[str, Any], key: str, inner: str = "") -> Iterator[str]:
    """Yield the texts of a list in a summary, or those that its objects have under a key."""
    for one in _list(summary.get(key)):
        text = _mapping(one).get(inner) if inner else one
        if isinstance(text, str):
            yield text


def _tests(summary: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [_mapping(test) for test in _list(summary.get("tests"))]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()


def number_of(value: Any) -> float:
    """Return a number of a summary, NaN if it is none or not finite."""
    try:
        return float(value) if isinstance(value, int | float) and math.isfinite(value) else math.nan
    except OverflowError:  # a whole number may be of any size
        return math.nan
