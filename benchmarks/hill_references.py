"""Make the answers that many seeds are held to: `python -m benchmarks.hill_references`; kept in `hill_references.toml`.

Each posterior of `benchmarks/hills.py` is sampled by a long run of calibrate and by nautilus (importance nested
sampling), which share nothing but the density. They have to agree: standard deviations within 3 % and their errors,
quantiles within 4 of their errors. Takes an hour; each result is written when it is there.
"""

from __future__ import annotations

import argparse
import sys
import time
import tomllib
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.hills import POSTERIORS
from calibrate.density import POSITIVE
from calibrate.posterior import Posterior
from calibrate.priors import Uniform
from calibrate.runner import sample
from calibrate.sampling.block import FEW
from calibrate.sampling.series import effective_samples

FloatArray = NDArray[np.float64]

FILE = Path(__file__).with_name("hill_references.toml")
QUANTILES = (0.025, 0.5, 0.975)
SEED = 10_000
# Effective samples of a long run, and of one with more than seven parameters.
_LONG, _LONG_OF_MANY = 6e4, 2e4
_LIVE, _KISH = 2000, 20_000
# Further out than this many standard deviations of the penalty no draw is.
_SPILL = 6.0
_SD, _ERRORS = 0.03, 4.0
_HEADER = """\
# What runs on the posteriors of hills.py are held to: standard deviations, 2.5, 50 and 97.5 % quantiles, and the
# Monte-Carlo standard errors of both, in the order of the parameters. Made by `python -m benchmarks.hill_references`.
"""


@dataclass(frozen=True)
class Figures:
    """Standard deviations (ndim,) and quantiles (3, ndim), with their Monte-Carlo standard errors."""

    sd: FloatArray
    sd_error: FloatArray
    quantiles: FloatArray
    errors: FloatArray

    @classmethod
    def of_chains(cls, kept: FloatArray) -> Figures:
        """Take them from chains (ensembles, steps, walkers, ndim)."""
        columns = [np.ascontiguousarray(kept[..., i]) for i in range(kept.shape[-1])]
        squares = [(x - x.mean()) ** 2 for x in columns]
        sd_error = [
            x.std() * s.std() / (2.0 * s.mean() * np.sqrt(effective_samples(s)))
            for x, s in zip(columns, squares, strict=True)
        ]
        quantiles = np.quantile(kept.reshape(-1, kept.shape[-1]), QUANTILES, axis=0)
        errors = np.empty_like(quantiles)
        for i, x in enumerate(columns):
            for row, share in enumerate(QUANTILES):
                samples = effective_samples((x <= quantiles[row, i]).astype(float))
                low, high = np.quantile(x, _around(share, samples))
                errors[row, i] = 0.5 * (high - low)
        return cls(np.array([x.std() for x in columns]), np.array(sd_error), quantiles, errors)

    @classmethod
    def of_weighted(cls, x: FloatArray, weights: FloatArray) -> Figures:
        """Take them from independent weighted draws (n, ndim)."""
        samples = 1.0 / float((weights**2).sum())
        away = (x - weights @ x) ** 2
        variance = weights @ away
        sd_error = np.sqrt((weights @ (away - variance) ** 2) / samples) / (2.0 * np.sqrt(variance))
        quantiles, errors = np.empty((2, 3, x.shape[1]))
        for i in range(x.shape[1]):
            order = np.argsort(x[:, i])
            below = np.cumsum(weights[order]) - 0.5 * weights[order]
            for row, share in enumerate(QUANTILES):
                low, middle, high = np.interp([*_around(share, samples), share], below, x[order, i])[[0, 2, 1]]
                quantiles[row, i], errors[row, i] = middle, 0.5 * (high - low)
        return cls(np.sqrt(variance), sd_error, quantiles, errors)

    @classmethod
    def of_entry(cls, entry: dict[str, Any]) -> Figures:
        """Take them from the file."""
        return cls(*(np.array(entry[key]) for key in ("sd", "sd_error", "quantiles", "errors")))

    def off(self, other: Figures) -> tuple[float, float]:
        """Return the largest relative difference of an sd, and of a quantile in errors of both."""
        apart = np.abs(self.quantiles - other.quantiles) / np.hypot(self.errors, other.errors)
        return float(np.abs(self.sd / other.sd - 1.0).max()), float(apart.max())

    def agrees(self, other: Figures) -> bool:
        """Tell whether two references may stand beside each other."""
        sd = np.abs(self.sd / other.sd - 1.0)
        known = np.hypot(self.sd_error / self.sd, other.sd_error / other.sd)
        return bool((sd < np.maximum(_SD, _ERRORS * known)).all() and self.off(other)[1] < _ERRORS)


