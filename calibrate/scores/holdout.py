"""What a calibration foretells for readings that it was not fitted to: tests held out, or left out in turn."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from calibrate.data import Measurement
from calibrate.errors import ParameterError
from calibrate.posterior import Posterior
from calibrate.sampling.series import worth
from calibrate.scores.loo import BAD_K, mean_density
from calibrate.scores.pointwise import foretold_by_others
from calibrate.scores.predictive import DRAWS, SHARES, Scores, TestReadings, TestScores, known, readings, scores

if TYPE_CHECKING:
    from calibrate.draws import Draws

FloatArray = NDArray[np.float64]

# Seed of what is drawn from priors, beside the draws of a chain.
_SEED = 1
# From this Monte-Carlo error on a few draws decide a density.
_FEW_DECIDE = 0.5


@dataclass(frozen=True, eq=False)
class HeldOut(TestReadings):
    """A test that was not fitted, as the others foretell it.

    Attributes
    ----------
    log_density : float
        Logarithm of the joint predictive density of its readings.
    error : float
        Its Monte-Carlo standard error.
    converged : bool
        Whether the calibration without it has.
    """

    log_density: float
    error: float
    converged: bool

    def __str__(self) -> str:
        few = "; few draws decide it" if self.error > _FEW_DECIDE else ""
        shares = ", ".join(f"{self.within(share)} within {100 * share:.0f} %" for share in SHARES)
        return (
            f"{self.name}, held out: log predictive density {self.log_density:.2f} (± {self.error:.2f}{few}), RMSE "
            f"{self.rmse():.3g} {self.unit}, of {self.loads.size} readings {shares}"
            f"{'' if self.converged else '; NOT CONVERGED without it'}"
        )

    def content(self) -> dict[str, Any]:
        """Return all of it as plain numbers."""
        density = {"log_density": self.log_density, "log_density_error": known(self.error), "converged": self.converged}
        return {**super().content(), **density, "sentence": str(self)}


def check_held_out(posterior: Posterior) -> None:
    """Refuse tests that are held out and could not be foretold; nothing is computed yet.

    Raises
    ------
    ConfigError
        As if they were fitted, alone and with the others.
    """
    config = posterior.config
    if config.held_out:
        Posterior.from_config(config, posterior.measurements, tests=[*config.all_tests])
    for name in config.held_out:
        Posterior.from_config(config, posterior.measurements, tests=[name])


def held_out(draws: Draws) -> Iterator[HeldOut]:
    """Yield the score of each test that is held out."""
    for name in draws.posterior.config.held_out:
        yield foretell(draws, name)


def foretell(draws: Draws, name: str) -> HeldOut:
    """Score a test that draws were not fitted to. What is its own alone is drawn from the prior.

    Raises
    ------
    ParameterError
        If the knee has a pose in the test by none of the draws.
    """
    alone = Posterior.from_config(draws.posterior.config, draws.posterior.measurements, tests=[name])
    picked = draws.thinned(DRAWS)
    q = extended(alone, draws.posterior, picked)
    likelihood = np.asarray(alone.log_likelihood(q))
    possible = np.isfinite(likelihood)
    if not possible.any():
        raise ParameterError(f"tests.{name}: held out, and the knee has a pose in it by none of {len(q)} draws")
    density, error = mean_density(likelihood[:, np.newaxis], efficiency_of(draws, len(q)))
    plain = readings(alone, alone.tests[0], q[possible])
    shown = {field.name: getattr(plain, field.name) for field in dataclasses.fields(plain)}
    return HeldOut(**shown, log_density=float(density[0]), error=float(error[0]), converged=draws.converged)


def leave_tests_out(draws: Draws, seed: int = 1) -> Iterator[HeldOut]:
    """Calibrate anew without each test in turn, in memory, and yield what the others foretell for it.

    Raises
    ------
    ParameterError
        If there is only one test.
    """
    posterior = draws.posterior
    names = [test.name for test in posterior.tests]
    if len(names) < 2:
        raise ParameterError("there is one test, and without it nothing is left to calibrate with")
    for name in names:
        others = [other for other in names if other != name]
        yield foretell(_calibrated(draws, posterior.measurements, others, seed), name)


def refitted(draws: Draws, found: Scores, seed: int = 1) -> Scores:
    """Calibrate anew without each reading whose Pareto k is bad, in memory, and return exact scores of these.

    Their k is 0 then; it stays as it is where a calibration does not converge.
    """
    posterior, tests = draws.posterior, []
    for test, scored in zip(posterior.tests, found.tests, strict=True):
        columns = {key: getattr(scored, key).copy() for key in ("pit_loo", "elpd", "error", "k")}
        for row in np.flatnonzero(~(scored.k <= BAD_K)):
            fewer, names = without(posterior, test.name, int(row))
            again = _calibrated(draws, fewer, names, seed)
            if not again.converged:
                continue
            picked = again.thinned(DRAWS)
            q = extended(posterior, again.posterior, picked)
            others = foretold_by_others(posterior, test, q)
            mean, error = mean_density(others.log_density(scored.loads), efficiency_of(again, len(q)))
            columns["elpd"][row], columns["error"][row], columns["k"][row] = mean[row], error[row], 0.0
            columns["pit_loo"][row] = others.below(scored.loads)[:, row].mean()
        tests.append(dataclasses.replace(scored, **columns))
    return _with_tests(found, tests)


def _with_tests(found: Scores, tests: list[TestScores]) -> Scores:
    """Return scores of other tests; what was exact before or is now adds its own error."""
    change = sum(float(new.elpd.sum() - old.elpd.sum()) for new, old in zip(tests, found.tests, strict=True))
    error = float(np.sqrt(sum((test.error**2).sum() for test in tests)))
    return Scores(tuple(tests), found.draws, found.parameters - change, error)


def without(posterior: Posterior, test: str, row: int) -> tuple[dict[str, Measurement], list[str]]:
    """Return all data but one reading, and the tests that have any.

    Raises
    ------
    ParameterError
        If it is the only one.
    """
    names = [one.name for one in posterior.tests]
    measurement = posterior.measurements[test]
    count = measurement.loads.size
    if count > 1:
        left = measurement.part(np.delete(np.arange(count), row))
        return {**posterior.measurements, test: left}, names
    if len(names) == 1:
        raise ParameterError("there is one reading, and without it nothing is left to calibrate with")
    return dict(posterior.measurements), [name for name in names if name != test]


def scored(draws: Draws) -> Scores:
    """Score the readings that draws were fitted to.

    Raises
    ------
    ParameterError
        If draws are too few or readings too many.
    """
    q = draws.thinned(DRAWS)
    return scores(draws.posterior, q, efficiency_of(draws, len(q)))


def efficiency_of(draws: Draws, count: int) -> float:
    """Return how many effective draws each of some picked at random is worth, by the worst parameter."""
    return worth(count, draws.draws, draws.diagnosis.smallest_ess) / count


def extended(wanted: Posterior, fitted: Posterior, q: FloatArray) -> FloatArray:
    """Return draws of what another posterior depends on: columns of a fit's, the rest from the prior.

    No reading of the fit has told anything of the rest, which is independent a priori.
    """
    out = wanted.prior_sample(np.random.default_rng(_SEED), len(q))
    for column, name in enumerate(wanted.names):
        if name in fitted.names:
            out[:, column] = q[:, fitted.names.index(name)]
    return out


def _calibrated(draws: Draws, measurements: Mapping[str, Measurement], tests: list[str], seed: int) -> Draws:
    """Calibrate anew, in memory, with the settings of a run, to no more effective draws than scores are made from."""
    from calibrate.processes import cores
    from calibrate.runner import sample

    posterior = Posterior.from_config(draws.posterior.config, measurements, tests=tests)
    return sample(posterior, seed, workers=cores(), min_ess=min(draws.settings.min_ess, DRAWS))
