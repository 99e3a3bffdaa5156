"""The public names of calibrate, as editors and type checkers see them; `__init__.py` imports each when asked."""

from calibrate.config import Config, load_config
from calibrate.data import Measurement, read_measurement
from calibrate.design import what_next
from calibrate.draws import Draws
from calibrate.errors import (
    CalibrateError,
    CallOrderError,
    ChainError,
    ConfigError,
    DataError,
    ExportError,
    GeometryError,
    ParameterError,
    RunError,
)
from calibrate.evidence import log_evidence
from calibrate.export import export_osim
from calibrate.findings import Finding
from calibrate.importing.osim_knee import knee_from_osim
from calibrate.knee.law import BlankevoortFunction
from calibrate.knee.precomputed import CachedKneeModel, PrecomputedKneeModel
from calibrate.knee.symbolic import KneeModel
from calibrate.losses import fast_constraint_loss, optimized_total_loss, parallel_total_loss, vectorized_total_loss
from calibrate.posterior import Posterior
from calibrate.priors import LogNormal, Normal, Prior, Uniform
from calibrate.problem.laxity_test import LaxityTest
from calibrate.problem.parameters import ParameterTable
from calibrate.results import Run, open_run
from calibrate.runner import resume_run, sample, start_run
from calibrate.simulation import simulate

__all__ = [
    "BlankevoortFunction",
    "CachedKneeModel",
    "CalibrateError",
    "CallOrderError",
    "ChainError",
    "Config",
    "ConfigError",
    "DataError",
    "Draws",
    "ExportError",
    "Finding",
    "GeometryError",
    "KneeModel",
    "LaxityTest",
    "LogNormal",
    "Measurement",
    "Normal",
    "ParameterError",
    "ParameterTable",
    "Posterior",
    "PrecomputedKneeModel",
    "Prior",
    "Run",
    "RunError",
    "Uniform",
    "export_osim",
    "fast_constraint_loss",
    "knee_from_osim",
    "load_config",
    "log_evidence",
    "open_run",
    "optimized_total_loss",
    "parallel_total_loss",
    "read_measurement",
    "resume_run",
    "sample",
    "simulate",
    "start_run",
    "vectorized_total_loss",
    "what_next",
]
__version__: str
