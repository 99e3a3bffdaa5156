"""Findings that need a posterior, on one that is Gaussian around the best fit: each planted oddity and nothing else."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from clouds import SIGMA, angles_of, loads_of, measured, noisy, posterior_of, run_of
from conftest import KNEE, PARAMETERS
from test_findings import found, sentence

from calibrate.bestfit import _valgus
from calibrate.config import parse_config
from calibrate.data import Measurement
from calibrate.posterior import Posterior
from calibrate.results import Run
from calibrate.sampling.fit import find_map

SAMPLING = "[sampling]\nensembles = 2\nwalkers = 16\nmin_ess = 50\nmax_rhat = 1.1\n"


def laplace(posterior: Posterior) -> Run:
    """Return a run of Gaussian draws around the best fit, as wide as its slopes and the priors say."""
    q = find_map(posterior, np.random.default_rng(1))[0].q
    residuals, slopes = posterior.residuals(q[np.newaxis])[0], posterior.jacobian(q[np.newaxis])[0]
    noise = np.sqrt(np.mean(residuals**2))
    information = slopes.T @ slopes / noise**2 + np.diag(1.0 / posterior.scale**2)
    column = posterior.names.index("noise.sigma")
    information[column, column] += 2.0 * residuals.size / noise**2
    root = np.linalg.inv(np.linalg.cholesky(information)).T
    draws = q + np.random.default_rng(2).standard_normal((3200, posterior.ndim)) @ root.T
    margin = 1e-3 * posterior.scale
    return run_of(posterior, np.clip(draws, posterior.lower + margin, posterior.upper - margin))


def of(data: Measurement, **changes: str) -> Run:
    return laplace(posterior_of(data, **changes))


def noise_of(n: int, seed: int = 3) -> np.ndarray:
    return SIGMA * np.random.default_rng(seed).standard_normal(n)


def one_arm(factor: float, n: int = 60) -> Measurement:
    angles = angles_of(n)
    return measured(angles, loads_of(angles) + noise_of(n) * np.where(angles > 0.0, factor, 1.0))


def tailed(share: float, n: int = 300) -> Measurement:
    """Return readings of which a share is off by three times the noise, and the others by less than it."""
    rng = np.random.default_rng(4)
    far = rng.random(n) < share
    noise = np.where(far, 3.0 * np.sign(rng.standard_normal(n)), 0.7 * rng.standard_normal(n))
    return measured(angles_of(n), loads_of(angles_of(n)) + SIGMA * noise)


def repeated(off: float, times: int = 4) -> Measurement:
    """Return angles read so often one after another, each set a little off where it was meant to be."""
    angles = np.repeat(angles_of(15), times)
    set_to = angles + np.repeat(off * np.random.default_rng(5).standard_normal(15), times)
    return measured(angles, loads_of(set_to) + noise_of(angles.size))


def looped(width: float) -> Measurement:
    """Return random angles, taken on the way up or down as a column says."""
    rng = np.random.default_rng(8)
    angles, ways = rng.uniform(-8.0, 8.0, 80), np.where(rng.random(80) < 0.5, 1.0, -1.0)
    return replace(measured(angles, loads_of(angles) + width * ways + SIGMA * rng.standard_normal(80)), direction=ways)


def off(n: int, sigma: float) -> Measurement:
    return noisy(n, seed=7, sigma=sigma)


# What is planted, and the findings that there have to be, beside bounds: these and no others.
CASES: dict[str, tuple[Callable[[], Run], set[str]]] = {
    "clean": (lambda: of(noisy()), set()),
    "one arm as good as the other": (lambda: of(one_arm(1.0)), set()),
    "one arm five times worse": (lambda: of(one_arm(5.0)), {"residuals-arm"}),
    "tails of Gaussian noise": (lambda: of(noisy(300)), set()),
    "heavy tails": (lambda: of(tailed(0.08)), {"residuals-tails"}),
    "heavy tails with Student-t errors": (
        lambda: of(tailed(0.08), noise="sigma = { lower = 0.01, upper = 5.0 }\nnu = 4.0"),
        set(),
    ),
    "repeats that agree with the fit": (lambda: of(repeated(0.0)), set()),
    "repeats that agree better with each other": (lambda: of(repeated(0.5)), {"noise-swallows"}),
    "a loop by the column": (lambda: of(looped(0.5)), {"residuals-loop"}),
    "no loop": (lambda: of(looped(0.0)), set()),
    "noise of a twentieth of the load": (lambda: of(off(80, 1.5)), set()),
    "noise of a fifth of the load": (lambda: of(off(80, 5.0)), {"sigma-too-large"}),
}


@pytest.mark.parametrize("name", CASES)
def test_findings_are_those_planted_and_no_others(name: str) -> None:
    run = CASES[name][0]()
    assert found(run) - {"bound-reached"} == CASES[name][1], list(run.warnings())


def test_the_worse_arm_is_the_one_that_was_made_so() -> None:
    assert "on the valgus arm they scatter" in sentence(CASES["one arm five times worse"][0](), "residuals-arm")
    assert "on the varus arm they scatter" in sentence(of(one_arm(0.2)), "residuals-arm")


def test_a_prior_that_the_data_speak_against_is_told() -> None:
    def with_prior(mean: float) -> Run:
        parameters = PARAMETERS.replace("l_0 = { lower = 80.0", f"l_0 = {{ mean = {mean}, sd = 0.3, lower = 80.0", 1)
        assert parameters != PARAMETERS
        return of(noisy(), parameters=parameters)

    assert "prior-conflict" not in found(with_prior(94.0))
    assert "disagree on mcl.l_0 (-" in sentence(with_prior(98.0), "prior-conflict")
    assert "disagree on mcl.l_0 (+" in sentence(with_prior(90.0), "prior-conflict")


def test_a_reading_is_on_the_valgus_arm_beyond_the_pose_in_which_both_condyles_touch() -> None:
    # Centres as high as each other, radii of 20 and 21 over 44: both touch at asin(1 / 44), 1.3 degrees.
    medial = "medial_condyle = { centre = [-22.0, -20.0], radius = 2"
    knee = KNEE.replace(f"{medial}0.0", f"{medial}1.0")
    assert knee != KNEE
    data = measured(np.array([-3.0, -1.5, 0.0, 1.2, 1.4, 3.0]), np.arange(6.0))
    offset = "[measurement]\nangle_offset = { mean = 0.0, sd = 2.0 }\n"
    noise = "[noise]\nsigma = 1.0\n"
    for positive, zero, expected in (
        ("valgus", 0.0, [False] * 4 + [True] * 2),
        ("varus", 0.0, [True] * 2 + [False] * 4),
        ("valgus", 1.5, [False] * 5 + [True]),  # what the file calls 3 is 1.5 of the knee
    ):
        text = f'{knee}{PARAMETERS}{offset}{noise}[data]\nfile = "x.csv"\npositive = "{positive}"\n{SAMPLING}'
        posterior = Posterior.from_config(parse_config(text), data)
        q = posterior.middle.copy()
        q[posterior.names.index("measurement.angle_offset")] = zero
        assert _valgus(posterior, posterior.tests[0], q).tolist() == expected
