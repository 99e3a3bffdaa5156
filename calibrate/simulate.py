"""Synthetic measurements with known truth: the posterior's own prediction plus Gaussian noise."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from calibrate.columns import AngleUnit, LoadKind
from calibrate.complaints import did_you_mean
from calibrate.config import Config, Distribution, middle
from calibrate.data import (
    MAX_ANGLE,
    Measurement,
    format_measurement,
    parse_measurement,
    read_measurement,
)
from calibrate.decimals import read_number
from calibrate.errors import ConfigError, DataError, GeometryError
from calibrate.files import check_target, replacing
from calibrate.kinds import MEASUREMENT
from calibrate.knee.cached import CachedKnee
from calibrate.knee.geometry import geometry_of
from calibrate.knee.parameters import LIGAMENTS, QUANTITIES
from calibrate.problem.quantities import SIGMA

FloatArray = NDArray[np.float64]

LAW = tuple(f"{ligament}.{quantity}" for ligament in LIGAMENTS for quantity in QUANTITIES)
PARAMETER_NAMES = (*LAW, SIGMA)
_MOST_ANGLES = 10_000_000


def simulate(
    config: Config,
    settings: Sequence[str] = (),
    *,
    angles: str | None = None,
    load: str | None = None,
    seed: int = 1,
) -> Measurement:
    """Make a laxity test of a knee whose parameters are known.

    Parameters
    ----------
    config : Config
        The knee, its parameters and the noise.
    settings : sequence of str
        True values as "mcl.k=40". Of the rest, fixed parameters keep their number and free ones take the middle of
        their bounds.
    angles : str, optional
        "LOW:HIGH:N" in degrees; the angles of the configuration's data file by default.
    load : {"force", "moment"}, optional
        What is applied; by default as in the configuration's data file, and a moment if there is none.
    seed : int
        Seed of the noise.

    Returns
    -------
    Measurement
        Counted as `positive` says, with its `truth`.

    Raises
    ------
    ConfigError, DataError
        If a setting, the angles or the load cannot be meant.
    """
    if load is not None and load not in get_args(LoadKind):
        raise ConfigError(f"--load {load}: must be force or moment")
    template: Measurement | None = None
    if angles is None or config.data_path.exists():
        try:
            template = read_measurement(config.data_path)
        except DataError as error:
            if angles is None:
                raise DataError(f"{error}; give --angles LOW:HIGH:N to simulate without it") from None
            raise
    kind: LoadKind = template.kind if template is not None else "moment"
    if load is not None and load != kind:
        if template is not None and not any(setting.split("=")[0].strip() == SIGMA for setting in settings):
            raise ConfigError(
                f"--load {load}: the noise is in {template.unit}, the data's unit; --set {SIGMA}=... as well"
            )
        kind = "force" if load == "force" else "moment"
    unit: AngleUnit = "deg"
    known_sigma: FloatArray | None = None
    if angles is not None:
        at = _parse_angles(angles)
    else:
        assert template is not None
        at, unit, known_sigma = template.angles, template.angle_unit, template.sigma
    truth = _truth(config, settings, sigma_needed=known_sigma is None)
    sigma = np.asarray(truth[SIGMA]) if SIGMA in truth else known_sigma
    assert sigma is not None
    radians = np.deg2rad(at) if unit == "deg" else at
    try:
        knee = CachedKnee.build(geometry_of(config.knee), radians, kind, next(iter(config.all_tests.values())).positive)
    except GeometryError as error:
        raise ConfigError(f"{config.source or 'configuration'}: knee: {error}") from None
    exact = knee.loads(np.array([[truth[name] for name in LAW]]))[0]
    noise = np.random.default_rng(seed).standard_normal(exact.size)
    positive = next(iter(config.all_tests.values())).positive
    comments = (
        f"Simulated laxity test, seed {seed}; {positive} is positive in both columns.",
        "Gaussian noise on the load; the parameters it was made with:",
    )
    noisy = exact + sigma * noise
    text = format_measurement(at, noisy, kind, unit, comments, truth, sigma if sigma.ndim else None)
    return parse_measurement(text, "simulated data")


def check_output(path: str | Path, config: Config, *, overwrite: bool = False) -> None:
    """Refuse a file that `write` had better not write, before anything is computed.

    Raises
    ------
    DataError
        If it is the configuration or its data, is no measurement, or exists and `overwrite` is not given.
    """
    spare = (config.source, config.data_path)
    check_target(Path(path), DataError, kind=MEASUREMENT, overwrite=overwrite, spare=spare)


def write(measurement: Measurement, path: str | Path, config: Config, *, overwrite: bool = False) -> None:
    """Write a measurement file, whole or not at all.

    Parameters
    ----------
    measurement : Measurement
        What to write.
    path : str or Path
        Where to.
    config : Config
        What it was simulated from; neither this file nor its data are written over.
    overwrite : bool
        Replace an existing measurement.

    Raises
    ------
    DataError
        As `check_output`, or if it cannot be written.
    """
    path = Path(path)
    check_output(path, config, overwrite=overwrite)
    with replacing(path, DataError) as temporary:
        temporary.write_bytes(measurement.text.encode())


def _parse_angles(text: str) -> FloatArray:
    try:
        low, high, count = (read_number(part.strip()) for part in text.split(":"))
        if count != int(count):
            raise ValueError
        at = np.linspace(low, high, min(int(count), _MOST_ANGLES + 1))
    except (ValueError, OverflowError):
        raise ConfigError(f"--angles {text}: must be LOW:HIGH:N in degrees, like -8:8:33") from None
    if not 0 < at.size <= _MOST_ANGLES or not np.isfinite(at).all() or np.abs(np.deg2rad(at)).max() > MAX_ANGLE:
        raise ConfigError(f"--angles {text}: one to {_MOST_ANGLES:,} angles, none beyond 45 degrees")
    return at


def _truth(config: Config, settings: Sequence[str], *, sigma_needed: bool) -> dict[str, float]:
    """Settle all true values: what was set, what is fixed, and the middle of the bounds for the rest."""
    given: dict[str, float] = {}
    for setting in settings:
        name, separator, value = (part.strip() for part in setting.partition("="))
        if name not in PARAMETER_NAMES:
            raise ConfigError(f"--set {setting}: unknown parameter '{name}'; {did_you_mean(name, PARAMETER_NAMES)}")
        if not separator or not value:
            raise ConfigError(f"--set {setting}: must be NAME=VALUE, like mcl.k=40")
        try:
            given[name] = read_number(value)
        except ValueError as error:
            raise ConfigError(f"--set {setting}: {error}") from None
        if given[name] <= 0.0 and not name.endswith("f_ref"):
            raise ConfigError(f"--set {setting}: {name} has to be positive")
    truth = {}
    declared = config.declared()
    for name, known in ((name, declared.get(name)) for name in PARAMETER_NAMES):
        if name in given:
            truth[name] = given[name]
        elif isinstance(known, Distribution):
            truth[name] = middle(known)
        elif known is not None:
            truth[name] = float(known)
        elif sigma_needed:
            raise ConfigError(f"{config.source or 'configuration'}: {SIGMA}: missing; use --set {SIGMA}=...")
    return truth
