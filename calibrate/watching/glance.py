"""One glance at a run: how far it is, whether anybody still writes it, and what each parameter looks like."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from calibrate import chain
from calibrate.draws import Draws
from calibrate.findings import Finding
from calibrate.results import Run, open_run
from calibrate.sampling.verdict import Verdict

FloatArray = NDArray[np.float64]
State = Literal["running", "killed", "ended"]

# Steps that a parameter's course is shown by, at the most.
TRAIL = 32
# How far back the rate is taken from [s].
_WINDOW = 30.0


@dataclass(frozen=True, eq=False)
class Line:
    """What is shown of one parameter, or of the log-probability.

    Attributes
    ----------
    name : str
        Its name.
    trail : ndarray, shape (points,)
        The mean of all walkers over the stored steps, burn-in included.
    spread : float
        The standard deviation of all walkers at the last of these steps; what the course is measured by.
    rhat, ess_bulk, ess_tail : float
        The verdict's figures; NaN if unknown.
    """

    name: str
    trail: FloatArray
    spread: float
    rhat: float
    ess_bulk: float
    ess_tail: float


@dataclass(frozen=True, eq=False)
class Glance:
    """What one look at a run shows.

    Attributes
    ----------
    path : Path
        The run's file.
    state : {"running", "killed", "ended"}
        Whether a process is writing it; `killed` if none does, and the last one has not finished the file.
    steps : int
        Steps of each ensemble.
    acceptance : float
        Mean acceptance fraction; NaN before the first step.
    verdict : Verdict or None
        None before the first step.
    max_rhat, min_ess : float
        What is asked for.
    lines : tuple of Line
        The parameters, then the log-probability.
    rate : float or None
        Steps per second; None if unknown.
    findings : tuple of Finding
        Only of a run that nobody writes.
    """

    path: Path
    state: State
    steps: int
    acceptance: float
    verdict: Verdict | None
    max_rhat: float
    min_ess: float
    lines: tuple[Line, ...]
    rate: float | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def converged(self) -> bool:
        """Whether the verdict is that the run has converged."""
        return self.verdict is not None and self.verdict.converged

    @property
    def seconds_left(self) -> float | None:
        """About how long it takes until the run has converged, by its pace; None if nobody can tell."""
        more = None if self.verdict is None else self.verdict.more_steps
        return None if more is None or not self.rate else more / self.rate

    def content(self) -> dict[str, Any]:
        """Return all of it for JSON; what is unknown is None."""
        verdict = self.verdict
        return {
            "file": str(self.path),
            "state": self.state,
            "steps": self.steps,
            "acceptance": _known(self.acceptance),
            "steps_per_second": self.rate,
            "converged": self.converged,
            "verdict": None if verdict is None else verdict.sentence,
            "advice": None if verdict is None else verdict.advice,
            "more_steps": None if verdict is None else verdict.more_steps,
            "seconds_left": self.seconds_left,
            "checks": {} if verdict is None else verdict.numbers(),
            "max_rhat": self.max_rhat,
            "min_ess": self.min_ess,
            "parameters": {
                line.name: {key: _known(getattr(line, key)) for key in ("rhat", "ess_bulk", "ess_tail")}
                | {"trail": [_known(value) for value in line.trail.tolist()]}
                for line in self.lines
            },
            "findings": [{"kind": one.kind, "code": one.code, "sentence": str(one)} for one in self.findings],
        }


@dataclass
class Watcher:
    """Takes one glance after another at a run, and knows its pace.

    Attributes
    ----------
    path : Path
        The run's file.
    """

    path: Path
    _last: Run | None = None
    _paces: list[tuple[float, int]] = field(default_factory=list)

    def glance(self, now: float) -> Glance:
        """Look at the file; `now` is a clock's time in seconds, which only the pace depends on.

        Raises
        ------
        ChainError
            If the file is missing, damaged, or no run.
        """
        written = chain.is_written(self.path)  # first: where nobody writes, what is read then is the last word
        run = self._opened()
        state: State = "running" if written else "killed" if chain.is_unfinished(self.path) else "ended"
        self._note(now, run.steps, written)
        verdict = run.verdict if run.stored else None
        findings = () if written or not run.stored else run.findings()
        return glance_of(run, self.path, state, verdict, self._pace(), findings)

    def _opened(self) -> Run:
        """Open the run; the same one as before, of which there is only more, without making its posterior anew."""
        before = self._last
        if before is not None and before.stored:
            file, chains = chain.read_run(self.path)
            if (file.created, file.fingerprint) == (before.file.created, before.file.fingerprint):
                self._last = Run(before.posterior, file.config.sampling, chains, self.path, file)
                return self._last
        self._last = open_run(self.path)
        return self._last

    def _note(self, now: float, steps: int, written: bool) -> None:
        if not written or (self._paces and steps < self._paces[-1][1]):  # it rests, or has begun anew
            self._paces.clear()
        if written:
            self._paces.append((now, steps))
        while len(self._paces) > 2 and self._paces[1][0] < now - _WINDOW:
            self._paces.pop(0)

    def _pace(self) -> float | None:
        if len(self._paces) < 2:
            return None
        (begin, few), (end, many) = self._paces[0], self._paces[-1]
        return (many - few) / (end - begin) if end > begin and many > few else None


def glance_of(
    draws: Draws,
    path: Path,
    state: State,
    verdict: Verdict | None,
    rate: float | None,
    findings: tuple[Finding, ...] = (),
) -> Glance:
    """Return what draws look like, with a verdict that somebody has come to."""
    return Glance(
        path,
        state,
        draws.steps,
        draws.chains.acceptance,
        verdict,
        draws.settings.max_rhat,
        draws.settings.min_ess,
        _lines(draws, verdict),
        rate,
        findings,
    )


@np.errstate(all="ignore")  # draws of a spoilt file may be anything that is finite
def _lines(draws: Draws, verdict: Verdict | None) -> tuple[Line, ...]:
    """Return the parameters' lines, and that of the log-probability."""
    names = (*draws.names, "log_prob")
    if draws.stored == 0:
        return tuple(Line(name, np.empty(0), math.nan, math.nan, math.nan, math.nan) for name in names)
    every = max(1, math.ceil(draws.stored / TRAIL))
    some = slice((draws.stored - 1) % every, None, every)  # the last step among them
    coords, heights = np.asarray(draws.chains.coords[:, some]), np.asarray(draws.chains.log_prob[:, some])
    values = np.concatenate([coords, heights[..., np.newaxis]], axis=-1)
    trails, spreads = values.mean(axis=(0, 2)), values[:, -1].std(axis=(0, 1))
    return tuple(Line(name, trails[:, i], float(spreads[i]), *_figures(verdict, i)) for i, name in enumerate(names))


def _figures(verdict: Verdict | None, i: int) -> tuple[float, float, float]:
    """Return R-hat and effective samples, of the middle and of the tails, of the i-th parameter or of the height."""
    if verdict is None:
        return math.nan, math.nan, math.nan
    found, at = verdict.diagnosis, i
    if i == len(found.rhat):
        if found.log_prob is None:
            return math.nan, math.nan, math.nan
        found, at = found.log_prob, 0
    return float(found.rhat[at]), float(found.ess_bulk[at]), float(found.ess_tail[at])


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
