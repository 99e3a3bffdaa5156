"""The command line's own surroundings: other people's settings that its answers must not hang on are left out.

Environment variables are read by libraries when they are imported, some with a traceback or pages of complaints where
they make no sense of them. So they are put in order first of all. Python's callers keep their own settings.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from calibrate.errors import RunError

# Colours belong on terminals and nowhere else, whatever these say; NO_COLOR stays.
_COLOURS = {
    "FORCE_COLOR",
    "CLICOLOR_FORCE",
    "TTY_COMPATIBLE",
    "TTY_INTERACTIVE",
    "PY_COLORS",
    "GITHUB_ACTIONS",
    "TERMINAL_WIDTH",
    "TYPER_USE_RICH",
}
_NARROWEST, _WIDEST = 20, 500  # columns
# Where compiled code is kept is the user's to choose; how it is compiled decides the chain.
_NUMBAS_OWN = "NUMBA_CACHE_DIR"


def settle() -> None:
    """Put the environment in order, before any library looks at it."""
    environment = os.environ
    for name in tuple(environment):
        if name in _COLOURS or (name.startswith("NUMBA_") and name != _NUMBAS_OWN):
            del environment[name]
    for name in ("COLUMNS", "LINES"):
        value = environment.get(name, "")
        if not (value.isascii() and value.isdigit() and _NARROWEST <= int(value[:9]) <= _WIDEST):
            environment.pop(name, None)
    # Said outright, for a file in the working directory may say otherwise.
    environment["NUMBA_DISABLE_JIT"] = "0"
    # No window is ever opened, and the figures' style is their own.
    environment["MPLBACKEND"] = "agg"
    environment["MATPLOTLIBRC"] = str(Path(__file__).parent / "figures" / "matplotlibrc")
    import logging

    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # nor does its opinion of settings and folders matter
    # Handed on to the process that tidies up after a pool: that it does so for one interrupted needs no words.
    sys.warnoptions.append("ignore:resource_tracker:UserWarning")
    # Matrices are small here. Threads for larger ones cost each process a quarter of a second, and a share of memory.
    environment["OPENBLAS_NUM_THREADS"] = "1"


def load_matplotlib() -> None:
    """Import matplotlib, which reads a matplotlibrc of the working directory whatever it was told.

    Raises
    ------
    RunError
        If it cannot: that file may be no text at all.
    """
    try:
        import matplotlib  # noqa: F401  # for the later imports
    except (ValueError, OSError, Warning) as error:
        reason = " ".join(str(error).split())
        raise RunError(f"matplotlib cannot be loaded ({reason}); look at the file matplotlibrc here") from None


def memory_limit() -> int | None:
    """Return the bytes of address space that this process may have (`ulimit -v`), None for any number."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    soft = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if soft == resource.RLIM_INFINITY else soft
