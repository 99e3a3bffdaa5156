"""What rigs do to a knee is found, and fifty clean knees are left alone: the slow part of the tests of findings."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from clouds import around, noisy, posterior_of, run_of
from conftest import DATA
from test_findings import best, found, sentence

from calibrate.bestfit import best_fits
from calibrate.config import parse_config
from calibrate.data import Measurement, parse_measurement
from calibrate.findings.fit import explains_little, sigma_too_large
from calibrate.findings.residual import of_residuals
from calibrate.posterior import Posterior
from calibrate.runner import sample
from calibrate.sampling.fit import find_map

# What rigs do to a knee: see the folder. What the model can follow stays unfound.
RIGS = {
    "00_clean": set(),
    "01_moment_sign_flipped": {"explains-little"},
    "03_moment_in_Nmm": {"explains-little"},
    "05_offset_2deg": {"residuals-alike"},
    "08_hysteresis_4000": {"residuals-loop", "residuals-alike"},
    "09_ramp_hold_5000": {"noise-swallows"},
}
TRUTH = {"mcl.k": 60.0, "mcl.alpha": 0.06, "mcl.l_0": 81.0, "lcl.k": 50.0, "lcl.alpha": 0.07, "lcl.l_0": 60.0}


def posterior_from(
    name: str, measurement: str = "", change: Callable[[Measurement], Measurement] = lambda data: data
) -> Posterior:
    path = DATA / "cases" / "reading" / f"{name}.toml"
    sampling = "[sampling]\nensembles = 2\nwalkers = 16\n"
    text = path.read_text().split("[sampling]")[0] + measurement + "\n" + sampling
    config = parse_config(text, path)
    return Posterior.from_config(config, change(parse_measurement(config.data_path.read_text(), name)))


@pytest.mark.parametrize("name", RIGS)
def test_what_rigs_do_to_a_knee_is_found(name: str) -> None:
    run = best(posterior_from(name))
    assert found(run) - {"bound-reached", "not-converged"} == RIGS[name]
    if "bound-reached" in found(run) and RIGS[name]:
        assert "widen" not in sentence(run, "bound-reached")
    if "explains-little" in RIGS[name]:
        assert not any("widen" in text for text in run.warnings())
    else:
        assert all("residuals are not noise" in sentence(run, code) for code in RIGS[name])


def directed(data: Measurement) -> Measurement:
    """Take every fortieth reading, and say which way the load went."""
    ways = np.where(np.gradient(data.angles) > 0.0, 1.0, -1.0)
    some = slice(0, None, 40)
    return replace(data, angles=data.angles[some], loads=data.loads[some], direction=ways[some])


def one_a_hold(data: Measurement) -> Measurement:
    """Take the mean of each hold as one reading."""
    angles, which = np.unique(data.angles, return_inverse=True)
    return replace(data, angles=angles, loads=np.bincount(which, data.loads) / np.bincount(which))


NUISANCES: dict[str, tuple[str, Callable[[Measurement], Measurement]]] = {
    "05_offset_2deg": ("[measurement]\nangle_offset = { mean = 0.0, sd = 2.0 }", lambda data: data),
    "08_hysteresis_4000": ("[measurement]\nhysteresis = { lower = -3.0, upper = 3.0 }", directed),
    "09_ramp_hold_5000": ("", one_a_hold),
}


@pytest.mark.parametrize("name", NUISANCES)
def test_with_the_right_nuisance_the_truth_is_inside_and_no_warning_is_left(name: str) -> None:
    draws = sample(posterior_from(name, *NUISANCES[name]), 1, walkers=64, min_ess=300.0, max_rhat=1.1, max_steps=400)
    low, high = np.quantile(draws.some_samples(), [0.0005, 0.9995], axis=0)
    for i, parameter in enumerate(draws.names):
        if parameter in TRUTH:
            assert low[i] < TRUTH[parameter] < high[i], parameter
    warnings = {finding.code for finding in draws.findings() if finding.kind == "warning"}
    # Where the load turns, a loop closes: hysteresis of one width leaves that, and it is said.
    assert warnings <= {"not-converged"} | ({"residuals-alike"} if "hysteresis" in name else set())


def test_clean_knees_have_no_findings_on_their_fit() -> None:
    # Of 50, as many as three with a finding would be odd at one in a thousand for each of six tests: 4e-3.
    bad = []
    for seed in range(50):
        n = (12, 15, 24, 40, 80)[seed % 5]
        posterior = posterior_of(noisy(n, seed=100 + seed))
        fits = find_map(posterior, np.random.default_rng(1))
        run = run_of(posterior, around(posterior))
        (fit,) = best_fits(posterior, fits[0].q[np.newaxis])
        bad += [*explains_little(run, fit), *of_residuals(run, fit), *sigma_too_large(run, fit)]
    assert len(bad) <= 2, bad
