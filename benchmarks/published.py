"""The posterior of the knee S192803 beside what its authors' own optimisation found, in one picture.

    python -m benchmarks.published [RUN.h5] [-o PICTURE]

Without a run, the bundled `s192803.toml` is calibrated first. The published optimum is a point and has no interval; its
slack lengths become strains by the same lengths as ours.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from calibrate.config import load_config
from calibrate.examples import example
from calibrate.posterior import Posterior
from calibrate.results import Run, open_run
from calibrate.runner import start_run

FloatArray = NDArray[np.float64]

_FIBRES = {"mcl": "MCLa", "mclm": "MCLm", "mclp": "MCLp", "dmcl": "dMCL", "pol": "POL", "lcl": "LCL"}
_BAND = [0.05, 0.5, 0.95]
# Where the angle's zero may lie for the published knee [degrees].
_OFFSETS = np.linspace(-8.0, 3.0, 45)


def published() -> dict[str, tuple[float, float, float]]:
    """Return `k` [N/mm], `alpha` and `l_0` [mm] of each strand, by our names."""
    path = example("s192803.toml").with_suffix("") / "s192803_geometry.csv"
    with path.open(encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(line for line in lines if not line.startswith("#")) if row["published_k"]]
    by_name = {row["fibre"]: row for row in rows}
    return {
        strand: (
            float(by_name[fibre]["published_k"]),
            float(by_name[fibre]["published_alpha"]),
            float(by_name[fibre]["published_l_0"]),
        )
        for strand, fibre in _FIBRES.items()
    }


def draw_strands(axes: tuple[Axes, Axes], posterior: Posterior, q: FloatArray) -> None:
    """Draw stiffness and reference strain of each strand: prior, posterior, published."""
    rng = np.random.default_rng(0)
    before = posterior.prior_sample(rng, 20_000)
    lengths = dict(
        zip(posterior.strands, posterior.reference.geometry(posterior.full(q[:1])[0]).reference_lengths(), strict=True)
    )
    for place, (strand, (k, _, l_0)) in enumerate(published().items()):
        points = {"k": k, "reference_strain": lengths[strand] / l_0 - 1.0}
        for ax, (key, point) in zip(axes, points.items(), strict=True):
            for rows, shift, colour, label in ((before, 0.15, "0.7", "prior"), (q, -0.15, "C0", "posterior")):
                low, middle, high = np.quantile(posterior.values(rows, f"{strand}.{key}"), _BAND)
                label = f"{label}, 90 %" if place == 0 else "_"
                ax.plot([low, high], [place + shift] * 2, color=colour, lw=5, solid_capstyle="butt", label=label)
                ax.plot(middle, place + shift, "|", color="k", ms=9)
            ax.plot(point, place, "D", color="C3", ms=6, label="published optimum" if place == 0 else "_")
    for ax, label in zip(axes, ("stiffness k [N/mm]", "strain in full extension"), strict=True):
        ax.set(xlabel=label, yticks=range(len(_FIBRES)), yticklabels=list(_FIBRES))
        ax.invert_yaxis()
    axes[0].set_xscale("log")
    axes[1].axvline(0.0, color="0.8", lw=0.8, zorder=0)
    axes[1].legend(loc="best", fontsize=8, frameon=False)


def draw_test(ax: Axes, posterior: Posterior, q: FloatArray, name: str) -> None:
    """Draw a test: readings, the posterior's curve with its 90 % band, and the curve of the published optimum."""
    test = posterior.test(name)
    angles = np.linspace(-12.0, 10.0, 111)
    low, middle, high = np.quantile(posterior.predict(q, angles, name), _BAND, axis=0)
    ax.fill_between(angles, low, high, color="C0", alpha=0.3, lw=0)
    ax.plot(angles, middle, color="C0", label="posterior")
    ax.plot(angles, _published_curve(posterior, q, angles, name), color="C3", ls="--", label="published optimum")
    ax.plot(test.measurement.angles, test.measurement.loads, "ko", ms=5)
    ax.set(title=f"{name}: flexion {test.flexion:.0f} degrees", xlabel="angle [deg]", ylim=(-20, 20), xlim=(-12, 10))


def _published_curve(posterior: Posterior, q: FloatArray, angles: FloatArray, name: str) -> FloatArray:
    """Return the published knee's loads; it has the zero of the angle with which its mean absolute error is least."""
    law = np.array([[*published()[strand], 0.0] for strand in posterior.strands])
    full = posterior.full(q[:1])[0]

    def loads(test: str, offset: float, at: FloatArray | None) -> FloatArray:
        of = posterior.test(test)
        moved = full.copy()
        moved[of.slots.reading[0]] = offset
        return np.asarray(of.knee(moved, at).loads(law[np.newaxis])[0])

    def misfit(offset: float) -> float:
        return sum(
            float(np.abs(loads(test.name, offset, None) - test.measurement.loads).sum()) for test in posterior.tests
        )

    return loads(name, float(min(_OFFSETS, key=misfit)), angles)


def picture(run: Run, path: Path) -> None:
    """Draw and save."""
    q = run.thinned(2000)
    posterior = run.posterior
    figure = plt.figure(figsize=(11, 7.5), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=(1.1, 1.0))
    left, right = upper.subplots(1, 2)
    draw_strands((left, right), posterior, q)
    panels = lower.subplots(1, len(posterior.tests), sharey=True)
    for ax, test in zip(panels, posterior.tests, strict=True):
        draw_test(ax, posterior, q, test.name)
    panels[0].set_ylabel("moment [N·m], valgus positive")
    panels[-1].legend(loc="lower right", fontsize=8, frameon=False)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", nargs="?", type=Path, help="a run of s192803.toml; without one, it is calibrated")
    parser.add_argument("-o", "--output", type=Path, default=Path("s192803.png"), help="the picture")
    options = parser.parse_args()
    if options.run is not None:
        picture(open_run(options.run), options.output)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s192803.h5"
        start_run(load_config(example("s192803.toml")), path)
        picture(open_run(path), options.output)


if __name__ == "__main__":
    main()
