"""Which laxities `predict` calls beyond the measured angles, where the file counts from another zero than the knee."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from planted import constant, parameters_text, plant
from test_simulation import TWO_TESTS

import calibrate
from calibrate.comparison import Comparison, compare
from calibrate.config import parse_config
from calibrate.figures.laxities import laxity_plot
from calibrate.posterior import Posterior
from calibrate.results import Run
from calibrate.whatif import knees_of, predict

LAW = (40.0, 0.05, 76.0, 0.0, 30.0, 0.1, 59.5, 0.0)
# Measured from -24 to 5 degrees of valgus as the file counts: varus is never beyond.
DATA = "angle_deg,moment_Nm\n-24,-9\n0,0\n5,6\n"
OFFSET = "[measurement]\nangle_offset = { mean = 0.0, sd = 5.0 }\n"
OWN = "angles of laxity are the knee's own: the offset of the file's zero is taken off"


def run_of(folder: Path, *offsets: float) -> Run:
    """Plant draws of one law, with an offset for each of four walkers."""
    draws = constant(*LAW, 0.0)
    draws[..., 8] = offsets
    return plant(folder, draws, parameters=f"{parameters_text({})}\n{OFFSET}", data=DATA)


def moment_at(run: Run, own: float) -> float:
    """Return the moment [N·m] that is reached so many degrees of valgus from the knee's own zero."""
    first = run.thinned(1)
    return float(run.posterior.predict(first, [own + first[0, run.names.index("measurement.angle_offset")]])[0, 0])


@pytest.mark.parametrize(
    ("offsets", "own", "share", "ends"),
    [
        # 3 taken off 5 degrees are 2: the law's 4 lie beyond, though 4 in the file do not.
        ((3.0, 3.0, 3.0, 3.0), 4.0, 1.0, "-27 to 2"),
        ((3.0, 3.0, 3.0, 3.0), 2.2, 0.0, ""),  # as near as angles are read
        ((3.0, 3.0, 3.0, 3.0), 2.3, 1.0, "-27 to 2"),
        # -3 taken off are 8: the law's 7 were measured, though 7 in the file were not.
        ((-3.0, -3.0, -3.0, -3.0), 7.0, 0.0, ""),
        ((-3.0, -3.0, -3.0, -3.0), 8.3, 1.0, "-21 to 8"),
        ((3.0, 3.0, 3.0, -3.0), 4.0, 0.75, "-27 to 2"),
        ((3.0, -3.0, 3.0, -3.0), 4.0, 0.5, ""),  # not in most draws
    ],
)
def test_laxity_is_beyond_what_was_measured_by_the_knees_own_zero(
    offsets: tuple[float, ...], own: float, share: float, ends: str, tmp_path: Path
) -> None:
    run = run_of(tmp_path, *offsets)
    moment = moment_at(run, own)
    content = compare(run).content(moments=[moment])
    (entry,) = content["laxity"]
    assert entry["valgus"]["calibrated"]["median"] == pytest.approx(own, abs=1e-6)
    shares = {way: entry[way]["calibrated"]["beyond"] for way in ("varus", "valgus", "total")}
    assert shares == {"varus": 0.0, "valgus": share, "total": share}
    note = (
        f"laxity is the model's alone beyond the measured {ends} degrees from the knee's own zero (medians of the "
        f"draws): {moment:g} N·m valgus, calibrated ({share:.0%} of the draws)"
    )
    assert [said for said in content["notes"] if "converged" not in said] == [OWN, *([note] if ends else [])]


@pytest.mark.parametrize(("own", "hollow"), [(2.2, False), (2.3, True)])
def test_the_figure_of_laxity_calls_beyond_what_predict_does(own: float, hollow: bool, tmp_path: Path) -> None:
    run = run_of(tmp_path, 3.0, 3.0, 3.0, 3.0)
    left, right = laxity_plot(run, moment=moment_at(run, own)).axes
    marks = {line.get_gid(): line.get_markerfacecolor() for line in (*left.lines, *right.lines)}
    assert {marks["valgus median"] == "white", marks["this knee median"] == "white"} == {hollow}
    assert marks["varus median"] != "white"


def test_a_changed_knee_is_held_against_the_angles_that_were_measured(tmp_path: Path) -> None:
    run = run_of(tmp_path, 3.0, 3.0, 3.0, 3.0)
    moment = moment_at(run, 1.0)
    # Another offset in the file is another way to write the same knee, and moves no measured angle of it.
    for change, share in (({"measurement.angle_offset": "+9"}, 0.0), ({"mcl.l_0": "+5"}, 1.0)):
        content = compare(run, change).content(moments=[moment])
        valgus = content["laxity"][0]["valgus"]
        assert (valgus["calibrated"]["beyond"], valgus["changed"]["beyond"]) == (0.0, share)
        assert any(f"{moment:g} N·m valgus, changed (100% of the draws)" in note for note in content["notes"]) == share


@pytest.mark.parametrize(
    ("test", "offset", "own", "ends"),
    [
        ("flex0", 3.0, 7.5, ""),  # the offset is the other test's
        ("flex0", 3.0, 8.5, "-8 to 8 degrees"),
        ("flex30", 3.0, 4.0, ""),
        ("flex30", 3.0, 6.0, "-11 to 5 degrees from the knee's own zero (medians of the draws)"),
        ("flex30", -3.0, 10.5, ""),
    ],
)
def test_each_test_has_a_zero_of_its_own(test: str, offset: float, own: float, ends: str) -> None:
    config = parse_config(TWO_TESTS)
    data = {name: calibrate.simulate(config, angles="-8:8:9", test=name) for name in config.tests}
    posterior = Posterior.from_config(config, data)
    q = np.tile(posterior.middle, (5, 1))
    q[:, posterior.names.index("flex30.measurement.angle_offset")] = offset
    zero = offset if test == "flex30" else 0.0
    moment = float(predict(posterior, q, [own + zero], {}, test)[0, 0])

    run: Any = SimpleNamespace(path=Path("x.h5"), converged=True)
    knees = knees_of(posterior, q, (), test)
    content = Comparison(run, (), knees, knees).content(moments=[moment])
    way = posterior.test(test).positive
    assert content["laxity"][0][way]["calibrated"]["median"] == pytest.approx(own, abs=1e-6)
    said = [note for note in content["notes"] if f" {way}, calibrated" in note]
    assert len(said) == bool(ends)
    assert all(note.startswith(f"laxity is the model's alone beyond the measured {ends}: ") for note in said)
