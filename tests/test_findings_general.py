"""Findings of whole runs of several tests, other errors and priors: where each oddity is planted, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from clouds import FREE, SIGMA, TRUTH, angles_of, loads_of, measured, noisy, run_of
from conftest import KNEE, PARAMETERS
from stand_ins import said
from test_findings import found, sentence

from calibrate.bestfit import best_fits
from calibrate.config import parse_config
from calibrate.data import Measurement, parse_measurement
from calibrate.findings.fit import condyle_pulls, explains_little
from calibrate.findings.residual import of_residuals
from calibrate.posterior import Posterior
from calibrate.results import Run
from calibrate.sampling.fit import find_map

INFERRED = "sigma = { lower = 0.01, upper = 5.0 }"
SAMPLING = "[sampling]\nensembles = 2\nwalkers = 16\nmin_ess = 50\nmax_rhat = 1.1\n"
Tests = Mapping[str, Measurement]


def posterior_of(
    tests: Tests,
    *,
    noise: str = INFERRED,
    own: Mapping[str, str] | None = None,
    knee: str = KNEE,
    parameters: str = PARAMETERS,
    measurement: str = "",
) -> Posterior:
    """Return the posterior of some tests, valgus positive unless a test's own lines say otherwise."""
    lines = {name: (own or {}).get(name, 'positive = "valgus"') for name in tests}
    tables = "".join(f'[tests.{name}]\nfile = "{name}.csv"\n{text}\n' for name, text in lines.items())
    text = f"{knee}{parameters}{measurement}\n[noise]\n{noise}\n{tables}{SAMPLING}"
    return Posterior.from_config(parse_config(text), tests)


def best(posterior: Posterior) -> Run:
    """Return a run around the maximum of the posterior, with a small share of the priors' standard deviations."""
    q = find_map(posterior, np.random.default_rng(1))[0].q
    draws = np.clip(q + 0.007 * posterior.scale * noise_of(posterior), posterior.lower, posterior.upper)
    return run_of(posterior, draws)


def noise_of(posterior: Posterior) -> np.ndarray:
    """Return steps away from a centre, none of a walker of each step or so, which is never the same for long."""
    away = np.random.default_rng(2).standard_normal((3200, posterior.ndim))
    away[::17] = 0.0
    return away


def near(posterior: Posterior) -> Run:
    """Return a run around the truth, each test's sigma as its readings have it, which is where such a chain ends."""
    law = dict(zip(("mcl.k", "mcl.alpha", "mcl.l_0", "lcl.k", "lcl.alpha", "lcl.l_0"), TRUTH[FREE], strict=True))
    q = np.array([law.get(name, 1.0) for name in posterior.names])
    for test in posterior.tests:
        missed = posterior.predict(q, None, test.name)[0] - test.measurement.loads
        q[posterior.names.index(f"{test.name}.noise.sigma")] = np.sqrt(np.mean(missed**2))
    draws = np.clip(q + 0.007 * posterior.scale * noise_of(posterior), posterior.lower, posterior.upper)
    return run_of(posterior, draws)


def clean(n: int = 30) -> dict[str, Measurement]:
    return {"a": noisy(n, seed=1), "b": noisy(n, seed=2)}


