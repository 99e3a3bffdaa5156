"""What a run says in numbers: estimates and convergence, with the findings that go with them (`findings`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from calibrate import chain
from calibrate.assumptions import assumptions
from calibrate.config.values import source_of
from calibrate.derived import unit_of
from calibrate.findings.extrapolation import beyond
from calibrate.notebook_view import of_summary
from calibrate.sampling.convergence import diagnose
from calibrate.sampling.series import errors_of
from calibrate.scores.holdout import held_out
from calibrate.texts import printable

if TYPE_CHECKING:
    from calibrate.data import Measurement
    from calibrate.findings import Finding
    from calibrate.problem.laxity_test import LaxityTest
    from calibrate.results import Run

FloatArray = NDArray[np.float64]

_QUANTILES = {"q2.5": 0.025, "q5": 0.05, "median": 0.5, "q95": 0.95, "q97.5": 0.975}
_ERRORS = ("mcse_mean", "mcse_q5", "mcse_q95")
_CONVERGENCE = ("rhat", "ess_bulk", "ess_tail")


class Summary(Mapping[str, Any]):
    """What `Run.summary` returns: a read-only mapping, equal to `summary --json`, that notebooks show as a table."""

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
        return f"Summary({printable(self['file'])}: {state}, {len(self['parameters'])} parameters)"

    def _repr_html_(self) -> str:
        return of_summary(self)


@np.errstate(all="ignore")  # what overflows in a spoilt file is unknown, and said to be
def summarise(run: Run) -> Summary:
    """Return a run's summary; `Run.summary` says what is in it."""
    samples, errors = run.some_samples(), run.errors()
    diagnosis, verdict = run.diagnosis, run.verdict
    parameters = {}
    for i, parameter in enumerate(run.posterior.table.free):
        name, unit, prior = parameter.name, parameter.unit, run.posterior.priors[i]
        entry: dict[str, Any] = {"unit": unit, "prior": prior.describe(unit), **_describe(samples[:, i])}
        entry["sd_of_prior"] = _known(float(samples[:, i].std()) / prior.sd)
        entry |= {key: _known(error) for key, error in zip(_ERRORS, errors[:, i], strict=True)}
        entry |= {key: _known(getattr(diagnosis, key)[i]) for key in _CONVERGENCE}
        if source := source_of(run.config.resolved(name)):
            entry["prior_from"] = source
        if name in run.truth:
            entry["truth"] = run.truth[name]
        parameters[name] = entry
    follows = run.derived_by_ensemble()
    derived = {name: _derived(name, values, parameters.get(name)) for name, values in follows.items()}
    flat = {name: values.reshape(-1) for name, values in follows.items()}
    for name, share in beyond(run.posterior, run.spread().reshape(-1, run.posterior.ndim), flat).items():
        derived[name]["beyond"] = share
    tests = [_test(test, run.file.measurements[test.name]) for test in run.posterior.tests]
    content = {
        "file": str(run.path),
        "calibrate": run.file.versions.get("calibrate"),
        "created": run.file.created,
        "data": {key: value for key, value in tests[0].items() if key not in ("name", "flexion")},
        "tests": tests,
        "held_out": [test.content() for test in held_out(run)],
        "converged": run.converged,
        "steps": run.steps,
        "burn_in": run.burn_in * run.config.sampling.thin,
        "ensembles": int(run.chains.coords.shape[0]),
        "walkers": int(run.chains.coords.shape[2]),
        "draws": run.draws,
        "acceptance": _known(run.chains.acceptance),
        "max_log_prob": _known(chain.extremes(run.chains.log_prob)[1]),
        "checks": verdict.numbers(),
        "worst_rhat": _known(diagnosis.worst_rhat),
        "smallest_ess": _known(diagnosis.smallest_ess),
        "autocorrelation_times": _known(float(np.min(diagnosis.autocorrelation_times))),
        "largest_sd_error": _known(float(np.max(diagnosis.sd_error))),
        "stragglers": 0.0 if diagnosis.stragglers is None else diagnosis.stragglers.share,
        "parameters": parameters,
        "derived": derived,
        "findings": [_finding(finding) for finding in run.findings()],
        "warnings": list(run.warnings()),
        "assumes": list(assumptions(run.posterior)),
    }
    return Summary(content)


def _derived(name: str, values: FloatArray, parameter: Mapping[str, Any] | None) -> dict[str, Any]:
    """Describe a derived quantity's values (ensembles, steps, walkers); it may be a parameter, too."""
    finite = values[np.isfinite(values)]
    entry: dict[str, Any] = {"unit": unit_of(name)}
    entry |= _describe(finite) if finite.size else dict.fromkeys(("mean", "sd", *_QUANTILES))
    entry |= dict.fromkeys((*_ERRORS, *_CONVERGENCE))
    if parameter is not None:  # of all draws, like there, and not of some
        entry |= {key: parameter[key] for key in ("mean", "sd", *_QUANTILES, *_ERRORS, *_CONVERGENCE)}
    elif finite.size == values.size and np.ptp(values) > 0.0:
        found = diagnose(values[..., np.newaxis])
        entry |= {key: _known(error) for key, error in zip(_ERRORS, errors_of(values, (0.05, 0.95)), strict=True)}
        entry |= {key: _known(getattr(found, key)[0]) for key in _CONVERGENCE}
    return entry | {"share": finite.size / values.size}


def _test(test: LaxityTest, data: Measurement) -> dict[str, Any]:
    """Say what was measured in a test, and the file's name as the run has it."""
    return {
        "name": test.name,
        "file": data.source,
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


def _describe(values: FloatArray) -> dict[str, float | None]:
    quantiles = np.quantile(values, list(_QUANTILES.values()))
    return {
        "mean": _known(float(values.mean())),
        "sd": _known(float(values.std())),
        **{key: _known(float(value)) for key, value in zip(_QUANTILES, quantiles, strict=True)},
    }


def _known(value: float) -> float | None:
    """JSON has no NaN and no infinity; what is unknown is null there."""
    return float(value) if np.isfinite(value) else None
