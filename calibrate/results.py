"""A run, finished or still going, as an object to ask: samples, estimates, predictions, convergence.

`open_run` takes one look at the file; open it again for a later one. Nothing here draws or prints.
"""

from __future__ import annotations

import html
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibrate import chain
from calibrate.config import LAW, LIGAMENTS, SIGMA, Config
from calibrate.data import Measurement
from calibrate.errors import ChainError
from calibrate.knee.geometry import kinematics
from calibrate.knee.ligament import tension
from calibrate.posterior import Posterior
from calibrate.sampling.convergence import MIN_TIMES, Diagnosis, burn_in, diagnose, stride

FloatArray = NDArray[np.float64]

_QUANTILES = {"q2.5": 0.025, "q5": 0.05, "median": 0.5, "q95": 0.95, "q97.5": 0.975}
# Where to look for the angle at which a ligament becomes taut [degrees, valgus positive].
_TAUT_RANGE = 20.0
# A bound cuts a distribution if the strip beside it, this share of the central 95 % wide, is filled at least this
# much compared with an even spread.
_STRIP = 0.05
_FILLED = 0.25
# Angles at which contact is checked: the push of a condyle changes smoothly between them.
_ANGLES = 1000


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
        return f"Summary({self['file']}: {state}, {len(self['parameters'])} parameters)"

    def _repr_html_(self) -> str:
        columns = ("unit", "median", "q2.5", "q97.5", "mean", "sd", "rhat", "ess_bulk")
        head = "".join(f"<th>{column}</th>" for column in ("", *columns))
        rows = [
            f"<tr><th>{html.escape(name)}</th>" + "".join(f"<td>{_cell(entry.get(column))}</td>" for column in columns)
            for name, entry in (*self["parameters"].items(), *self["derived"].items())
        ]
        return f"<table><tr>{head}</tr>{''.join(rows)}</table><p>{html.escape('; '.join(self['warnings']))}</p>"


