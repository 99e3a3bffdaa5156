"""Which moves, how many updates a step, how many walkers: `python -m benchmarks.moves [--quick]`.

Every line is sampled in turn, several times over, by one thread and in memory, so that ratios are those of the moves.
Prints Markdown: updates of a walker that a bulk effective sample takes, and effective samples of the bulk and of the
tails per second of the thread's CPU time, emcee's own work included; all of the worst parameter.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import emcee
import numpy as np

from benchmarks.problems import posterior
from benchmarks.table import busy, markdown, number, setting
from calibrate.config import SamplingConfig
from calibrate.posterior import Posterior
from calibrate.sampling.block import DE_SHARE, ROUNDS, STRETCH_SHARE, UPDATES, Block
from calibrate.sampling.convergence import diagnose
from calibrate.sampling.ensembles import generators
from calibrate.sampling.moves import DifferentialEvolution, Snooker, Stretch
from calibrate.sampling.start import first_walkers

NAMES = ("ridge", "toe", "oks009")
ENSEMBLES = 4
Moves = list[tuple[emcee.moves.Move, float]]


def block(
    stretch: float = STRETCH_SHARE,
    de: float = DE_SHARE,
    rounds: int = ROUNDS,
    updates: int = UPDATES,
    share: float = 0.8,
) -> tuple[Callable[[Posterior], Moves], float]:
    """Return the maker of a mixture of blocks and emcee's moves, and the mean updates of a walker in a step."""

    def make(p: Posterior) -> Moves:
        rest = (1.0 - share) / 2.0
        plain = [(Stretch(), rest), (DifferentialEvolution(), rest)] if rest > 0.0 else []
        return [(Block(p, rounds, updates, stretch, de), share), *plain]

    return make, share * rounds * updates + 1.0 - share


def plain(move: type) -> tuple[Callable[[Posterior], Moves], float]:
    """Return the same for one of the plain moves."""
    return lambda p: [(move(), 1.0)], 1.0


LINES = {
    "**the default**": (block(), 512),
    "block: stretch 1": (block(1.0, 0.0), 512),
    "block: DE 1": (block(0.0, 1.0), 512),
    "block: stretch 0.5, DE 0.5": (block(0.5, 0.5), 512),
    "block: DE 0.5, kernels 0.5": (block(0.0, 0.5), 512),
    "block: stretch 0.1, kernels 0.9": (block(0.1, 0.0), 512),
    "block: DE 0.1, kernels 0.9": (block(0.0, 0.1), 512),
    "1 x 8 updates a step": (block(rounds=1, updates=8), 512),
    "4 x 4 updates a step": (block(rounds=4, updates=4), 512),
    "1 x 16 updates a step": (block(rounds=1, updates=16), 512),
    "4 x 8 updates a step": (block(rounds=4, updates=8), 512),
    "32 walkers, 8 x 8 updates": (block(rounds=8, updates=8), 32),
    "64 walkers, 4 x 8 updates": (block(rounds=4, updates=8), 64),
    "128 walkers, 4 x 8 updates": (block(rounds=4, updates=8), 128),
    "256 walkers, 4 x 8 updates": (block(rounds=4, updates=8), 256),
    "256 walkers": (block(), 256),
    "1,024 walkers, 1 x 8 updates": (block(rounds=1, updates=8), 1024),
    "1,024 walkers": (block(), 1024),
    "blocks only": (block(share=1.0), 512),
    "half blocks": (block(share=0.5), 512),
    "plain stretch, 64 walkers": (plain(Stretch), 64),
    "plain DE, 64 walkers": (plain(DifferentialEvolution), 64),
    "plain snooker, 64 walkers": (plain(Snooker), 64),
}


def sit(p: Posterior, make: Callable[[Posterior], Moves], per_step: float, walkers: int, updates: int, seed: int):
    """Sample; return updates per effective sample, and effective samples per CPU second of the bulk and of the tails.

    All are of the worst parameter.
    """
    starts = first_walkers(p, SamplingConfig(seed=seed, ensembles=ENSEMBLES, walkers=walkers))
    steps = max(100, round(updates / (ENSEMBLES * walkers * per_step)))
    chains, seconds = [], 0.0
    for start, stream in zip(starts, [one.get_state() for one in generators(seed, ENSEMBLES)], strict=True):
        sampler = emcee.EnsembleSampler(walkers, p.ndim, p.log_prob, moves=make(p), vectorize=True)
        state = emcee.State(start, random_state=stream)
        state = sampler.run_mcmc(state, max(20, steps // 4), store=False)
        begin = time.thread_time()
        sampler.run_mcmc(state, steps, skip_initial_state_check=True)
        seconds += time.thread_time() - begin
        chains.append(sampler.get_chain())
    diagnosis = diagnose(np.stack(chains))
    bulk, tail = float(diagnosis.ess_bulk.min()), float(diagnosis.ess_tail.min())
    return steps * ENSEMBLES * walkers * per_step / bulk, bulk / seconds, tail / seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="half the samples, one turn")
    quick = parser.parse_args().quick
    turns, updates = (1, 1_000_000) if quick else (5, 2_000_000)
    found: dict[tuple[str, str], list[tuple[float, float, float]]] = {}
    for name in NAMES:
        p = posterior(name)
        for turn in range(turns + 1):
            for label, ((make, per_step), walkers) in LINES.items():
                size = updates if turn else 1000  # the first turn compiles
                result = sit(p, make, per_step, walkers, size if label[:5] != "plain" else size // 4, turn)
                if turn:
                    found.setdefault((label, name), []).append(result)
    rows = []
    for label in LINES:
        middle = [np.median(found[label, name], axis=0) for name in NAMES]
        rows.append([label, *(number(m[i]) for i in range(3) for m in middle)])
    what = ("updates", "bulk ESS/s", "tail ESS/s")
    print(markdown(["moves", *(f"{n}: {w}" for w in what for n in NAMES)], rows))
    print(f"\n{setting()}; {busy()}")


if __name__ == "__main__":
    main()
