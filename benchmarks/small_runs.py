"""The small sound runs that spoilt files are made from."""

from __future__ import annotations

import io
import json
from pathlib import Path

import h5py
import numpy as np

from calibrate import chain
from calibrate.config import parse_config
from calibrate.problem.build import MANY
from calibrate.runner import start_run

ENSEMBLES = 2
_KNEE = """
[knee]
lateral_condyle = { centre = [22.0, -20.0], radius = 20.0 }
medial_condyle = { centre = [-22.0, -20.0], radius = 20.0 }
rolling = 0.0
application_point = [0.0, -340.0]
mcl = { femur = [-40.0, 0.0], tibia = [-36.0, -94.8] }
lcl = { femur = [38.0, 0.0], tibia = [36.0, -63.1] }
[parameters.mcl]
k = { lower = 10.0, upper = 100.0 }
alpha = %s
l_0 = { lower = 80.0, upper = 100.0 }
[parameters.lcl]
k = %s
alpha = 0.06
l_0 = 58.0
[noise]
sigma = 2.0
[data]
file = "data.csv"
positive = "valgus"
[sampling]
ensembles = 2
walkers = %d
max_steps = %d
min_ess = 1e9
moves = { stretch = 1.0 }
compression = "%s"
"""
_DATA = "angle_deg,moment_Nm\n-6,-9.1\n-3,-3.7\n-1,-1.1\n0,0.2\n1,0.9\n3,4.2\n6,8.8\n"
_FLEX60 = """
[tests.flex60]
file = "60deg.csv"
positive = "valgus"
flexion = 60.0
parameters.mcl.l_0 = { mean = 90.0, sd = 3.0, upper = 110.0 }
"""
_FREE = "{ lower = 0.02, upper = 0.12 }"
_LCL = "{ lower = 10.0, upper = 100.0 }"


def bases(folder: Path) -> list[bytes]:
    """Make the files that all others are made from: at rest, packed, live, nothing stored; of two sizes, two schemas.

    One holds two tests.
    """
    (folder / "data.csv").write_text(_DATA)
    found = []
    for alpha, k, walkers, steps, packed in (
        ("0.06", "40.0", 4, 12, "none"),
        (_FREE, _LCL, 12, 9, "none"),
        ("0.06", _LCL, 6, 40, "gzip"),
    ):
        config = parse_config(_KNEE % (alpha, k, walkers, steps, packed), folder / "knee.toml")
        path = folder / "base.h5"
        start_run(config, path, overwrite=True)
        found.append(path.read_bytes())
        with chain.ChainWriter(path, capacity=3):
            pass
        found.append(path.read_bytes())
    start_run(config, path, overwrite=True, should_stop=lambda: True)
    return [*found, path.read_bytes(), _as_schema_2(found[2]), _with_two_tests(path)]


def _as_schema_2(content: bytes) -> bytes:
    """Return a run of one test as it was stored before there could be several."""
    stream = io.BytesIO(content)
    with h5py.File(stream, "r+") as f:
        group = f["calibrate"]
        (test,) = json.loads(group["tests"][()])
        del group["tests"]
        group.attrs["schema_version"] = 2
        group.attrs["data_name"], group.attrs["data_sha256"] = np.bytes_(test["file"]), np.bytes_(test["sha256"])
    return stream.getvalue()


def _with_two_tests(path: Path) -> bytes:
    """Return a run of two tests, as it is while it is being written."""
    (path.parent / "60deg.csv").write_text(_DATA.replace("8.8", "8.1"))
    text = (_KNEE % ("0.06", _LCL, 12, 9, "none")).replace("[data]", "[tests.flex30]")
    start_run(parse_config(text + _FLEX60, path.with_name("knee.toml")), path, overwrite=True)
    with chain.ChainWriter(path, capacity=3):
        pass
    return path.read_bytes()


def with_many_readings(folder: Path) -> bytes:
    """Return a run of so many readings that sums are taken from factors, which is compiled code of its own."""
    readings = (f"{angle:.3f},{1.5 * angle:.3f}" for angle in np.linspace(-6.0, 6.0, MANY))
    (folder / "data.csv").write_text("angle_deg,moment_Nm\n" + "\n".join(readings) + "\n")
    path = folder / "many.h5"
    start_run(parse_config(_KNEE % ("0.06", "40.0", 4, 12, "none"), folder / "knee.toml"), path, overwrite=True)
    return path.read_bytes()
