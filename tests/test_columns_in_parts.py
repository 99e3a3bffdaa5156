"""A look at a long chain of many parameters reads a few of them at a time, and sees the same."""

from __future__ import annotations

from typing import Any

import emcee
import numpy as np
import pytest
from clouds import noisy, posterior_of

from calibrate.chain import Chains
from calibrate.config import SamplingConfig
from calibrate.sampling.columns import Columns
from calibrate.sampling.loop import Budget, _Chains, _Rows, sample
from calibrate.sampling.verdict import look

NAMES = tuple("abcdefg")


class Read:
    """An array that remembers how much was read of it at once."""

    def __init__(self, values: np.ndarray) -> None:
        self._values, self.shape, self.most = values, values.shape, 0

    def __getitem__(self, key: Any) -> np.ndarray:
        part = self._values[key]
        self.most = max(self.most, part.size)
        return part


def chain(lost: int) -> tuple[np.ndarray, np.ndarray]:
    """Return walkers and their log-probability; so many of the first ensemble's walkers stay far off."""
    coords = np.random.default_rng(1).standard_normal((4, 80, 16, 7))
    coords[0, :, :lost] += np.arange(7) + 30.0
    return coords, -0.5 * (coords**2).sum(axis=-1)


@pytest.mark.parametrize("lost", [0, 2])
@pytest.mark.parametrize(("numbers", "width"), [(1, 1), (3 * 4 * 80 * 16, 3), (7 * 4 * 80 * 16, 7)])
def test_a_look_reads_some_parameters_at_a_time(
    numbers: int, width: int, lost: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    coords, log_prob = chain(lost)
    settings = SamplingConfig(min_ess=400.0)
    expected = look(NAMES, Chains(coords, log_prob, 0.3), 80, settings)
    monkeypatch.setattr("calibrate.sampling.columns._AT_ONCE", numbers)
    read = Read(coords)
    found = look(NAMES, Chains(read, log_prob, 0.3), 80, settings)
    assert read.most == width * 4 * 80 * 16
    assert found.converged == expected.converged == (lost == 0)
    assert found.burn_in == expected.burn_in
    for one, other in zip(found.checks, expected.checks, strict=True):
        assert (one.name, one.subject, one.met) == (other.name, other.subject, other.met)
        assert one.value == pytest.approx(other.value, rel=1e-9, nan_ok=True)
    one, other = found.diagnosis, expected.diagnosis
    for name in ("rhat", "ess_bulk", "ess_tail", "mcse_mean", "autocorrelation_times", "sd_error"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-9)
    assert (one.stragglers is None) == (other.stragglers is None) == (lost == 0)
    if one.stragglers is not None and other.stragglers is not None:
        np.testing.assert_allclose(one.stragglers.place, np.arange(7) + 30.0, atol=0.5)
        np.testing.assert_array_equal(one.stragglers.place, other.stragglers.place)


def test_what_a_run_has_stored_so_far_is_read_in_the_same_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    starts = np.array([33.5, 0.06, 94.0, 42.8, 0.06, 62.5, 0.3]) * (
        1.0 + 0.01 * np.random.default_rng(2).standard_normal((2, 16, 7))
    )
    backends = [emcee.backends.Backend() for _ in starts]
    sample(posterior_of(noisy()), backends, starts, SamplingConfig(seed=5, ensembles=2, walkers=16), Budget(12))
    rows = _Rows(backends, "chain")
    whole = np.stack([backend.get_chain() for backend in backends])
    assert _Chains(rows, _Rows(backends, "log_prob")).log_prob.shape == (2, 12, 16)
    monkeypatch.setattr("calibrate.sampling.columns._AT_ONCE", 2 * 2 * 4 * 16)
    parts = list(Columns(rows, slice(2, 12, 3)))
    assert [part.shape for part in parts] == [(2, 4, 16, 2)] * 3 + [(2, 4, 16, 1)]
    np.testing.assert_array_equal(np.concatenate(parts, axis=-1), whole[:, 2:12:3])
