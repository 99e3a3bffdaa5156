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
        "right = fuzz.open_run\n"
        "def wrong(path):\n"
        "    number = len(path.read_bytes()) % 7\n"
        "    if os.getpid() != parent and number < 3:\n"
        "        if number == 0: raise ZeroDivisionError\n"
        "        if number == 1: os.abort()\n"
        "        while True: pass\n"
        "    return right(path)\n"
        "parent = os.getpid()\n"
        "fuzz.open_run, fuzz.SECONDS = wrong, 0.3\n"
        "sys.argv = ['fuzz', '--files', '40']\n"
        "sys.exit(fuzz.main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=Path(__file__).parents[1], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("40 files")
    for words in ("ZeroDivisionError", "SIGABRT", "hang, SIGPROF"):
        assert words in done.stdout
