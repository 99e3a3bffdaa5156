"""The picture of laxity: the angles at which a pure moment is reached either way, by flexion, beside published ones."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from calibrate.canvas import plainly
from calibrate.derived import RANGE, laxity
from calibrate.draws import Draws
from calibrate.figures.readings import true_law, true_numbers
from calibrate.figures.style import (
    ENSEMBLES,
    FAINT,
    MEDIAN,
    PAGE_WIDTH,
    QUANTILES,
    SHADE,
    SMALL,
    TRUTH,
    WARNING,
    dress,
    heading,
    new_figure,
    open_frame,
)
from calibrate.findings.extrapolation import BEYOND, beyond
from calibrate.literature import laxity_band
from calibrate.problem.laxity_test import LaxityTest

FloatArray = NDArray[np.float64]

_DRAWS = 2000
_WAYS = {"valgus": ENSEMBLES[0], "varus": ENSEMBLES[1]}
# From this share of draws that do not reach the moment on, that is said.
_SAID = 0.005


@plainly
def laxity_plot(run: Draws, *, moment: float = 10.0) -> Figure:
    """Draw the laxity of each test's knee at a pure moment, by flexion.

    Parameters
    ----------
    run : Draws
        A run, finished or still going, or draws in memory.
    moment : float
        N·m, each way.

    Returns
    -------
    Figure
        Left, the angles at which the moment is reached valgus and varus, from zero of the knee's own angle; right, the
        one less the other, beside published laxities at that moment. Medians, 50 % (thick) and 90 % intervals of the
        posterior. Of draws that do not reach the moment within 20 degrees it is said how many; the intervals leave
        them out. Laxities that lie beyond the measured angles are hollow: there the law decides.

    Raises
    ------
    ChainError
        If nothing is stored yet.
    ValueError
        If the moment is not positive.
    """
    if not 0.0 < moment < np.inf:
        raise ValueError(f"moment {moment:g}: has to be positive, in N·m")
    q = run.thinned(_DRAWS)
    tests = run.posterior.tests
    figure = new_figure(PAGE_WIDTH, 92.0)
    left, right = figure.subplots(1, 2, sharex=True)
    notes = []
    for test, shift in zip(tests, _shifts(tests), strict=True):
        found = laxities(run, test, q, moment)
        hollow = _beyond(test, found, run, q)
        for way, colour in _WAYS.items():
            _draw(left, test.flexion + shift, found[way], colour, way, hollow=hollow[way])
        _draw(right, test.flexion + shift, found["total"], MEDIAN, "this knee", hollow=hollow["total"])
        _draw_truth(run, test, moment, left, right, shift)
        lost = float(np.isnan(found["total"]).mean())
        if lost >= _SAID:
            notes.append(f"{f'{test.name}: ' if test.name else ''}{100 * lost:.0f} % of draws do not reach it")
    draw_published(right, moment)
    sense = tests[0].positive
    alike = all(test.positive == sense for test in tests)
    left.set_ylabel(f"Angle at {moment:g} N·m [°]" + (f", {sense} positive" if alike else ""))
    right.set_ylabel(f"Varus-valgus laxity at ±{moment:g} N·m [°]")
    left.axhline(0.0, color=FAINT, linewidth=0.5, zorder=0)
    right.set_ylim(0.0, max(right.get_ylim()[1], 1.0))
    if notes:
        left.set_title("; ".join(notes) + f" within {RANGE:g}°", fontsize=SMALL, color=WARNING, loc="left")
    left.plot([], [], "o", color="black", markerfacecolor="white", markersize=4.5, label="beyond the readings")
    _finish(figure, (left, right), tests)
    heading(figure, run)
    return figure


def laxities(run: Draws, test: LaxityTest, q: FloatArray, moment: float) -> dict[str, FloatArray]:
    """Return the angles [degrees] at which a moment [N·m] is reached, as `Run.derived` has them: each way, total."""
    posterior = run.posterior
    with np.errstate(all="ignore"):  # draws of a spoilt file may be anything that is finite
        found = laxity(test.knees(posterior.full(q)), posterior.law(q, test.name), test.sign, (moment,))
    return {name: found[f"laxity_{name}_{moment:g}Nm"] for name in ("valgus", "varus", "total")}


def _shifts(tests: tuple[LaxityTest, ...]) -> list[float]:
    """Return how far tests of the same flexion are set apart [degrees]."""
    flexions = [test.flexion for test in tests]
    return [1.5 * flexions[:i].count(flexion) for i, flexion in enumerate(flexions)]


def _beyond(test: LaxityTest, found: dict[str, FloatArray], run: Draws, q: FloatArray) -> dict[str, bool]:
    """Tell of each way, and of the total, whether most draws' laxity lies beyond the measured angles."""
    label = test.label if len(run.posterior.tests) > 1 else ""
    shares = beyond(run.posterior, q, {f"{label}laxity_{name}": values for name, values in found.items()})
    return {name: shares[f"{label}laxity_{name}"] > BEYOND for name in found}


