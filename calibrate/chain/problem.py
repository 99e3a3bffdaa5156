"""Whether a chain belongs to the posterior that its file describes: whoever reads asks it, and whoever resumes.

Both what the posterior is made from and what it gives are compared: the fingerprint, and the log-probability of stored
walkers. A file that was edited, or made with another model, is so refused before anybody believes its numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibrate.chain.origin import RunFile, differences, fingerprint
from calibrate.chain.reader import Chains, translated
from calibrate.errors import ChainError
from calibrate.posterior import Posterior

FloatArray = NDArray[np.float64]

# Log-probabilities of one posterior agree to this, whatever processor they are from: other last bits pass.
_SAME = 1e-9
# Walkers of a step that are looked at, of all ensembles together: all, unless somebody has very many.
_FEW = 2**12
# Names that a message lists, of parameters and of tests, and letters of each.
_MANY, _FEW_TESTS, _LONG = 40, 5, 70


def posterior_of(path: Path, file: RunFile, chains: Chains) -> Posterior:
    """Return the posterior that a run's file describes, if it is the one that its chains were drawn from.

    Parameters
    ----------
    path : Path
        The file, for messages.
    file : RunFile
        What it says of itself.
    chains : Chains
        What it holds; a few rows are read, of the first, the middle and the last stored step of each ensemble.

    Raises
    ------
    ChainError
        If there is no such posterior, or it is another.
    """
    with translated(path), np.errstate(all="ignore"):
        posterior = posterior_in(path, file)
        found = differences(file.fingerprint, fingerprint(file.config, file.measurements, file.model_version))
        if found:
            raise ChainError(f"{path}: this is not the problem that the run was started with: {'; '.join(found[:3])}")
        steps = chains.log_prob.shape[1]
        for step in sorted({0, steps // 2, steps - 1}) if steps else ():
            _check_step(path, file, chains, posterior, step)
    return posterior


def posterior_in(path: Path, file: RunFile) -> Posterior:
    """Return the posterior that a run's file describes, whatever its chains say.

    Raises
    ------
    ChainError
        If its configuration has other tests or frees other parameters than the file holds.
    CalibrateError
        If there is no such posterior.
    """
    if [*file.config.data_paths] != [*file.measurements]:
        raise ChainError(
            f"{path}: holds {_tests(file.measurements)}, but its configuration has {_tests(file.config.data_paths)}; "
            "the file was altered"
        )
    posterior = _posterior(file)
    if posterior.names != file.names:
        raise ChainError(
            f"{path}: holds {_some(file.names)}, but its configuration frees {_some(posterior.names)}; the file was "
            "altered"
        )
    return posterior


def _posterior(file: RunFile) -> Posterior:
    """Build the posterior of the model version that a run was started with."""
    return Posterior.from_config(file.config, file.measurements, normalised=file.model_version > 1)


def _tests(names: Iterable[str]) -> str:
    return _some([f"tests.{name}" if name else "data" for name in names], _FEW_TESTS)


def _some(names: Sequence[str], most: int = _MANY) -> str:
    """List names that may be a stranger's: not all of very many, and not all of a very long one."""
    shown = [name if len(name) <= _LONG else f"{name[:_LONG]}..." for name in names[:most]]
    return ", ".join([*shown, "..."] if len(names) > most else shown)


def _check_step(path: Path, file: RunFile, chains: Chains, posterior: Posterior, step: int) -> None:
    coords, before = np.asarray(chains.coords[:, step]), np.asarray(chains.log_prob[:, step])
    if len({ensemble.tobytes() for ensemble in coords}) < len(coords):
        raise ChainError(f"{path}: two ensembles are the same chain, so the file was altered")
    thin = -(-before.size // _FEW)
    before = before[:, ::thin].ravel()
    after = posterior.log_prob(coords[:, ::thin].reshape(before.size, -1))
    same = np.isclose(after, before, rtol=_SAME, atol=_SAME)
    if not same.all():
        worst = int(np.argmax(np.where(same, 0.0, np.nan_to_num(np.abs(after - before), nan=np.inf))))
        raise ChainError(
            f"{path}: the posterior has changed since these steps were stored: log-probability {before[worst]:.10g} "
            f"then, {after[worst]:.10g} now, at the same parameters; start a new run, or use the calibrate that made "
            f"it ({file.versions.get('calibrate', 'unknown')[:20]})"
        )
