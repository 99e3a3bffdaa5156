"""The symbolic knee: the law, the order of its steps, and physics that needs no second code."""

import subprocess
import sys

import numpy as np
import pytest
from knees import knee

from calibrate import BlankevoortFunction, CallOrderError, GeometryError, KneeModel, ParameterError
from calibrate.knee import ligament
from calibrate.knee.geometry import geometry_of

MCL, LCL = [33.5, 0.06, 78.0, 0.0], [42.8, 0.08, 55.0, 0.0]
# At these lengths both kinks fall on exact binary numbers: e = 0 at 64, e = alpha l_0 = 4 at 68.
EXACT = [100.0, 0.0625, 64.0, 5.0]

# From the project's table of reference loads (lengths and tensions by OpenSim 4.6): geometry 'lenhart', 'tared'.
TARED_MCL, TARED_LCL = [80.0, 0.03, 80.5, 12.0], [65.0, 0.12, 57.0, -7.0]
REFERENCE = [
    (-0.16231562043547265, 80.5464987287697, 66.3475511839532, -63.0715193202465, -23.9946522300932),
    (0.050614548307835558, 82.4640659552259, 53.672505648804, 6.46286190436314, 2.45870284206918),
    (0.17278759594743864, 88.494866108744, 51.6413377081158, 68.1636435110049, 25.9318776273332),
]


def built(config, lcl, mcl, **options):
    model = KneeModel(config, **options)
    model.build_geometry()
    model.build_ligament_forces(lcl, mcl)
    return model


def test_loads_and_lengths_match_the_reference_table():
    angles, mcl_lengths, lcl_lengths, forces, moments = map(np.array, zip(*REFERENCE, strict=True))
    for load in ("force", "moment"):
        out = built(knee(), TARED_LCL, TARED_MCL, load=load).calculate_thetas(angles)
        np.testing.assert_allclose(out["mcl_lengths"], mcl_lengths, rtol=1e-12)
        np.testing.assert_allclose(out["lcl_lengths"], lcl_lengths, rtol=1e-12)
        np.testing.assert_allclose(out["applied_forces"], forces, rtol=1e-12)
        np.testing.assert_allclose(out["applied_moments"] / 1000.0, moments, rtol=1e-12)


def test_a_rolling_knee_does_no_work_at_its_contact_so_the_moment_is_the_slope_of_the_energy():
    model = built(knee(applied=None), LCL, MCL)
    mcl, lcl = BlankevoortFunction(MCL), BlankevoortFunction(LCL)
    h = 1e-4
    for theta in (-0.12, 0.09):
        out = model.calculate_thetas(theta + h * np.array([-2.0, -1.0, 0.0, 1.0, 2.0]))
        energy = mcl.energy(out["mcl_lengths"]) + lcl.energy(out["lcl_lengths"])
        slope = (energy[0] - 8.0 * energy[1] + 8.0 * energy[3] - energy[4]) / (12.0 * h)
        assert out["applied_moments"][2] == pytest.approx(slope, rel=1e-8)


def test_a_sliding_knee_does_work_at_its_contact():
    model = built(knee(rolling=0.0, applied=None), LCL, MCL)
    out = model.calculate_thetas([0.09 - 1e-4, 0.09, 0.09 + 1e-4])
    energy = BlankevoortFunction(MCL).energy(out["mcl_lengths"]) + BlankevoortFunction(LCL).energy(out["lcl_lengths"])
    assert out["applied_moments"][1] != pytest.approx((energy[2] - energy[0]) / 2e-4, rel=1e-2)


def test_a_mirrored_knee_has_the_opposite_load():
    mirrored = knee(
        lat=(20.4, -6.0), r_lat=17.5, med=(-23.5, -6.0), r_med=15.5,
        mcl_f=(-36.0, 4.0), mcl_t=(-44.8, -50.7), lcl_f=(40.0, 12.0), lcl_t=(16.0, -65.0),
    )  # fmt: skip
    angles = np.array([-0.1, 0.08])
    here = built(knee(), LCL, MCL).calculate_thetas(angles)
    there = built(mirrored, MCL, LCL).calculate_thetas(-angles)
    np.testing.assert_allclose(there["applied_forces"], -here["applied_forces"], rtol=1e-12)


def test_the_reaction_balances_what_the_ligaments_and_the_force_do():
    angles = np.array([-0.1, 0.08])
    out = built(knee(), LCL, MCL).calculate_thetas(angles)
    held = built(knee(), LCL, MCL, load="moment").calculate_thetas(angles)
    normal = np.stack([np.sin(angles), -np.cos(angles)], axis=1)
    axis = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    # The two loads differ by a force along the plateau, so they share the push and differ by that force beside it.
    difference = held["constraint_forces"] - out["constraint_forces"]
    np.testing.assert_allclose((difference * normal).sum(axis=1), 0.0, atol=1e-10)
    np.testing.assert_allclose((difference * axis).sum(axis=1), out["applied_forces"], rtol=1e-10)
    assert out["contact_pushes"].all()


