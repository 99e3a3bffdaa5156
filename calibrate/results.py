"""A run, finished or still going, as an object to ask: samples, estimates, predictions, convergence.

`open_run` takes one look at the file; open it again for a later one. Nothing here draws or prints.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibrate import chain, whatif
from calibrate.chain.problem import posterior_of
from calibrate.config import Config
from calibrate.data import Measurement
from calibrate.derived import MOST_DRAWS, derived, most_draws
from calibrate.errors import ChainError
from calibrate.findings import warnings_of
from calibrate.posterior import Posterior
from calibrate.sampling.convergence import Diagnosis, burn_in, diagnose, stride
from calibrate.summary import Summary, summarise

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Run:
    """One look at a run's file.

    Attributes
    ----------
    path : Path
        The file.
    file : RunFile
        What the file says of the run's origin: configuration, data, versions.
    posterior : Posterior
        Rebuilt from the file alone.
    chains : Chains
        Every stored step, burn-in included; read from the file when asked for.
    """

    path: Path
    file: chain.RunFile
    posterior: Posterior
    chains: chain.Chains

    @property
    def names(self) -> tuple[str, ...]:
        """The free parameters."""
        return self.posterior.names

    @property
    def measurement(self) -> Measurement:
        """The data of the first test."""
        return self.file.measurement

    @property
    def config(self) -> Config:
        """The configuration, every default filled in."""
        return self.file.config

    @property
    def truth(self) -> Mapping[str, float]:
        """The true parameters, as far as the data were simulated and say so."""
        return self.posterior.truth

    @property
    def stored(self) -> int:
        """Stored steps of each ensemble."""
        return int(self.chains.coords.shape[1])

    @property
    def burn_in(self) -> int:
        """How many of the stored steps are dropped."""
        return burn_in(self.stored)

    @property
    def steps(self) -> int:
        """Steps that each ensemble has taken."""
        return self.stored * self.config.sampling.thin

    @cached_property
    def diagnosis(self) -> Diagnosis:
        """Convergence of every parameter."""
        return diagnose(self._kept, log_prob=np.asarray(self.chains.log_prob[:, self._estimated]))

    @property
    def converged(self) -> bool:
        """Whether the run meets the thresholds of its own configuration."""
        return self.diagnosis.converged(self.config.sampling.max_rhat, self.config.sampling.min_ess)

    def samples(self) -> FloatArray:
        """Return all draws, burn-in dropped.

        Returns
        -------
        ndarray, shape (draws, ndim)
            Columns as in `names`; ensemble after ensemble, step after step.

        Raises
        ------
        ChainError
            If nothing is stored yet.
        """
        self._need_steps()
        return np.asarray(self.chains.coords[:, self.burn_in :]).reshape(-1, self.posterior.ndim)

    def some_samples(self) -> FloatArray:
        """Return the draws that estimates are made from: all, or every n-th step of a chain with many millions.

        Raises
        ------
        ChainError
            If nothing is stored yet.
        """
        self._need_steps()
        return self._kept.reshape(-1, self.posterior.ndim)

    @property
    def draws(self) -> int:
        """How many `samples` there are."""
        ensembles, stored, walkers = self.chains.log_prob.shape
        return int(ensembles * (stored - self.burn_in) * walkers)

    def draw(self, number: int) -> FloatArray:
        """Return one of `samples`, shape (ndim,), reading nothing else."""
        walkers = self.chains.log_prob.shape[2]
        step, walker = divmod(number, walkers)
        ensemble, step = divmod(step, self.stored - self.burn_in)
        return np.asarray(self.chains.coords[ensemble, self.burn_in + step, walker])

    @cached_property
    def _kept(self) -> FloatArray:
        """What estimates are made from, shape (ensembles, steps, walkers, ndim), as in the run's own check."""
        return np.asarray(self.chains.coords[:, self._estimated])

    @property
    def _estimated(self) -> slice:
        """The stored steps that estimates are made from."""
        ensembles, stored, walkers = self.chains.log_prob.shape
        thin = stride(ensembles, stored - self.burn_in, walkers)
        return slice(self.burn_in + thin - 1, None, thin)

    def thinned(self, draws: int) -> FloatArray:
        """Return at most `draws` of the samples, in their order: always the same random ones.

        Every n-th sample would now and then be the same few walkers at every step.
        """
        samples = self.some_samples()
        if draws >= len(samples):
            return samples
        rows = np.random.default_rng(0).choice(len(samples), draws, replace=False)
        return np.asarray(samples[np.sort(rows)])

    def log_prob(self) -> FloatArray:
        """Return the log-posterior of each of `samples`, shape (draws,)."""
        self._need_steps()
        return np.asarray(self.chains.log_prob[:, self.burn_in :]).reshape(-1)

    def predict(
        self,
        angles: ArrayLike | None = None,
        draws: int = 1000,
        test: str | None = None,
        change: Mapping[str, str | float] | None = None,
    ) -> FloatArray:
        """Predict the load-angle curve of a test from posterior draws, of this knee or of a changed one.

        Parameters
        ----------
        angles : array_like, shape (m,), optional
            In the data file's unit and sign; the data's own by default.
        draws : int
            How many draws at the most, evenly spread over the chain.
        test : str, optional
            Which test; needed with angles or a change if there are several. Else all tests' data one after another.
        change : mapping, optional
            What if: `{"mcl.l_0": "+2.0", "lcl.k": "*0.5"}`, see `calibrate.whatif.changes_of`; all else is as in each
            draw, slack lengths included.

        Returns
        -------
        ndarray, shape (n, m)
            Readings in the data file's unit and sign, without their errors; see `Posterior.predict`.

        Raises
        ------
        ConfigError
            If there is no such test, or several and none is named.
        ParameterError
            If a change cannot be meant.
        """
        if change is not None:
            return whatif.predict(self.posterior, self.thinned(draws), angles, change, test)
        return self.posterior.predict(self.thinned(draws), angles, test)

    @np.errstate(all="ignore")  # draws of a spoilt file may be anything that is finite
    def derived(self, draws: int = MOST_DRAWS) -> dict[str, FloatArray]:
        """Return what people ask for besides the parameters, one value per posterior draw.

        For each strand: `stiffness_per_strain` `k l_0` [N]; `reference_strain` [-] and `reference_tension` [N] where
        both condyles touch, at the reference flexion; `stiffness_share`, its part of `k` of all strands that the same
        turn stretches, if there are others; `taut_angle`, at which it becomes taut when turned the way that stretches
        it, NaN if it does not within 20 degrees or is taut all the way.

        For the knee: `laxity_valgus_10Nm` and `laxity_varus_10Nm`, the angles at which its pure moment, without bias,
        reaches 10 N·m valgus and varus, NaN if it does not within 20 degrees; `laxity_total_10Nm`, the one less the
        other; the same at 5 and 12 N·m. All angles are in degrees and the file's sign, from zero of the knee's own
        angle, without `angle_offset`.

        Parameters
        ----------
        draws : int
            How many draws at the most; of a knee whose geometry or angle is free, never more than 2,000.

        Returns
        -------
        dict of str to ndarray, shape (n,)
            By names like `mcl.stiffness_per_strain`; of several tests, what is not the same in all has the test's
            name in front: `flex60.mcl.taut_angle`, `flex60.laxity_total_10Nm`.
        """
        return derived(self.posterior, self.thinned(min(draws, most_draws(self.posterior))))

    def summary(self) -> Summary:
        """Return estimates, convergence and warnings.

        Returns
        -------
        Summary
            A mapping with `file`, `converged`, `steps`, `draws`, `parameters` (by name: `unit`, `mean`, `sd`,
            `median`, `q2.5`, `q5`, `q95`, `q97.5`, `mcse_mean`, `rhat`, `ess_bulk`, `ess_tail`, and `truth` if known),
            `derived` (the same without convergence), `warnings` and more. Numbers that are unknown are None.

        Raises
        ------
        ChainError
            If nothing is stored yet.
        """
        return summarise(self)

    def warnings(self) -> Iterator[str]:
        """Yield what a user should know before believing the estimates: the number, the threshold, the advice."""
        return warnings_of(self)

    def to_arviz(self) -> Any:
        """Return the posterior as an ArviZ `DataTree` (needs the `notebook` extra).

        Groups `posterior` (one variable per parameter, by name) and `sample_stats` (`lp`, the log-posterior). Each
        ensemble is a chain, burn-in dropped; its draws are in the order of time, all walkers of a step together: draw
        `step * walkers + walker`. So ArviZ's R-hat compares what the summary's compares, ensembles and their halves.

        ArviZ's effective sample sizes are too large: it cannot know that a walker's next draw comes `walkers` draws
        later. The summary's count what the walkers have in common.

        Raises
        ------
        ChainError
            If nothing is stored yet.
        ImportError
            If `arviz-base` is not installed; says how to install it.
        """
        try:
            from arviz_base import from_dict
        except ImportError:
            raise ImportError("to_arviz needs arviz-base: pip install 'calibrate[notebook]'") from None
        self._need_steps()
        kept = np.asarray(self.chains.coords[:, self.burn_in :])
        chains = kept.reshape(kept.shape[0], -1, kept.shape[3])
        log_prob = np.asarray(self.chains.log_prob[:, self.burn_in :]).reshape(kept.shape[0], -1)
        posterior = {name: chains[:, :, i] for i, name in enumerate(self.names)}
        with warnings.catch_warnings():
            # A run that has just begun may have more ensembles than draws in each; nothing is transposed.
            warnings.filterwarnings("ignore", "Found chain dimension to be longer than draw dimension")
            return from_dict({"posterior": posterior, "sample_stats": {"lp": log_prob}})

    def _need_steps(self) -> None:
        if self.stored == 0:
            raise ChainError(
                f"{self.path}: nothing is stored yet; wait a moment, or go on with 'calibrate resume {self.path}'"
            )


def open_run(path: str | Path) -> Run:
    """Open a run for reading; works while another process is still writing it.

    Raises
    ------
    ChainError
        If the file is missing, damaged, or no run, or if its chains are not of the posterior that it describes.
    """
    path = Path(path)
    file, chains = chain.read_run(path)
    return Run(path, file, posterior_of(path, file, chains), chains)
