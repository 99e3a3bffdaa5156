"""The profile: every rung is timed on the same knee, agrees with the symbolic one, and the promise of speed holds."""

import json
import subprocess
import sys

import pytest

from calibrate import ExportError
from calibrate.config import load_config
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
    done = calibrate("profile", example("oks009.toml"), "--angles=-8:8:3", "--workers", 2, "--json", "-o", picture)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), picture


def test_the_profile_climbs_the_whole_ladder_and_every_rung_agrees_with_the_first(measured):
    rungs = measured[0]["rungs"]
    assert [rung["name"] for rung in rungs] == NAMES
    assert rungs[0]["largest_relative_difference"] == 0.0
    assert all(rung["largest_relative_difference"] < 1e-10 for rung in rungs)
    assert all(rung["peak_bytes"] > 0 and rung["cache_bytes"] >= 0 for rung in rungs)


def test_the_compiled_batch_is_orders_of_magnitude_faster_than_sympy(measured):
    rungs = {rung["name"]: rung for rung in measured[0]["rungs"]}
    speedup = rungs["compiled batch"]["speedup"]
    first, fast = (rungs[name]["seconds_per_evaluation"] for name in ("symbolic", "compiled batch"))
    assert speedup == pytest.approx(first / fast)
    # A million is for 33 angles. At three, what a vector costs before its first angle weighs ten times as much.
    assert speedup > 100_000


def test_the_breakdown_names_the_parts_and_quotes_the_original(measured):
    content = measured[0]
    assert set(content["breakdown"]) == {"ligaments", "geometry", "forces", "angles", "constraint check"}
    assert all(seconds > 0.0 for seconds in content["breakdown"].values())
    assert 0.5 < content["sympy_share"] <= 1.0
    assert content["original"]["seconds_per_evaluation"] == 2.7
    assert content["original"]["promised_seconds"] == [0.3, 0.5]
    assert "another machine" in content["original"]["differs"]


def test_the_chart_shows_every_rung(measured):
    assert measured[1].read_text().count("<svg") == 1


def test_a_chart_that_cannot_be_drawn_is_refused(tmp_path):
    for name, message in (("missing/ladder.png", "no such folder"), ("ladder.xyz", "no kind of picture")):
        with pytest.raises(ExportError, match=message):
            check_picture(tmp_path / name, load_config(example("oks009.toml")))
