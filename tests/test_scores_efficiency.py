"""What draws that are picked from a chain are worth: the errors of scores are those by which scores scatter."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.signal import lfilter

from calibrate.scores.holdout import efficiency_of
from calibrate.scores.loo import mean_density


def chain_of(draws: int, worth: float) -> Any:
    return SimpleNamespace(draws=draws, diagnosis=SimpleNamespace(smallest_ess=worth))


@pytest.mark.parametrize(
    ("draws", "worth", "picked", "left"),
    [
        (829_000, 23_400.0, 4000, 1.0 / (1 / 4000 - 1 / 829_000 + 1 / 23_400)),  # 3429, and not 4000
        (10_000, 1000.0, 4000, 1.0 / 0.00115),  # 870: 0.00025 - 0.0001 + 0.001
        (1_000_000, 4000.0, 4000, 2004.008),  # next to half of either
        (2000, 500.0, 2000, 500.0),  # all of them: nothing is picked
        (100, 300.0, 100, 100.0),  # no draw is worth more than one
        (4000, math.nan, 4000, 0.0),
        (4000, 0.0, 4000, 0.0),
    ],
)
def test_picking_adds_its_own_error_to_the_chains(draws: int, worth: float, picked: int, left: float) -> None:
    assert picked * efficiency_of(chain_of(draws, worth), picked) == pytest.approx(left, rel=1e-6)


@pytest.mark.parametrize("picked", [100, 250, 1000, 4000])
def test_the_error_of_a_mean_density_is_its_scatter_over_chains(picked: int) -> None:
    """A thousand chains of 4000 normal draws of which each remembers nine tenths of the last: worth 210."""
    rng = np.random.default_rng(1)
    length, memory = 4000, 0.9
    steps = rng.normal(size=(1000, length)) * math.sqrt(1.0 - memory**2)
    steps[:, 0] = rng.normal(size=1000)
    rows = lfilter([1.0], [1.0, -memory], steps)
    efficiency = efficiency_of(chain_of(length, length * (1.0 - memory) / (1.0 + memory)), picked)
    found = [mean_density(0.1 * row[rng.choice(length, picked, replace=False), np.newaxis], efficiency) for row in rows]
    scatter = np.std([mean[0] for mean, _ in found])
    assert math.sqrt(np.mean([error[0] ** 2 for _, error in found])) == pytest.approx(scatter, rel=0.07)
