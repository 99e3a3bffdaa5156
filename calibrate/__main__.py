"""`python -m calibrate` is the command `calibrate`."""

from calibrate.cli import main

main()
