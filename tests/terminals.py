"""A command in a terminal of its own: a pty, what is shown on it, and keys."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

# Makes the pty the process's controlling terminal, heeds Ctrl-C whatever the tests' own parent does (a background job
# ignores it), and becomes the command.
_BECOME = (
    "import os, signal, sys; os.login_tty(int(sys.argv[1])); signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "os.execv(sys.executable, [sys.executable, *sys.argv[2:]])"
)
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass
class Terminal:
    """A process and the terminal that it is in."""

    process: subprocess.Popen[bytes]
    master: int
    slave: int
    shown: str = ""
    before: list[object] = field(default_factory=list)

    def wait_for(self, text: str) -> str:
        """Wait until a text has been shown, however long that takes on a slow machine; return all that was."""
        limit = time.monotonic() + 600
        while text not in self.plain:
            assert time.monotonic() < limit, self.plain
            assert self._read(1.0) or self.process.poll() is None or self._read(0.0), self.plain
        return self.plain

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self.master, keys.encode())

    def end(self) -> int:
        """Wait for the end and return the exit code."""
        while self.process.poll() is None:
            self._read(0.1)
        while self._read(0.0):
            pass
        return self.process.returncode

    @property
    def plain(self) -> str:
        """What has been shown, without what steers the terminal."""
        return _ESCAPES.sub("", self.shown)

    @property
    def as_before(self) -> bool:
        """Whether the terminal's settings are those that it began with."""
        return termios.tcgetattr(self.slave) == self.before

    def _read(self, seconds: float) -> bool:
        ready, _, _ = select.select([self.master], [], [], seconds)
        if not ready:
            return False
        part = os.read(self.master, 65536)
        self.shown += part.decode("utf-8", "replace")
        return bool(part)


@contextlib.contextmanager
def terminal(*arguments: object, cwd: Path, rows: int = 40, columns: int = 80, **variables: str) -> Iterator[Terminal]:
    """Start the command line in a terminal of this size."""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (rows, columns))
    before = termios.tcgetattr(slave)
    surroundings = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES", "NO_COLOR")}
    process = subprocess.Popen(
        [sys.executable, "-c", _BECOME, str(slave), "-m", "calibrate", *map(str, arguments)],
        cwd=cwd,
        pass_fds=(slave,),
        env=surroundings | {"TERM": "xterm", "LANG": "C.UTF-8"} | variables,
    )
    try:
        yield Terminal(process, master, slave, before=before)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        os.close(master)
        os.close(slave)
