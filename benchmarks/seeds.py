"""Many seeds on posteriors that walkers lose their way in: `python -m benchmarks.seeds`.

Every run that says converged is held to a reference (`benchmarks.hill_references`): its standard deviations within
5 %, its quantiles within five standard errors. At least 95 of 100 have to say so within a minute of two free cores,
which is counted as two minutes of CPU time, so that other work on the machine does not matter.

    python -m benchmarks.seeds --seeds 100 --lines seeds.jsonl    # one seed of all, then the next; goes on where it was
    python -m benchmarks.seeds --seeds 0 --lines seeds.jsonl      # the table of what there is

    python -m benchmarks.seeds --min-ess 1000 --lines few.jsonl   # as one knee of many; errors as much larger

Exit code 1 means that a run said converged and was wrong, or that too few said so.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import emcee
import numpy as np

from benchmarks.hill_references import Figures, reference, stored
from benchmarks.hills import POSTERIORS
from benchmarks.table import busy, markdown, setting
from calibrate.derived import looked_at
from calibrate.posterior import Posterior
from calibrate.sampling.brief import begin
from calibrate.sampling.loop import Budget, sample

# Two minutes of CPU time: a minute on two cores.
_LIMIT = 120.0
_SD = 0.05
_USUAL = 10_000.0
_ERRORS = 5.0
_ENOUGH = 0.95
_KEYS = ("sd", "sd_error", "quantiles", "errors")
Line = dict[str, Any]


def run(posterior: Posterior, seed: int, limit: float, min_ess: float | None = None) -> Line:
    """Sample in memory; return how it ended, what it took, and its figures if it says that they are true."""
    config = posterior.config.with_sampling(seed=seed, min_ess=min_ess)
    clock, cpu = time.perf_counter(), time.process_time()
    warnings: list[str] = []
    config, starts = begin(config, posterior, on_warning=warnings.append)
    settings = config.sampling
    started = time.process_time() - cpu
    backends = [emcee.backends.Backend() for _ in starts]
    outcome = sample(
        posterior,
        backends,
        starts,
        settings,
        Budget(settings.max_steps),
        derive=looked_at(posterior, settings.min_ess),
        should_stop=lambda: time.process_time() - cpu > limit,
    )
    line: Line = {
        "seed": seed,
        "reason": outcome.reason,
        "steps": outcome.steps,
        "walkers": settings.walkers,
        "seconds": round(time.perf_counter() - clock, 2),
        "cpu": round(time.process_time() - cpu, 2),
        "cpu_of_start": round(started, 2),
        "warnings": warnings,
    }
    if outcome.verdict is not None:
        diagnosis = outcome.verdict.diagnosis
        line |= {"rhat": diagnosis.worst_rhat, "ess": diagnosis.smallest_ess, "sd_errors": diagnosis.sd_error.tolist()}
    if outcome.verdict is not None and outcome.reason == "converged":
        steps = min(backend.iteration for backend in backends)
        kept = np.stack([backend.get_chain()[outcome.verdict.burn_in : steps] for backend in backends])
        figures = Figures.of_chains(kept)
        line |= {key: getattr(figures, key).tolist() for key in _KEYS}
    return line


def row(name: str, lines: list[Line], most: float) -> tuple[list[str], bool]:
    """Return a row of the table, and whether all is well."""
    truth = reference(name)
    said = [line for line in lines if line["reason"] == "converged"]
    off = [Figures.of_entry(line).off(truth) for line in said] or [(np.nan, np.nan)]
    sd, error = (max(one) for one in zip(*off, strict=True))
    both = stored()[name]
    apart = Figures.of_entry(both["nautilus"]).off(truth) if "nautilus" in both else None
    well = sd <= most and error <= _ERRORS and len(said) >= _ENOUGH * len(lines)
    cells = [
        name,
        f"{len(said)} of {len(lines)}",
        f"{100 * sd:.1f} %",
        f"{error:.1f}",
        f"{np.mean([line['walkers'] < 512 for line in lines]):.2f}",
        f"{np.median([line['steps'] for line in lines]):.0f}",
        f"{np.median([line['cpu'] for line in lines]) / 2:.1f}",
        f"{max(line['cpu'] for line in lines) / 2:.1f}",
        "" if apart is None else f"{100 * apart[0]:.1f} %, {apart[1]:.1f}",
    ]
    return cells, well


HEAD = [
    "posterior",
    "converged",
    "sd off by, at the most",
    "quantile off by, in errors",
    "share of fewer than 512 walkers",
    "steps",
    "CPU s / 2, median",
    "most",
    "nautilus off by",
]


def main() -> int:
    """Run all seeds, keep each as a line, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(POSTERIORS), help="posteriors; all by default")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--min-ess", type=float, help="effective samples; the posterior's own by default")
    parser.add_argument("--cpu", type=float, default=_LIMIT, help="seconds of CPU time that a run may take")
    parser.add_argument("--lines", type=Path, default=Path("seeds.jsonl"), help="file for one line a run")
    options = parser.parse_args()
    lines = [json.loads(line) for line in options.lines.read_text().splitlines()] if options.lines.exists() else []
    done = {(line["name"], line["seed"]) for line in lines}
    posteriors = {name: POSTERIORS[name]() for name in options.names}
    for seed in range(1, options.seeds + 1):
        for name, posterior in posteriors.items():
            if (name, seed) not in done:
                lines.append({"name": name} | run(posterior, seed, options.cpu, options.min_ess))
                with options.lines.open("a") as file:
                    file.write(json.dumps(lines[-1]) + "\n")
    known = [
        name for name in posteriors if any(line["name"] == name for line in lines) and "long" in stored().get(name, {})
    ]
    # Of fewer effective samples, as much larger an error is one's due.
    most = _SD * np.sqrt(max(1.0, _USUAL / (options.min_ess or _USUAL)))
    rows = [row(name, [line for line in lines if line["name"] == name], most) for name in known]
    print(markdown(HEAD, [cells for cells, _ in rows]))
    print(f"\n{setting()}; {busy()}")
    return int(not all(well for _, well in rows))


if __name__ == "__main__":
    sys.exit(main())
