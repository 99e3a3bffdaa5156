"""Commands in processes of their own that need not load everything first: forked from one that has.

A command's modules take more time than most commands. Where streams and signals are concerned, and not what happens
while modules are loaded, a fork says the same: descriptors are its own, and Python's streams are made anew from them.
"""

from __future__ import annotations

import io
import multiprocessing
import os
import runpy
import sys
import traceback
from collections.abc import Sequence
from multiprocessing.forkserver import ensure_running
from pathlib import Path

import pytest
from conftest import Result

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["forked_from"])
_HERE = Path(__file__).parent
# What a stream can be, if it is no file to be written: with the words a shell has for it.
CLOSED, FULL, READ_ONLY, GONE = ">&-", ">/dev/full", "1</dev/null", "| true"
_LOST = 120  # Python's own exit code where what is left to write cannot be written


def forked(arguments: Sequence[str], cwd: Path, *, out: str = "", err: str = "", before: str = "") -> Result:
    """Run a command with streams of these kinds.

    Parameters
    ----------
    arguments : sequence of str
        What follows "calibrate".
    cwd : Path
        Its working directory.
    out, err : str
        `CLOSED`, `FULL`, `READ_ONLY` or `GONE`; if empty, what is written is returned.
    before : str
        Python code that is run before it.
    """
    files = [cwd.with_name(f"{cwd.name}-{name}.txt") for name in ("out", "err")]
    _begin()
    child = _CONTEXT.Process(target=_work, args=(list(arguments), str(cwd), [out, err], [*map(str, files)], before))
    child.start()
    child.join()
    code = child.exitcode
    child.close()
    assert code is not None
    texts = [path.read_text() if path.exists() else "" for path in files]
    for path in files:
        path.unlink(missing_ok=True)
    return Result(code, *texts)


def _begin() -> None:
    """Have the process that is forked from; it looks for modules where Python does, and not where pytest does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(_HERE), str(_HERE.parent)]))
        ensure_running()


def _work(arguments: list[str], cwd: str, kinds: list[str], files: list[str], before: str) -> None:
    """Be the command, from the first line of the interpreter to its last."""
    os.chdir(cwd)
    sys.stdout.flush()
    for number, (kind, file) in enumerate(zip(kinds, files, strict=True), start=1):
        _open(number, kind, file)
    sys.stdout, sys.stderr = _stream(1), _stream(2)
    sys.argv = ["calibrate", *arguments]
    code = 0
    try:
        exec(before, {"__name__": "before"})
        runpy.run_module("calibrate", run_name="__main__")
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else int(left.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = _LOST
    os._exit(code)


def _open(number: int, kind: str, file: str) -> None:
    if kind == CLOSED:
        os.close(number)
        return
    if kind == GONE:
        reading, descriptor = os.pipe()
        os.close(reading)
    elif kind in (FULL, READ_ONLY):
        descriptor = os.open(*(("/dev/full", os.O_WRONLY) if kind == FULL else ("/dev/null", os.O_RDONLY)))
    else:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(descriptor, number)
    os.close(descriptor)


def _stream(number: int) -> io.TextIOWrapper | None:
    """Return what Python makes of a descriptor when it begins."""
    try:
        os.fstat(number)
    except OSError:
        return None
    raw = io.FileIO(number, "w", closefd=False)
    errors = "strict" if number == 1 else "backslashreplace"
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding="utf-8", errors=errors, line_buffering=number == 2)
