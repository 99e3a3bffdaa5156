"""The tables of the page: the answers in front, all parameters and derived quantities behind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from calibrate.report.words import interval, number, title_of, unit_alone
from calibrate.texts import digits


@dataclass(frozen=True)
class Row:
    """A row about one quantity, every number as text.

    Attributes
    ----------
    name, title, unit : str
        Its name in the program, its name for people, its unit.
    median, interval : str
        The median and the central 95 % interval.
    mean, sd : str
        Mean and standard deviation.
    error, error_low, error_high : str
        Monte-Carlo standard errors of the mean, and of the 5 and 95 % quantiles.
    left : str
        Share of the prior's standard deviation that is left; a dash for what has no prior of its own.
    beyond : str
        Share of the draws in which a laxity lies beyond the measured angles; a dash for all else.
    rhat, ess : str
        R-hat, and effective samples of the middle and of the tails, the smaller of the two.
    prior, truth : str
        Of a parameter; empty where there is none.
    """

    name: str
    title: str
    unit: str
    median: str
    interval: str
    mean: str
    sd: str
    error: str
    error_low: str
    error_high: str
    left: str
    beyond: str
    rhat: str
    ess: str
    prior: str
    truth: str


def row_of(name: str, entry: Mapping[str, Any], tests: list[str]) -> Row:
    """Return the row of a summary's entry."""
    form = digits(entry.get("median"), entry.get("sd"))
    ess = [entry[key] for key in ("ess_bulk", "ess_tail") if entry.get(key) is not None]
    return Row(
        name=name,
        title=title_of(name, tests),
        unit=unit_alone(entry["unit"]),
        median=number(entry.get("median"), form),
        interval=interval(entry),
        mean=number(entry.get("mean"), form),
        sd=number(entry.get("sd"), ".3g"),
        error=number(entry.get("mcse_mean"), ".2g"),
        error_low=number(entry.get("mcse_q5"), ".2g"),
        error_high=number(entry.get("mcse_q95"), ".2g"),
        left=number(entry.get("sd_of_prior"), ".0%"),
        beyond=number(entry.get("beyond"), ".0%"),
        rhat=number(entry.get("rhat"), ".3f"),
        ess=number(min(ess), ",.0f") if ess else "-",
        prior=entry.get("prior", ""),
        truth=number(entry["truth"]) if "truth" in entry else "",
    )


def headline(content: Mapping[str, Any]) -> Iterator[Row]:
    """Yield the rows of the table in front: reference strain, stiffness and laxity, with what is free of the latter."""
    tests = [test["name"] for test in content["tests"]]
    for end in (".reference_strain", ".k", ".stiffness_per_strain", "_10Nm"):
        entries = content["derived"] | content["parameters"]  # of both, the parameter knows its prior
        for name, entry in entries.items():
            if name.endswith(end):
                yield row_of(name, entry | {"beyond": content["derived"].get(name, {}).get("beyond")}, tests)


def all_rows(content: Mapping[str, Any]) -> tuple[list[Row], list[Row]]:
    """Return the rows of all parameters, and of all that is derived and no parameter."""
    tests = [test["name"] for test in content["tests"]]
    parameters = [row_of(name, entry, tests) for name, entry in content["parameters"].items()]
    derived = [
        row_of(name, entry, tests) for name, entry in content["derived"].items() if name not in content["parameters"]
    ]
    return parameters, derived
