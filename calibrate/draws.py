"""Draws of a posterior, wherever they are: estimates, predictions, convergence and findings are computed from them.

No path and no file: `runner.sample` makes draws in memory, and `results.Run` is draws that lie in a file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibrate import chain, whatif
from calibrate.config import SamplingConfig
from calibrate.derived import MOST_DRAWS, derived, looked_at, most_draws
from calibrate.errors import ChainError
from calibrate.findings import Findings, findings_of
from calibrate.outward import Outward
from calibrate.posterior import Posterior
from calibrate.sampling.convergence import Diagnosis
from calibrate.sampling.series import errors_of, stride
from calibrate.sampling.verdict import Verdict, judge, look, spread_draws

if TYPE_CHECKING:
    from calibrate.figures.accessor import Plots

FloatArray = NDArray[np.float64]

# Beyond so many draws, some are picked without reading all.
_LONG = 500_000
# Numbers of a chain that are held in memory at the most, lest a file be unpacked time and again.
_HELD = 2**23


@dataclass(frozen=True, eq=False, repr=False)
class Draws(Outward):
    """Draws of a posterior.

    Attributes
    ----------
    posterior : Posterior
        What was sampled.
    settings : SamplingConfig
        How: thinning, and the thresholds of convergence.
    chains : chain.Chains
        Every stored step, burn-in included.
    dropped : int or None
        Stored steps to drop as burn-in, where somebody has chosen them; else the chains tell, see `burn_in`.
    most_derived : int
        Of how many draws at the most derived quantities are computed.
    judged : Verdict or None
        The verdict on all of these chains, where who sampled has come to it; else it is found when it is asked for.
    """

    posterior: Posterior
    settings: SamplingConfig
    chains: chain.Chains
    dropped: int | None = field(default=None, kw_only=True)
    most_derived: int = field(default=MOST_DRAWS, kw_only=True)
    judged: Verdict | None = field(default=None, kw_only=True)

    @property
    def names(self) -> tuple[str, ...]:
        """The free parameters."""
        return self.posterior.names

    @property
    def truth(self) -> Mapping[str, float]:
        """The true parameters, as far as the data were simulated and say so."""
        return self.posterior.truth

    @property
    def plot(self) -> Plots:
        """The pictures: `draws.plot.corner()`, one method for each name in `calibrate.figures.FIGURES`."""
        from calibrate.figures.accessor import Plots  # loads matplotlib, for those who draw

        return Plots(self)

    @property
    def stored(self) -> int:
        """Stored steps of each ensemble."""
        return int(self.chains.coords.shape[1])

    @property
    def burn_in(self) -> int:
        """How many of the stored steps are dropped: the fewest whose rest is settled, unless somebody has chosen."""
        return self._look.burn_in

    @property
    def steps(self) -> int:
        """Steps that each ensemble has taken."""
        return self.stored * self.settings.thin

    @cached_property
    def verdict(self) -> Verdict:
        """Whether the draws have converged by the thresholds of `settings`, and by which numbers."""
        if self.judged is not None and self.dropped is None:
            return self.judged
        return judge(
            self.chains, self.stored, self.settings, self.look, looked_at(self.posterior, self.settings.min_ess)
        )

    def look(self, upto: int) -> Verdict:
        """Return what the chains looked like when so many steps were stored, by which the verdict judges them."""
        if upto == self.stored:
            return self._look
        dropped = None if self.dropped is None else min(self.dropped, upto // 2)
        return look(self.names, self.chains, upto, self.settings, dropped)

    @cached_property
    def _look(self) -> Verdict:
        """What the chains look like as far as they go."""
        if self.judged is not None and self.dropped is None:
            return self.judged
        return look(self.names, self.chains, self.stored, self.settings, self.dropped)

    @property
    def diagnosis(self) -> Diagnosis:
        """The verdict's figures of every parameter."""
        return self._look.diagnosis

    @property
    def converged(self) -> bool:
        """Whether the verdict is that the draws have converged."""
        return self.verdict.converged

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

    def kept_steps(self) -> slice:
        """Return which of the stored steps estimates are made from: all, or every n-th of very many.

        Raises
        ------
        ChainError
            If nothing is stored yet.
        """
        self._need_steps()
        ensembles, stored, walkers = self.chains.log_prob.shape
        thin = stride(ensembles, stored - self.burn_in, walkers)
        return slice(self.burn_in + thin - 1, None, thin)

    @cached_property
    def _kept(self) -> FloatArray:
        """What estimates are made from, shape (ensembles, steps, walkers, ndim)."""
        steps = self.kept_steps()
        return np.asarray(self._near[0].coords[:, steps.start - self._near[1] :: steps.step])

    @cached_property
    def _near(self) -> tuple[chain.Chains, int]:
        """The chains, and the first of their steps: in memory after burn-in if they take but some megabytes of it."""
        ensembles, stored, walkers, ndim = self.chains.coords.shape
        if ensembles * (stored - self.burn_in) * walkers * ndim > _HELD:
            return self.chains, 0
        # Figures, findings and tables ask for different parts of it: the file would be unpacked for each.
        return replace(self.chains, coords=np.asarray(self.chains.coords[:, self.burn_in :])), self.burn_in

    def _some(self, each: int) -> FloatArray:
        """Return at most so many draws of each ensemble, see `spread_draws`; not to be changed."""
        self._need_steps()
        if each not in self._spread:
            near, first = self._near
            self._spread[each] = spread_draws(near, self.burn_in - first, self.stored - first, each)
        return self._spread[each]

    def errors(self) -> FloatArray:
        """Return the Monte-Carlo standard errors of the parameters' means and 5 and 95 % quantiles, (3, ndim).

        In the parameters' units, of `some_samples`; NaN of very few steps.
        """
        return errors_of(np.ascontiguousarray(np.moveaxis(self._kept, -1, 0)), (0.05, 0.95))

    def thinned(self, draws: int) -> FloatArray:
        """Return at most `draws` of the samples, in their order: always the same random ones.

        Every n-th sample would now and then be the same few walkers at every step. Of a very long chain only some
        steps are read, evenly spread, and random walkers of each are taken.
        """
        if self.draws > _LONG and draws < _LONG:
            return self._some(max(1, draws // self.chains.log_prob.shape[0])).reshape(-1, self.posterior.ndim).copy()
        samples = self.some_samples()
        if draws >= len(samples):
            return samples
        rows = np.random.default_rng(0).choice(len(samples), draws, replace=False)
        return np.asarray(samples[np.sort(rows)])

    @cached_property
    def best(self) -> FloatArray:
        """The draw of the highest log-posterior, shape (ndim,).

        Raises
        ------
        ChainError
            If nothing is stored yet.
        """
        return self.draw(int(np.argmax(self.log_prob())))

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

    def derived(self, draws: int | None = None) -> dict[str, FloatArray]:
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
        draws : int, optional
            At the most, `most_derived` by default; of a knee whose geometry or angle is free, never more than 2,000.

        Returns
        -------
        dict of str to ndarray, shape (n,)
            By names like `mcl.stiffness_per_strain`; of several tests, what is not the same in all has the test's
            name in front: `flex60.mcl.taut_angle`, `flex60.laxity_total_10Nm`.
        """
        return {name: values.reshape(-1) for name, values in self.derived_by_ensemble(draws).items()}

    def derived_by_ensemble(self, draws: int | None = None) -> dict[str, FloatArray]:
        """Return what `derived` does, each (ensembles, steps, walkers): some steps, and some walkers of each."""
        rows = self.spread(draws)
        if rows.size not in self._asked:  # summary, findings and pictures ask for the same
            self._asked[rows.size] = self.derive(rows.reshape(-1, rows.shape[-1]))
        return {name: values.reshape(rows.shape[:-1]).copy() for name, values in self._asked[rows.size].items()}

    def spread(self, draws: int | None = None) -> FloatArray:
        """Return the draws that `derived` is computed from, shape (ensembles, steps, walkers, ndim)."""
        self._need_steps()
        draws = self.most_derived if draws is None else draws
        each = max(1, min(draws, most_draws(self.posterior)) // self.chains.log_prob.shape[0])
        return self._some(each).copy()

    @cached_property
    def _spread(self) -> dict[int, FloatArray]:
        """What `_some` has found, by draws of each ensemble."""
        return {}

    @cached_property
    def _asked(self) -> dict[int, dict[str, FloatArray]]:
        """What `derived` has found, by the size of what it was computed from."""
        return {}

    @np.errstate(all="ignore")  # draws of a spoilt file may be anything that is finite
    def derive(self, q: FloatArray) -> dict[str, FloatArray]:
        """Return what `derived` does of rows of parameters (n, ndim)."""
        return derived(self.posterior, q)

    def findings(self) -> Findings:
        """Return what to know before believing the estimates, each with the number, the threshold and the advice."""
        return self._findings

    @cached_property
    def _findings(self) -> Findings:
        return Findings(findings_of(self))

    def warnings(self) -> Iterator[str]:
        """Yield the findings as sentences."""
        return map(str, self.findings())

    def _need_steps(self) -> None:
        if self.stored == 0:
            raise ChainError("nothing is stored yet")
