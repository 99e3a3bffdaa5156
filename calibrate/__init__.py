"""MCMC calibration of knee ligaments: what a varus-valgus laxity test says about the MCL and the LCL."""

from __future__ import annotations

import importlib
from typing import Any

# Where each public name lives; imported when it is first asked for, so that the command line answers at once. Editors
# and type checkers read `__init__.pyi` instead.
_HOME = {
    "CalibrateError": "errors",
    "ConfigError": "errors",
    "DataError": "errors",
    "ChainError": "errors",
    "GeometryError": "errors",
    "ParameterError": "errors",
    "CallOrderError": "errors",
    "ExportError": "errors",
    "RunError": "errors",
    "Config": "config",
    "load_config": "config",
    "Measurement": "data",
    "read_measurement": "data",
    "Posterior": "posterior",
    "LaxityTest": "problem.laxity_test",
    "ParameterTable": "problem.parameters",
    "Prior": "priors",
    "Uniform": "priors",
    "Normal": "priors",
    "LogNormal": "priors",
    "Draws": "draws",
    "Finding": "findings",
    "Run": "results",
    "open_run": "results",
    "BlankevoortFunction": "knee.law",
    "KneeModel": "knee.symbolic",
    "CachedKneeModel": "knee.precomputed",
    "PrecomputedKneeModel": "knee.precomputed",
    "fast_constraint_loss": "losses",
    "optimized_total_loss": "losses",
    "vectorized_total_loss": "losses",
    "parallel_total_loss": "losses",
    "export_osim": "export",
    "knee_from_osim": "importing.osim_knee",
    "simulate": "simulation",
    "what_next": "design",
    "log_evidence": "evidence",
    "sample": "runner",
    "start_run": "runner",
    "resume_run": "runner",
}

__all__ = sorted(_HOME)
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'calibrate' has no attribute '{name}'")
    return getattr(importlib.import_module(f"calibrate.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
