"""A flexion angle that was held out: fit without it, predict it, and score the prediction.

The real knee oks009 is fitted at 30 degrees and predicted at 60, with two strands (the bundled example) and with the
five of an MRI-based model. Then a simulated knee with tests at three angles: each is predicted from the other two. The
control predicts the same readings as if the knee had not been flexed any further.

    python -m benchmarks.flexion [--seed 1]
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from benchmarks.table import markdown
from calibrate.config import Config, load_config, parse_config
from calibrate.examples import example
from calibrate.posterior import Posterior
from calibrate.results import open_run
from calibrate.runner import start_run

FloatArray = NDArray[np.float64]

_STRANDS = Path(__file__).parent / "data" / "strands_lenhart.csv"
# By the names of the strands here: its name there, the published strain in extension, and its doubt, some 5 mm.
_FIVE = {
    "mcl": ("smcl", 0.03, 0.06),
    "lcl": ("lcl", 0.06, 0.09),
    "dmcl": ("dmcl", 0.03, 0.14),
    "pmcl": ("pmcl", 0.03, 0.16),
    "pfl": ("pfl", 0.06, 0.12),
}
_DRAWS = 4000
_WALKERS, _STEPS = 96, 1500
_SIMULATED = (0.0, 30.0, 60.0)
_TRUTH = {"mcl": (90.0, 0.05, 0.01), "lcl": (80.0, 0.06, -0.03)}
_OFFSET, _SIGMA = 1.0, 0.3


@dataclass(frozen=True)
class Score:
    """How good a prediction is.

    Attributes
    ----------
    error : float
        Mean absolute error of the predictive medians [N·m].
    coverage : float
        Share of the readings inside the 90 % predictive band.
    width : float
        Mean width of that band [N·m].
    log_density : float
        Mean over the readings of the logarithm of the predictive density, reading by reading.
    """

    error: float
    coverage: float
    width: float
    log_density: float


def score(posterior: Posterior, q: FloatArray, rng: np.random.Generator) -> Score:
    """Score the predictions of draws `q` (n, ndim) for the data of a posterior, with Gaussian errors."""
    data = posterior.measurement.loads
    readings = posterior.simulate(q, rng)
    low, median, high = np.quantile(readings, [0.05, 0.5, 0.95], axis=0)
    sigma = posterior.values(q, "noise.sigma")[:, np.newaxis]
    residuals = (posterior.predict(q) - data) / sigma
    by_draw = -0.5 * residuals**2 - np.log(sigma * np.sqrt(2.0 * np.pi))
    return Score(
        float(np.abs(median - data).mean()),
        float(((low <= data) & (data <= high)).mean()),
        float((high - low).mean()),
        float((logsumexp(by_draw, axis=0) - np.log(len(q))).mean()),
    )


def draws_of(config: Config, folder: Path) -> tuple[FloatArray, float]:
    """Calibrate for some steps; return some draws (n, ndim) and the worst R-hat, for predictions need little."""
    path = folder / "run.h5"
    start_run(config.with_sampling(min_ess=1000.0, walkers=_WALKERS, max_steps=_STEPS), path, overwrite=True)
    run = open_run(path)
    return run.thinned(_DRAWS), run.diagnosis.worst_rhat


def own_zero(posterior: Posterior, q: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return draws that know nothing of the angle's zero in this test: it is drawn from its prior."""
    column = posterior.names.index("measurement.angle_offset")
    moved = q.copy()
    moved[:, column] = posterior.priors[column].sample(rng, len(q))
    return moved


def two_strands(file: str, flexion: float) -> Config:
    """Return the bundled example for another test of the same knee."""
    path = example("oks009.toml")
    text = path.read_text()
    return parse_config(
        text.replace('file = "oks009_30deg.csv"', f'file = "{file}"').replace("flexion = 30.0", f"flexion = {flexion}"),
        path,
    )


def five_strands(file: str, flexion: float) -> Config:
    """Return the same with five strands, stiffness and attachments of the MRI-based model."""
    with _STRANDS.open() as lines:
        rows = {row["strand"]: row for row in csv.DictReader(line for line in lines if not line.startswith("#"))}
    knee, parameters = [], []
    for name, (theirs, strain, sd) in _FIVE.items():
        row = rows[theirs]
        femur, tibia = (", ".join(row[f"{end}_{axis}"] for axis in "xyz") for end in ("femur", "tibia"))
        knee.append(f"{name} = {{ femur = [{femur}], tibia = [{tibia}] }}")
        k = float(row["stiffness_N_per_strain"]) / float(row["slack_length_mm"])
        parameters.append(
            f"[parameters.{name}]\nk = {{ median = {k:.1f}, factor = 1.7 }}\nalpha = 0.06\n"
            f"reference_strain = {{ mean = {strain}, sd = {sd} }}"
        )
    whole = two_strands(file, flexion).text
    head, _, rest = whole.partition("[parameters.mcl]")
    head = "\n".join(line for line in head.splitlines() if not line.startswith(("mcl =", "lcl =")))
    tail = rest[rest.index("[measurement]") :]
    return parse_config("\n".join([head, *knee, *parameters, tail]), example("oks009.toml"))


