"""The command `calibrate`, also as `python -m calibrate`: streams, signals and settings first, then everything else."""

from __future__ import annotations

from calibrate.ends import open_streams, watch_signals
from calibrate.settings import settle


def main() -> None:
    """Run the command line."""
    open_streams()
    watch_signals()
    settle()
    from calibrate.cli import main as command_line

    command_line()


if __name__ == "__main__":
    main()
