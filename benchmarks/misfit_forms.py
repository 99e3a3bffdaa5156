"""How a knee that our model is not is calibrated: the old form, the bundled example, and that with further extensions.

All are given the main strands' attachments and condyles as they are in the bundled example.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from benchmarks.misfit_worlds import Test
from calibrate.config import Config, parse_config
from calibrate.data import Measurement
from calibrate.examples import example
from calibrate.posterior import Posterior

_OLD = """
[parameters.mcl]
k = { lower = 5.0, upper = 300.0 }
alpha = { lower = 0.02, upper = 0.12 }
l_0 = { lower = 65.0, upper = 105.0 }
[parameters.lcl]
k = { lower = 5.0, upper = 300.0 }
alpha = { lower = 0.02, upper = 0.12 }
l_0 = { lower = 40.0, upper = 75.0 }
[noise]
sigma = { lower = 0.05, upper = 5.0 }
"""
# Some tenths of a newton metre, over a degree to half of a test.
_DISCREPANCY = "discrepancy = { amplitude = { median = 0.3, factor = 2.0 }, length = { median = 2.0, factor = 1.6 } }"
_HYSTERESIS = "hysteresis = { mean = 0.0, sd = 1.0 }"


@dataclass(frozen=True)
class Form:
    """A configuration, in words that the table has.

    Attributes
    ----------
    said : str
        What it is.
    document : str
        The TOML.
    curve : bool
        Whether laxity and predictions are those of the curve with its discrepancy, given the readings, and not of the
        strands alone.
    direction : bool
        Whether the file has the column `direction`.
    extended : bool
        Whether the table's verdict is about it.
    """

    said: str
    document: str
    curve: bool = False
    direction: bool = False
    extended: bool = True

    @cached_property
    def config(self) -> Config:
        """The configuration."""
        return parse_config(self.document)

    def posterior(self, test: Test) -> Posterior:
        """Return the posterior of a simulated test."""
        direction = test.direction if self.direction else None
        readings = Measurement(test.angles, test.loads, None, "moment", "deg", direction=direction)
        return Posterior.from_config(self.config, readings)


def _bundled() -> str:
    """Return the bundled example in extension, where the simulators are."""
    text = example("oks009.toml").read_text(encoding="utf-8")
    changed = text.replace("flexion = 30.0", "flexion = 0.0")
    assert changed != text
    return changed


def _old() -> str:
    head, rest = _bundled().split("[parameters.mcl]")
    return head + _OLD + "[data]" + rest.partition("[data]")[2]


def _in(table: str, line: str, document: str) -> str:
    """Add a line to a table of a document."""
    before, after = document.split(f"[{table}]\n")
    return f"{before}[{table}]\n{line}\n{after}"


def _forms() -> Mapping[str, Form]:
    bundled = _bundled()
    discrepancy = _in("noise", _DISCREPANCY, bundled)
    return {
        "old": Form("old form: boxes, zero exact", _old(), extended=False),
        "bundled": Form("as bundled", bundled),
        "strands": Form("with discrepancy, strands alone", discrepancy),
        "curve": Form("with discrepancy, its curve", discrepancy, curve=True),
        "friction": Form("with hysteresis", _in("measurement", _HYSTERESIS, bundled), direction=True),
        "both": Form(
            "with hysteresis and discrepancy, its curve",
            _in("measurement", _HYSTERESIS, discrepancy),
            curve=True,
            direction=True,
        ),
    }


FORMS = _forms()
