"""The command line: one file a family of commands; `app` puts them together. Flags and their remedies live here."""

from calibrate.cli.app import app, main

__all__ = ["app", "main"]
