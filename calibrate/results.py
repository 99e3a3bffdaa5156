"""A run, finished or still going, as an object to ask: draws that lie in a file, and what the file says of them.

`open_run` takes one look at the file; open it again for a later one. Nothing here draws or prints.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from calibrate import chain
from calibrate.chain.problem import posterior_of
from calibrate.config import Config
from calibrate.data import Measurement
from calibrate.draws import Draws
from calibrate.errors import ChainError


@dataclass(frozen=True, eq=False, repr=False)
class Run(Draws):
    """One look at a run's file; what can be asked of its draws is in `Draws`.

    Attributes
    ----------
    path : Path
        The file.
    file : RunFile
        What the file says of the run's origin: configuration, data, versions.
    """

    path: Path
    file: chain.RunFile

    @property
    def title(self) -> str:
        """What a notebook calls it: the file."""
        return str(self.path)

    @property
    def measurement(self) -> Measurement:
        """The data of the first test."""
        return self.file.measurement

    @property
    def config(self) -> Config:
        """The configuration, every default filled in."""
        return self.file.config

    @property
    def origin(self) -> dict[str, Any]:
        """What a summary says of where the draws are from: the file, and what wrote it when."""
        return {
            "file": str(self.path),
            "calibrate": self.file.versions.get("calibrate"),
            "created": self.file.created,
        }

    def _need_steps(self) -> None:
        if self.stored == 0:
            raise ChainError(
                f"{self.path}: nothing is stored yet; wait a moment, or go on with 'calibrate resume {self.path}'"
            )


def open_run(path: str | Path, burn_in: int | None = None) -> Run:
    """Open a run for reading; works while another process is still writing it.

    Parameters
    ----------
    path : str or Path
        The chain file.
    burn_in : int, optional
        Steps to drop, in place of what the chains themselves tell.

    Raises
    ------
    ChainError
        If the file is missing, damaged, or no run, if its chains are not of the posterior that it describes, or if the
        burn-in leaves no step.
    """
    path = Path(path)
    file, chains = chain.read_run(path)
    settings, dropped = file.config.sampling, None
    if burn_in is not None:
        dropped = math.ceil(burn_in / settings.thin)
        steps = int(chains.coords.shape[1]) * settings.thin
        if dropped * settings.thin >= max(steps, 1):
            raise ChainError(f"{path}: a burn-in of {burn_in} steps leaves none of {steps}; give a smaller one")
    return Run(posterior_of(path, file, chains), settings, chains, path, file, dropped=dropped)
