"""The ladder: every faster knee is the symbolic one, and its derivatives are those of the model."""

import itertools

import numpy as np
import pytest
from conftest import BOX
from knees import REGIONS, knee, random_knee, random_parameters, region_of

from calibrate import (
    BlankevoortFunction,
    CachedKneeModel,
    KneeModel,
    ParameterError,
    PrecomputedKneeModel,
)
from calibrate.config import load_config
from calibrate.knee import precomputed
from calibrate.knee.cached import CachedKnee
from calibrate.knee.geometry import geometry_of, kinematics
from calibrate.knee.precomputed import Recent
from calibrate.losses import parallel_total_loss, vectorized_total_loss
from calibrate.posterior import Posterior

RELATIVE = 1e-10
SETS = 50


@pytest.fixture(scope="module")
def cases():
    """Fifty parameter sets on six knees (three kinds of rolling, two loads), each solved by SymPy on one condyle."""
    rng = np.random.default_rng(20260701)
    knees = [(random_knee(rng, rolling), load) for rolling in (0.0, 0.5, 1.0) for load in ("force", "moment")]
    models = [KneeModel(config, load=load) for config, load in knees]
    for model in models:
        model.build_geometry()
    regions = itertools.cycle(itertools.product(REGIONS, REGIONS))
    out = []
    for i in range(SETS):
        (config, load), model = knees[i % len(knees)], models[i % len(knees)]
        middle = model.geometry.theta_0
        angles = middle + rng.uniform(0.01, 0.15, 1) * (-1.0) ** (i // len(knees))
        parameters = random_parameters(rng, config, angles[0], next(regions))
        model.build_ligament_forces(parameters[4:], parameters[:4])
        symbolic = model.calculate_thetas(angles)
        out.append((config, load, angles, parameters, symbolic, symbolic[f"applied_{load}s"]))
    return out


def assert_close(actual, expected):
    """Within 1e-10 relative, each number by itself; a slack knee's zero has to be zero."""
    np.testing.assert_allclose(actual, expected, rtol=RELATIVE, atol=0.0)


def test_the_cases_visit_slack_toe_and_linear_on_both_ligaments_and_both_condyles(cases):
    visited = {ligament: set() for ligament in ("mcl", "lcl")}
    sides = set()
    for config, load, angles, parameters, symbolic, _ in cases:
        for i, ligament in enumerate(visited):
            found = region_of(symbolic[f"{ligament}_lengths"], parameters[4 * i : 4 * i + 4])
            visited[ligament] |= set(found.tolist())
        sides |= {(config.knee.rolling, load, bool(a > geometry_of(config.knee).theta_0)) for a in angles}
    assert visited == {"mcl": {0, 1, 2}, "lcl": {0, 1, 2}}
    assert sides == set(itertools.product((0.0, 0.5, 1.0), ("force", "moment"), (False, True)))


def test_the_cached_knee_is_the_symbolic_one(cases):
    for config, load, angles, p, _, expected in cases:
        assert_close(CachedKneeModel(config, load=load).loads(p[:4], p[4:], angles), expected)


def test_the_precomputed_knee_is_the_symbolic_one(cases):
    for config, load, angles, p, _, expected in cases:
        assert_close(PrecomputedKneeModel(config, load=load).loads(p, angles), expected)


def test_the_numpy_batch_is_the_symbolic_knee_in_lengths_tensions_loads_and_push(cases):
    for config, load, angles, p, symbolic, expected in cases:
        batch = CachedKnee.build(geometry_of(config.knee), angles, load, "valgus")
        scale = 1.0 if load == "force" else 1000.0  # the batch gives moments in the file's N·m
        assert_close(scale * batch.loads(p[np.newaxis])[0], expected)
        assert_close(batch.kinematics.lengths, [symbolic["mcl_lengths"], symbolic["lcl_lengths"]])
        assert_close(batch.tensions(p[np.newaxis])[0], [symbolic["mcl_forces"], symbolic["lcl_forces"]])
        normal = np.stack([np.sin(angles), -np.cos(angles)], axis=1)
        push = (symbolic["constraint_forces"] * normal).sum(axis=1)
        np.testing.assert_allclose(batch.push(p[np.newaxis])[0], push, rtol=RELATIVE, atol=1e-10)
        clear = np.abs(push) > 1e-9
        np.testing.assert_array_equal(symbolic["contact_pushes"][clear], push[clear] >= 0.0)


def assert_losses_against_half_the_load(cases, evaluate):
    """The loss of one angle, measured at half the true load, is a quarter of its square: sign and size in one."""
    for config, load, angles, p, _, expected in cases:
        for angle, true in zip(angles, expected, strict=True):
            assert_close(evaluate(config, load, p, angle, 0.5 * true), 0.25 * true**2)


def test_the_compiled_batch_is_the_symbolic_knee(cases):
    def evaluate(config, load, p, angle, measured):
        return vectorized_total_loss(p[np.newaxis], [angle], [measured], CachedKneeModel(config, load=load))[0]

    assert_losses_against_half_the_load(cases, evaluate)


def test_the_process_pool_is_the_symbolic_knee(cases):
    def evaluate(config, load, p, angle, measured):
        return parallel_total_loss([p], [angle], [measured], config, workers=2, load=load)[0]

    assert_losses_against_half_the_load(cases, evaluate)


def test_a_knee_of_slightly_other_rolling_is_told_apart(cases):
    config, load, angles, p, _, expected = next(case for case in cases if case[5].all())
    other = config.model_copy(update={"knee": config.knee.model_copy(update={"rolling": config.knee.rolling + 1e-7})})
    with pytest.raises(AssertionError):
        assert_close(PrecomputedKneeModel(other, load=load).loads(p, angles), expected)


def complex_loads(poses, load, p):
    """The loads from the NumPy geometry and a law that also takes complex parameters."""
    total = np.zeros(len(poses.angles), dtype=complex)
    for i, (length, coefficient) in enumerate(zip(poses.lengths, poses.coefficients(load), strict=True)):
        k, alpha, l_0, f_ref = p[4 * i : 4 * i + 4]
        e, toe = length - l_0, alpha * l_0
        tension = np.where(e.real <= np.real(toe), k * e**2 / (2.0 * toe), k * (e - toe / 2.0))
        total += coefficient * (np.where(e.real <= 0.0, 0.0, tension) - f_ref)
    return total


def complex_step(poses, load, p):
    """The loads' Jacobian to the last digit: no difference is taken."""
    step = 1e-30 * unit(p)
    columns = [complex_loads(poses, load, p + 1j * step * row).imag / step[i] for i, row in enumerate(np.eye(8))]
    return np.stack(columns, axis=-1)


def away_from_kinks(cases):
    """The angles at which no strain is within 0.3 % of a kink."""
    for config, load, angles, p, symbolic, _ in cases:
        distance = np.full(len(angles), np.inf)
        for i, ligament in enumerate(("mcl", "lcl")):
            strain = symbolic[f"{ligament}_lengths"] / p[4 * i + 2] - 1.0
            distance = np.minimum(distance, np.minimum(abs(strain), abs(strain - p[4 * i + 1])))
        if (distance > 3e-3).any():
            yield config, load, angles[distance > 3e-3], p


def unit(p):
    """What one means for each parameter: its own size, or 1 N for no tare."""
    return np.where(p == 0.0, 1.0, abs(p))


def assert_same_derivatives(actual, expected, natural):
    """Within 1e-8 relative, each by itself; those that vanish, within 1e-8 of their natural size."""
    vanishing = actual == 0.0
    np.testing.assert_allclose(actual[~vanishing], expected[~vanishing], rtol=1e-8, atol=0.0)
    assert (abs(expected) <= 1e-8 * natural)[vanishing].all()


def test_the_jacobian_is_the_complex_step_one(cases):
    seen = 0
    for config, load, angles, p in away_from_kinks(cases):
        expected = complex_step(kinematics(geometry_of(config.knee), angles), load, p)
        actual = PrecomputedKneeModel(config, load=load).jacobian(p, angles)
        assert_same_derivatives(actual, expected, abs(actual * unit(p)).max() / unit(p))
        sign = CachedKnee.build(geometry_of(config.knee), angles, load, "valgus")
        scale = 1.0 if load == "force" else 1000.0
        np.testing.assert_allclose(scale * sign.jacobian(p[np.newaxis])[0], actual, rtol=1e-11, atol=1e-12)
        seen += len(angles)
    assert seen == SETS


def test_the_hessian_is_the_eighth_order_difference_of_the_complex_step_jacobian(cases):
    weights = np.array([1 / 280, -4 / 105, 1 / 5, -4 / 5, 0.0, 4 / 5, -1 / 5, 4 / 105, -1 / 280])
    for config, load, angles, p in away_from_kinks(cases):
        model, poses = PrecomputedKneeModel(config, load=load), kinematics(geometry_of(config.knee), angles)
        actual = model.hessian(p, angles)
        for i in range(8):
            # Steps that keep every strain on its side of the kinks: four of them move a strain by 0.2 %.
            step = 5e-4 * p[i] if i % 4 == 2 else 4e-3 * (p[i] or 1.0)
            steps = [complex_step(poses, load, p + n * step * np.eye(8)[i]) for n in range(-4, 5)]
            expected = np.tensordot(weights, np.array(steps), axes=1) / step
            slope = abs(model.jacobian(p, angles) * unit(p)).max()
            assert_same_derivatives(actual[:, i], expected, slope / (unit(p) * unit(p)[i]))
        np.testing.assert_allclose(actual, actual.transpose(0, 2, 1), rtol=1e-12, atol=1e-12)


@pytest.fixture(scope="module")
def posterior():
    return Posterior.from_config(load_config(BOX))


def jacobian_of_residuals(posterior, q):
    """From SymPy's Jacobian, in the data file's unit (N·m) and sign (varus positive)."""
    model = PrecomputedKneeModel(posterior.config, load="moment")
    angles = -posterior.measurement.to_radians(posterior.measurement.angles)
    by_law = model.jacobian(posterior.full(q)[0, :8], angles) / -1000.0
    free = [f"{ligament}.{quantity}" for ligament in ("mcl", "lcl") for quantity in ("k", "alpha", "l_0")]
    assert posterior.names == (*free, "noise.sigma")
    return by_law[:, [0, 1, 2, 4, 5, 6]]


def test_the_fit_uses_sympys_jacobian(posterior):
    q = 0.5 * (posterior.lower + posterior.upper)
    actual = posterior.jacobian(q[np.newaxis])[0]
    np.testing.assert_allclose(actual[:, :6], jacobian_of_residuals(posterior, q), rtol=1e-12, atol=1e-12)
    assert not actual[:, 6].any()  # sigma is inferred and divides no residual


def test_at_a_kink_the_derivatives_are_those_of_the_shorter_side():
    angles = np.array([0.1])
    model = PrecomputedKneeModel(knee())
    length = float(kinematics(model.geometry, angles).lengths[0, 0])
    slack = np.array([50.0, 0.05, length, 0.0, 40.0, 0.05, 80.0, 0.0])  # the MCL at its slack length, the LCL slack
    assert model.loads(slack, angles)[0] == 0.0
    assert not model.hessian(slack, angles)[:, :3, :3].any()
    in_toe = slack.copy()
    in_toe[2] -= 1e-9
    assert model.hessian(in_toe, angles)[0, 2, 2] != 0.0


def test_parameters_and_angles_come_in_rows():
    rng = np.random.default_rng(2)
    config = knee()
    model, angles = PrecomputedKneeModel(config), np.linspace(-0.14, 0.14, 33)
    rows = np.array([random_parameters(rng, config, 0.05, ("toe", "linear")) for _ in range(4)])
    assert model.loads(rows, angles).shape == (4, 33)
    assert model.jacobian(rows, angles).shape == (4, 33, 8)
    assert model.hessian(rows, angles).shape == (4, 33, 8, 8)
    np.testing.assert_array_equal(model.hessian(rows, angles)[2], model.hessian(rows[2], angles))
    with pytest.raises(ParameterError, match=r"mcl\.k = -1 N/mm, but it has to be positive"):
        model.loads([-1.0, *rows[0, 1:]], angles)
    with pytest.raises(ParameterError, match="expected"):
        model.loads(rows[:, :7], angles)


def test_the_derivation_happens_once():
    """`calibrate profile` shows the seconds that it takes."""
    precomputed._derive.cache_clear()
    PrecomputedKneeModel(knee(), load="force")
    assert precomputed._derive.cache_info().misses == 1
    PrecomputedKneeModel(knee(rolling=0.0), load="moment")
    assert precomputed._derive.cache_info().misses == 1


def test_the_cache_of_ligaments_is_bounded_and_forgets_the_least_recently_used():
    model = CachedKneeModel(knee(), ligaments=2)
    first, second, third = ([k, 0.05, 80.0, 0.0] for k in (10.0, 20.0, 30.0))
    kept = model.ligament(first)
    model.ligament(second)
    assert model.ligament(first) is kept
    model.ligament(third)  # drops the second, which was used before the first
    assert model.ligament(first) is kept
    assert len(model.ligaments) == 2
    again = model.ligament(second)
    assert isinstance(again, BlankevoortFunction)
    assert model.ligament(second) is again
    with pytest.raises(ValueError, match="keeps nothing"):
        Recent(0)


def test_the_geometry_is_built_once_for_each_set_of_angles():
    model, angles = CachedKneeModel(knee(), angle_sets=1), np.linspace(-0.1, 0.1, 5)
    kept = model.coefficients(angles)
    assert model.coefficients(angles.copy()) is kept
    model.coefficients(2.0 * angles)
    assert model.coefficients(angles) is not kept
