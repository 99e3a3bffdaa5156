"""Posed knees: places, tensions, reaction and load against hand-computed ones and against predictions."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import planted
import pytest
import rigs
import shown_runs

from calibrate.draws import Draws
from calibrate.errors import ConfigError
from calibrate.knee.contact import rotate
from calibrate.posed import REGIONS, posed
from calibrate.posterior import Posterior
from calibrate.results import Run


@pytest.fixture(scope="module")
def upright(tmp_path_factory: pytest.TempPathFactory) -> Posterior:
    draws = planted.constant(30.0, 0.05, 78.0, 5.0, 20.0, 0.1, 58.0, 0.0)
    return planted.plant(tmp_path_factory.mktemp("upright"), draws).posterior


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return rigs.three_tests(tmp_path_factory.mktemp("three"))


@pytest.fixture(scope="module")
def force(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return planted.valgus_run(tmp_path_factory.mktemp("force"))


@pytest.fixture(scope="module")
def free() -> Draws:
    return shown_runs.free()


Q = [30.0, 0.05, 78.0, 5.0, 20.0, 0.1, 58.0, 0.0]


def test_the_straight_knee_is_where_it_was_given(upright: Posterior) -> None:
    """At 0 degrees the frames are one; the medial condyle bears, at (-20, -40); the MCL is 80 long, the LCL 60."""
    knee = posed(upright, Q, [0.0])
    np.testing.assert_allclose(knee.condyles[0], [[-20.0, -20.0, 20.0], [20.0, -20.0, 20.0]])
    np.testing.assert_allclose(knee.contact[0, 0], [-20.0, -40.0], atol=1e-12)
    assert not knee.lateral[0, 0]
    np.testing.assert_allclose(knee.femur[0], [[-40.0, 0.0, 0.0], [40.0, 0.0, 0.0]])
    np.testing.assert_allclose(knee.tibia[0, 0], [[-40.0, -80.0, 0.0], [40.0, -60.0, 0.0]], atol=1e-12)
    np.testing.assert_allclose(knee.lengths[0, 0], [80.0, 60.0])
    np.testing.assert_allclose(knee.plateau[0, 0], [[-36.0, -40.0], [36.0, -40.0]], atol=1e-12)
    # MCL: toe 3.9, stretched by 2: 30 * 4 / 7.8; LCL: toe 5.8, stretched by 2: 20 * 4 / 11.6.
    tensions = np.array([30.0 * 4.0 / 7.8, 20.0 * 4.0 / 11.6])
    np.testing.assert_allclose(knee.tensions[0, 0], tensions)
    assert [REGIONS[i] for i in knee.regions[0, 0]] == ["toe", "toe"]
    # About the contact: the MCL pulls up 20 medially of it, less its tare of 5 N, and the LCL 60 laterally.
    parts = np.array([20.0 * (tensions[0] - 5.0), -60.0 * tensions[1]]) / 1000.0
    np.testing.assert_allclose(knee.moments[0, 0], parts)
    np.testing.assert_allclose(knee.load[0, 0], parts.sum())
    # The strands pull the tibia up, so the condyle pushes it down by as much.
    np.testing.assert_allclose(knee.reaction[0, 0], [0.0, -(tensions.sum() - 5.0)], atol=1e-12)
    assert knee.pushes.all()


def test_valgus_opens_the_medial_side_about_the_lateral_contact(upright: Posterior) -> None:
    """Turned by 6 degrees counter-clockwise about the lateral condyle, without rolling: pose by hand."""
    angle = math.radians(6.0)
    s, c = math.sin(angle), math.cos(angle)
    knee = posed(upright, Q, [6.0, -6.0])
    assert knee.lateral[0].tolist() == [True, False]
    contact = np.array([20.0 + 20.0 * s, -20.0 - 20.0 * c])
    np.testing.assert_allclose(knee.contact[0, 0], contact)
    # The tibia's point that touches stays (20, -40); the attachment (-40, -80) lies 60 medially and 40 distally of it.
    mcl = contact + np.array([c * -60.0 - s * -40.0, s * -60.0 + c * -40.0])
    np.testing.assert_allclose(knee.tibia[0, 0, 0, :2], mcl)
    assert knee.lengths[0, 0, 0] == pytest.approx(math.hypot(mcl[0] + 40.0, mcl[1]))
    assert [REGIONS[i] for i in knee.regions[0, 0]] == ["linear", "slack"]
    assert [REGIONS[i] for i in knee.regions[0, 1]] == ["slack", "linear"]
    assert knee.load[0, 0] > 0.0 > knee.load[0, 1]
    assert knee.tensions[0, 0, 1] == knee.tensions[0, 1, 0] == 0.0


def of_three(three: Run, free: Draws, force: Run) -> list[tuple[Posterior, np.ndarray, str]]:
    cases = [(three.posterior, three.samples()[::200], test) for test in rigs.TESTS]
    return [*cases, (free.posterior, free.samples()[::500], ""), (force.posterior, force.samples()[::50], "")]


@pytest.mark.parametrize("case", range(5))
def test_loads_are_what_the_posterior_predicts_and_all_is_in_equilibrium(
    three: Run, free: Draws, force: Run, case: int
) -> None:
    posterior, q, name = of_three(three, free, force)[case]
    test, angles = posterior.test(name), np.array([-7.0, -2.5, 0.5, 4.0, 8.0])
    knee = posed(posterior, q, angles, test=name)
    in_file = angles if test.measurement.angle_unit == "deg" else np.deg2rad(angles)
    np.testing.assert_allclose(knee.readings, posterior.predict(q, in_file, name), rtol=1e-9, atol=1e-9)
    ends = knee.femur[:, np.newaxis] - knee.tibia
    np.testing.assert_allclose(np.sqrt((ends**2).sum(axis=-1)), knee.lengths, rtol=1e-12)
    # Forces and moments about the femur's origin vanish: strands (less their tare), reaction, load.
    law = posterior.law(q, name)
    pulls = ((knee.tensions - law[:, np.newaxis, :, 3]) / knee.lengths)[..., np.newaxis] * ends[..., :2]
    forces, places = [*np.moveaxis(pulls, 2, 0), knee.reaction], [*np.moveaxis(knee.tibia, 2, 0), knee.contact]
    couple = 1000.0 * knee.load
    if knee.applied is not None:
        forces.append(knee.load[..., np.newaxis] * np.stack([np.cos(knee.theta), np.sin(knee.theta)], axis=-1))
        places.append(knee.applied)
        couple = np.zeros_like(knee.load)
    np.testing.assert_allclose(sum(forces), 0.0, atol=1e-8)
    turned = sum(at[..., 0] * f[..., 1] - at[..., 1] * f[..., 0] for at, f in zip(places, forces, strict=True))
    np.testing.assert_allclose(turned + couple, 0.0, atol=1e-6)


def test_points_of_the_tibia_stay_where_they_are_on_it(free: Draws) -> None:
    knee = posed(free.posterior, free.samples()[:3], [-5.0, 0.0, 5.0])
    for points in (knee.tibia[..., :2], knee.plateau):
        there = knee.on_tibia(points)
        np.testing.assert_allclose(there, np.broadcast_to(there[:, :1], there.shape), atol=1e-9)
        back = rotate(knee.theta[..., np.newaxis], np.moveaxis(there, -1, 0))
        np.testing.assert_allclose(np.moveaxis(back, 0, -1) + knee.origin[:, :, np.newaxis], points, atol=1e-9)
    column = free.names.index("knee.mcl.tibia.x")
    np.testing.assert_allclose(knee.on_tibia(knee.tibia[..., :2])[:, 0, 0, 0], free.samples()[:3, column], atol=1e-9)


def test_angles_are_the_rigs_and_signs_the_files(free: Draws) -> None:
    """A file that counts varus as positive: its +5 degrees are 5 less the offset towards varus."""
    q = free.samples()[:4]
    offset = q[:, free.names.index("measurement.angle_offset")]
    knee = posed(free.posterior, q, [5.0])
    np.testing.assert_allclose(knee.theta[:, 0], -np.deg2rad(5.0 - offset))
    np.testing.assert_allclose(knee.readings, -knee.load)


def test_a_knee_without_a_pose_is_unknown_and_spoils_no_other(free: Draws) -> None:
    q = free.samples()[:2].copy()
    q[0, free.names.index("knee.lateral_condyle.centre.x")] = -90.0
    knee = posed(free.posterior, q, [1.0])
    assert np.isnan(knee.load[0, 0])
    assert np.isfinite(knee.load[1, 0])


def test_one_of_several_tests_has_to_be_named(three: Run) -> None:
    with pytest.raises(ConfigError, match="which test"):
        posed(three.posterior, three.samples()[0], [0.0])


def test_the_planted_force_acts_where_it_is_applied(force: Run, tmp_path: Path) -> None:
    """The tilted knee's tibia frame is the femur's turned by theta_0 about the origin."""
    knee = posed(force.posterior, force.samples()[0], [planted.ANGLE])
    assert knee.applied is not None
    np.testing.assert_allclose(knee.applied[0, 0], [400.0 * planted.SIN, -400.0 * planted.COS])
