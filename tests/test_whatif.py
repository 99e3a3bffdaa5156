"""What if: changed knees worked out by hand, what may be changed and how, and laxity before and after."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from planted import THREE_POINTS, constant, plant
from scipy.optimize import brentq
from test_simulation import TWO_TESTS

import calibrate
from calibrate import whatif
from calibrate.comparison import Comparison, compare
from calibrate.config import parse_config
from calibrate.errors import ConfigError, ParameterError
from calibrate.posterior import Posterior
from calibrate.results import Run
from calibrate.whatif import changes_of, knees_of

# On the upright knee at 0 degrees the medial condyle bears at (-20, -40). The MCL, 80 mm long, pulls 20 mm away from it
# and the LCL, 60 mm long, 60 mm away on the other side: the moment is 20 mm of the one less 60 mm of the other.
LAW = {"mcl": (40.0, 0.05, 76.0, 0.0), "lcl": (30.0, 0.1, 59.5, 0.0)}
DRAW = (*LAW["mcl"], *LAW["lcl"])
FORCE = "angle_deg,force_N\n-5,-12\n0,0\n5,15\n"


def run_of(folder: Path, positive: str = "valgus", data: str = THREE_POINTS, draw: tuple[float, ...] = DRAW) -> Run:
    return plant(folder, constant(*draw), positive=positive, data=data)


def tension(length: float, k: float, alpha: float, l_0: float) -> float:
    """Word by word as in the law: slack, toe, linear."""
    e, t = length - l_0, alpha * l_0
    if e <= 0.0:
        return 0.0
    return k * e * e / (2.0 * t) if e <= t else k * (e - t / 2.0)


def moment(mcl: float, lcl: float) -> float:
    return (20.0 * mcl - 60.0 * lcl) / 1000.0


MCL = 40.0 * (4.0 - 1.9)  # linear: stretched by 4 mm, of which the toe is 3.8
LCL = 30.0 * 0.25 / (2.0 * 5.95)  # in the toe: stretched by 0.5 mm of 5.95


@pytest.mark.parametrize(
    ("positive", "data", "unit"),
    [("valgus", THREE_POINTS, 1.0), ("varus", THREE_POINTS, -1.0), ("varus", FORCE, -1000.0 / 360.0)],
)
@pytest.mark.parametrize(
    ("change", "mcl", "lcl"),
    [
        ({}, MCL, LCL),
        ({"mcl.l_0": "+2.0"}, 40.0 * 4.0 / (2.0 * 0.05 * 78.0), LCL),  # 2 mm are within the toe of 3.9
        ({"mcl.l_0": "-2"}, 40.0 * (6.0 - 0.05 * 74.0 / 2.0), LCL),
        ({"mcl.l_0": 80.5}, 0.0, LCL),
        ({"mcl.reference_strain": 80.0 / 78.0 - 1.0}, 40.0 * 4.0 / (2.0 * 0.05 * 78.0), LCL),  # the same as l_0 = 78
        ({"mcl.k": "*0.5", "lcl.k": "*0.5"}, MCL / 2.0, LCL / 2.0),
        ({"lcl.k": "=60"}, MCL, 2.0 * LCL),
        ({"lcl.k": "60"}, MCL, 2.0 * LCL),
        ({"mcl.alpha": "*2"}, 40.0 * 16.0 / (2.0 * 0.1 * 76.0), LCL),
        ({"mcl.f_ref": "+5"}, MCL - 5.0, LCL),
        ({"lcl.k": 0}, MCL, 0.0),
        ({"lcl.k": "*0", "lcl.f_ref": "+100"}, MCL, 0.0),  # no strand, no tare
        # Its attachment moved down by 3 mm, its slack length as it was: stretched by 3.5 mm of 5.95.
        ({"knee.lcl.tibia.y": "-3"}, MCL, 30.0 * 3.5**2 / (2.0 * 5.95)),
    ],
)
def test_changes_do_what_the_law_says(
    change: dict[str, str | float], mcl: float, lcl: float, positive: str, data: str, unit: float, tmp_path: Path
) -> None:
    found = run_of(tmp_path, positive, data).predict([0.0], change=change)
    assert found.shape == (16, 1)
    assert tension(80.0, *LAW["mcl"][:3]) == pytest.approx(MCL)
    np.testing.assert_allclose(found, unit * moment(mcl, lcl), rtol=1e-12)


def test_what_turns_loads_into_readings_may_be_changed_too(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    np.testing.assert_allclose(run.predict([0.0], change={"measurement.load_bias": 2.0}), moment(MCL, LCL) + 2.0)
    shifted = run.predict([3.0], change={"measurement.angle_offset": "+3"})
    np.testing.assert_allclose(shifted, moment(MCL, LCL), rtol=1e-12)


def test_without_a_change_a_prediction_is_the_posteriors(varus: Run) -> None:
    for angles in (None, [-3.0, 0.5, 7.0]):
        np.testing.assert_array_equal(varus.predict(angles, change={}), varus.predict(angles))
    halved = varus.predict([7.0], change={"lcl.k": "*0.5", "lcl.f_ref": 0.0, "mcl.k": 0})
    whole = varus.predict([7.0], change={"lcl.f_ref": 0.0, "mcl.k": 0})  # a fixed one as well
    np.testing.assert_allclose(halved, whole / 2.0, rtol=1e-12)
    assert whole.min() > 1.0


def two_tests(text: str = TWO_TESTS) -> tuple[Posterior, np.ndarray]:
    """Return a posterior of two tests, with a strand by its reference strain, and some draws."""
    config = parse_config(text)
    data = {name: calibrate.simulate(config, angles="-8:8:9", test=name) for name in config.tests}
    posterior = Posterior.from_config(config, data)
    return posterior, posterior.prior_sample(np.random.default_rng(1), 50)


def test_a_slack_length_may_be_changed_where_the_reference_strain_is_the_parameter() -> None:
    posterior, q = two_tests()
    of = posterior.tests[0]
    strand = of.names.index("dmcl")
    assert of.slots.strain[strand]
    before = posterior.law(q, of.name)
    after = knees_of(posterior, q, changes_of(posterior, of.name, {"dmcl.l_0": "+2"}), of.name).law
    np.testing.assert_allclose(after[:, strand, 2], before[:, strand, 2] + 2.0, rtol=1e-14)
    after[:, strand, 2] -= 2.0
    np.testing.assert_allclose(after, before, rtol=1e-14)
    lengths = posterior.reference_lengths(posterior.full(q))[:, of.names.index("mcl")]
    slack = before[:, of.names.index("mcl"), 2]
    after = knees_of(posterior, q, changes_of(posterior, of.name, {"mcl.reference_strain": "-0.01"}), of.name).law
    np.testing.assert_allclose(lengths / after[:, of.names.index("mcl"), 2], lengths / slack - 0.01, rtol=1e-12)


FREE_GEOMETRY = TWO_TESTS.replace("femur = [-38.0, -5.0]", "femur = [{ mean = -38.0, sd = 1.0 }, -5.0]")


@pytest.mark.parametrize("text", [TWO_TESTS, FREE_GEOMETRY])
def test_changing_a_free_parameter_is_moving_the_draws(text: str) -> None:
    posterior, q = two_tests(text)
    angles = [-6.0, -1.0, 2.5, 7.0]
    for test in ("flex0", "flex30"):
        np.testing.assert_allclose(
            whatif.predict(posterior, q, angles, {}, test), posterior.predict(q, angles, test), rtol=1e-9, atol=1e-10
        )
    for name, own, by in (
        ("dmcl.reference_strain", "dmcl.reference_strain", 0.03),
        ("mcl.l_0", "flex30.mcl.l_0", -1.5),
        ("flex30.measurement.angle_offset", "flex30.measurement.angle_offset", 0.7),
    ):
        moved = q.copy()
        moved[:, posterior.names.index(own)] += by
        np.testing.assert_allclose(
            whatif.predict(posterior, q, angles, {name: f"{by:+}"}, "flex30"),
            posterior.predict(moved, angles, "flex30"),
            rtol=1e-9,
            atol=1e-10,
        )
    doubled = q.copy()
    for name in ("mcl.alpha",):  # and so that of the strand tied to it
        doubled[:, posterior.names.index(name)] *= 2.0
    np.testing.assert_allclose(
        whatif.predict(posterior, q, angles, {"mcl.alpha": "*2"}, "flex0"),
        posterior.predict(doubled, angles, "flex0"),
        rtol=1e-9,
        atol=1e-10,
    )


@pytest.mark.parametrize("text", [TWO_TESTS, FREE_GEOMETRY])
def test_a_moved_attachment_keeps_the_slack_length_of_a_strand_given_by_its_strain(text: str) -> None:
    posterior, q = two_tests(text)
    change = {"knee.dmcl.tibia.y": "-2", "knee.dmcl.femur.x": "-1"}
    knees = whatif.knees_of(posterior, q, whatif.changes_of(posterior, "flex0", change), "flex0")
    np.testing.assert_array_equal(knees.law, posterior.law(q, "flex0"))
    plain = whatif.knees_of(posterior, q, (), "flex0")
    strands = [of.test.knee(of.full[7]).kinematics.lengths[2] for of in (knees, plain)]
    assert (strands[0] - strands[1]).min() > 1.9


def test_laxity_is_where_the_moment_of_the_changed_knee_is_reached(varus: Run) -> None:
    posterior, q = varus.posterior, varus.thinned(40)
    changes = whatif.changes_of(posterior, "", {"mcl.l_0": "+1", "lcl.k": "*0.7"})
    knees = whatif.knees_of(posterior, q, changes)
    found = knees.laxity([3.0, 10.0])
    law = posterior.law(q)
    law[:, 0, 2] += 1.0
    law[:, 1, 0] *= 0.7
    for way, sign in (("varus", 1.0), ("valgus", -1.0)):
        for size in (3.0, 10.0):
            angles = found[f"laxity_{way}_{size:g}Nm"]
            for draw, angle in enumerate(angles[:10]):

                def beyond(degrees: float, draw: int = draw, way: float = sign * size) -> float:
                    return float(posterior.knee_at([degrees]).loads(law[draw : draw + 1])[0, 0]) - way

                start, end = sorted((0.0, sign * 20.0))
                if beyond(start) * beyond(end) < 0.0 and abs(angle) > 1e-6:  # else it lies in the jump
                    assert angle == pytest.approx(brentq(beyond, start, end, xtol=1e-12), abs=1e-6)
    np.testing.assert_allclose(
        found["laxity_total_10Nm"], found["laxity_varus_10Nm"] - found["laxity_valgus_10Nm"], rtol=1e-12
    )


def content_of(run: Run, change: dict[str, str | float], **options: object) -> dict:
    return compare(run, change).content(**options)  # type: ignore[arg-type]  # what the cases below say


def test_the_content_has_both_curves_and_each_draws_difference(varus: Run) -> None:
    content = content_of(varus, {"mcl.l_0": "+1.5"}, degrees=[-4.0, 7.0])
    q = varus.thinned(2000)
    before, after = (
        varus.posterior.predict(q, [-4.0, 7.0]),
        varus.predict([-4.0, 7.0], 2000, change={"mcl.l_0": "+1.5"}),
    )
    for key, values in (("calibrated", before), ("changed", after), ("difference", after - before)):
        for name, share in (("median", 0.5), ("q5", 0.05), ("q95", 0.95)):
            np.testing.assert_allclose(content["curve"][key][name], np.quantile(values, share, axis=0), atol=1e-12)
    assert content["curve"]["angle"] == [-4.0, 7.0]
    assert content["changes"] == ["mcl.l_0=+1.5"]
    assert (content["positive"], content["load"], content["unit"]) == ("varus", "moment", "N·m")
    assert content["measured"] == [-5.0, 8.0]
    assert content["notes"] == []
    plain = content_of(varus, {})
    assert set(plain["curve"]) == {"angle", "calibrated"}
    assert plain["curve"]["angle"][0] == -5.0
    beyond = content_of(varus, {}, degrees=[-5.5])
    assert beyond["notes"] == ["measured were -5 to 8 degrees: beyond, the curve is the model's alone"]


def test_laxity_before_and_after_a_release(varus: Run) -> None:
    content = content_of(varus, {"lcl.k": "*0"}, moments=[10.0])
    (entry,) = content["laxity"]
    assert content["released"] == ["lcl"]
    assert entry["varus"]["calibrated"]["reached"] == 1.0
    assert 0.0 < entry["varus"]["calibrated"]["q5"] < entry["varus"]["calibrated"]["q95"]
    assert entry["varus"]["changed"] == {"median": None, "q5": None, "q95": None, "reached": 0.0, "beyond": 1.0}
    assert entry["varus"]["difference"]["median"] is None
    assert entry["total"]["changed"]["median"] is None
    assert entry["valgus"]["changed"]["median"] < 0.0
    found = whatif.knees_of(varus.posterior, varus.thinned(2000)).laxity([10.0])
    assert entry["valgus"]["calibrated"]["median"] == np.median(found["laxity_valgus_10Nm"])
    assert any("lcl is released" in note for note in content["notes"])
    assert any("10 N·m varus, changed: reached within 20 degrees by none" in note for note in content["notes"])
    moved = content_of(varus, {"lcl.l_0": "-1", "lcl.f_ref": 0}, moments=[10.0])["laxity"][0]
    assert moved["varus"]["difference"]["q95"] < 0.0  # a tighter knee
    assert moved["total"]["difference"]["q95"] < 0.0


def test_what_some_draws_do_not_reach_lies_beyond_what_others_do(tmp_path: Path) -> None:
    draws = constant(*DRAW)
    draws[:, :, :, 4] = [100.0, 110.0, 120.0, 1.0]  # one walker in four has an LCL that bears next to nothing
    run = plant(tmp_path, draws)
    content = content_of(run, {}, moments=[20.0])
    varus = content["laxity"][0]["varus"]["calibrated"]  # of a file that counts valgus as positive
    assert varus["reached"] == 0.75
    found = np.sort(whatif.knees_of(run.posterior, run.thinned(99)).laxity([20.0])["laxity_varus_20Nm"])
    assert np.isnan(found[-4:]).all()
    assert varus["q5"] is None
    assert varus["median"] == pytest.approx(found[3])  # -inf 4 times, then the 4 of k = 100, of 16: it is the 8th
    assert varus["q95"] == pytest.approx(found[11])
    assert content["laxity"][0]["total"]["calibrated"]["q95"] is None
    assert content["laxity"][0]["total"]["calibrated"]["q5"] > 0.0
    assert "20 N·m varus, calibrated: reached within 20 degrees by 75.0% of the draws only" in content["notes"]


def test_notes_say_what_a_changed_condyle_and_an_offset_mean() -> None:
    posterior, q = two_tests()
    knees = whatif.knees_of(posterior, q, (), "flex30")

    class Fake:
        path, converged = Path("x.h5"), False

    changes = whatif.changes_of(posterior, "flex30", {"knee.medial_condyle.centre.y": "+1"})
    after = whatif.knees_of(posterior, q, changes, "flex30")
    content = Comparison(Fake(), changes, knees, after).content(moments=[5.0])  # type: ignore[arg-type]  # enough of a run
    assert content["test"] == "flex30"
    assert content["flexion"] == 30.0
    assert [note.partition(":")[0] for note in content["notes"]][:3] == [
        "the run has not converged",
        "a condyle was changed",
        "angles of laxity are the knee's own",
    ]


def test_an_insert_grows_thicker_by_moving_the_tibia_down_and_tightens_both_sides(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    insert = {f"knee.{strand}.tibia.y": "-2" for strand in ("mcl", "lcl")}
    # At 0 degrees both strands run along y, so that both are longer by 2 mm.
    taut = moment(40.0 * (6.0 - 1.9), 30.0 * 2.5**2 / (2.0 * 5.95))
    np.testing.assert_allclose(run.predict([0.0], change=insert), taut, rtol=1e-12)
    entry = content_of(run, insert, moments=[10.0])["laxity"][0]
    assert entry["total"]["difference"]["median"] < 0.0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"mcl.kk": "+1"}, r"mcl\.kk: unknown parameter; did you mean 'mcl\.k'\?"),
        ({"dmcl.alpha": "*2"}, "dmcl.alpha: is tied to mcl.alpha; change that"),
        ({"dmcl.l_0": "+2", "dmcl.reference_strain": 0.0}, "dmcl.reference_strain: is changed twice"),
        ({"dmcl.l_0": "-100"}, r"change dmcl\.l_0=-100: in a draw, dmcl\.l_0 = -.*: has to be positive"),
        ({"flex0.mcl.l_0": "+2"}, "unknown parameter"),
        ({"noise.sigma": "*2"}, "noise.sigma: says how readings scatter, and changes no curve"),
        ({"lcl.l_0": "-1000"}, r"change lcl\.l_0=-1000: in a draw, lcl\.l_0 = -9.*: has to be positive"),
        ({"flex30.mcl.l_0": "=0"}, r"change flex30\.mcl\.l_0=0: in a draw, .* has to be positive"),
        ({"mcl.l_0": "+1", "flex30.mcl.l_0": "+1"}, "is changed twice"),
        ({"mcl.k": "-60"}, r"change mcl\.k=-60: in a draw, mcl\.k = -.*: has to be positive; \*0 releases the strand"),
        ({"mcl.alpha": 0.0}, "has to be positive"),
        ({"knee.medial_condyle.radius": "-20"}, "has to be positive"),
        ({"knee.medial_condyle.radius": "+60"}, "the knee, changed like this, has no pose: one condyle lies inside"),
        ({"knee.rolling": "+2"}, "between 0"),
        ({"dmcl.reference_strain": "-2"}, "has to be above -1"),
        ({"mcl.k": "*1e308"}, "k is not finite"),
        ({"mcl.k": "half"}, r"change mcl\.k = half: must be \+2, -2, \*0.5, =60 or 60; 'half' is no number"),
        ({"mcl.k": "/2"}, "must be"),
        ({"mcl.k": ""}, "must be"),
        ({"mcl.k": math.nan}, "must be"),
    ],
)
def test_what_cannot_be_meant_is_refused(change: dict[str, str | float], says: str) -> None:
    posterior, q = two_tests()
    with pytest.raises(ParameterError, match=says):
        whatif.predict(posterior, q, [1.0], change, "flex30")


def test_angles_moments_and_tests_that_cannot_be_meant_are_refused(varus: Run) -> None:
    with pytest.raises(ParameterError, match=r"an angle of 45\.5 degrees is beyond 45"):
        varus.predict([0.0, -45.5], change={})
    assert varus.predict([45.0], change={}).shape == (1000, 1)
    with pytest.raises(ParameterError, match="beyond 45"):
        varus.predict([math.nan], change={})
    for moments in ([0.0], [-5.0], [math.inf], [math.nan]):
        with pytest.raises(ParameterError, match="have to be positive"):
            compare(varus).content(moments=moments)
    with pytest.raises(ConfigError, match="no test is called 'x'"):
        varus.predict([0.0], test="x", change={})
    posterior, q = two_tests()
    with pytest.raises(ConfigError, match="which test"):
        whatif.predict(posterior, q, [0.0], {})
    with pytest.raises(ParameterError, match="is test flex30's own, and this is about test flex0"):
        whatif.predict(posterior, q, [0.0], {"flex30.mcl.l_0": "+1"}, "flex0")


def test_a_knee_without_a_pose_is_refused_with_the_share_of_draws() -> None:
    posterior, q = two_tests(
        TWO_TESTS.replace(
            "centre = [22.0, -20.0], radius = 20.0", "centre = [22.0, -20.0], radius = { mean = 20.0, sd = 1.0 }"
        )
    )
    with pytest.raises(ParameterError, match=r"has no pose in [0-9.]+% of the draws: the plateau touches"):
        whatif.predict(posterior, q, [0.0], {"knee.lateral_condyle.centre.y": "+43.6"}, "flex0")
