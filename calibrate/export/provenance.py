"""Where draws come from: what every exported file says of itself."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from calibrate import __version__

if TYPE_CHECKING:
    from calibrate.draws import Draws


def provenance(draws: Draws) -> dict[str, str | int]:
    """Return where draws come from, as plain texts and whole numbers.

    Parameters
    ----------
    draws : Draws
        In memory or of a run's file.

    Returns
    -------
    dict
        `program`, `run` and `created` of a run; `data` (files by their names, no folders) and `data_sha256` (of several
        tests, one after another, each with the test's name in front); `seed`; `ensembles`, `walkers`, `steps` and
        `burn_in` (both in steps of the sampler), `thin`; `converged` (1 or 0) and `verdict`, the sentence.
    """
    from calibrate.results import Run

    settings, verdict = draws.settings, draws.verdict
    found: dict[str, str | int] = {"program": f"calibrate {__version__}"}
    if isinstance(draws, Run):
        found |= {"run": draws.path.name, "created": draws.file.created}
    tests = draws.posterior.tests
    ensembles, _, walkers = draws.chains.log_prob.shape
    return found | {
        "data": ", ".join(f"{_label(test.name)}{PurePath(test.measurement.source).name}" for test in tests),
        "data_sha256": ", ".join(f"{_label(test.name)}{test.measurement.sha256}" for test in tests),
        "seed": settings.seed,
        "ensembles": int(ensembles),
        "walkers": int(walkers),
        "steps": draws.steps,
        "burn_in": draws.burn_in * settings.thin,
        "thin": settings.thin,
        "converged": int(verdict.converged),
        "verdict": verdict.sentence,
    }


def _label(test: str) -> str:
    return f"{test}: " if test else ""
