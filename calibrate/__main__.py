"""The command `calibrate`, also as `python -m calibrate`: Ctrl-C is answered in one line from the first moment on."""

from __future__ import annotations

import os
import signal
from types import FrameType


def main() -> None:
    """Run the command line."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
    from calibrate.cli import main as command_line

    command_line()


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt, but leave at once while a module is being loaded: few survive an exception then."""
    at = frame
    while at is not None:
        if at.f_code.co_filename.startswith("<frozen importlib"):
            os.write(2, b"calibrate: error: interrupted\n")
            os._exit(128 + number)
        at = at.f_back
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
