"""Sampling in memory: the chain of a run with a file, and nothing of a file's."""

from pathlib import Path

import numpy as np
import pytest
from clouds import noisy, posterior_of

from calibrate import open_run, sample, start_run
from calibrate.errors import ConfigError

SHORT = "[sampling]\nensembles = 2\nwalkers = 16\nmax_steps = 40\nseed = 3\n"


def test_the_chain_in_memory_is_the_one_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    posterior = posterior_of(noisy(), extra=SHORT)
    posterior.config.data_path.write_text(posterior.measurement.text)
    draws = sample(posterior)
    start_run(posterior.config, tmp_path / "run.h5")
    run = open_run(tmp_path / "run.h5")
    np.testing.assert_array_equal(draws.chains.coords, run.chains.coords)
    np.testing.assert_array_equal(draws.chains.log_prob, run.chains.log_prob)
    assert draws.chains.acceptance == pytest.approx(run.chains.acceptance)
    assert draws.converged == run.converged
    assert draws.findings() == run.findings()
    assert draws.steps == 40


def test_seed_and_settings_replace_those_of_the_configuration() -> None:
    posterior = posterior_of(noisy(), extra=SHORT)
    one, same, other = (sample(posterior, seed, max_steps=20) for seed in (3, 3, 4))
    assert one.steps == 20
    assert one.settings.seed == 3
    np.testing.assert_array_equal(one.chains.coords, same.chains.coords)
    assert (one.chains.coords != other.chains.coords).any()


def test_too_few_walkers_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"^sampling\.walkers = 4: 7 free parameters need at least 14 walkers$"):
        sample(posterior_of(noisy()), walkers=4)