def test_a_contact_that_would_have_to_pull_is_flagged():
    tared = [33.5, 0.06, 90.0, 50.0]  # slack, so that the tare alone acts: it pushes the tibia away
    out = built(knee(), LCL, tared).calculate_thetas([0.02])
    assert not out["contact_pushes"].any()


def test_at_the_reference_angle_the_medial_condyle_carries_the_load():
    angle = geometry_of(knee().knee).theta_0
    model = built(knee(), LCL, MCL)
    below, at, above = model.calculate_thetas([angle - 1e-9, angle, angle + 1e-9])["applied_moments"]
    assert at == pytest.approx(below, rel=1e-6)
    assert at != pytest.approx(above, rel=1e-2)


def test_a_step_out_of_order_says_what_to_call_first():
    model = KneeModel(knee())
    with pytest.raises(CallOrderError, match=r"build_geometry\(\) first"):
        model.build_ligament_forces(LCL, MCL)
    with pytest.raises(CallOrderError, match=r"build_geometry\(\) first"):
        model.calculate_thetas([0.0])
    model.build_geometry()
    with pytest.raises(CallOrderError, match=r"build_ligament_forces\(lcl, mcl\) first"):
        model.assemble_equations(0.0)
    model.build_ligament_forces(LCL, MCL)
    with pytest.raises(CallOrderError, match=r"assemble_equations\(theta\) first"):
        model.solve()
    assert len(model.assemble_equations(0.05)) == 3
    assert set(model.solve()) == {"R_x", "R_y", "F"}


def test_a_force_needs_an_application_point_and_a_moment_does_not():
    with pytest.raises(GeometryError, match="application_point is missing"):
        KneeModel(knee(applied=None), load="force")
    out = built(knee(applied=None), LCL, MCL).calculate_thetas([0.1])
    assert np.isnan(out["applied_forces"]).all()
    assert np.isfinite(out["applied_moments"]).all()


@pytest.mark.parametrize(
    "wrong",
    [[1.0, 0.1, 50.0], [1.0, 0.1, 50.0, 0.0, 0.0], [0.0, 0.1, 50.0, 0.0], [1.0, -0.1, 50.0, 0.0],
     [1.0, 0.1, 0.0, 0.0], [np.nan, 0.1, 50.0, 0.0], [1.0, 0.1, 50.0, np.inf]],
)  # fmt: skip
def test_parameters_without_a_meaning_are_refused(wrong):
    with pytest.raises(ParameterError):
        BlankevoortFunction(wrong)


def test_the_law_takes_numbers_and_arrays_and_agrees_with_its_numpy_form():
    lengths = np.linspace(60.0, 75.0, 301)
    law = BlankevoortFunction(EXACT)
    np.testing.assert_allclose(law(lengths), ligament.tension(lengths, *EXACT[:3]) - 5.0, rtol=1e-13)
    np.testing.assert_allclose(law.energy(lengths), ligament.energy(lengths, *EXACT[:3]), rtol=1e-10, atol=1e-12)
    assert isinstance(law(66.0), float)
    assert law(lengths.reshape(7, 43)).shape == (7, 43)
    assert law.expression.subs({"L": 0}) != 0  # the expression's own symbol is positive: another "L" is not it
    assert float(law.expression.subs(law.expression.free_symbols.pop(), 66)) == law(66.0)


def test_the_energy_is_the_integral_of_the_tension():
    law, h = BlankevoortFunction([*EXACT[:3], 0.0]), 1e-3
    for length in (62.0, 66.0, 71.0):
        slope = (law.energy(length + h) - law.energy(length - h)) / (2.0 * h)
        assert slope == pytest.approx(law(length), rel=1e-6, abs=1e-9)


def test_at_a_kink_the_second_derivatives_are_those_of_the_shorter_side():
    law = BlankevoortFunction(EXACT)
    for kink in (64.0, 68.0):
        shorter, at, longer = law.hess([kink - 1e-9, kink, kink + 1e-9])
        np.testing.assert_allclose(at, shorter, rtol=1e-6, atol=1e-6)
        assert np.abs(at - longer).max() > 1.0
    assert law.stiffness(64.0) == 0.0
    assert law.stiffness(68.0) == 100.0


def test_importing_calibrate_and_its_losses_leaves_sympy_alone_and_the_symbolic_knee_does_not():
    code = "import sys, calibrate; calibrate.{}; print('sympy' in sys.modules)"
    for name, expected in (("vectorized_total_loss", "False"), ("KneeModel", "True")):
        done = subprocess.run([sys.executable, "-c", code.format(name)], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == expected, name


def test_running_a_calibration_leaves_sympy_alone(tmp_path):
    code = (
        "import sys\nfrom calibrate import cli\n"
        f"sys.argv = ['calibrate', 'run', '-o', {str(tmp_path / 'run.h5')!r}, '--max-steps', '20']\n"
        "try:\n    cli.main()\nexcept SystemExit as left:\n    print(left.code, 'sympy' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["3", "False"], done.stderr
