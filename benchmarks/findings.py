"""How often does each finding come on clean knees? `python -m benchmarks.findings [--knees 50] [--processes 2]`.

A knee is clean if its readings were made by the model that is fitted to them, errors and all. Truths are drawn from the
priors of the bundled example, or from what knees are like inside the bounds of a configuration of bounds alone; each
is measured at even angles until 12 N·m either way. Left out is what nobody has on a rig: a joint that gives way
everywhere, one that is stiff within a degree, and one that 12 N·m do not turn from one condyle to the other.

A warning may come in one of twenty, or exit code 1 says that it means nothing. Notes say what is true of a knee and of
what was measured of it, and come as often as that is so.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray

from benchmarks.problems import KNEE
from benchmarks.table import busy, markdown, setting
from calibrate.config import Config, load_config, parse_config
from calibrate.data import Measurement
from calibrate.derived import laxity
from calibrate.examples import example
from calibrate.findings import CODES
from calibrate.posterior import Posterior
from calibrate.runner import sample

FloatArray = NDArray[np.float64]

FORMS = ("bundled", "box")
MOST = 0.05
_MOMENT = 12.0
# Degrees between the ends at the least; N·m that a reading without noise may lie beyond the moment.
_LEAST, _MORE = 1.0, 1.0
_SIZES = (15, 20, 33, 60)
_BOX = (
    KNEE
    + """[parameters.mcl]
k = { lower = 5.0, upper = 200.0 }
alpha = { lower = 0.02, upper = 0.12 }
l_0 = { lower = 70.0, upper = 100.0 }
[parameters.lcl]
k = { lower = 5.0, upper = 200.0 }
alpha = { lower = 0.02, upper = 0.12 }
l_0 = { lower = 45.0, upper = 75.0 }
[noise]
sigma = { lower = 0.05, upper = 5.0 }
[data]
file = "none.csv"
positive = "varus"
"""
)
# Reference lengths of the box's strands [mm].
_LENGTHS = (82.2, 53.8)


def config_of(form: str) -> Config:
    """Return a form's configuration."""
    return load_config(example("oks009.toml")) if form == "bundled" else parse_config(_BOX)


def knees(form: str, seed: int) -> Iterator[Posterior]:
    """Yield clean knees: each a posterior with readings of its own."""
    rng = np.random.default_rng([FORMS.index(form), seed])
    config = config_of(form)
    number = 0
    while True:
        n = _SIZES[number % len(_SIZES)]
        blank = Posterior.from_config(config, _test(np.linspace(-8.0, 8.0, n)))
        q = blank.prior_sample(rng, 1) if form == "bundled" else _like_a_knee(rng)
        full, test = blank.full(q), blank.tests[0]
        found = laxity(test.knees(full), blank.law(q), test.sign, (_MOMENT,))
        ends = np.sort([found[f"laxity_{way}_{_MOMENT:g}Nm"][0] for way in ("valgus", "varus")])
        if not np.ptp(ends) > _LEAST:  # unknown where it gives way
            continue
        at = _test(np.round(np.linspace(*ends, n) + full[0, test.slots.reading[0]], 2))
        knee = Posterior.from_config(config, at)
        if np.abs(knee.predict(q)).max() > _MOMENT + _MORE:
            continue
        number += 1
        yield Posterior.from_config(config, replace(at, loads=knee.simulate(q, rng)[0]))


def _test(angles: FloatArray) -> Measurement:
    return Measurement(angles, np.zeros(angles.size), None, "moment", "deg")


def _like_a_knee(rng: np.random.Generator) -> FloatArray:
    """Draw stiffness, transition strain, and slack length by the reference strain, of both strands, and sigma."""
    law = [(rng.uniform(30.0, 120.0), rng.uniform(0.03, 0.1), of / (1.0 + rng.uniform(-0.02, 0.06))) for of in _LENGTHS]
    return np.array([[*law[0], *law[1], rng.uniform(0.1, 0.5)]])


def codes_of(posterior: Posterior) -> frozenset[str]:
    """Calibrate a knee and return the codes of its findings."""
    draws = sample(posterior, 1, ensembles=2, walkers=64, min_ess=500.0, max_rhat=1.05, max_steps=3000)
    return frozenset(finding.code for finding in draws.findings())


def _of_knee(form: str, seed: int, number: int) -> frozenset[str]:
    of = knees(form, seed)
    for _ in range(number):
        next(of)
    return codes_of(next(of))


def main() -> int:
    """Print the table; return 1 if a warning comes too often."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--knees", type=int, default=50, help="of each form")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    begin = time.perf_counter()
    rates: dict[str, Counter[str]] = {}
    with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool:
        for form in FORMS:
            rates[form] = Counter()
            for number, codes in enumerate(pool.map(partial(_of_knee, form, options.seed), range(options.knees))):
                rates[form].update(codes)
                print(f"{form} {number}: {', '.join(sorted(codes))}", file=sys.stderr, flush=True)
    rows = [
        [code, of.kind, *(f"{100 * rates[form][code] / options.knees:.0f} %" for form in FORMS)]
        for code, of in CODES.items()
    ]
    print(markdown(["code", "kind", *(f"{form}, {options.knees} knees" for form in FORMS)], rows))
    print(f"\n{time.perf_counter() - begin:.0f} s; {setting()}; {busy()}")
    often = [
        code
        for code, of in CODES.items()
        # The budget of these runs is small: that some have not converged says nothing of findings.
        if of.kind == "warning"
        and code != "not-converged"
        and any(rates[form][code] > MOST * options.knees for form in FORMS)
    ]
    if often:
        print(f"warnings that come too often on clean knees: {', '.join(often)}", file=sys.stderr)
    return int(bool(often))


if __name__ == "__main__":
    sys.exit(main())
