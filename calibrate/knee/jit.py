"""How functions are compiled by numba, and where their machine code is kept between processes."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numpy as np
import platformdirs

_Function = TypeVar("_Function", bound=Callable[..., Any])

# Sums over angles may be reordered and products contracted, so that they use the processor's vector units; NaN and
# infinity keep their meaning. Division by zero gives an infinity as in NumPy, instead of a branch that raises.
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"reassoc", "contract", "nsz", "arcp"}}
_NO_COUNTING: dict[str, Any] = {"_nrt": False}
# What Python would call a function through is a third of the time that a small one takes to compile.
_FOR_CALLERS: dict[str, Any] = {"forceinline": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}

# Every file with compiled code, and what all of it depends on. numba looks at the file of the cached function alone and
# would go on using it after a change to what is inlined from elsewhere, so the folder that the cache lies in is named
# after all of them.
_SOURCES = (
    "knee/jit.py",
    "knee/pair.py",
    "knee/slots.py",
    "knee/pose.py",
    "knee/error_models.py",
    "knee/general.py",
    "knee/kernel.py",
    "knee/factors.py",
    "knee/sums.py",
    "knee/compress.py",
    "knee/many.py",
    "knee/reach.py",
    "density.py",
    "sampling/block.py",
    "sampling/climb.py",
    "sampling/pilot.py",
    "sampling/ladder.py",
    "population/block.py",
    "population/interweave.py",
    "population/lanes.py",
    "population/standard.py",
    "population/steps.py",
    "population/offers.py",
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


def _for_callers(function: _Function, **options: Any) -> _Function:
    """Compile a function into the machine code of its compiled callers; Python's own calls are refused."""
    made: Any = numba.njit(**{**_OPTIONS, **_FOR_CALLERS, **options})(function)

    def kept(result: Any) -> None:
        # As numba does it, but that it would let Python call what is not there.
        made.overloads[tuple(result.signature.args)] = result

    def refused(*args: Any) -> None:
        raise TypeError(f"{function.__name__} is for compiled callers; in Python take {function.__name__}.py_func")

    made.add_overload, made._compile_for_args = kept, refused
    return cast(_Function, made)


def merged(function: _Function) -> _Function:
    """Compile a function whose machine code goes into each of its compiled callers; for what is large to be `inlined`.

    No compiled function calls another by name: in the process that compiles both, the call would go to the callee's
    own machine code, later ones find the copy in the caller's file, and optimised apart they differ in last bits.
    """
    return _for_callers(function)


def borrowing(function: _Function) -> _Function:
    """Compile like `merged` a function that neither makes nor returns arrays, so that none has to be counted.

    numba counts references to each array that is taken out of a tuple, by an atomic operation; twenty of them cost more
    than a knee.
    """
    return _for_callers(function, **_NO_COUNTING)


def exactly(function: _Function) -> _Function:
    """Compile like `borrowing` a function whose sums stay in the order in which they are written."""
    return _for_callers(function, fastmath={"contract", "nsz"}, **_NO_COUNTING)


def inlined(function: _Function) -> _Function:
    """Compile a function into its compiled callers: numba's own calls cost more than the arithmetic of a knee."""
    return cast(_Function, numba.njit(inline="always", **_OPTIONS)(function))


@inlined
def index(number: int) -> int:
    """Return a number as one that can't be negative: indices that might count from the end hinder vector units."""
    return np.uintp(number)  # type: ignore[return-value]  # numba has integers only
