"""Calibrations of the same readings beside each other: which model foretells them better, and by how much."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from calibrate.errors import CalibrateError, ConfigError, ParameterError
from calibrate.scores.holdout import refitted, scored
from calibrate.scores.loo import BAD_K, standard_error
from calibrate.scores.predictive import Scores, known

if TYPE_CHECKING:
    from calibrate.draws import Draws

FloatArray = NDArray[np.float64]

# Smaller differences tell nothing, whatever their standard error (Sivula, Magnusson, Matamoros & Vehtari 2020,
# arXiv:2008.10296), and others only beyond two of them.
SMALL = 4.0
_ERRORS = 2.0
# With fewer readings the standard error itself is a guess, and too small.
_MANY = 100
# Effective draws of the worst parameter, at the least.
FEWEST = 400


@dataclass(frozen=True, eq=False)
class Model:
    """One of the calibrations.

    Attributes
    ----------
    name : str
        Of its file.
    scores : Scores
        Its readings, each foretold by all others.
    difference, spread, error : float
        Of `scores.total` from that of the best one: with its standard error, as an estimate for other readings of the
        kind, and its Monte-Carlo error.
    weight : float
        Of its predictions in the mixture that foretells the readings best.
    evidence, evidence_error : float
        The logarithm of the marginal likelihood; NaN if it is not known.
    reason : str
        Why it is not known.
    converged : bool
        Whether the calibration has.
    """

    name: str
    scores: Scores
    difference: float
    spread: float
    error: float
    weight: float
    evidence: float
    evidence_error: float
    reason: str
    converged: bool

    @property
    def is_worse(self) -> bool:
        """Whether the readings tell it from the best one."""
        return -self.difference > max(SMALL, _ERRORS * self.spread)

    def content(self) -> dict[str, Any]:
        """Return all of it as plain numbers."""
        scores = {
            key: value for key, value in self.scores.content().items() if key not in ("tests", "notes", "readings")
        }
        evidence = {"log_evidence": known(self.evidence), "log_evidence_error": known(self.evidence_error)}
        return {
            "file": self.name,
            "converged": self.converged,
            **scores,
            "difference": self.difference,
            "difference_se": self.spread,
            "difference_error": self.error,
            "stacking_weight": self.weight,
            **evidence,
            **({"no_evidence": self.reason} if self.reason else {}),
        }


@dataclass(frozen=True, eq=False)
class ModelComparison:
    """Calibrations of the same readings, the best first."""

    models: tuple[Model, ...]

    def notes(self) -> Iterator[str]:
        """Yield what the differences mean, and what speaks against believing them."""
        best, *others = self.models
        for model in others:
            by = f"{abs(model.difference):.2f} ± {model.spread:.2f}"
            if model.is_worse:
                yield f"{best.name} foretells readings better than {model.name} (by {by})"
            else:
                yield (
                    f"{best.name} and {model.name}: these readings cannot tell which is better (the difference, {by}, "
                    f"is within {SMALL:g} or {_ERRORS:g} standard errors)"
                )
        count = best.scores.elpd.size
        if count < _MANY:
            yield f"{count} readings: with fewer than {_MANY} a standard error may be half of what it should be"
        for model in self.models:
            if bad := int((~(model.scores.k <= BAD_K)).sum()):
                yield (
                    f"{model.name}: Pareto k of {bad} readings is above {BAD_K:g}, so its leave-one-out score and the "
                    "weights are not to be relied on; a calibration without each of these readings is"
                )
            if not model.converged:
                yield f"{model.name} has not converged: all its numbers may still move"
            if model.reason:
                yield f"{model.name}: no evidence, {model.reason}"

    def content(self) -> dict[str, Any]:
        """Return all of it as one object of plain numbers."""
        return {
            "readings": int(self.models[0].scores.elpd.size),
            "models": [model.content() for model in self.models],
            "notes": list(self.notes()),
        }


def compare_models(runs: Mapping[str, Draws], seed: int = 1, *, refit: bool = False) -> ModelComparison:
    """Compare calibrations of the same readings.

    Parameters
    ----------
    runs : mapping of str to Draws
        By name; two at least.
    seed : int
        Of what is drawn anew.
    refit : bool
        Calibrate anew without each reading whose Pareto k is bad.

    Raises
    ------
    ConfigError
        If there is only one, or they have other readings.
    ParameterError
        If draws are too few to be compared.
    """
    if len(runs) < 2:
        raise ConfigError("give two runs at least, of the same readings")
    check_same_readings(runs)
    for name, draws in runs.items():
        ess = draws.diagnosis.smallest_ess
        if not ess >= FEWEST:
            shown = f"{ess:.0f}" if math.isfinite(ess) else "an unknown number of"
            raise ParameterError(f"{name}: {shown} effective draws, and comparing takes {FEWEST}; sample more first")
    found = {name: scored(draws) for name, draws in runs.items()}
    if refit:
        found = {name: refitted(runs[name], scores, seed) for name, scores in found.items()}
    weights = dict(zip(found, stacking([scores.elpd for scores in found.values()]), strict=True))
    best, *_ = names = sorted(found, key=lambda name: -found[name].total)
    models = []
    for name in names:
        scores = found[name]
        each = scores.elpd - found[best].elpd
        error = 0.0 if name == best else math.hypot(scores.error, found[best].error)
        evidence, evidence_error, reason = _evidence(runs[name], seed)
        models.append(
            Model(
                name,
                scores,
                float(each.sum()),
                standard_error(each),
                error,
                weights[name],
                evidence,
                evidence_error,
                reason,
                runs[name].converged,
            )
        )
    return ModelComparison(tuple(models))


def check_same_readings(runs: Mapping[str, Draws]) -> None:
    """Refuse calibrations of other readings: angles, loads, their units and their order have to be the same.

    Raises
    ------
    ConfigError
        Saying where the first difference is.
    """
    (first, draws), *others = runs.items()
    for name, other in others:
        tests, theirs = draws.posterior.tests, other.posterior.tests
        if len(tests) != len(theirs):
            raise ConfigError(
                f"{first} and {name}: fitted to {len(tests)} and {len(theirs)} tests; only runs of the same readings "
                "can be compared"
            )
        for ours, their in zip(tests, theirs, strict=True):
            a, b = ours.measurement, their.measurement
            same = a.kind == b.kind and a.loads.shape == b.loads.shape and np.array_equal(a.loads, b.loads)
            if not (same and np.allclose(a.in_degrees(a.angles), b.in_degrees(b.angles), rtol=0.0, atol=1e-9)):
                raise ConfigError(
                    f"{first} and {name}: {a.source} and {b.source} are not the same readings in the same order, so "
                    "their scores cannot be compared"
                )


def stacking(elpd: Sequence[FloatArray]) -> FloatArray:
    """Return the weights of models' predictions in the mixture that foretells the readings best.

    Parameters
    ----------
    elpd : sequence of ndarray, shape (readings,)
        Leave-one-out log-densities of each model.

    Returns
    -------
    ndarray, shape (models,)
        They add up to 1 (Yao, Vehtari, Simpson & Gelman 2018, Bayesian Analysis 13:917). Equal models share.
    """
    density = np.stack(elpd, axis=1)
    density = np.exp(density - density.max(axis=1, keepdims=True))
    count = density.shape[1]

    def loss(weights: FloatArray) -> tuple[float, FloatArray]:
        mixture = np.maximum(density @ weights, 1e-300)
        return -float(np.log(mixture).mean()), -(density / mixture[:, np.newaxis]).mean(axis=0)

    found = minimize(
        loss,
        np.full(count, 1.0 / count),
        jac=True,
        method="SLSQP",
        bounds=[(0.0, 1.0)] * count,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1.0, "jac": np.ones_like},
    )
    weights = np.clip(found.x, 0.0, 1.0)
    return np.asarray(weights / weights.sum())


def _evidence(draws: Draws, seed: int) -> tuple[float, float, str]:
    """Return a calibration's log-evidence and its error, or NaN and why there is none."""
    from calibrate.evidence import log_evidence

    try:
        found = log_evidence(draws, seed)
    except CalibrateError as error:
        return math.nan, math.nan, str(error)
    return found.value, found.error, ""
