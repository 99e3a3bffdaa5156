"""Findings about what the data tell: bounds and priors that decide, parameters that trade off, regions unvisited."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from calibrate.findings.finding import Finding
from calibrate.priors import LogNormal, Uniform, left_of
from calibrate.problem.parameters import SLACK
from calibrate.regions import LINEAR, TAUT, TOE, visited
from calibrate.regions import SLACK as IS_SLACK
from calibrate.texts import listed
from calibrate.tradeoffs import INFLATION, LEFT, trade_offs

if TYPE_CHECKING:
    from calibrate.draws import Draws

# A bound cuts a distribution if the strip beside it, this share of the central 95 % wide, is filled at least this
# much compared with an even spread.
STRIP = 0.05
FILLED = 0.25
# A parameter with more than this share of its prior's standard deviation left was not learnt, unless its mean has moved
# by so many of them.
LEARNT = 0.9
MOVED = 1.0
# A region counts as unvisited if readings lie there in no more than this share of the draws.
UNVISITED = 0.1
_DRAWS = 500
_MOST_NAMED = 3


def bounds_reached(draws: Draws, *, misfit: bool) -> Iterator[Finding]:
    """Find bounds that cut a parameter's distribution; the zero of a log-normal prior is none.

    With a misfit of the model, bounds are where it pushes parameters to; widening them mends nothing.
    """
    samples, posterior = draws.some_samples(), draws.posterior
    low, high = np.quantile(samples, [0.025, 0.975], axis=0)
    strip = STRIP * (high - low)
    natural = np.array([isinstance(prior, LogNormal) and prior.lower == 0.0 for prior in posterior.priors])
    near_lower = np.where(natural, 0.0, (samples < posterior.lower + strip).mean(axis=0))
    near_upper = (samples > posterior.upper - strip).mean(axis=0)
    most = FILLED * STRIP
    named, said = [], []
    for name, below, above in zip(draws.names, near_lower > most, near_upper > most, strict=True):
        if below or above:
            named.append(name)
            said.append(f"{name} reaches {'both bounds' if below and above else f'its {_end(below)} bound'}")
    if named:
        it = "it ends" if len(named) == 1 else "they end"
        yield Finding(
            "bound-reached",
            ", ".join(named),
            float(max(near_lower.max(), near_upper.max())),
            most,
            f"{', '.join(said)}: the bounds, not the data, decide where {it}",
            "see first to the misfit named above, which may be what pushes there"
            if misfit
            else "if the units of the columns and the side are right, widen them or report them",
        )


def _end(lower: bool) -> str:
    return "lower" if lower else "upper"


def prior_decides(draws: Draws) -> Iterator[Finding]:
    """Find parameters of which the data say next to nothing; flat priors are told by their bounds instead."""
    found = {
        name: share
        for name, prior, (share, shift) in zip(draws.names, draws.posterior.priors, _left(draws), strict=True)
        if not isinstance(prior, Uniform) and untold(share, shift)
    }
    if found:
        named = [f"{name} ({100 * share:.0f} %)" for name, share in found.items()]
        yield Finding(
            "prior-decides",
            ", ".join(found),
            max(found.values()),
            LEARNT,
            f"the prior, not the data, decides {', '.join(named)}: in brackets the share of the prior's standard "
            f"deviation that is left, by logarithms where it is log-normal (below {100 * LEARNT:g} % the data say "
            "something)",
            f"report the prior with {'it' if len(found) == 1 else 'them'}",
        )


def untold(share: float, shift: float) -> bool:
    """Tell whether data have told next to nothing, by what `priors.left_of` returns."""
    return share > LEARNT and abs(shift) < MOVED


def _left(draws: Draws) -> list[tuple[float, float]]:
    """Return what is left of each parameter's prior, and how far its mean has moved."""
    return [left_of(x, prior) for x, prior in zip(draws.some_samples().T, draws.posterior.priors, strict=True)]


def parameters_trade_off(draws: Draws) -> Iterator[Finding]:
    """Find parameters of which the data tell a combination better than each."""
    left = np.array([share for share, _ in _left(draws)])
    found, most = trade_offs(draws.some_samples(), left), float(np.sqrt(1.0 - 1.0 / INFLATION))
    if found:
        said = [
            f"{_and([draws.names[i] for i in one.members])} ({one.correlation:.{_digits(one.correlation)}f})"
            for one in found
        ]
        yield Finding(
            "trade-off",
            ", ".join(dict.fromkeys(draws.names[i] for one in found for i in one.members)),
            max(abs(one.correlation) for one in found),
            most,
            f"the data tell combinations better than each: {listed(said, _MOST_NAMED, '; ')} (correlations, "
            f"named from {most:.2f} on where {100 * LEFT:g} % of the prior's standard deviation are left)",
            "report them together (calibrate plot, corner), or inform one of them",
        )


def _and(names: list[str]) -> str:
    return f"{names[0]} with {names[1]}" if len(names) == 2 else f"{', '.join(names[:-1])} and {names[-1]}"


def _digits(correlation: float) -> int:
    return 2 if abs(correlation) < 0.995 else 4


def regions_unvisited(draws: Draws) -> Iterator[Finding]:
    """Find strands of whose law no reading visits a region that alone tells some of the free parameters."""
    shares = visited(draws.posterior, draws.thinned(_DRAWS))
    for strand, share, names in zip(draws.posterior.strands, shares, _free(draws), strict=True):
        unseen = share <= UNVISITED
        slack = next((names[key] for key in SLACK if key in names), None)
        if unseen[TAUT] and names:
            value, where = share[TAUT], f"no reading stretches {strand}"
            so = f"the data say nothing of {', '.join(n for k, n in names.items() if k not in SLACK) or 'its law'}"
            so += f", and of {slack} only a limit" if slack else ""
        elif unseen[LINEAR] and {"k", "alpha"} <= names.keys():
            value, where = share[LINEAR], f"no reading stretches {strand} beyond its toe"
            so = f"{names['k']} and {names['alpha']} are told apart by little but their priors"
        elif unseen[TOE] and "alpha" in names and slack:
            value, where = share[TOE], f"no reading lies in the toe of {strand}"
            so = f"{names['alpha']} and {slack} are told apart by little but their priors"
        elif unseen[IS_SLACK] and "f_ref" in names and slack:
            value, where = share[IS_SLACK], f"no reading finds {strand} slack"
            so = f"{names['f_ref']} and {slack} are told apart by the toe at the most, and by their priors"
        else:
            continue
        yield Finding(
            "region-unvisited",
            strand,
            float(value),
            UNVISITED,
            f"in {100 * (1 - value):.0f} % of the draws (named from {100 * (1 - UNVISITED):g} % on) {where}: {so}",
            "measure there, or report the priors with them",
        )


def _free(draws: Draws) -> list[dict[str, str]]:
    """Return for each strand the names of its law's free parameters by quantity."""
    table = draws.posterior.table
    columns, found = set(table.columns.tolist()), []
    for s in range(len(draws.posterior.strands)):
        names: dict[str, str] = {}
        for test in draws.posterior.tests:
            for row in test.slots.law[s].tolist():
                if row in columns:
                    name = table.parameters[row].name
                    names.setdefault(name.rpartition(".")[2], name)
        found.append(names)
    return found
