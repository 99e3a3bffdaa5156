"""What a run says in numbers and sentences: estimates, convergence, and what to know before believing them."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from calibrate import chain
from calibrate.config import LAW, SIGMA
from calibrate.sampling.convergence import MIN_TIMES
from calibrate.texts import known, printable

if TYPE_CHECKING:
    from calibrate.results import Run

FloatArray = NDArray[np.float64]

_QUANTILES = {"q2.5": 0.025, "q5": 0.05, "median": 0.5, "q95": 0.95, "q97.5": 0.975}
# A bound cuts a distribution if the strip beside it, this share of the central 95 % wide, is filled at least this
# much compared with an even spread.
_STRIP = 0.05
_FILLED = 0.25
# Angles at which contact is checked: the push of a condyle changes smoothly between them.
_ANGLES = 1000
_DERIVED_UNITS = {"stiffness_per_strain": "N", "reference_strain": "", "reference_tension": "N", "taut_angle": "deg"}


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
        columns = ("unit", "median", "q2.5", "q97.5", "mean", "sd", "rhat", "ess_bulk")
        head = "".join(f"<th>{column}</th>" for column in ("", *columns))
        rows = [
            f"<tr><th>{html.escape(name)}</th>" + "".join(f"<td>{_cell(entry.get(column))}</td>" for column in columns)
            for name, entry in (*self["parameters"].items(), *self["derived"].items())
        ]
        return f"<table><tr>{head}</tr>{''.join(rows)}</table><p>{html.escape('; '.join(self['warnings']))}</p>"


def summarise(run: Run) -> Summary:
    """Return what `Run.summary` returns, which says what is in it."""
    samples = run.some_samples()
    diagnosis = run.diagnosis
    parameters = {}
    for i, (name, unit) in enumerate(zip(run.names, run.posterior.units, strict=True)):
        entry: dict[str, Any] = {"unit": unit, **_describe(samples[:, i])}
        for key in ("mcse_mean", "rhat", "ess_bulk", "ess_tail"):
            entry[key] = _known(getattr(diagnosis, key)[i])
        if name in run.truth:
            entry["truth"] = run.truth[name]
        parameters[name] = entry
    derived = {}
    for name, values in run.derived().items():
        finite = values[np.isfinite(values)]
        entry = {"unit": _DERIVED_UNITS[name.split(".")[1]]}
        entry |= _describe(finite) if finite.size else dict.fromkeys(("mean", "sd", *_QUANTILES))
        derived[name] = entry | {"share": finite.size / values.size}
    content = {
        "file": str(run.path),
        "calibrate": run.file.versions.get("calibrate"),
        "created": run.file.created,
        "data": {
            "file": run.measurement.source,
            "points": int(run.measurement.angles.size),
            "load": run.measurement.kind,
            "unit": run.measurement.unit,
            "positive": run.config.data.positive,
            "sha256": run.measurement.sha256,
        },
        "converged": run.converged,
        "steps": run.steps,
        "burn_in": run.burn_in * run.config.sampling.thin,
        "ensembles": int(run.chains.coords.shape[0]),
        "walkers": int(run.chains.coords.shape[2]),
        "draws": run.draws,
        "acceptance": _known(run.chains.acceptance),
        "max_log_prob": _known(chain.extremes(run.chains.log_prob)[1]),
        "worst_rhat": _known(diagnosis.worst_rhat),
        "smallest_ess": _known(diagnosis.smallest_ess),
        "autocorrelation_times": _known(float(np.min(diagnosis.autocorrelation_times))),
        "parameters": parameters,
        "derived": derived,
        "warnings": list(warnings_of(run)),
    }
    return Summary(content)


def warnings_of(run: Run) -> Iterator[str]:
    """Yield what `Run.warnings` yields."""
    yield from run.posterior.warnings
    sampling, diagnosis = run.config.sampling, run.diagnosis
    if not run.converged:
        yield (
            f"not converged: worst R-hat {known(diagnosis.worst_rhat, '.3f')} (below {sampling.max_rhat:g} wanted), "
            f"smallest effective sample size {known(diagnosis.smallest_ess, '.0f')} ({sampling.min_ess:g} wanted), "
            f"autocorrelation times {known(np.min(diagnosis.autocorrelation_times), '.1f')} ({MIN_TIMES:g} wanted); "
            "go on with 'calibrate resume'"
        )
    samples = run.some_samples()
    low, high = np.quantile(samples, [0.025, 0.975], axis=0)
    strip = _STRIP * (high - low)
    at_lower = (samples < run.posterior.lower + strip).mean(axis=0) > _FILLED * _STRIP
    at_upper = (samples > run.posterior.upper - strip).mean(axis=0) > _FILLED * _STRIP
    for name, cut_below, cut_above in zip(run.names, at_lower, at_upper, strict=True):
        if cut_below or cut_above:
            which = "both bounds" if cut_below and cut_above else f"its {'lower' if cut_below else 'upper'} bound"
            yield (f"{name} reaches {which}: the bounds, not the data, decide where it ends; widen them or report them")
    few = run.thinned(2000)
    knee = run.posterior.knee_at(_some_angles(run))
    pulls = (knee.push(run.posterior.full(few)[:, : len(LAW)]) < 0.0).any(axis=1).mean()
    if pulls > 0.01:
        yield (
            f"in {100 * pulls:.0f} % of the draws a condyle would have to pull on the tibia at some angle of "
            "the data, which it cannot; check f_ref and the geometry"
        )
    if SIGMA not in run.names:
        count = run.measurement.angles.size
        best = 2.0 * float(np.min(run.posterior.density.constant - run.posterior.log_likelihood(few)))
        if best > count + 4.0 * np.sqrt(2.0 * count):
            yield (
                f"the best fit misses the data by {np.sqrt(best / count):.1f} sigma on average: sigma is too small "
                "or the model does not hold here; infer sigma by giving it bounds"
            )


def _some_angles(run: Run) -> FloatArray | None:
    """Angles of the data to look at one by one: None for all, or of very many a share, both ends included."""
    angles = run.measurement.angles
    if angles.size <= _ANGLES:
        return None
    return np.asarray(np.sort(angles)[np.linspace(0, angles.size - 1, _ANGLES).round().astype(int)])


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


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else html.escape(str(value))