def _around(share: float, samples: float) -> tuple[float, float]:
    error = np.sqrt(share * (1.0 - share) / samples)
    return max(share - error, 0.0), min(share + error, 1.0)


def by_long(posterior: Posterior) -> tuple[Figures, dict[str, Any]]:
    """Run calibrate until it has very many effective samples."""
    draws = sample(posterior, SEED, min_ess=_LONG if posterior.ndim <= FEW else _LONG_OF_MANY)
    kept = np.asarray(draws.chains.coords[:, draws.burn_in :])
    made = {
        "version": "calibrate",
        "ess": round(draws.diagnosis.smallest_ess),
        "rhat": round(draws.diagnosis.worst_rhat, 5),
    }
    return Figures.of_chains(kept), made


def by_nautilus(posterior: Posterior) -> tuple[Figures, dict[str, Any]]:
    """Run nautilus on what walkers sample: uniform priors with what spills over their bounds, others by quantiles."""
    from nautilus import Sampler

    spill = _SPILL * np.sqrt(0.5 / posterior.weight)
    positive = posterior.density.prior[:-1, POSITIVE] != 0.0
    flat = np.array([isinstance(prior, Uniform) for prior in posterior.priors])
    low = np.where(positive, np.maximum(posterior.lower - spill, 0.0), posterior.lower - spill)
    high = posterior.upper + spill
    shaped = [(i, prior) for i, prior in enumerate(posterior.priors) if not flat[i]]

    def place(cube: FloatArray) -> FloatArray:
        x = np.empty_like(cube)
        x[:, flat] = (
            (low + (high - low) * cube)[:, flat] if flat.all() else low[flat] + (high - low)[flat] * cube[:, flat]
        )
        for i, prior in shaped:
            x[:, i] = prior.quantile(cube[:, i])
        return x

    def likelihood(x: FloatArray) -> FloatArray:
        value = np.asarray(posterior.log_prob(x)) - sum(prior.log_density(x[:, i]) for i, prior in shaped)
        return np.maximum(value, -1e300)

    sampler = Sampler(
        place,
        likelihood,
        n_dim=posterior.ndim,
        n_live=_LIVE,
        vectorized=True,
        pass_dict=False,
        seed=SEED,
        n_batch=1000,
    )
    sampler.run(n_eff=_KISH, discard_exploration=True)
    x, log_weight, _ = sampler.posterior()
    weights = np.exp(log_weight - log_weight.max())
    made = {"version": f"nautilus-sampler {version('nautilus-sampler')}", "ess": round(float(sampler.n_eff))}
    return Figures.of_weighted(x, weights / weights.sum()), made


SAMPLERS = {"long": by_long, "nautilus": by_nautilus}


def stored() -> dict[str, dict[str, Any]]:
    """Return what the file has, by posterior and sampler."""
    return tomllib.loads(FILE.read_text()) if FILE.exists() else {}


def write(entries: dict[str, dict[str, Any]]) -> None:
    """Write the file."""
    lines = [_HEADER.rstrip()]
    for name in POSTERIORS:
        for sampler, entry in sorted(entries.get(name, {}).items()):
            lines += ["", f'["{name}".{sampler}]']
            lines += [f'{k} = "{v}"' if isinstance(v, str) else f"{k} = {v!r}" for k, v in entry.items()]
    FILE.write_text("\n".join(lines) + "\n")


def reference(name: str) -> Figures:
    """Return what runs on a posterior are held to: the long run."""
    return Figures.of_entry(stored()[name]["long"])


def main() -> int:
    """Make the references asked for, and compare those of each posterior."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(POSTERIORS), help="posteriors; all by default")
    parser.add_argument("--by", action="append", choices=SAMPLERS, help="both by default")
    options = parser.parse_args()
    wrong = False
    for name in options.names:
        posterior = POSTERIORS[name]()
        for sampler in options.by or SAMPLERS:
            begin = time.process_time()
            figures, made = SAMPLERS[sampler](posterior)
            arrays = {
                key: np.vectorize(lambda x: float(f"{x:.6g}"))(getattr(figures, key)).tolist()
                for key in ("sd", "sd_error", "quantiles", "errors")
            }
            entries = stored()
            entries.setdefault(name, {})[sampler] = made | {"seed": SEED} | arrays
            write(entries)
            print(f"{name}: {sampler}: {made}, {time.process_time() - begin:.0f} s of CPU time", flush=True)
        both = {key: Figures.of_entry(entry) for key, entry in stored()[name].items()}
        if len(both) == 2:
            agree = both["long"].agrees(both["nautilus"])
            sd, errors = both["long"].off(both["nautilus"])
            print(
                f"{name}: {'agree' if agree else 'DISAGREE'}: sd {100 * sd:.1f} %, quantiles {errors:.1f} errors",
                flush=True,
            )
            wrong |= not agree
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
