"""Run files spoilt at random by `python -m benchmarks.fuzz`: refused, no worse; and the fuzzer notices what is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_spoilt_files_by_the_hundred_do_no_more_than_be_refused() -> None:
    line = [sys.executable, "-m", "benchmarks.fuzz", "--files", "100", "--seed", "3"]
    done = subprocess.run(line, cwd=Path(__file__).parents[1], capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("\n0 failed\n")
    assert done.stdout.startswith("100 files")


def test_the_fuzzer_notices_a_traceback_a_crash_and_a_hang() -> None:
    script = (
        "import os, sys\n"
        "from benchmarks import fuzz\n"
        "opens, tries, parent = fuzz.open_run, fuzz.attempt, os.getpid()\n"
        "def attempt(path, number=0):\n"
        "    global file\n"
        "    file = number\n"
        "    return tries(path, number)\n"
        "def wrong(path):\n"
        "    if os.getpid() != parent:\n"
        "        if file == 1: raise ZeroDivisionError\n"
        "        if file == 2: os.abort()\n"
        "        while file == 5: pass\n"
        "    return opens(path)\n"
        "fuzz.open_run, fuzz.attempt, fuzz.SECONDS = wrong, attempt, 0.3\n"
        "sys.argv = ['fuzz', '--files', '9']\n"
        "sys.exit(fuzz.main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=Path(__file__).parents[1], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("9 files")
    for words in ("FAILED 1: ZeroDivisionError", "FAILED 2: SIGABRT", "FAILED 5: hang, SIGPROF", "\n3 failed\n"):
        assert words in done.stdout
