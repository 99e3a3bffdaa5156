"""The compiled batch evaluator: parameters of many knees to log-likelihoods, with no temporary per angle.

Compiled by numba on first use and kept on disk. The Python functions here are the whole definition of the
compiled likelihood; `calibrate.knee.ligament` says the same in NumPy, and the tests hold the two together.
"""

from __future__ import annotations

import hashlib
import math
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numpy as np
import platformdirs
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
_Function = TypeVar("_Function", bound=Callable[..., Any])

# Sums over angles may be reordered and products contracted, so that they use the processor's vector units; NaN and
# infinity keep their meaning. Division by zero gives an infinity as in NumPy, instead of a branch that raises.
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"reassoc", "contract", "nsz", "arcp"}}
_NO_COUNTING: dict[str, Any] = {"_nrt": False}


# Every file with compiled code. numba looks at the file of the cached function alone and would go on using it after a
# change to what is inlined from elsewhere, so the folder that the cache lies in is named after all of them.
_SOURCES = (
    "knee/kernel.py",
    "knee/factors.py",
    "knee/sums.py",
    "knee/compress.py",
    "knee/slots.py",
    "knee/pose.py",
    "knee/error_models.py",
    "knee/general.py",
    "density.py",
    "sampling/block.py",
    "sampling/pilot.py",
    "chain/checksum.py",
)
_PACKAGE = Path(__file__).parent.parent
_DIGEST = hashlib.sha256(b"".join((_PACKAGE / name).read_bytes() for name in _SOURCES)).hexdigest()[:16]


def _folder() -> Path | None:
    """Return where compiled code is kept: where the user chose, or beside the package, or in the user's own cache.

    None if nothing can be written there.
    """
    settings: Any = numba.config
    if settings.CACHE_DIR:  # through NUMBA_CACHE_DIR
        places = [Path(settings.CACHE_DIR).absolute() / f"calibrate-{_DIGEST}"]
    else:
        own = platformdirs.user_cache_path("calibrate")
        # Whose home is not known has no cache either: the name then begins with "~".
        places = [folder / f"compiled-{_DIGEST}" for folder in (_PACKAGE / "__pycache__", own) if folder.is_absolute()]
    return next((folder for folder in places if _can_be_written(folder)), None)


def _can_be_written(folder: Path) -> bool:
    """Tell by trying: permissions do not say whether a disk is full or can only be read."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"1")
    except OSError:
        return False
    return True


_FOLDER = _folder()


def place() -> Path | None:
    """Return the folder that compiled code is kept in; None if each process has to compile anew."""
    return _FOLDER


def is_compiled() -> bool:
    """Tell whether an earlier process has left compiled code on disk."""
    return _FOLDER is not None and any(_FOLDER.glob("*/*.nbc"))


def compiled(function: _Function) -> _Function:
    """Compile a function for calls from Python, keeping the result on disk where a folder for it can be written."""
    if _FOLDER is None:  # numba would look for a place of its own, in which changes of other files go unnoticed
        return cast(_Function, numba.njit(**_OPTIONS)(function))
    settings: Any = numba.config
    chosen = settings.CACHE_DIR
    settings.CACHE_DIR = str(_FOLDER)
    try:
        return cast(_Function, numba.njit(cache=True, **_OPTIONS)(function))
    except RuntimeError:  # numba found no folder to keep its cache in: compile anew in each process
        return cast(_Function, numba.njit(**_OPTIONS)(function))
    finally:
        settings.CACHE_DIR = chosen


def merged(function: _Function) -> _Function:
    """Compile a function whose machine code goes into each of its compiled callers; for what is large to be `inlined`.

    No compiled function calls another by name: in the process that compiles both, the call would go to the callee's
    own machine code, later ones find the copy in the caller's file, and optimised apart they differ in last bits.
    """
    return cast(_Function, numba.njit(forceinline=True, **_OPTIONS)(function))


def borrowing(function: _Function) -> _Function:
    """Compile like `merged` a function that neither makes nor returns arrays, so that none has to be counted.

    numba counts references to each array that is taken out of a tuple, by an atomic operation; twenty of them cost more
    than a knee.
    """
    return cast(_Function, numba.njit(forceinline=True, **_OPTIONS, **_NO_COUNTING)(function))


def inlined(function: _Function) -> _Function:
    """Compile a function into its compiled callers: numba's own calls cost more than the arithmetic of a knee."""
    return cast(_Function, numba.njit(inline="always", **_OPTIONS)(function))


