"""The posterior of five readings, with parts of its configuration changed."""

from __future__ import annotations

from conftest import KNEE, PARAMETERS, config_text

from calibrate.config import parse_config
from calibrate.data import parse_measurement
from calibrate.posterior import Posterior

DATA = "angle_deg,moment_Nm,direction\n-6,-9.1,1\n-3,-3.7,-1\n0,0.2,1\n3,4.2,-1\n6,8.8,1\n"
MEASUREMENT = parse_measurement(DATA, "x.csv")


def posterior_of(
    *, parameters: str = PARAMETERS, noise: str = "sigma = 0.5", knee: str = KNEE, extra: str = ""
) -> Posterior:
    text = config_text(knee=knee, parameters=parameters, noise=noise, extra=extra)
    return Posterior.from_config(parse_config(text), MEASUREMENT)


def changed(text: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return text
