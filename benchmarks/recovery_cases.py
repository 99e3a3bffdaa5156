"""Knees whose truth has to be recovered: each nuisance, error model and kind of prior, and an uncertain geometry.

A case is a configuration, the tests' angles, and the control: a configuration without what the case is about, which
takes the same data for something that they are not. Sizes of nuisances are those of laboratories: a zero that is off
by 2 degrees, attachments known to 2 mm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from calibrate.config import Config, parse_config
from calibrate.data import Measurement

_KNEE = """
lateral_condyle = { centre = [23.5, -6.0], radius = 15.5 }
medial_condyle = { centre = [-20.4, -6.0], radius = 17.5 }
application_point = [0.0, -403.0]
mcl = { femur = [-40.0, 12.0], tibia = [-16.0, -65.0] }
lcl = { femur = [36.0, 4.0], tibia = [44.8, -50.7] }
"""
# Reference lengths are 82.2 and 53.8 mm: strains of -0.02 to 0.06.
_MCL = """
k = { lower = 30.0, upper = 120.0 }
alpha = 0.06
l_0 = { lower = 77.6, upper = 83.9 }
"""
_LCL = """
k = { lower = 30.0, upper = 120.0 }
alpha = 0.06
l_0 = { lower = 50.7, upper = 54.9 }
"""
_SIGMA = "sigma = { median = 0.3, factor = 1.5 }"
_DATA = """
[data]
file = "none.csv"
positive = "varus"
"""


def _document(
    *,
    knee: str = _KNEE,
    mcl: str = _MCL,
    lcl: str = _LCL,
    measurement: str = "",
    noise: str = _SIGMA,
    data: str = _DATA,
) -> str:
    """Return a configuration's text. Walls are hard: truths are drawn from what is inside them."""
    return (
        f"[knee]\n{knee}\n[parameters.mcl]\n{mcl}\n[parameters.lcl]\n{lcl}\n"
        f'[measurement]\n{measurement}\n[noise]\n{noise}\n[prior]\nwalls = "hard"\n{data}'
    )


def _sweep(
    angles: np.ndarray | None = None,
    kind: Literal["moment", "force"] = "moment",
    direction: np.ndarray | None = None,
) -> Measurement:
    """Return a test that nobody has read the loads of yet."""
    at = np.linspace(-8.0, 8.0, 25) if angles is None else angles
    return Measurement(at, np.zeros(at.size), None, kind, "deg", direction=direction)


@dataclass(frozen=True, eq=False)
class Case:
    """What is uncertain, and how someone would calibrate who does not know of it.

    Attributes
    ----------
    name : str
        What the case is about.
    document : str
        The configuration that simulates and fits.
    without : str
        The configuration of the control, which only fits.
    said : str
        What the control takes for granted.
    fails : tuple of str
        What the control is wrong about.
    measurements : mapping of str to Measurement
        The tests; their loads are still to be simulated.
    """

    name: str
    document: str
    without: str
    said: str
    fails: tuple[str, ...] = ("mcl.reference_strain", "lcl.reference_strain")
    measurements: Mapping[str, Measurement] = field(default_factory=lambda: {"": _sweep()})

    @cached_property
    def config(self) -> Config:
        """What the truth is drawn from and fitted with."""
        return parse_config(self.document)

    @cached_property
    def control(self) -> Config:
        """What takes something for granted."""
        return parse_config(self.without)


def _readings() -> list[Case]:
    # Loading in both directions; of the ways back to neutral there are few readings.
    out, back = np.linspace(0.5, 8.0, 12), np.linspace(6.0, 2.0, 3)
    loading = _sweep(
        np.concatenate([out, back, -out, -back]), "force", np.repeat([1.0, -1.0, -1.0, 1.0], [12, 3, 12, 3])
    )
    newton = "sigma = 0.8"
    return [
        Case(
            "angle_offset",
            _document(measurement="angle_offset = { mean = 0.0, sd = 2.0 }"),
            _document(),
            "the zero of the angle is exact",
        ),
        Case(
            "load_bias",
            _document(measurement="load_bias = { mean = 0.0, sd = 1.5 }"),
            _document(),
            "the zero of the load is exact",
        ),
        Case(
            "hysteresis",
            _document(measurement="hysteresis = { median = 5.0, factor = 1.5 }", noise=newton),
            _document(noise=newton),
            "no friction",
            ("mcl.k", "lcl.k"),
            measurements={"": loading},
        ),
    ]


def _errors() -> list[Case]:
    known = "sigma = 0.3"
    smooth = "discrepancy = { amplitude = { median = 1.0, factor = 1.5 }, length = { median = 3.0, factor = 1.3 } }"
    return [
        Case(
            "Student-t",
            _document(noise=f"{known}\nnu = {{ median = 1.7, factor = 1.3 }}"),
            _document(noise=known),
            "Gaussian errors of the same scale",
        ),
        Case(
            "angle_sigma",
            _document(noise="sigma = 0.2\nangle_sigma = { median = 0.5, factor = 1.3 }"),
            _document(noise="sigma = 0.2"),
            "angles are exact",
        ),
        Case(
            "discrepancy",
            _document(noise=f"{_SIGMA}\n{smooth}"),
            _document(),
            "errors of neighbours are independent",
        ),
    ]


