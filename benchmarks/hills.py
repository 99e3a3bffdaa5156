"""Posteriors that walkers lose their way in: hills without mass, hills found among very much plain, two true hills."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.problems import BOX, problem
from calibrate.config import Bounds, parse_config
from calibrate.data import parse_measurement
from calibrate.posterior import Posterior


def real(**bounds: tuple[float, float]) -> Posterior:
    """Return the real knee oks009 with other bounds of some quantities of both ligaments."""
    text = BOX.read_text()
    config = parse_config(text, BOX)
    for ligament in ("mcl", "lcl"):
        for quantity, (low, high) in bounds.items():
            was = config.declared()[f"{ligament}.{quantity}"]
            assert isinstance(was, Bounds)
            text = text.replace(
                f"{quantity} = {{ lower = {was.lower}, upper = {was.upper} }}",
                f"{quantity} = {{ lower = {low}, upper = {high} }}",
            )
    changed = parse_config(text, BOX)
    assert not bounds or changed != config
    return Posterior.from_config(changed)


def two_hills(sigma: float) -> Posterior:
    """Return a posterior of `mcl.k` and `mcl.l_0`: a narrow hill where the MCL holds, a plain where it is slack.

    With sigma 5.58 N.m the narrow one has 0.7 of the mass and is 5.8 higher, with 6.9 N.m 0.3 and 3.8.
    """
    document = """
        [knee]
        lateral_condyle = { centre = [22.0, -20.0], radius = 20.0 }
        medial_condyle = { centre = [-22.0, -20.0], radius = 20.0 }
        rolling = 0.0
        mcl = { femur = [-40.0, 0.0], tibia = [-36.0, -94.8] }
        lcl = { femur = [38.0, 0.0], tibia = [36.0, -63.1] }
        [parameters.mcl]
        k = { lower = 10.0, upper = 100.0 }
        alpha = 0.06
        l_0 = { lower = 80.0, upper = 500.0 }
        [parameters.lcl]
        k = 40.0
        alpha = 0.06
        l_0 = 62.5
        [noise]
        sigma = %r
        [data]
        file = "two_hills.csv"
        positive = "valgus"
        """
    loads = (-15.87, -11.31, -6.66, -2.26, -0.08, 1.92, 5.49, 10.27, 14.97)
    rows = [f"{angle},{load}" for angle, load in zip(range(-8, 9, 2), loads, strict=True)]
    data = parse_measurement("\n".join(["angle_deg,moment_Nm", *rows, ""]), "two_hills.csv")
    return Posterior.from_config(parse_config(document % sigma, "two_hills.toml"), data)


POSTERIORS: dict[str, Callable[[], Posterior]] = {
    "oks009": real,
    "oks009, l_0 10 to 500": lambda: real(l_0=(10.0, 500.0)),
    "oks009, k to 5000": lambda: real(k=(5.0, 5000.0)),
    "oks009, k to 100000": lambda: real(k=(5.0, 100000.0)),
    "oks009, all bounds wide": lambda: real(k=(0.0, 1000.0), alpha=(0.001, 0.3), l_0=(30.0, 120.0)),
    "ridge": lambda: Posterior.from_config(problem("ridge")),
    "toe": lambda: Posterior.from_config(problem("toe")),
    "two hills, 0.7 and 0.3": lambda: two_hills(5.58),
}
