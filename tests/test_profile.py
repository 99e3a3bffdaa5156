"""The profile: every rung is timed on the same knee, agrees with the symbolic one, and the promise of speed holds."""

import json
import re
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import BOX

from calibrate import ConfigError, ExportError, profiling
from calibrate.config import load_config, parse_config
from calibrate.examples import example
from calibrate.profile_view import check_picture

NAMES = ["symbolic", "cached", "precomputed", "NumPy batch", "compiled batch", "process pool (2)"]


def calibrate(*arguments):
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "calibrate", *map(str, arguments)], capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Three angles instead of 33, so that the test is over soon; both sides of the ratio shrink alike."""
    picture = tmp_path_factory.mktemp("profile") / "ladder.svg"
    done = calibrate("profile", BOX, "--angles=-8:8:3", "--workers", 2, "--json", "-o", picture)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), picture


def test_the_profile_climbs_the_whole_ladder_and_every_rung_agrees_with_the_first(measured):
    rungs = measured[0]["rungs"]
    assert [rung["name"] for rung in rungs] == NAMES
    assert rungs[0]["largest_relative_difference"] == 0.0
    assert all(rung["largest_relative_difference"] < 1e-10 for rung in rungs)
    assert all(rung["peak_bytes"] > 0 and rung["cache_bytes"] >= 0 for rung in rungs)


def test_speed_is_told_in_multiples_of_the_symbolic_knees(measured):
    """How large they are is for `calibrate profile` to show, on a machine that has nothing else to do."""
    first, *others = measured[0]["rungs"]
    assert first["speedup"] == 1.0
    for rung in others:
        assert rung["speedup"] == pytest.approx(first["seconds_per_evaluation"] / rung["seconds_per_evaluation"])
    assert [rung["batch"] for rung in others] == [100, 100, 1000, 100_000, 100_000]


@pytest.mark.parametrize(
    ("costs", "best", "calls"),
    [((3.0, 1.0, 2.0), 1.0, 3), ((0.0625,) * 9, 0.0625, 4), ((0.5, 0.25, 0.125, 9.0), 0.125, 3)],
)
def test_seconds_are_of_the_best_call_for_each_vector_in_it(costs, best, calls, monkeypatch):
    """Three calls at least, and more until a fifth of a second is over, by a clock that only the calls move."""
    now, left = [100.0], list(costs)
    monkeypatch.setattr(profiling, "time", SimpleNamespace(perf_counter=lambda: now[0]))

    def evaluate(sets):
        now[0] += left.pop(0)

    assert profiling._time(evaluate, np.zeros((50, 8))) == best / 50
    assert len(costs) - len(left) == calls


def test_the_breakdown_names_the_parts_and_quotes_the_original(measured):
    content = measured[0]
    assert set(content["breakdown"]) == {"ligaments", "geometry", "forces", "angles", "constraint check"}
    assert all(seconds > 0.0 for seconds in content["breakdown"].values())
    assert 0.0 < content["sympy_share"] <= 1.0
    original = content["original"]
    low, high = original["promised_seconds"]
    assert f"{original['equilibrium_share']:.0%} of it went into solving" in original["differs"]
    assert f"The {low:g}-{high:g} s are a promise, not a measurement" in original["differs"]
    assert f"KneeModel at {content['angles']} angles" in original["differs"]


def test_the_chart_shows_every_rung_with_its_speed_beside_the_original(measured):
    content, picture = measured
    texts = re.findall("<!-- (.*) -->", picture.read_text())  # each text, before the outlines of its letters
    for rung in content["rungs"]:
        assert rung["name"] in texts
        assert any(text.endswith(f", {rung['speedup']:,.0f}x") for text in texts)
    original = content["original"]["seconds_per_evaluation"]
    label = f"seconds per total loss at 3 angles (dotted: the original profile, {original} s)"
    assert label in texts
    assert "a text that is not there" not in texts


def test_a_chart_that_cannot_be_drawn_is_refused(tmp_path):
    for name, message in (("missing/ladder.png", "no such folder"), ("ladder.xyz", "no kind of picture")):
        with pytest.raises(ExportError, match=message):
            check_picture(tmp_path / name, load_config(BOX))


def test_other_priors_and_ties_are_the_ladders_too(tmp_path):
    """Speed does not depend on them: a tied parameter has the other's value, and a prior's ends are its bounds."""
    text = example("simulated.toml").read_text()
    laws = text[text.index("[parameters.mcl]") : text.index("[noise]")]
    ours = """[parameters.mcl]
k = { median = 60.0, factor = 1.4, upper = 300.0 }
alpha = { mean = 0.05, sd = 0.01 }
l_0 = { lower = 70.0, upper = 100.0 }
[parameters.lcl]
k = { lower = 5.0, upper = 200.0 }
alpha = "mcl.alpha"
l_0 = 60.0
[measurement]
angle_offset = { mean = 0.0, sd = 2.0 }
"""
    config = parse_config(text.replace(laws, ours), tmp_path / "knee.toml")
    given = profiling.problem(config, "-8:8:5")
    inf = np.inf
    mcl = [(0.0, 300.0), (-inf, inf), (70.0, 100.0), (-inf, inf)]
    np.testing.assert_array_equal(given.bounds, [*mcl, (5.0, 200.0), (-inf, inf), (-inf, inf), (-inf, inf)])
    drawn = given.parameters(50)
    assert np.isfinite(drawn).all()
    assert (drawn[:, 6] == 60.0).all()
    assert (drawn[:, [3, 7]] == 0.0).all()
    # Each parameter is drawn by itself; a tie only says what from.
    assert ((drawn[:, [1, 5]] > 0.03) & (drawn[:, [1, 5]] < 0.07)).all()


def test_a_knee_that_the_ladders_models_cannot_be_is_refused(tmp_path):
    text = example("simulated.toml").read_text()
    third = (
        "dmcl = { femur = [-38.2, 1.7], tibia = [-31.4, -32.3] }\n\n[parameters.dmcl]\nk = 50\nalpha = 0.05\nl_0 = 34\n"
    )
    more = text.replace("[parameters.mcl]", f"{third}[parameters.mcl]")
    with pytest.raises(ConfigError, match="two ligaments, k, alpha, l_0 and f_ref of each; this calibration has more"):
        profiling.problem(parse_config(more, tmp_path / "knee.toml"), "-8:8:5")
