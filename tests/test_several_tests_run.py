"""A real run of two tests: one posterior of both, one file, the same chain whether stopped or not."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from conftest import process, wait_until

import calibrate
from calibrate import chain
from calibrate.config import Config, load_config
from calibrate.posterior import Posterior
from calibrate.results import open_run
from calibrate.runner import resume_run, start_run

KNEE = """
[knee]
lateral_condyle = { centre = [23.5, -6.0], radius = 15.5 }
medial_condyle = { centre = [-20.4, -6.0], radius = 17.5 }
flexion_axis = [8.4, 0.5]
mcl = { femur = [-40.1, 12.2, 2.1], tibia = [-16.9, -64.9, 10.1] }
lcl = { femur = [36.0, 4.0, 1.0], tibia = [44.8, -50.7, -6.0] }

[parameters.mcl]
k = { median = 60.0, factor = 1.5 }
alpha = 0.04
reference_strain = { mean = 0.02, sd = 0.02 }

[parameters.lcl]
k = { lower = 10.0, upper = 150.0 }
alpha = 0.04
l_0 = { lower = 50.0, upper = 66.0 }

[noise]
sigma = { lower = 0.1, upper = 3.0 }

[tests.flex30]
file = "flex30.csv"
positive = "varus"
flexion = 30.0

[tests.flex60]
file = "flex60.csv"
positive = "valgus"
flexion = 60.0

[tests.flex60.measurement]
angle_offset = { mean = 0.0, sd = 2.0 }

[tests.flex60.parameters.lcl]
l_0 = { lower = 50.0, upper = 66.0 }

[sampling]
seed = 3
ensembles = 2
walkers = 32
max_steps = 60
min_ess = 1e9
"""
TRUTH = {
    "mcl.k": 60.0,
    "mcl.reference_strain": 0.03,
    "lcl.k": 55.0,
    "lcl.l_0": 57.0,
    "noise.sigma": 0.3,
    "flex60.lcl.l_0": 56.0,
    "flex60.measurement.angle_offset": 1.0,
}


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """Return the configuration of two tests, whose data its own posterior has drawn at the true parameters."""
    folder = tmp_path_factory.mktemp("two")
    (folder / "knee.toml").write_text(KNEE)
    angles = np.linspace(-5.0, 5.0, 11)

    def write(loads: np.ndarray) -> None:
        for name, part in zip(("flex30", "flex60"), np.split(loads, 2), strict=True):
            rows = "".join(f"{angle},{load}\n" for angle, load in zip(angles, part, strict=True))
            (folder / f"{name}.csv").write_text(f"angle_deg,moment_Nm\n{rows}")

    write(np.where(np.tile(angles, 2) < 0.0, -5.0, 5.0))  # whatever is read first only tells the angles
    config = load_config(folder / "knee.toml")
    posterior = Posterior.from_config(config)
    (drawn,) = posterior.simulate(posterior.table.pack(TRUTH)[np.newaxis], np.random.default_rng(7))
    write(drawn)
    return config


@pytest.fixture(scope="module")
def run_60(simulated: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run of sixty steps; not to be written to."""
    path = tmp_path_factory.mktemp("run") / "run.h5"
    outcome = start_run(simulated, path)
    assert (outcome.reason, outcome.steps) == ("steps", 60)
    return path


def rows(path: Path) -> dict[str, np.ndarray]:
    """Return all numbers of both chains, as h5py finds them."""
    with h5py.File(path) as f:
        return {
            f"{group}/{name}": f[f"{group}/{name}"][()]
            for group in ("ensemble_0", "ensemble_1")
            for name in ("chain", "log_prob", "accepted")
        }


def test_a_run_taken_up_again_is_bit_for_bit_the_one_never_stopped(
    simulated: Config, run_60: Path, tmp_path: Path
) -> None:
    stopped = tmp_path / "stopped.h5"
    start_run(simulated.with_sampling(max_steps=20), stopped)
    before = rows(stopped)
    assert len(before["ensemble_0/chain"]) == 20
    assert resume_run(stopped, until_steps=60).reason == "steps"
    after = rows(stopped)
    for name, values in rows(run_60).items():
        np.testing.assert_array_equal(after[name], values)


def test_the_file_holds_both_tests_and_is_read_without_them(
    simulated: Config, run_60: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "alone" / "run.h5"
    copy.parent.mkdir()
    copy.write_bytes(run_60.read_bytes())
    monkeypatch.chdir(copy.parent)
    run = open_run(copy)
    assert run.names == tuple(TRUTH) == Posterior.from_config(simulated).names
    assert [*run.posterior.measurements] == [*chain.read(copy).measurements] == ["flex30", "flex60"]
    coords = np.asarray(run.chains.coords[:]).reshape(-1, 7)
    # The stored log-probabilities are those of both tests together.
    np.testing.assert_array_equal(run.posterior.log_prob(coords), np.asarray(run.chains.log_prob[:]).ravel())
    alone = [
        -0.5 * np.square(run.posterior.predict(coords, None, name) - run.posterior.test(name).measurement.loads).sum(1)
        for name in ("flex30", "flex60")
    ]
    sigma = coords[:, run.names.index("noise.sigma")]
    likelihood = (alone[0] + alone[1]) / sigma**2 - 22 * np.log(sigma) - 11 * np.log(2.0 * np.pi)
    np.testing.assert_allclose(run.posterior.log_likelihood(coords), likelihood, rtol=1e-10, atol=1e-8)


def test_its_summary_names_parameters_by_their_tests(run_60: Path) -> None:
    summary = open_run(run_60).summary()
    assert [*summary["parameters"]] == [*TRUTH]
    # Sixty steps from a fit are near the truth: a test's own parameter has its own value.
    for name in ("lcl.l_0", "flex60.lcl.l_0", "flex60.measurement.angle_offset"):
        entry = summary["parameters"][name]
        assert abs(entry["median"] - TRUTH[name]) < 5.0 * entry["sd"]
    assert calibrate.open_run(run_60).samples().shape[1] == 7


def test_an_export_says_whose_values_it_has(run_60: Path, tmp_path: Path) -> None:
    run = open_run(run_60)
    assert calibrate.export_osim(run, tmp_path / "knee.osim") == [
        "lcl: the values are those of tests.flex30, the first; other tests have their own",
        "the knee is that of tests.flex30, at 30 degrees of flexion",
    ]


def test_a_reader_sees_the_run_grow(simulated: Config, tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    assert simulated.source is not None
    line = ("run", simulated.source, "-o", path, "--max-steps", 100_000)
    with process(*line, cwd=tmp_path) as running:
        try:
            wait_until(path.exists, running)
            wait_until(lambda: open_run(path).stored > 0, running)
            run = open_run(path)
            q = np.asarray(run.chains.coords[:]).reshape(-1, 7)
            np.testing.assert_array_equal(run.posterior.log_prob(q), np.asarray(run.chains.log_prob[:]).ravel())
            assert running.poll() is None
        finally:
            running.terminate()
        _, said = running.communicate()
    assert running.returncode == 130, said
    assert open_run(path).stored >= run.stored


def test_another_reading_of_either_test_is_another_problem(run_60: Path, tmp_path: Path) -> None:
    stored = chain.read(run_60)
    mark = chain.fingerprint(stored.config, stored.measurements)
    swapped = dict(zip(stored.measurements, reversed(stored.measurements.values()), strict=True))
    found = chain.differences(mark, chain.fingerprint(stored.config, swapped))
    assert [line.partition(" ")[0] for line in found] == ["tests.flex30", "tests.flex60"]
