"""What draws say in numbers: estimates and convergence, with the findings that go with them (`findings`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from calibrate import chain
from calibrate.assumptions import assumptions
from calibrate.config.values import source_of
from calibrate.derived import unit_of
from calibrate.findings.extrapolation import beyond
from calibrate.notebook_view import of_summary
from calibrate.priors import left_of
from calibrate.sampling.convergence import diagnose
from calibrate.sampling.series import errors_of
from calibrate.scores.holdout import held_out
from calibrate.texts import printable

if TYPE_CHECKING:
    from calibrate.data import Measurement
    from calibrate.draws import Draws
    from calibrate.findings import Finding
    from calibrate.problem.laxity_test import LaxityTest

FloatArray = NDArray[np.float64]

_QUANTILES = {"q2.5": 0.025, "q5": 0.05, "median": 0.5, "q95": 0.95, "q97.5": 0.975}
_ERRORS = ("mcse_mean", "mcse_q5", "mcse_q95")
_CONVERGENCE = ("rhat", "ess_bulk", "ess_tail")


class Summary(Mapping[str, Any]):
    """What `Draws.summary` returns: a read-only mapping that notebooks show as a table; of a run, `summary --json`."""

    def __init__(self, content: dict[str, Any]) -> None:
        self._content = content

    def __getitem__(self, key: str) -> Any:
        return self._content[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._content)

    def __len__(self) -> int:
        return len(self._content)

    def __repr__(self) -> str:
        state = "converged" if self["converged"] else "not converged"
        name = printable(self.get("file", "draws in memory"))
        return f"Summary({name}: {state}, {len(self['parameters'])} parameters)"

    def _repr_html_(self) -> str:
        return of_summary(self)


@np.errstate(all="ignore")  # what overflows in a spoilt file is unknown, and said to be
def summarise(draws: Draws) -> Summary:
    """Return a summary; `Draws.summary` says what is in it."""
    samples, errors = draws.some_samples(), draws.errors()
    diagnosis, verdict = draws.diagnosis, draws.verdict
    parameters, described = {}, _describe(samples.T)
    for i, parameter in enumerate(draws.posterior.table.free):
        name, unit, prior = parameter.name, parameter.unit, draws.posterior.priors[i]
        entry: dict[str, Any] = {"unit": unit, "prior": prior.describe(unit), **described[i]}
        share, shift = left_of(samples[:, i], prior)
        entry |= {"sd_of_prior": _known(share), "shift_of_prior": _known(shift)}
        entry |= {key: _known(error) for key, error in zip(_ERRORS, errors[:, i], strict=True)}
        entry |= {key: _known(getattr(diagnosis, key)[i]) for key in _CONVERGENCE}
        if source := source_of(draws.posterior.config.resolved(name)):
            entry["prior_from"] = source
        if name in draws.truth:
            entry["truth"] = draws.truth[name]
        parameters[name] = entry
    follows = draws.derived_by_ensemble()
    figures = _figures({name: values for name, values in follows.items() if name not in parameters})
    derived = {name: _derived(name, values, parameters.get(name) or figures[name]) for name, values in follows.items()}
    flat = {name: values.reshape(-1) for name, values in follows.items()}
    for name, share in beyond(draws.posterior, draws.spread().reshape(-1, draws.posterior.ndim), flat).items():
        derived[name]["beyond"] = share
    tests = [_test(test, draws.posterior.measurements[test.name]) for test in draws.posterior.tests]
    content = {
        **draws.origin,
        "data": {key: value for key, value in tests[0].items() if key not in ("name", "flexion")},
        "tests": tests,
        "held_out": [test.content() for test in held_out(draws)],
        "converged": draws.converged,
        "steps": draws.steps,
        "burn_in": draws.burn_in * draws.settings.thin,
        "ensembles": int(draws.chains.coords.shape[0]),
        "walkers": int(draws.chains.coords.shape[2]),
        "draws": draws.draws,
        "acceptance": _known(draws.chains.acceptance),
        "max_log_prob": _known(chain.extremes(draws.chains.log_prob)[1]),
        "checks": verdict.numbers(),
        "worst_rhat": _known(diagnosis.worst_rhat),
        "smallest_ess": _known(diagnosis.smallest_ess),
        "autocorrelation_times": _known(float(np.min(diagnosis.autocorrelation_times))),
        "largest_sd_error": _known(float(np.max(diagnosis.sd_error))),
        "stragglers": 0.0 if diagnosis.stragglers is None else diagnosis.stragglers.share,
        "parameters": parameters,
        "derived": derived,
        "findings": [_finding(finding) for finding in draws.findings()],
        "warnings": list(draws.warnings()),
        "assumes": list(assumptions(draws.posterior)),
    }
    return Summary(content)


def _derived(name: str, values: FloatArray, known: Mapping[str, Any]) -> dict[str, Any]:
    """Say of a derived quantity's values what is known; of a parameter by all draws, like there, and not by some."""
    told = {key: known[key] for key in ("mean", "sd", *_QUANTILES, *_ERRORS, *_CONVERGENCE)}
    return {"unit": unit_of(name), **told, "share": float(np.isfinite(values).mean())}


