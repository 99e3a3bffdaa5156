"""The general compiled likelihood says what an independent code, NumPy and SciPy say, and knows what is impossible."""

import math
import sys

import numpy as np
import pytest
from general_cases import CASES, KINDS, build, kinematics, parameters, slots
from scipy import stats

from calibrate.density import Density, evaluate
from calibrate.knee.general import general_readings, general_residuals
from calibrate.knee.slots import CORRELATED, GAUSSIAN, STUDENT, General


def likelihoods(rows: np.ndarray, g: General) -> np.ndarray:
    """What a posterior of this model has for a likelihood, all parameters free and no prior."""
    prior = np.zeros((rows.shape[1] + 1, 6))
    return evaluate(rows, Density(prior, np.zeros(rows.shape[1]), np.arange(rows.shape[1]), g))[1]


def likelihood(p: np.ndarray, g: General) -> float:
    return float(likelihoods(p[np.newaxis], g)[0])


def readings(p: np.ndarray, g: General) -> np.ndarray:
    return general_readings(p[np.newaxis], g)[0]


def with_changes(p: np.ndarray, strands: int, **changes: float) -> np.ndarray:
    """The vector with some of its numbers changed; "lat_r" is the slot "lat.r"."""
    at, out = slots(strands), p.copy()
    for name, value in changes.items():
        out[at[name.replace("_of_", ".")]] = value
    return out


def slopes_of(p: np.ndarray, g: General, h: float = 1e-5) -> np.ndarray:
    """Slopes of the readings per degree, by central differences in the angle offset of a posed test."""
    at = slots(g.strain.shape[1])["offset"]
    up, down = p.copy(), p.copy()
    up[at] -= h
    down[at] += h
    return (readings(up, g) - readings(down, g)) / (2.0 * h)


