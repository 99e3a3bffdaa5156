"""ArviZ on a run as it is sampled: what it says of convergence is what this program says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from arviz_stats.base.array import array_stats

from calibrate.results import open_run

AXES = {"chain_axis": 0, "draw_axis": 1}


def test_arvizs_rhat_of_a_converged_run_says_so_too(finished_run: Path) -> None:
    """Ours looks at some thousand draws of each ensemble, ArviZ's at all: they differ by the error of the smaller."""
    run = open_run(finished_run)
    assert run.converged
    posterior = run.to_arviz()["posterior"]
    for name, ours in zip(run.names, run.diagnosis.rhat, strict=True):
        assert float(array_stats.rhat(posterior[name].values, **AXES)) == pytest.approx(ours, abs=2e-3)


def test_walkers_as_chains_would_not_agree(finished_run: Path) -> None:
    """The control: short chains that have all begun elsewhere look as if they had not met."""
    run = open_run(finished_run)
    kept = np.asarray(run.chains.coords[:, run.burn_in :])
    walkers = kept.transpose(0, 2, 1, 3).reshape(-1, *kept.shape[1::2])
    theirs = [float(array_stats.rhat(walkers[:, :, i], **AXES)) for i in range(len(run.names))]
    assert max(theirs) > run.diagnosis.worst_rhat + 0.01


def test_arvizs_effective_samples_are_too_many_as_the_docstring_says(finished_run: Path) -> None:
    run = open_run(finished_run)
    posterior = run.to_arviz()["posterior"]
    theirs = [float(array_stats.ess(posterior[name].values, method="bulk", **AXES)) for name in run.names]
    ratio = np.array(theirs) / run.diagnosis.ess_bulk
    assert (ratio > 1.0).all()
    assert ratio.max() > 1.5
