"""Make the long reference runs: `python -m benchmarks.reference`, once; the result is `benchmarks/reference.toml`.

The reference is a long run of nautilus (importance nested sampling, exploration discarded): the sampler furthest from
ours. Two runs with different seeds are pooled, and have to agree. numpyro's NUTS, as long as it is given time, is kept
beside it as a cross-check. Neither shares anything with calibrate's moves; NUTS does not even share the likelihood.
"""

from __future__ import annotations

import argparse
import sys
import time
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy import REFERENCE, Estimate, compare
from benchmarks.competitors import nautilus_draws, nuts_chains
from benchmarks.problems import NAMES, posterior

LIVE = 4000
SEEDS = (1, 2)
NUTS_SEED = 1
NUTS_WARM_UP = 1000
NUTS_CHUNK = 1000
_KEYS = ("mean", "sd", "mean_error", "sd_error")
_HEADER = """\
# Long reference runs of the benchmark posteriors, hard walls; `python -m benchmarks.reference` makes this file.
# [NAME] is the reference, by nautilus; [NAME.check] a run of NUTS that has to agree. Errors are Monte-Carlo standard errors.
"""


def by_nautilus(name: str, kish: int) -> tuple[Estimate, dict[str, Any]]:
    """Run nautilus twice and pool."""
    target = posterior(name)
    parts, evidence, count = [], [], 0
    for seed in SEEDS:
        draws, log_weight, log_z, *_ = nautilus_draws(target, seed, LIVE, kish // len(SEEDS))
        parts.append(Estimate.of_weighted(draws, log_weight))
        evidence.append(log_z)
        count += len(draws)
    apart = compare(parts[0], parts[1])
    if not apart.passes:
        raise SystemExit(f"{name}: two runs of nautilus disagree: {apart.mean_errors}, {apart.sd_shares}")
    made = {
        "sampler": f"nautilus-sampler {version('nautilus-sampler')}",
        "draws": count,
        "seeds": list(SEEDS),
        "live": LIVE,
        "log_z": evidence,
    }
    return Estimate.pooled(parts), made


def by_nuts(name: str, seconds: float) -> tuple[Estimate, dict[str, Any]]:
    """Run NUTS for some seconds after its warm-up."""
    run = nuts_chains(posterior(name), "parallel", NUTS_WARM_UP, NUTS_CHUNK)
    draws, *_ = run(NUTS_SEED, seconds)
    made = {
        "sampler": f"numpyro {version('numpyro')} NUTS, jax {version('jax')}",
        "draws": int(np.prod(draws.shape[:2])),
        "chains": int(draws.shape[0]),
        "warm_up": NUTS_WARM_UP,
        "seeds": [NUTS_SEED],
    }
    return Estimate.of_chains(draws), made


def entry(estimate: Estimate, made: dict[str, Any]) -> dict[str, Any]:
    """Return what the file says of one run."""
    arrays = {key: [float(f"{x:.7g}") for x in getattr(estimate, key)] for key in _KEYS}
    rhat = {} if np.isnan(estimate.rhat) else {"rhat": round(estimate.rhat, 4)}
    return {**made, "ess": round(estimate.ess), **rhat, **arrays}


def text(table: dict[str, Any]) -> str:
    """Write the file's tables as TOML."""
    lines = [_HEADER.rstrip()]
    for name, content in table.items():
        check = content.get("check")
        for title, values in ((name, content), (f"{name}.check", check)):
            if values is not None:
                lines += ["", f"[{title}]"]
                lines += [f"{key} = {_value(value)}" for key, value in values.items() if key != "check"]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


def main() -> int:
    """Make the runs asked for, compare, and write the file after each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=NAMES, help="posteriors; all by default")
    parser.add_argument("--kish", type=int, default=400_000, help="effective samples of nautilus; 0 keeps what is there")
    parser.add_argument("--minutes", type=float, default=10.0, help="for each run of NUTS; 0 keeps what is there")
    parser.add_argument("--output", type=Path, default=REFERENCE)
    options = parser.parse_args()
    table: dict[str, Any] = tomllib.loads(options.output.read_text()) if options.output.exists() else {}
    wrong = False
    for name in options.names:
        begin = time.perf_counter()
        if options.kish:
            table[name] = entry(*by_nautilus(name, options.kish)) | (
                {"check": table[name]["check"]} if "check" in table.get(name, {}) else {}
            )
        if options.minutes:
            table[name]["check"] = entry(*by_nuts(name, 60.0 * options.minutes))
        options.output.write_text(text({known: table[known] for known in NAMES if known in table}))
        print(f"{name}: {time.perf_counter() - begin:.0f} s", file=sys.stderr)
        if "check" in table[name]:
            got = compare(_estimate(table[name]["check"]), _estimate(table[name]))
            print(f"{name}: {got.verdict}; NUTS - nautilus: {got.mean_errors} standard errors, sds {got.sd_shares}")
            wrong |= got.verdict == "FAIL"
    return int(wrong)


def _estimate(content: dict[str, Any]) -> Estimate:
    return Estimate(*(np.array(content[key]) for key in _KEYS), content["ess"])


if __name__ == "__main__":
    sys.exit(main())