@pytest.mark.parametrize("strain", [False, True])
@pytest.mark.parametrize("posed", [False, True])
@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_readings_and_likelihoods_are_those_of_an_independent_code(case: dict, posed: bool, strain: bool) -> None:
    np.testing.assert_allclose(readings(*build(case, posed=posed, strain=strain)), case["reading"], rtol=1e-9)
    for kind, (errors, angle_error) in KINDS.items():
        for known in (False, True):
            p, g = build(case, posed=posed, strain=strain, errors=errors, angle_error=angle_error, known=known)
            expected = case["log_likelihood"][kind]
            np.testing.assert_allclose(likelihood(p, g), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
@pytest.mark.parametrize(("errors", "angle_error"), [*KINDS.values(), (STUDENT, True), (CORRELATED, True)])
def test_cached_and_posed_agree(case: dict, errors: int, angle_error: bool) -> None:
    cached = build(case, posed=False, errors=errors, angle_error=angle_error)
    posed = build(case, posed=True, errors=errors, angle_error=angle_error)
    np.testing.assert_allclose(likelihood(*cached), likelihood(*posed), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("posed", [False, True])
@pytest.mark.parametrize("case", CASES[1::3], ids=range(4))
def test_every_error_model_says_what_scipy_says(case: dict, posed: bool) -> None:
    rng = np.random.default_rng(4)
    n, errors = len(case["test"]["angle"]), case["errors"]
    point = rng.uniform(0.5, 2.0, n) * case["sigma"]
    a, load = np.array(case["test"]["angle"]), np.array(case["test"]["load"])
    for known in (False, True):
        sigma = point if known else np.full(n, case["sigma"])
        residual = load - readings(*build(case))
        widened = np.hypot(sigma, errors["angle_sigma"] * slopes_of(*build(case)))
        smooth = errors["amp"] ** 2 * np.exp(-0.5 * ((a[:, np.newaxis] - a) / errors["ell"]) ** 2)
        for angle_error, sd in ((False, sigma), (True, widened)):
            expected = {
                GAUSSIAN: stats.norm.logpdf(residual, scale=sd).sum(),
                STUDENT: stats.t.logpdf(residual, errors["nu"], scale=sd).sum(),
                CORRELATED: stats.multivariate_normal.logpdf(residual, cov=np.diag(sd**2) + smooth),
            }
            for kind, value in expected.items():
                p, g = build(case, posed=posed, errors=kind, angle_error=angle_error, known=known, sigma=point)
                np.testing.assert_allclose(likelihood(p, g), value, rtol=1e-7 if angle_error else 1e-10)


@pytest.mark.parametrize("posed", [False, True])
def test_the_slope_at_theta_0_is_that_of_the_medial_side(posed: bool) -> None:
    # Both condyles touch at exactly 0 here, and one of the angles is exactly that.
    case = CASES[1]
    case = case | {"test": case["test"] | {"angle": [0.0], "load": [0.0], "direction": [0.0]}}
    row = with_changes(
        parameters(case), 2, lat_of_y=-6.0, med_of_y=-6.0, lat_of_r=16.0, med_of_r=16.0, offset=0.0, angle_sigma=3.0
    )
    expected = []
    for side in (1, -1):
        lengths, arms = kinematics(case, row, np.array([0.0, side * 1e-9]) + 1e-30j)
        tension_slope, tension = [], []
        for s, length in enumerate(lengths):
            k, alpha, l_0, f_ref = row[4 * s : 4 * s + 4]
            m = np.clip(length.real - l_0, 0.0, alpha * l_0)
            tension.append(k * m * (2.0 * (length.real - l_0) - m) / (2.0 * alpha * l_0) - f_ref)
            tension_slope.append(k * m / (alpha * l_0) * length.imag / 1e-30)
        slope = (arms.imag / 1e-30 * tension + arms.real * tension_slope).sum(axis=0)[1]
        value = (arms.real * tension).sum(axis=0)[0] + row[slots(2)["bias"]]
        expected.append(stats.norm.logpdf(value, scale=math.hypot(case["sigma"], 3.0 * slope)))
    assert abs(expected[0] - expected[1]) > 0.01
    got = likelihood(*build(case, posed=posed, rows=[row], angle_error=True))
    # Valgus is positive in this file: the medial side is the one below.
    np.testing.assert_allclose(got, expected[1], rtol=1e-6)


@pytest.mark.parametrize("strands", [2, 3, 4])
def test_likelihoods_of_several_tests_add_up_whatever_their_kinds(strands: int) -> None:
    cases = [case for case in CASES if len(case["strands"]) == strands]
    kinds = {
        "posed": [True, False, True, False],
        "errors": [GAUSSIAN, STUDENT, CORRELATED, GAUSSIAN],
        "angle_error": [True, False, False, False],
        "known": [False, True, False, True],
    }
    alone = [
        build(case, **{name: values[i] for name, values in kinds.items()})  # type: ignore[arg-type]  # by name
        for i, case in enumerate(cases)
    ]
    p, g = build(*cases, **kinds)
    np.testing.assert_allclose(likelihood(p, g), sum(likelihood(*one) for one in alone), rtol=1e-12)
    np.testing.assert_allclose(readings(p, g), np.concatenate([readings(*one) for one in alone]), rtol=1e-12)


def test_tests_can_share_parameters() -> None:
    case = CASES[2]
    p, g = build(case, case)
    apart = likelihood(p, g)
    shared = g._replace(at=np.vstack([g.at[:1]] * 3))
    assert likelihood(p, shared) == apart
    p[p.size // 2 :] = np.nan  # the second test's own numbers, which nobody reads now
    assert likelihood(p, shared) == apart


@pytest.mark.parametrize("name", sorted(set(slots(3)) - {"reference_flexion"}))
def test_a_number_moved_in_a_posed_knee_is_a_knee_built_with_it(name: str) -> None:
    for case in (CASES[7], CASES[4]):
        row = parameters(case)
        row[slots(3)[name]] += 0.01
        for errors, angle_error in KINDS.values():
            posed = likelihood(*build(case, rows=[row], errors=errors, angle_error=angle_error))
            cached = likelihood(*build(case, rows=[row], errors=errors, angle_error=angle_error, posed=False))
            np.testing.assert_allclose(posed, cached, rtol=1e-10)
    unused = name in {"nu", "angle_sigma", "amplitude", "length"}
    before = likelihood(*build(CASES[7]))
    got = likelihood(*build(CASES[7], rows=[parameters(CASES[7]) + 0.01 * (np.arange(50) == slots(3)[name])]))
    # A force's lever arm has no x in it.
    assert (got == before) == (unused or name == "app.x")


def test_reference_strain_refers_to_the_shared_knee_at_its_own_flexion() -> None:
    case = CASES[7]
    p, g = build(case, strain=True)
    at = slots(3)
    shared = p.copy()
    shared[at["reference_flexion"]], shared[at["0.femur.y"]], shared[at["lat.y"]] = 20.0, 9.0, -8.0
    g = g._replace(at=np.vstack([g.at[0], g.at[0] + p.size]))
    expected = parameters(case)
    dx, dy = shared[at["lat.x"]] - shared[at["med.x"]], shared[at["lat.y"]] - shared[at["med.y"]]
    theta_0 = math.atan2(dy, dx) + math.asin((shared[at["med.r"]] - shared[at["lat.r"]]) / math.hypot(dx, dy))
    knee = case | {"test": case["test"] | {"flexion": 20.0, "positive": "valgus"}}
    row = shared.copy()
    row[at["offset"]] = 0.0
    lengths, _ = kinematics(knee, row, np.array([math.degrees(theta_0)]))
    for s in range(3):
        expected[4 * s + 2] = lengths[s, 0] / (1.0 + p[4 * s + 2])
    both = np.concatenate([p, shared])
    np.testing.assert_allclose(readings(both, g), readings(*build(case, rows=[expected])), rtol=1e-10)
    fixed = g._replace(reference_posed=False, reference_length=lengths[:, 0].copy())
    np.testing.assert_allclose(readings(both, fixed), readings(both, g), rtol=1e-10)
    shared[at["lat.x"]] = shared[at["med.x"]] - 1.0
    assert likelihood(np.concatenate([p, shared]), g) == -np.inf
    assert likelihood(np.concatenate([p, shared]), fixed) > -np.inf


def test_students_t_with_many_degrees_of_freedom_is_gaussian() -> None:
    p, g = build(CASES[3], errors=STUDENT)
    gaussian, _ = likelihood(*build(CASES[3])), None
    for nu in (1e3, 1e6, 1e9, 1e14):
        got = likelihood(with_changes(p, 2, nu=nu), g)
        assert abs(got - gaussian) < 100.0 / nu + 1e-10
    at_the_border = [likelihood(with_changes(p, 2, nu=nu), g) for nu in (100.0 - 1e-9, 100.0 + 1e-9)]
    assert abs(at_the_border[0] - at_the_border[1]) < 1e-9


def test_residuals_far_out_do_not_overflow_a_product() -> None:
    case = CASES[3]
    for sigma in (1e-3, 1e-8, 1e-12, 1e-100):
        p, g = build(case, errors=STUDENT)
        residual = np.array(case["test"]["load"]) - readings(p, g)
        got = likelihood(with_changes(p, 2, sigma=sigma), g)
        nu = case["errors"]["nu"]
        np.testing.assert_allclose(got, stats.t.logpdf(residual, nu, scale=sigma).sum(), rtol=1e-11)


@pytest.mark.parametrize("points", [1, 2, 3, 4, 5, 15, 16, 17, 33, 100])
def test_any_number_of_points(points: int) -> None:
    case, rng = CASES[8], np.random.default_rng(points)
    # Some angles more than once.
    angle, load = rng.uniform(-8.0, 8.0, points).round(1), rng.normal(0.0, 20.0, points)
    test = case["test"] | {"angle": angle, "load": load, "direction": rng.choice([-1, 1], points)}
    case = case | {"test": test}
    sigma, errors = case["sigma"], case["errors"]
    p, g = build(case, errors=STUDENT)
    residual = load - readings(p, g)
    expected = stats.t.logpdf(residual, errors["nu"], scale=sigma).sum()
    np.testing.assert_allclose(likelihood(p, g), expected, rtol=1e-11)
    p, g = build(case, errors=CORRELATED)
    for length in (1e-100, 1e-3, 0.3, errors["ell"], 100.0):
        smooth = errors["amp"] ** 2 * np.exp(-0.5 * ((angle[:, np.newaxis] - angle) / length) ** 2)
        expected = stats.multivariate_normal.logpdf(residual, cov=smooth + sigma**2 * np.eye(points))
        np.testing.assert_allclose(likelihood(with_changes(p, 4, length=length), g), expected, rtol=1e-10)


def test_a_discrepancy_without_amplitude_is_none() -> None:
    p, g = build(CASES[3], errors=CORRELATED)
    got = likelihood(with_changes(p, 2, amplitude=1e-9), g)
    np.testing.assert_allclose(got, likelihood(*build(CASES[3])), rtol=1e-12)


POSITIVE = ["0.k", "0.alpha", "0.slack", "1.k", "1.alpha", "1.slack", "sigma", "nu", "amplitude", "length"]
ALL_ERRORS = [(GAUSSIAN, False), (STUDENT, True), (CORRELATED, True)]


def uses(name: str, errors: int, angle_error: bool, posed: bool, strain: bool) -> bool:
    """Whether a likelihood of the force test at a flexion, with an axis given, depends on a parameter."""
    if name in {"nu", "amplitude", "length"}:
        return errors == (STUDENT if name == "nu" else CORRELATED)
    if name == "angle_sigma":
        return angle_error
    if name == "reference_flexion":
        return strain
    law = name.rpartition(".")[2] in {"k", "alpha", "slack", "f_ref"}
    if law or name in {"bias", "hysteresis", "sigma"}:
        return True
    return posed or (strain and name not in {"offset", "rolling", "app.x", "app.y"})


@pytest.mark.parametrize("strain", [False, True])
@pytest.mark.parametrize("posed", [False, True])
@pytest.mark.parametrize(("errors", "angle_error"), ALL_ERRORS)
def test_what_has_no_meaning_is_impossible(errors: int, angle_error: bool, posed: bool, strain: bool) -> None:
    p, g = build(CASES[1], errors=errors, angle_error=angle_error, posed=posed, strain=strain)
    assert likelihood(p, g) > -np.inf
    for name, i in slots(2).items():
        for value in (np.nan, np.inf, -np.inf, 0.0, -1.0, 1e308, -1e308, 1e155, 1e-320):
            q = p.copy()
            q[i] = value
            got = likelihood(q, g)
            assert not np.isnan(got)
            assert got < np.inf
            used = uses(name, errors, angle_error, posed, strain)
            if not np.isfinite(value) or (
                name in POSITIVE and not (strain and name.endswith("slack")) and value <= 0.0
            ):
                assert (got == -np.inf) == used, (name, value)
            elif name.endswith(".r") and value <= 0.0 and used:
                assert got == -np.inf, (name, value)


def test_what_has_no_meaning_in_particular() -> None:
    p, g = build(CASES[1], angle_error=True, strain=True)
    for change, possible in [
        ({"angle_sigma": 0.0}, True),
        ({"angle_sigma": -1e-9}, False),
        ({"0_of_slack": -0.999}, True),
        ({"0_of_slack": -1.0}, False),
        ({"1_of_slack": -1.001}, False),
        ({"lat_of_x": -23.0}, False),  # medial of the medial one
        ({"lat_of_r": 70.0}, False),  # one condyle within the other
        ({"lat_of_y": 30.0}, True),
        ({"lat_of_y": 45.0}, False),  # the plateau stands on edge
        ({"lat_of_y": -75.0}, False),
    ]:
        assert (likelihood(with_changes(p, 2, **change), g) > -np.inf) == possible, change
    # The lever arm of a force applied on the plateau.
    p, g = build(CASES[1])
    knee = CASES[1]["geometry"]
    (dx, dy), (x, y) = np.subtract(knee["lat_c"], knee["med_c"]), knee["med_c"]
    theta_0 = math.atan2(dy, dx) + math.asin((knee["med_r"] - knee["lat_r"]) / math.hypot(dx, dy))
    height = -math.sin(theta_0) * x + math.cos(theta_0) * y - knee["med_r"]
    assert likelihood(with_changes(p, 2, app_of_y=height), g) == -np.inf
    assert likelihood(with_changes(p, 2, app_of_y=height + 1e-3), g) > -np.inf


def test_a_meaningless_row_spoils_neither_readings_nor_others() -> None:
    p, g = build(CASES[1], known=True, sigma=np.linspace(0.5, 2.0, 14))
    rows = np.vstack([p, with_changes(p, 2, lat_of_r=-1.0), with_changes(p, 2, sigma=-1.0)])
    got = general_readings(rows, g)
    assert np.isnan(got[1]).all()
    np.testing.assert_array_equal(got[2], got[0])
    expected = (got - g.load) / np.linspace(0.5, 2.0, 14)
    np.testing.assert_allclose(general_residuals(rows, g), expected, rtol=1e-14)
    np.testing.assert_array_equal(likelihoods(rows, g) > -np.inf, [True, False, True])
    inferred = build(CASES[1])[1]
    np.testing.assert_array_equal(general_residuals(rows[:1], inferred), general_readings(rows[:1], inferred) - g.load)


def test_arrays_are_neither_lost_nor_kept() -> None:
    # The compiled functions do not count references; nothing may come of it.
    p, g = build(CASES[1], posed=[False], errors=CORRELATED, angle_error=True, strain=True)
    arrays = [p, *(value for value in g if isinstance(value, np.ndarray))]
    likelihood(p, g)
    before = [sys.getrefcount(array) for array in arrays]
    for _ in range(100):
        likelihood(p, g)
        readings(p, g)
    assert [sys.getrefcount(array) for array in arrays] == before