@dataclass(frozen=True, eq=False)
class Run:
    """One look at a run's file.

    Attributes
    ----------
    path : Path
        The file.
    file : RunFile
        What the file says of the run's origin: configuration, data, versions.
    posterior : Posterior
        Rebuilt from the file alone.
    chains : Chains
        Every stored step, burn-in included; read from the file when asked for.
    """

    path: Path
    file: chain.RunFile
    posterior: Posterior
    chains: chain.Chains

    @property
    def names(self) -> tuple[str, ...]:
        """The free parameters."""
        return self.posterior.names

    @property
    def measurement(self) -> Measurement:
        """The data."""
        return self.file.measurement

    @property
    def config(self) -> Config:
        """The configuration, every default filled in."""
        return self.file.config

    @property
    def truth(self) -> Mapping[str, float]:
        """The true parameters, as far as the data were simulated and say so."""
        return self.posterior.truth

    @property
    def stored(self) -> int:
        """Stored steps of each ensemble."""
        return int(self.chains.coords.shape[1])

    @property
    def burn_in(self) -> int:
        """How many of the stored steps are dropped."""
        return burn_in(self.stored)

    @property
    def steps(self) -> int:
        """Steps that each ensemble has taken."""
        return self.stored * self.config.sampling.thin

    @cached_property
    def diagnosis(self) -> Diagnosis:
        """Convergence of every parameter."""
        return diagnose(self._kept)

    @property
    def converged(self) -> bool:
        """Whether the run meets the thresholds of its own configuration."""
        return self.diagnosis.converged(self.config.sampling.max_rhat, self.config.sampling.min_ess)

    def samples(self) -> FloatArray:
        """Return all draws, burn-in dropped.

        Returns
        -------
        ndarray, shape (draws, ndim)
            Columns as in `names`; ensemble after ensemble, step after step.

        Raises
        ------
        ChainError
            If nothing is stored yet.
        """
        self._need_steps()
        return np.asarray(self.chains.coords[:, self.burn_in :]).reshape(-1, self.posterior.ndim)

    def some_samples(self) -> FloatArray:
        """Return the draws that estimates are made from: all, or every n-th step of a chain with many millions.

        Raises
        ------
        ChainError
            If nothing is stored yet.
        """
        self._need_steps()
        return self._kept.reshape(-1, self.posterior.ndim)

    @property
    def draws(self) -> int:
        """How many `samples` there are."""
        ensembles, stored, walkers = self.chains.log_prob.shape
        return int(ensembles * (stored - self.burn_in) * walkers)

    def draw(self, number: int) -> FloatArray:
        """Return one of `samples`, shape (ndim,), reading nothing else."""
        walkers = self.chains.log_prob.shape[2]
        step, walker = divmod(number, walkers)
        ensemble, step = divmod(step, self.stored - self.burn_in)
        return np.asarray(self.chains.coords[ensemble, self.burn_in + step, walker])

    @cached_property
    def _kept(self) -> FloatArray:
        """What estimates are made from, shape (ensembles, steps, walkers, ndim), as in the run's own check."""
        ensembles, stored, walkers = self.chains.log_prob.shape
        thin = stride(ensembles, stored - self.burn_in, walkers)
        return np.asarray(self.chains.coords[:, self.burn_in + thin - 1 :: thin])

    def thinned(self, draws: int) -> FloatArray:
        """Return at most `draws` of the samples, evenly spread over the chain."""
        samples = self.some_samples()
        rows = np.linspace(0, len(samples) - 1, min(draws, len(samples))).round().astype(int)
        return np.asarray(samples[rows])

    def log_prob(self) -> FloatArray:
        """Return the log-posterior of each of `samples`, shape (draws,)."""
        self._need_steps()
        return np.asarray(self.chains.log_prob[:, self.burn_in :]).reshape(-1)

    def predict(self, angles: ArrayLike | None = None, draws: int = 1000) -> FloatArray:
        """Predict the load-angle curve from posterior draws.

        Parameters
        ----------
        angles : array_like, shape (m,), optional
            In the data file's unit and sign; the data's own by default.
        draws : int
            How many draws at the most, evenly spread over the chain.

        Returns
        -------
        ndarray, shape (n, m)
            Loads in the data file's unit and sign, without measurement error.
        """
        return self.posterior.predict(self.thinned(draws), angles)

    def derived(self, draws: int = 20_000) -> dict[str, FloatArray]:
        """Return what people ask for besides the parameters, one value per posterior draw.

        For each ligament: `stiffness_per_strain` `k l_0` [N]; `reference_strain` [-] and `reference_tension` [N] at
        the pose where both condyles touch; `taut_angle` [degrees, the file's sign], at which it becomes taut when
        turned the way that stretches it, NaN if it does not within 20 degrees or is taut all the way.

        Returns
        -------
        dict of str to ndarray, shape (n,)
            By names like `mcl.stiffness_per_strain`.
        """
        full = self.posterior.full(self.thinned(draws))
        sign = 1.0 if self.config.data.positive == "valgus" else -1.0
        reference = kinematics(self.posterior.geometry, self.posterior.geometry.theta_0)
        out = {}
        for ligament, stretch in zip(LIGAMENTS, (1.0, -1.0), strict=True):
            first = LAW.index(f"{ligament}.k")
            k, alpha, l_0 = full[:, first], full[:, first + 1], full[:, first + 2]
            length = getattr(reference, f"{ligament}_length")[0]
            out[f"{ligament}.stiffness_per_strain"] = k * l_0
            out[f"{ligament}.reference_strain"] = (length - l_0) / l_0
            out[f"{ligament}.reference_tension"] = tension(length, k, alpha, l_0)
            out[f"{ligament}.taut_angle"] = sign * stretch * self._taut_angle(ligament, stretch, l_0)
        return out

    def summary(self) -> Summary:
        """Return estimates, convergence and warnings.

        Returns
        -------
        Summary
            A mapping with `file`, `converged`, `steps`, `draws`, `parameters` (by name: `unit`, `mean`, `sd`,
            `median`, `q2.5`, `q5`, `q95`, `q97.5`, `mcse_mean`, `rhat`, `ess_bulk`, `ess_tail`, and `truth` if known),
            `derived` (the same without convergence), `warnings` and more. Numbers that are unknown are None.

        Raises
        ------
        ChainError
            If nothing is stored yet.
        """
        samples = self.some_samples()
        diagnosis = self.diagnosis
        parameters = {}
        for i, (name, unit) in enumerate(zip(self.names, self.posterior.units, strict=True)):
            entry: dict[str, Any] = {"unit": unit, **_describe(samples[:, i])}
            for key in ("mcse_mean", "rhat", "ess_bulk", "ess_tail"):
                entry[key] = _known(getattr(diagnosis, key)[i])
            if name in self.truth:
                entry["truth"] = self.truth[name]
            parameters[name] = entry
        derived = {}
        for name, values in self.derived().items():
            finite = values[np.isfinite(values)]
            entry = {"unit": _DERIVED_UNITS[name.split(".")[1]]}
            entry |= _describe(finite) if finite.size else dict.fromkeys(("mean", "sd", *_QUANTILES))
            derived[name] = entry | {"share": finite.size / values.size}
        content = {
            "file": str(self.path),
            "calibrate": self.file.versions.get("calibrate"),
            "created": self.file.created,
            "data": {
                "file": self.measurement.source,
                "points": int(self.measurement.angles.size),
                "load": self.measurement.kind,
                "unit": self.measurement.unit,
                "positive": self.config.data.positive,
                "sha256": self.measurement.sha256,
            },
            "converged": self.converged,
            "steps": self.steps,
            "burn_in": self.burn_in * self.config.sampling.thin,
            "ensembles": int(self.chains.coords.shape[0]),
            "walkers": int(self.chains.coords.shape[2]),
            "draws": self.draws,
            "acceptance": _known(self.chains.acceptance),
            "max_log_prob": _known(chain.extremes(self.chains.log_prob)[1]),
            "worst_rhat": _known(diagnosis.worst_rhat),
            "smallest_ess": _known(diagnosis.smallest_ess),
            "autocorrelation_times": _known(float(np.min(diagnosis.autocorrelation_times))),
            "parameters": parameters,
            "derived": derived,
            "warnings": list(self.warnings()),
        }
        return Summary(content)

    def warnings(self) -> Iterator[str]:
        """Yield what a user should know before believing the estimates: the number, the threshold, the advice."""
        yield from self.posterior.warnings
        sampling, diagnosis = self.config.sampling, self.diagnosis
        if not self.converged:
            yield (
                f"not converged: worst R-hat {diagnosis.worst_rhat:.3f} (below {sampling.max_rhat:g} wanted), "
                f"smallest effective sample size {diagnosis.smallest_ess:.0f} ({sampling.min_ess:g} wanted), "
                f"{np.min(diagnosis.autocorrelation_times):.1f} autocorrelation times ({MIN_TIMES:g} wanted); "
                "go on with 'calibrate resume'"
            )
        samples = self.some_samples()
        low, high = np.quantile(samples, [0.025, 0.975], axis=0)
        strip = _STRIP * (high - low)
        at_lower = (samples < self.posterior.lower + strip).mean(axis=0) > _FILLED * _STRIP
        at_upper = (samples > self.posterior.upper - strip).mean(axis=0) > _FILLED * _STRIP
        for name, cut_below, cut_above in zip(self.names, at_lower, at_upper, strict=True):
            if cut_below or cut_above:
                which = "both bounds" if cut_below and cut_above else f"its {'lower' if cut_below else 'upper'} bound"
                yield (
                    f"{name} reaches {which}: the bounds, not the data, decide where it ends; widen them or report them"
                )
        few = self.thinned(2000)
        knee = self.posterior.knee_at(self._some_angles())
        pulls = (knee.push(self.posterior.full(few)[:, : len(LAW)]) < 0.0).any(axis=1).mean()
        if pulls > 0.01:
            yield (
                f"in {100 * pulls:.0f} % of the draws a condyle would have to pull on the tibia at some angle of "
                "the data, which it cannot; check f_ref and the geometry"
            )
        if SIGMA not in self.names:
            count = self.measurement.angles.size
            best = 2.0 * float(np.min(self.posterior.density.constant - self.posterior.log_likelihood(few)))
            if best > count + 4.0 * np.sqrt(2.0 * count):
                yield (
                    f"the best fit misses the data by {np.sqrt(best / count):.1f} sigma on average: sigma is too small "
                    "or the model does not hold here; infer sigma by giving it bounds"
                )

    def to_arviz(self) -> Any:
        """Return the posterior as an ArviZ `DataTree` (needs the `notebook` extra).

        Each walker is a chain; groups `posterior` (one variable per parameter, by name) and `sample_stats` (`lp`).

        Raises
        ------
        ImportError
            If `arviz-base` is not installed; says how to install it.
        """
        try:
            from arviz_base import from_dict
        except ImportError:
            raise ImportError("to_arviz needs arviz-base: pip install 'calibrate[notebook]'") from None
        self._need_steps()
        kept = np.asarray(self.chains.coords[:, self.burn_in :])
        by_chain = kept.transpose(0, 2, 1, 3).reshape(-1, kept.shape[1], kept.shape[3])
        log_prob = np.asarray(self.chains.log_prob[:, self.burn_in :]).transpose(0, 2, 1).reshape(-1, kept.shape[1])
        posterior = {name: by_chain[:, :, i] for i, name in enumerate(self.names)}
        with warnings.catch_warnings():
            # More walkers than steps is what an ensemble sampler does, not the transposed array ArviZ suspects.
            warnings.filterwarnings("ignore", message=".*chain.*draw.*", category=UserWarning)
            return from_dict({"posterior": posterior, "sample_stats": {"lp": log_prob}})

    def _taut_angle(self, ligament: str, stretch: float, l_0: FloatArray) -> FloatArray:
        """Angle [degrees] along the stretching direction at which the ligament first becomes taut for good reason."""
        along = np.linspace(-_TAUT_RANGE, _TAUT_RANGE, 4001)
        length = getattr(kinematics(self.posterior.geometry, np.deg2rad(stretch * along)), f"{ligament}_length")
        reached = np.maximum.accumulate(length)
        angle = np.interp(l_0, reached, along)
        return np.where((l_0 > reached[0]) & (l_0 < reached[-1]), angle, np.nan)

    def _some_angles(self) -> FloatArray | None:
        """Angles of the data to look at one by one: None for all, or of very many a share, both ends included."""
        angles = self.measurement.angles
        if angles.size <= _ANGLES:
            return None
        return np.asarray(np.sort(angles)[np.linspace(0, angles.size - 1, _ANGLES).round().astype(int)])

    def _need_steps(self) -> None:
        if self.stored == 0:
            raise ChainError(
                f"{self.path}: nothing is stored yet; wait a moment, or go on with 'calibrate resume {self.path}'"
            )


_DERIVED_UNITS = {"stiffness_per_strain": "N", "reference_strain": "", "reference_tension": "N", "taut_angle": "deg"}


def open_run(path: str | Path) -> Run:
    """Open a run for reading; works while another process is still writing it.

    Raises
    ------
    ChainError
        If the file is missing, damaged, or no run.
    """
    path = Path(path)
    file, chains = chain.read_run(path)
    return Run(path, file, Posterior.from_config(file.config, file.measurement), chains)


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