def _priors() -> list[Case]:
    def laws(mcl_alpha: str, lcl_alpha: str, *, k: str, strain: str) -> str:
        return _document(
            mcl=f"k = {k}\nalpha = {mcl_alpha}\nreference_strain = {strain}",
            lcl=f"k = {k}\nalpha = {lcl_alpha}\nreference_strain = {strain}",
            noise="sigma = { median = 0.15, factor = 1.5 }",
        )

    normal = {"k": "{ mean = 70.0, sd = 15.0 }", "strain": "{ mean = 0.02, sd = 0.02 }"}
    log_normal = {"k": "{ median = 70.0, factor = 1.4 }", "strain": "{ mean = 0.02, sd = 0.02 }"}
    # Modes at or beyond a bound: what is cut off is most of the mass.
    cut = {"k": "{ median = 70.0, factor = 1.6, upper = 80.0 }", "strain": "{ mean = 0.0, sd = 0.03, lower = 0.0 }"}
    narrow = "{ mean = 0.12, sd = 0.05, upper = 0.12 }"
    return [
        Case(
            "normal prior",
            laws(*["{ mean = 0.07, sd = 0.02 }"] * 2, **normal),
            laws("0.07", "0.07", **normal),
            "alpha is the prior's mean",
        ),
        Case(
            "log-normal prior",
            laws(*["{ median = 0.06, factor = 1.5 }"] * 2, **log_normal),
            laws("0.06", "0.06", **log_normal),
            "alpha is the prior's median",
        ),
        Case(
            "truncated priors",
            laws(narrow, narrow, **cut),
            laws("0.085", "0.085", **cut),
            "alpha is near the prior's median",
        ),
        Case(
            "ties",
            laws("{ median = 0.06, factor = 1.5 }", '"mcl.alpha"', **log_normal),
            laws("{ median = 0.06, factor = 1.5 }", "0.06", **log_normal),
            "lcl.alpha is the prior's median, not that of mcl",
            ("lcl.reference_strain",),
        ),
    ]


_DEEP = """
lateral_condyle = { centre = [23.5, -6.0], radius = 15.5 }
medial_condyle = { centre = [-20.4, -6.0], radius = 17.5 }
mcl = { femur = [-40.1, 12.2, 2.1], tibia = [-16.9, -64.9, 10.1] }
lcl = { femur = [36.0, 4.0, -3.0], tibia = [44.8, -50.7, -18.0] }
"""
_FREE = """
lateral_condyle = { centre = [23.5, { mean = -6.0, sd = 1.0 }], radius = { mean = 15.5, sd = 1.0 } }
medial_condyle = { centre = [{ mean = -20.4, sd = 1.5 }, -6.0], radius = 17.5 }
rolling = { lower = 0.0, upper = 1.0 }
mcl = { femur = [{ mean = -40.0, sd = 2.0 }, { mean = 12.0, sd = 2.0 }], tibia = [-16.0, -65.0] }
lcl = { femur = [36.0, 4.0], tibia = [{ mean = 44.8, sd = 2.0 }, -50.7] }
"""


def _knees() -> list[Case]:
    strained = "k = { lower = 30.0, upper = 120.0 }\nalpha = 0.06\nreference_strain = { mean = 0.03, sd = 0.015 }"

    def tests(flexion: float) -> str:
        extended = '[tests.flex0]\nfile = "a.csv"\npositive = "varus"\nflexion = 0.0\n'
        return extended + f'[tests.flex45]\nfile = "b.csv"\npositive = "valgus"\nflexion = {flexion}\n'

    laws = {"mcl": strained, "lcl": strained}
    fewer = np.linspace(-8.0, 8.0, 17)
    return [
        Case(
            "flexion, depth, strain",
            _document(knee=_DEEP, **laws, data=tests(45.0)),
            _document(knee=_DEEP, **laws, data=tests(0.0)),
            "both tests are in extension",
            measurements={"flex0": _sweep(fewer), "flex45": _sweep(fewer)},
        ),
        Case(
            "free geometry",
            _document(knee=_FREE, **laws),
            _document(**laws),
            "the geometry is the priors' middle",
        ),
        Case(
            "all at once",
            _document(
                knee=_FREE,
                **laws,
                measurement="angle_offset = { mean = 0.0, sd = 1.0 }\nload_bias = { mean = 0.0, sd = 0.5 }",
                noise="sigma = 0.2\nnu = { median = 4.0, factor = 1.5 }\nangle_sigma = { median = 0.2, factor = 1.3 }",
            ),
            _document(**laws, noise="sigma = 0.2"),
            "none of it is there",
        ),
    ]


CASES = {case.name: case for case in (*_readings(), *_errors(), *_priors(), *_knees())}