@inlined
def sum_of_squares(
    p: FloatArray,
    mcl_length: FloatArray,
    lcl_length: FloatArray,
    mcl: FloatArray,
    lcl: FloatArray,
    load: FloatArray,
    first: int,
    end: int,
) -> float:
    """Sum of squared residuals of the points [first, end) for one parameter row (8,) whose law has a meaning.

    Arrays are as in `log_likelihood`.
    """
    mcl_l0, mcl_toe = p[2], p[1] * p[2]
    lcl_l0, lcl_toe = p[6], p[5] * p[6]
    mcl_factor = p[0] / (2.0 * mcl_toe)
    lcl_factor = p[4] / (2.0 * lcl_toe)
    mcl_tare, lcl_tare = p[3], p[7]
    total = 0.0
    for j in range(first, end):
        e = mcl_length[j] - mcl_l0
        m = e if e > 0.0 else 0.0
        m = m if m < mcl_toe else mcl_toe
        residual = mcl[j] * (mcl_factor * m * (2.0 * e - m) - mcl_tare) - load[j]
        e = lcl_length[j] - lcl_l0
        m = e if e > 0.0 else 0.0
        m = m if m < lcl_toe else lcl_toe
        residual += lcl[j] * (lcl_factor * m * (2.0 * e - m) - lcl_tare)
        total += residual * residual
    return total


@inlined
def has_meaning(p: FloatArray) -> bool:
    """Tell whether the ligament law means something for one parameter row (8,)."""
    for i in range(8):
        if not abs(p[i]) < np.inf:
            return False
    meaning: bool = p[0] > 0.0 and p[1] > 0.0 and p[2] > 0.0 and p[4] > 0.0 and p[5] > 0.0 and p[6] > 0.0
    return meaning


@inlined
def log_likelihood_one(
    p: FloatArray,
    scale: float,
    mcl_length: FloatArray,
    lcl_length: FloatArray,
    mcl: FloatArray,
    lcl: FloatArray,
    load: FloatArray,
    constant: float,
) -> float:
    """Log-likelihood of one parameter row (8,); see `log_likelihood`."""
    if not has_meaning(p) or scale <= 0.0 or not abs(scale) < np.inf:
        return -np.inf
    value = (
        constant
        - load.size * math.log(scale)
        - 0.5 * sum_of_squares(p, mcl_length, lcl_length, mcl, lcl, load, 0, load.size) / (scale * scale)
    )
    # An overflow on the way gives NaN or an infinity: such parameters are impossible, not an accident of the chain.
    return value if abs(value) < np.inf else -np.inf


@compiled
def log_likelihood(
    parameters: FloatArray,
    scale: FloatArray,
    mcl_length: FloatArray,
    lcl_length: FloatArray,
    mcl: FloatArray,
    lcl: FloatArray,
    load: FloatArray,
    constant: float,
) -> FloatArray:
    """Evaluate many knees.

    Parameters
    ----------
    parameters : ndarray, shape (m, 8)
        `[k, alpha, l_0, f_ref]` of the MCL, then of the LCL.
    scale : ndarray, shape (m,)
        Standard deviation of the errors in units of the weighting below: sigma itself where the arrays are in the
        load's unit, 1 where they have been divided by a known sigma.
    mcl_length, lcl_length : ndarray, shape (n,)
        Ligament lengths [mm].
    mcl, lcl : ndarray, shape (n,)
        Load per newton of tension.
    load : ndarray, shape (n,)
        Measured loads.
    constant : float
        What does not depend on the parameters: `-n log(sqrt(2 pi))` minus the logarithms of a known sigma.

    Returns
    -------
    ndarray, shape (m,)
        Log-likelihoods; `-inf` where the law has no meaning or the sum overflows, never NaN or `+inf`.
    """
    out = np.empty(parameters.shape[0])
    for i in range(parameters.shape[0]):
        out[i] = log_likelihood_one(parameters[i], scale[i], mcl_length, lcl_length, mcl, lcl, load, constant)
    return out