def _draw(ax: Axes, at: float, values: FloatArray, colour: str, name: str, *, hollow: bool) -> None:
    known = values[np.isfinite(values)]
    if not known.size:
        return
    q05, q25, q50, q75, q95 = np.quantile(known, QUANTILES)
    ax.plot([at, at], [q05, q95], color=colour, linewidth=1.0, zorder=3, gid=f"{name} 90")
    thick = Line2D([at, at], [q25, q75], color=colour, linewidth=3.5, alpha=0.6, zorder=3, gid=f"{name} 50")
    thick.set_solid_capstyle("butt")
    ax.add_line(thick)
    ax.plot(
        [at],
        [q50],
        "o",
        color=colour,
        markerfacecolor="white" if hollow else colour,
        markersize=4.5,
        zorder=4,
        gid=f"{name} median",
        label=name,
    )


def _draw_truth(run: Draws, test: LaxityTest, moment: float, left: Axes, right: Axes, shift: float) -> None:
    """Draw what the true knee of a simulated test has, if all of its law and geometry is known."""
    truth = true_numbers(run.posterior, test)
    if truth is None:
        return
    law = true_law(run.posterior, test, truth)
    if not np.isfinite([*law.flat, *truth[test.slots.geometry]]).all():
        return
    found = laxity(test.knees(truth[np.newaxis]), law[np.newaxis], test.sign, (moment,))
    for ax, name in ((left, "valgus"), (left, "varus"), (right, "total")):
        ax.plot(
            [test.flexion + shift],
            found[f"laxity_{name}_{moment:g}Nm"],
            "D",
            color=TRUTH,
            markerfacecolor="none",
            markersize=6.0,
            zorder=5,
            gid="truth",
            label="truth",
        )


def draw_published(ax: Axes, moment: float) -> None:
    """Draw published laxities: bands of those that state a spread between knees, else points; or say there is none."""
    published = laxity_band(moment)
    banded = [one for one in published if one.band is not None]
    if banded:
        flexion, edges = [one.flexion for one in banded], np.array([one.band for one in banded]).T
        ax.fill_between(
            flexion, *edges, color=SHADE, linewidth=0.0, zorder=0, gid="band", label="90 % of published knees"
        )
    for key in dict.fromkeys(one.source.key for one in published):
        mine = [one for one in published if one.source.key == key]
        source, n = mine[0].source, mine[0].n
        knees = "" if n is None else ", 1 knee" if n == 1 else f", {n} knees"
        ax.plot(
            [one.flexion for one in mine],
            [one.total for one in mine],
            "s",
            color=FAINT,
            markerfacecolor="none",
            markersize=4.0,
            zorder=2,
            gid="published",
            label=f"{source.authors.split()[0].rstrip(',')} {source.year}{knees}",
        )
    if not banded:
        ax.plot([], [], linestyle="none", label=f"(no published band is stored for {moment:g} N·m)", gid="no band")


def _finish(figure: Figure, axes: tuple[Axes, Axes], tests: tuple[LaxityTest, ...]) -> None:
    """Share what is alike: limits of flexion, and one legend."""
    flexions = [test.flexion for test in tests]
    for ax in axes:
        low, high = min(*ax.dataLim.intervalx, *flexions), max(*ax.dataLim.intervalx, *flexions)
        air = max(5.0, 0.06 * (high - low))
        ax.set_xlim(low - air, high + air)
        ax.set_xlabel("Flexion [°]")
        dress(ax)
        open_frame(ax)
    named = {text: handle for ax in axes for handle, text in zip(*ax.get_legend_handles_labels(), strict=True)}
    figure.legend(list(named.values()), list(named), loc="outside lower center", ncols=3, fontsize=SMALL, frameon=False)