def simulated(folder: Path, rng: np.random.Generator) -> dict[str, str]:
    """Write three tests of a knee with known truth, and return what a configuration says of each."""
    loaded = load_config(example("oks009.toml"))
    truth = {"measurement.angle_offset": _OFFSET, "noise.sigma": _SIGMA}
    for strand, (k, alpha, strain) in _TRUTH.items():
        truth |= {f"{strand}.k": k, f"{strand}.alpha": alpha, f"{strand}.reference_strain": strain}
    angles = np.concatenate([np.linspace(-6.5, -3.0, 8), np.linspace(2.0, 6.5, 10)])
    found = {}
    for flexion in _SIMULATED:
        posterior = Posterior.from_config(two_strands("oks009_30deg.csv", flexion))
        blank = replace(posterior.measurement, angles=angles, loads=np.zeros(angles.size))
        readings = Posterior.from_config(posterior.config, blank).simulate(posterior.table.pack(truth), rng)[0]
        name = f"flex{flexion:.0f}"
        rows = "\n".join(f"{angle!r},{load!r}" for angle, load in zip(angles.tolist(), readings.tolist(), strict=True))
        (folder / f"{name}.csv").write_text(f"angle_deg,moment_Nm\n{rows}\n")
        found[name] = f'file = "{name}.csv"\npositive = "{loaded.all_tests[""].positive}"\n'
    return found


def of_tests(tests: Mapping[str, str], folder: Path, flexions: Mapping[str, float]) -> Config:
    """Return the bundled knee's configuration with some of the simulated tests."""
    text = example("oks009.toml").read_text()
    head, tail = text[: text.index("[data]")], text[text.index("[sampling]") :]
    parts = [f"[tests.{name}]\n{said}flexion = {flexions[name]}\n" for name, said in tests.items()]
    return parse_config("\n".join([head, *parts, tail]), folder / "knee.toml")


def rows(seed: int) -> Iterator[list[str]]:
    """Yield the scores, a row each."""
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for label, make in (("two strands", two_strands), ("five strands", five_strands)):
            q, rhat = draws_of(make("oks009_30deg.csv", 30.0), folder)
            what = f"oks009, {label}"
            fitted = Posterior.from_config(make("oks009_30deg.csv", 30.0))
            yield _row(f"{what}: 30 degrees itself", fitted, q, rhat, rng)
            at_60 = Posterior.from_config(make("oks009_60deg.csv", 60.0))
            yield _row(f"{what}: 60 from 30", at_60, q, rhat, rng)
            yield _row(f"{what}: 60 with a zero of its own", at_60, own_zero(at_60, q, rng), rhat, rng)
            as_if = Posterior.from_config(make("oks009_60deg.csv", 30.0))
            yield _row(f"{what}: 60 as if it were 30", as_if, q, rhat, rng)
        tests = simulated(folder, rng)
        flexions = {f"flex{flexion:.0f}": flexion for flexion in _SIMULATED}
        for held in tests:
            others = {name: said for name, said in tests.items() if name != held}
            q, rhat = draws_of(of_tests(others, folder, flexions), folder)
            alone = {held: tests[held]}
            nearest = min((flexions[name] for name in others), key=lambda other: abs(other - flexions[held]))
            right = Posterior.from_config(of_tests(alone, folder, flexions))
            wrong = Posterior.from_config(of_tests(alone, folder, {held: nearest}))
            yield _row(f"simulated: {flexions[held]:.0f} from the other two", right, q, rhat, rng)
            yield _row(f"simulated: {flexions[held]:.0f} as if it were {nearest:.0f}", wrong, q, rhat, rng)


def _row(label: str, posterior: Posterior, q: FloatArray, rhat: float, rng: np.random.Generator) -> list[str]:
    found = score(posterior, q, rng)
    cells = (
        f"{found.error:.2f}",
        f"{100 * found.coverage:.0f} %",
        f"{found.width:.1f}",
        f"{found.log_density:.2f}",
        f"{rhat:.3f}",
    )
    return [label, str(posterior.measurement.angles.size), *cells]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="of simulated readings")
    options = parser.parse_args()
    head = ["prediction", "readings", "mean error [N·m]", "in the 90 % band", "its width [N·m]", "log density", "R-hat"]
    table = markdown(head, []).splitlines()
    print("\n".join(table))
    for row in rows(options.seed):
        print(markdown(row, []).splitlines()[0], flush=True)


if __name__ == "__main__":
    main()
