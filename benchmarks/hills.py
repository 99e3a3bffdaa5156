"""Posteriors that walkers lose their way in: hills without mass, hills found among very much plain, two true hills."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.problems import BOX, problem
from calibrate.config import Bounds, parse_config
from calibrate.data import parse_measurement
from calibrate.posterior import Posterior

DATA = BOX.with_name("oks009_30deg.csv")


def real(sigma: tuple[float, float] = (0.05, 5.0), **bounds: tuple[float, float]) -> Posterior:
    """Return the real knee oks009 with other bounds of sigma, and of some quantities of both ligaments."""
    text = BOX.read_text()
    config = parse_config(text, BOX)
    text = text.replace(
        "sigma = { lower = 0.05, upper = 5.0 }", f"sigma = {{ lower = {sigma[0]}, upper = {sigma[1]} }}"
    )
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


def three_points() -> Posterior:
    """Return the real knee with the first, the tenth and the last of its readings, and its seven parameters."""
    rows = [line for line in DATA.read_text().splitlines() if not line.startswith("#")]
    data = parse_measurement("\n".join([rows[0], rows[1], rows[10], rows[-1], ""]), str(DATA))
    return Posterior.from_config(parse_config(BOX.read_text(), BOX), data)


def free_geometry(whole: bool) -> Posterior:
    """Return the real knee as a knee that nobody has scanned: twelve parameters, or 21 with the `whole` geometry.

    The latter asks for a thousand effective samples, as one does who waits for them.
    """
    free = {
        "lateral_condyle": "{ centre = [{ mean = 23.5, sd = 1.5 }, { mean = -6.0, sd = 1.0 }], "
        "radius = { mean = 15.5, sd = 1.0 } }",
        "medial_condyle": "{ centre = [{ mean = -20.4, sd = 1.5 }, -6.0], radius = { mean = 17.5, sd = 1.0 } }",
        "mcl": "{ femur = [{ mean = -40.0, sd = 2.0 }, { mean = 12.0, sd = 3.0 }], "
        "tibia = [{ mean = -16.0, sd = 2.0 }, { mean = -65.0, sd = 4.0 }] }",
        "lcl": "{ femur = [{ mean = 36.0, sd = 2.0 }, { mean = 4.0, sd = 3.0 }], "
        "tibia = [{ mean = 44.8, sd = 2.0 }, { mean = -50.7, sd = 4.0 }] }",
    }
    attachments = {
        "lateral_condyle": "{ centre = [23.5, -6.0], radius = 15.5 }",
        "medial_condyle": "{ centre = [-20.4, -6.0], radius = 17.5 }",
        "mcl": "{ femur = [-40.0, { mean = 12.0, sd = 3.0 }], tibia = [{ mean = -16.0, sd = 2.0 }, -65.0] }",
        "lcl": "{ femur = [36.0, { mean = 4.0, sd = 3.0 }], tibia = [{ mean = 44.8, sd = 2.0 }, -50.7] }",
    }
    knee = "\n".join(f"{key} = {value}" for key, value in (free if whole else attachments).items())
    document = f"""
        [knee]
        {knee}
        rolling = 1.0
        [parameters.mcl]
        k = {{ median = 70.0, factor = 1.4, upper = 300.0 }}
        alpha = {{ lower = 0.02, upper = 0.12 }}
        reference_strain = {{ mean = 0.02, sd = 0.03 }}
        [parameters.lcl]
        k = {{ median = 60.0, factor = 1.5, upper = 300.0 }}
        alpha = {{ lower = 0.02, upper = 0.12 }}
        reference_strain = {{ mean = 0.0, sd = 0.05 }}
        [measurement]
        angle_offset = {{ mean = 0.0, sd = 2.0 }}
        [noise]
        sigma = {{ lower = 0.05, upper = 5.0 }}
        [data]
        file = "{DATA.name}"
        positive = "varus"
        [sampling]
        min_ess = {1000.0 if whole else 10000.0}
        """
    return Posterior.from_config(parse_config(document, BOX))


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
    "oks009, all bounds wide": lambda: real((0.01, 50.0), k=(0.0, 1000.0), alpha=(0.001, 0.3), l_0=(30.0, 120.0)),
    "ridge": lambda: Posterior.from_config(problem("ridge")),
    "toe": lambda: Posterior.from_config(problem("toe")),
    "oks009, three readings": three_points,
    "oks009, 12 parameters": lambda: free_geometry(whole=False),
    "oks009, 21 parameters": lambda: free_geometry(whole=True),
    "two hills, 0.7 and 0.3": lambda: two_hills(5.58),
    "two hills, 0.3 and 0.7": lambda: two_hills(6.9),
}
