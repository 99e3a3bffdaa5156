"""Many seeds on posteriors that walkers lose their way in: `python -m benchmarks.seeds`; `--seeds 100` takes an hour.

Every run that says converged is held to a reference: its standard deviations within 5 %, its quantiles within five
standard errors. The reference is a run thirty times as long, and nested sampling with many points has to agree with
it. Exit code 1 means that a run said converged and was wrong, or that fewer than 95 % of them said so within a minute.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass

import emcee
import numpy as np
from numpy.typing import NDArray

from benchmarks.hills import POSTERIORS
from benchmarks.table import busy, markdown, setting
from calibrate.config import SamplingConfig
from calibrate.posterior import Posterior
from calibrate.sampling.loop import Budget, Outcome, sample
from calibrate.sampling.pilot import explore
from calibrate.sampling.series import effective_samples
from calibrate.sampling.start import first_walkers

FloatArray = NDArray[np.float64]

_MINUTE = 60.0
_LONG = 3e5
_POINTS = 2**15
_QUANTILES = (0.025, 0.5, 0.975)
_SD = 0.05
_ERRORS = 5.0
_ENOUGH = 0.95


@dataclass(frozen=True)
class Answer:
    """What a run says: how it ended, its seconds, and the figures of its kept draws with their errors."""

    outcome: Outcome
    seconds: float
    sd: FloatArray
    quantiles: FloatArray
    errors: FloatArray


def answer(posterior: Posterior, settings: SamplingConfig, seconds: float | None) -> Answer:
    """Sample in memory."""
    begin = time.perf_counter()
    starts = first_walkers(posterior, settings)
    backends = [emcee.backends.Backend() for _ in starts]
    left = None if seconds is None else max(1.0, seconds - (time.perf_counter() - begin))
    outcome = sample(posterior, backends, starts, settings, Budget(settings.max_steps, left))
    took = time.perf_counter() - begin
    steps = min(backend.iteration for backend in backends)
    kept = np.stack([backend.get_chain()[steps // 2 : steps] for backend in backends])
    draws = kept.reshape(-1, posterior.ndim)
    quantiles = np.quantile(draws, _QUANTILES, axis=0)
    return Answer(outcome, took, draws.std(axis=0), quantiles, _quantile_errors(kept, quantiles))


def _quantile_errors(kept: FloatArray, quantiles: FloatArray) -> FloatArray:
    """Return the standard errors of quantiles, by the effective samples of what lies below them."""
    out = np.empty_like(quantiles)
    for row, share in enumerate(_QUANTILES):
        for column in range(quantiles.shape[1]):
            x = kept[..., column]
            error = np.sqrt(share * (1 - share) / effective_samples((x <= quantiles[row, column]).astype(float)))
            low, high = np.quantile(x, [max(share - error, 0.0), min(share + error, 1.0)])
            out[row, column] = 0.5 * (high - low)
    return out


def reference(posterior: Posterior) -> tuple[Answer, float]:
    """Make a long run; return it and how far the standard deviations of nested sampling lie from its own."""
    long = answer(posterior, SamplingConfig(seed=10_000, min_ess=_LONG), None)
    found = explore(posterior, np.random.default_rng(10_000), _POINTS)
    mean = found.weights @ found.coords
    sd = np.sqrt(found.weights @ (found.coords - mean) ** 2)
    return long, float(np.abs(sd / long.sd - 1.0).max())


def main() -> int:
    """Run all seeds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(POSTERIORS), help="posteriors; all by default")
    parser.add_argument("--seeds", type=int, default=20)
    options = parser.parse_args()
    rows, failed = [], False
    for name in options.names:
        posterior = POSTERIORS[name]()
        long, apart = reference(posterior)
        runs = [answer(posterior, SamplingConfig(seed=seed), _MINUTE) for seed in range(1, options.seeds + 1)]
        said = [run for run in runs if run.outcome.reason == "converged"]
        sds = [float(np.abs(run.sd / long.sd - 1.0).max()) for run in said]
        errors = [
            float((np.abs(run.quantiles - long.quantiles) / np.hypot(run.errors, long.errors)).max()) for run in said
        ]
        failed |= max(sds) > _SD or max(errors) > _ERRORS or len(said) < _ENOUGH * len(runs)
        rows.append(
            [
                name,
                f"{len(said)} of {len(runs)}",
                f"{100 * max(sds):.1f} %",
                f"{max(errors):.1f}",
                f"{np.median([run.seconds for run in runs]):.1f}",
                f"{100 * apart:.1f} %",
            ]
        )
        print(rows[-1], file=sys.stderr, flush=True)
    head = [
        "posterior",
        "converged",
        "sd off by, at the most",
        "quantile off by, in errors",
        "seconds",
        "nested sampling",
    ]
    print(markdown(head, rows))
    print(f"\n{setting()}; {busy()}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
