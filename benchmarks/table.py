"""Markdown tables, and what has to stand beside a measured number: versions, machine, load."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from calibrate.processes import cores

_PACKAGES = ("calibrate", "emcee", "numpy", "numba", "numpyro", "jax", "zeus-mcmc", "nautilus-sampler")


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; the first column is text, the others are numbers."""
    lines = [head, ["---"] + ["--:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def number(value: float) -> str:
    """Round to three digits, with thousands set apart."""
    if value >= 100.0:
        digits = 2 - (len(str(int(value))) - 1)
        return f"{round(value, digits):,.0f}"
    return f"{value:.3g}"


def busy() -> str:
    """Say how many processes want to run, on average over the last minute."""
    return f"load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "load unknown"


def setting() -> str:
    """Say on what was measured."""
    found = []
    for package in _PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return f"Python {platform.python_version()}, {', '.join(found)}; {platform.machine()}, {cores()} cores"
