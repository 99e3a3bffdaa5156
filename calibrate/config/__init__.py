"""What a configuration file says: models, loading, and what a value may be."""

from calibrate.config.knee import MAIN_STRANDS, Attachments, Condyle, KneeConfig
from calibrate.config.load import Config, config_of, load_config, parse_config
from calibrate.config.parameters import DataConfig, NoiseConfig, ParametersConfig, StrandConfig, TestConfig
from calibrate.config.sampling import MovesConfig, PriorConfig, SamplingConfig
from calibrate.config.values import AnyValue, Bounds, Distribution, Gaussian, LogGaussian, middle, reach

__all__ = [
    "MAIN_STRANDS",
    "AnyValue",
    "Attachments",
    "Bounds",
    "Condyle",
    "Config",
    "DataConfig",
    "Distribution",
    "Gaussian",
    "KneeConfig",
    "LogGaussian",
    "MovesConfig",
    "NoiseConfig",
    "ParametersConfig",
    "PriorConfig",
    "SamplingConfig",
    "StrandConfig",
    "TestConfig",
    "config_of",
    "load_config",
    "middle",
    "parse_config",
    "reach",
]