def with_b(change: str, n: int = 40) -> dict[str, Measurement]:
    """Return two tests of which the second has something odd."""
    data = noisy(n, seed=2)
    angles, loads = data.angles.copy(), data.loads.copy()
    if change == "sign":
        loads = -loads
    elif change == "slip":
        loads[n - 2] *= 10.0
    elif change == "creep":
        angles = np.repeat(angles_of(n // 20), 20)
        loads = loads_of(angles) * (1.0 + 0.2 * np.tile(np.exp(-np.arange(20) / 5.0), n // 20))
        loads += 0.1 * np.random.default_rng(3).standard_normal(n)
    return {"a": noisy(40, seed=1), "b": measured(angles, loads)}


OWN_SIGMA = dict.fromkeys(("a", "b"), f'positive = "valgus"\nnoise.{INFERRED}')


def test_two_clean_tests_have_no_findings() -> None:
    assert found(best(posterior_of(clean()))) == set()


@pytest.mark.parametrize(
    ("change", "finding"), [("sign", "explains-little"), ("slip", "outlying-reading"), ("creep", "residuals-alike")]
)
def test_the_test_that_is_odd_is_named(change: str, finding: str) -> None:
    tests = with_b(change, 240 if change == "creep" else 40)
    run = near(posterior_of(tests, own=OWN_SIGMA, noise=""))
    assert finding in found(run)
    said = [text for text in run.warnings() if text.startswith("test ")]
    assert said
    assert {text[:7] for text in said} == {"test b:"}, said
    assert sentence(run, finding) in said


def test_tests_in_other_units_and_signs_are_each_compared_with_their_own() -> None:
    """A force of hundreds of newtons beside a moment of some newton metres, varus positive."""
    moment, rng = noisy(30, seed=1), np.random.default_rng(3)
    force = -1000.0 * loads_of(-moment.angles) / 300.0  # the application point's lever arm
    text = "angle_deg,force_N\n" + "".join(
        f"{angle!r},{load!r}\n"
        for angle, load in zip(moment.angles.tolist(), (force + rng.standard_normal(30)).tolist(), strict=True)
    )
    own = {"a": OWN_SIGMA["a"], "b": OWN_SIGMA["b"].replace("valgus", "varus").replace("5.0", "50.0")}
    run = near(posterior_of({"a": moment, "b": parse_measurement(text)}, own=own, noise=""))
    assert found(run) == set(), list(run.warnings())
    first, second = best_fits(run.posterior, run.thinned(100))
    assert first.explained > 0.95
    assert second.explained > 0.95
    # Residuals are in units of each test's own sigma.
    assert first.misfit == pytest.approx(1.0, abs=0.7)
    assert second.misfit == pytest.approx(1.0, abs=0.7)
    lines = text.splitlines()
    lines[5] = f"{lines[5].split(',')[0]},999.0"
    slipped = "\n".join(lines) + "\n"
    run = near(posterior_of({"a": moment, "b": parse_measurement(slipped)}, own=own, noise=""))
    assert sentence(run, "outlying-reading").startswith("test b: 1 of 30 readings lie too far off")
    assert "999 N at" in sentence(run, "outlying-reading")


def slipped() -> dict[str, Measurement]:
    data = noisy(40)
    loads = data.loads.copy()
    loads[38] *= 10.0
    return {"a": measured(data.angles, loads)}


def test_a_slip_with_student_errors_counts_little() -> None:
    run = best(posterior_of(slipped(), noise=f"{INFERRED}\nnu = 4.0"))
    assert found(run) == {"outlying-reading"}
    assert "carry little weight" in sentence(run, "outlying-reading")
    assert "remove" not in sentence(run, "outlying-reading")


def loop() -> dict[str, Measurement]:
    there = angles_of(30)
    loads = np.concatenate([loads_of(there) + 1.0, loads_of(there)[::-1] - 1.0])
    loads += 0.1 * np.random.default_rng(4).standard_normal(60)
    return {"a": measured(np.concatenate([there, there[::-1]]), loads)}


def test_a_pattern_is_found_unless_it_is_modelled() -> None:
    assert found(best(posterior_of(loop()))) == {"residuals-loop"}
    discrepancy = "sigma = 0.5\ndiscrepancy = { amplitude = 1.5, length = 2.0 }"
    assert found(best(posterior_of(loop(), noise=discrepancy))) == set()


def test_a_zero_that_is_free_takes_up_its_shift() -> None:
    data = noisy(60)
    shifted = {"a": measured(data.angles + 2.5, data.loads)}
    assert "zero of the angle" in sentence(best(posterior_of(shifted)), "residuals-alike")
    free = "[measurement]\nangle_offset = { mean = 0.0, sd = 3.0 }\n"
    run = best(posterior_of(shifted, measurement=free))
    assert found(run) == set(), list(run.warnings())


@pytest.mark.parametrize("factor", [0.9, 0.2])
def test_a_sigma_too_small_is_told_by_test(factor: float) -> None:
    own = {
        "a": f'positive = "valgus"\nnoise.sigma = {SIGMA}',
        "b": f'positive = "valgus"\nnoise.sigma = {factor * SIGMA}',
    }
    run = best(posterior_of(clean(), own=own, noise=""))
    assert found(run) == (set() if factor == 0.9 else {"sigma-too-small"})
    if factor != 0.9:
        assert sentence(run, "sigma-too-small").startswith("test b: the best fit misses the data by ")


def test_an_error_of_the_angle_counts_as_an_error() -> None:
    """Readings taken at angles that are off by 0.3 degrees miss a sigma of 0.1 N.m by far, but not both together."""
    angles = angles_of(60)
    rng = np.random.default_rng(5)
    tests = {"a": measured(angles, loads_of(angles + 0.3 * rng.standard_normal(60)) + 0.1 * rng.standard_normal(60))}
    assert "sigma-too-small" in found(best(posterior_of(tests, noise="sigma = 0.1")))
    assert "sigma-too-small" not in found(best(posterior_of(tests, noise="sigma = 0.1\nangle_sigma = 0.3")))


def test_geometry_that_the_data_do_not_tell_is_the_priors() -> None:
    knee = KNEE.replace("radius = 20.0", "radius = { mean = 20.0, sd = 0.5 }")
    posterior = posterior_of({"a": noisy(40)}, knee=knee)
    run = best(posterior)
    assert found(run) == set()
    draws = np.array(run.some_samples())
    i, j = (posterior.names.index(f"knee.{side}_condyle.radius") for side in ("lateral", "medial"))
    draws[:, i] = 20.0 + 0.49 * np.random.default_rng(1).standard_normal(len(draws))
    run = run_of(posterior, draws)
    assert "prior-decides" in {finding.code for finding in run.findings()}
    assert sentence(run, "prior-decides").startswith("the prior, not the data, decides knee.lateral_condyle.radius (9")
    assert "medial" not in sentence(run, "prior-decides")
    assert j != i


def test_a_condyle_that_pulls_is_looked_for_on_the_best_draws_knee() -> None:
    """Free radii: the middle of the prior is not this knee."""
    knee = KNEE.replace("radius = 20.0", "radius = { mean = 20.0, sd = 0.5 }")
    parameters = PARAMETERS.replace("[parameters.lcl]", "f_ref = 400.0\n[parameters.lcl]")
    truth = TRUTH.copy()
    truth[3] = 400.0
    angles = angles_of(40)
    loads = loads_of(angles, truth) + SIGMA * np.random.default_rng(1).standard_normal(40)
    run = best(posterior_of({"a": measured(angles, loads)}, knee=knee, parameters=parameters))
    assert "condyle-pulls" in found(run)
    (fit,) = best_fits(run.posterior, run.thinned(50))
    seen = []
    real = Posterior.knee_at

    def knee_at(self: Posterior, angles: object, q: object, test: str) -> object:
        seen.append(q)
        return real(self, angles, q, test)  # type: ignore[arg-type]  # passed on as it is

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Posterior, "knee_at", knee_at)
        assert said(condyle_pulls(run, fit, run.thinned(50)))
    np.testing.assert_array_equal(seen, [fit.q])


def test_clean_pairs_of_tests_have_no_findings_on_their_fit() -> None:
    bad = []
    for seed in range(12):
        n = (12, 15, 24)[seed % 3]
        tests = {"a": noisy(n, seed=300 + seed), "b": noisy(2 * n, seed=400 + seed)}
        posterior = posterior_of(tests)
        q = find_map(posterior, np.random.default_rng(1))[0].q
        run = run_of(posterior, np.tile(q, (32, 1)))
        for fit in best_fits(posterior, q[np.newaxis]):
            bad += [*explains_little(run, fit), *of_residuals(run, fit)]
    assert len(bad) <= 1, bad