def _figures(follows: Mapping[str, FloatArray]) -> dict[str, dict[str, float | None]]:
    """Describe derived quantities (ensembles, steps, walkers) by their finite values, with errors and convergence.

    The latter are unknown of those that some draws lack or that never move; all is unknown of what no draw has.
    """
    unknown = dict[str, float | None].fromkeys(("mean", "sd", *_QUANTILES, *_ERRORS, *_CONVERGENCE))
    out = {name: dict(unknown) for name in follows}
    finite = {name: np.isfinite(values) for name, values in follows.items()}
    whole = [name for name in follows if finite[name].all()]
    if whole:
        values = np.stack([follows[name] for name in whole])
        for name, entry in zip(whole, _describe(values.reshape(len(whole), -1)), strict=True):
            out[name] |= entry
    for name in follows.keys() - set(whole):
        if finite[name].any():
            out[name] |= _describe(follows[name][finite[name]][np.newaxis])[0]
    moving = [i for i, name in enumerate(whole) if np.ptp(values[i]) > 0.0]
    if moving:
        some = values[moving]
        errors, found = errors_of(some, (0.05, 0.95)), diagnose(np.moveaxis(some, 0, -1))
        for i, at in enumerate(moving):
            out[whole[at]] |= {key: _known(error) for key, error in zip(_ERRORS, errors[:, i], strict=True)}
            out[whole[at]] |= {key: _known(getattr(found, key)[i]) for key in _CONVERGENCE}
    return out


def _test(test: LaxityTest, data: Measurement) -> dict[str, Any]:
    """Say what was measured in a test, and the file's name as the run has it."""
    return {
        "name": test.name,
        "file": Path(data.source).name,
        "points": int(data.angles.size),
        "load": data.kind,
        "unit": data.unit,
        "positive": test.positive,
        "flexion": test.flexion,
        "sha256": data.sha256,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    """Return a finding as JSON has it."""
    numbers = {key: getattr(finding, key) for key in ("value", "threshold")}
    return (
        {"kind": finding.kind}
        | asdict(finding)
        | {key: None if value is None else _known(value) for key, value in numbers.items()}
    )


def _describe(rows: FloatArray) -> list[dict[str, float | None]]:
    """Describe each row of finite values."""
    quantiles = np.quantile(rows, list(_QUANTILES.values()), axis=1)
    table = np.vstack([rows.mean(axis=1), rows.std(axis=1), quantiles]).T.tolist()
    return [dict(zip(("mean", "sd", *_QUANTILES), map(_known, row), strict=True)) for row in table]


def _known(value: float) -> float | None:
    """JSON has no NaN and no infinity; what is unknown is null there."""
    return float(value) if np.isfinite(value) else None
