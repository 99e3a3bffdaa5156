"""Make the long reference runs: `python -m benchmarks.reference`; they are kept in `benchmarks/reference.toml`.

Each posterior is sampled by other programs than calibrate: zeus (ensemble slice sampling), numpyro's NUTS and, where
time is given for it, nautilus (importance nested sampling). The run with the most effective samples is the reference,
and the others have to agree with it by the same test that every sampler faces.

    python -m benchmarks.reference --sampler nuts --minutes 30 oks009    # a longer run takes the place of that before
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
import tomllib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy import REFERENCE, Estimate, compare, estimate_of
from benchmarks.competitors import nautilus_draws, nuts_chains, zeus_chains
from benchmarks.problems import NAMES, posterior

ZEUS_WALKERS = 512
NUTS_WARM_UP = 1000
NUTS_CHUNK = 500
NAUTILUS_LIVE = 2000
# Effective samples that nautilus is asked for per minute that it is given; its time can't be set.
NAUTILUS_KISH = 20_000
SEED = 1
_KEYS = ("mean", "sd", "mean_error", "sd_error")
_HEADER = """\
# Long runs of other samplers on the benchmark posteriors, hard walls; made by `python -m benchmarks.reference`.
# The one with the most effective samples (ess) is the reference. Errors are Monte-Carlo standard errors; the
# order of the parameters is that of the configuration.
"""

Made = tuple[Estimate, dict[str, Any]]


def by_zeus(name: str, minutes: float) -> Made:
    """Run two ensembles of zeus."""
    draws, *_ = zeus_chains(posterior(name), ZEUS_WALKERS, 60.0 * minutes)(SEED)
    return Estimate.of_chains(draws), {"version": f"zeus-mcmc {version('zeus-mcmc')}", **_shape(draws)}


def by_nuts(name: str, minutes: float) -> Made:
    """Run two chains of NUTS, the minutes counted after their warm-up."""
    draws, *_ = nuts_chains(posterior(name), "parallel", NUTS_WARM_UP, NUTS_CHUNK)(SEED, 60.0 * minutes)
    made = {"version": f"numpyro {version('numpyro')}, jax {version('jax')}", "warm_up": NUTS_WARM_UP}
    return Estimate.of_chains(draws), made | _shape(draws)


def by_nautilus(name: str, minutes: float) -> Made:
    """Run nautilus, its exploration discarded."""
    draws, log_weight, log_z, *_ = nautilus_draws(posterior(name), SEED, NAUTILUS_LIVE, int(minutes * NAUTILUS_KISH))
    made = {"version": f"nautilus-sampler {version('nautilus-sampler')}", "draws": len(draws), "log_z": log_z}
    return Estimate.of_weighted(draws, log_weight), made


SAMPLERS: dict[str, Callable[[str, float], Made]] = {"zeus": by_zeus, "nuts": by_nuts, "nautilus": by_nautilus}


def _shape(draws: Any) -> dict[str, Any]:
    return {"ensembles": draws.shape[0], "steps": draws.shape[1], "walkers": draws.shape[2]}


def entry(estimate: Estimate, made: dict[str, Any]) -> dict[str, Any]:
    """Return what the file says of one run."""
    arrays = {key: [float(f"{x:.7g}") for x in getattr(estimate, key)] for key in _KEYS}
    rhat = {} if np.isnan(estimate.rhat) else {"rhat": round(estimate.rhat, 4)}
    return {**made, "seed": SEED, "ess": round(estimate.ess), **rhat, **arrays}


def text(runs: dict[str, dict[str, dict[str, Any]]]) -> str:
    """Write runs, by posterior and sampler, as TOML."""
    lines = [_HEADER.rstrip()]
    for name, sampler in itertools.product(NAMES, SAMPLERS):
        if sampler in runs.get(name, {}):
            lines += ["", f"[{name}.{sampler}]"]
            lines += [
                f'{key} = "{value}"' if isinstance(value, str) else f"{key} = {value!r}"
                for key, value in runs[name][sampler].items()
            ]
    return "\n".join(lines) + "\n"


def disagreements(runs: dict[str, dict[str, Any]]) -> list[str]:
    """Return the pairs of a posterior's runs that fail the accuracy test."""
    return [
        f"{one} and {other}"
        for one, other in itertools.combinations(runs, 2)
        if compare(estimate_of(runs[one]), estimate_of(runs[other])).verdict == "FAIL"
    ]


def main() -> int:
    """Make the runs asked for, write the file after each, and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=NAMES, help="posteriors; all by default")
    parser.add_argument("--sampler", action="append", choices=SAMPLERS, help="zeus and nuts by default")
    parser.add_argument("--minutes", type=float, default=5.0, help="for each run")
    parser.add_argument("--output", type=Path, default=REFERENCE)
    options = parser.parse_args()
    wrong = False
    for name in options.names:
        for sampler in options.sampler or ("zeus", "nuts"):
            begin = time.perf_counter()
            made = entry(*SAMPLERS[sampler](name, options.minutes))
            runs = tomllib.loads(options.output.read_text()) if options.output.exists() else {}
            runs.setdefault(name, {})[sampler] = made
            options.output.write_text(text(runs))
            print(
                f"{name}: {sampler}: {made['ess']} effective samples in {time.perf_counter() - begin:.0f} s", flush=True
            )
        found = disagreements(runs[name])
        print(f"{name}: " + (f"disagree: {', '.join(found)}" if found else "all runs agree"), flush=True)
        wrong |= bool(found)
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
