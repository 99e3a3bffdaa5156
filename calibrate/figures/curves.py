"""Pictures of what the posterior predicts: the load-angle curve over the data, and the ligaments' tension curves."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from calibrate.canvas import plainly
from calibrate.figures.style import (
    BAND_50,
    FAINT,
    MEDIAN,
    PAGE_WIDTH,
    SMALL,
    TEXT,
    TRUTH,
    TRUTH_DASHES,
    bands,
    decimals,
    dress,
    heading,
    new_figure,
    open_frame,
)
from calibrate.knee.ligament import tension
from calibrate.problem.quantities import SIGMA
from calibrate.results import Run

FloatArray = NDArray[np.float64]

_DRAWS = 2000
_POINTS = 300
# More data points than this make a black band: that many are drawn, and the legend says so.
_MARKS = 1000
_DOTS = (0, (1, 1.5))
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@plainly
def load_angle_plot(run: Run) -> Figure:
    """Draw the test and what the posterior makes of it: data, predicted curve with bands, residuals below.

    Parameters
    ----------
    run : Run
        Finished or still going.

    Returns
    -------
    Figure
        Angles in degrees and loads in the file's unit, both with the file's sign. At the angle where one condyle
        lifts off the load jumps, so median and bands are broken there. Of very many data points a random share is
        drawn, and the legend says so.

    Raises
    ------
    ChainError
        If nothing is stored yet.
    """
    measurement = run.file.measurement
    q = run.thinned(_DRAWS)
    figure = new_figure(PAGE_WIDTH, 120.0)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    shown = _shown(run)
    angles, loads = measurement.angles[shown], measurement.loads[shown]
    sigma = _sigma(run, q)[shown]
    residuals = loads - np.median(run.posterior.predict(q, angles), axis=0)
    _draw_model(top, bottom, run, q)
    crowded = measurement.angles.size > _MARKS
    for ax, values in ((top, loads), (bottom, residuals)):
        ax.errorbar(
            measurement.in_degrees(angles),
            values,
            yerr=sigma,
            fmt="o",
            color="black",
            markersize=1.5 if crowded else 3.0,
            markeredgewidth=0.0,
            elinewidth=0.3 if crowded else 0.7,
            alpha=0.5 if crowded else None,
            capsize=0.0,
            zorder=1 if crowded else 5,
            label=rf"data $\pm\sigma$ ({'inferred' if SIGMA in run.names else 'given'}){_share(run)}",
        )
        ax.axhline(0.0, color=FAINT, linewidth=0.5, zorder=0)
        dress(ax)
        open_frame(ax)
    _mark_touching(top, bottom, run)
    reach = 1.25 * float(np.max(np.abs(residuals) + sigma))
    bottom.set_ylim(-reach, reach)
    bottom.yaxis.set_major_locator(MaxNLocator(4, symmetric=True))
    sense = f"{run.posterior.tests[0].positive} positive"
    top.set_ylabel(f"{measurement.kind.capitalize()} [{measurement.unit}], {sense}")
    bottom.set_ylabel(f"Data − median\n[{measurement.unit}]")
    bottom.set_xlabel(f"Angle [°], {sense}")
    figure.align_ylabels((top, bottom))
    top.legend(fontsize=SMALL, frameon=False, loc="best")
    heading(figure, run)
    return figure


def _draw_model(top: Axes, bottom: Axes, run: Run, q: FloatArray) -> None:
    """Draw what `q` predict, and the truth if it is known: loads on top, differences from the median below."""
    measurement = run.file.measurement
    true = _true_law(run)
    for i, angles in enumerate(_arms(run)):
        knee = run.posterior.knee_at(angles)
        curves = knee.loads(run.posterior.law(q))
        degrees = measurement.in_degrees(angles)
        quantiles = np.quantile(curves, _QUANTILES, axis=0)
        bands(top, degrees, quantiles, named=i == 0)
        bands(bottom, degrees, quantiles - quantiles[2], named=False)
        if measurement.sigma is None:
            # One error per draw, the same at all angles: each angle's distribution is right, and the outline is smooth.
            sigma = run.posterior.values(q, SIGMA) if SIGMA in run.names else np.resize(_sigma(run, q), len(q))
            errors = sigma * np.random.default_rng(0).standard_normal(len(q))
            for j, edge in enumerate(np.quantile(curves + errors[:, np.newaxis], (0.05, 0.95), axis=0)):
                name = "90 % with measurement error" if i == j == 0 else None
                for ax, values in ((top, edge), (bottom, edge - quantiles[2])):
                    ax.plot(degrees, values, color=MEDIAN, linewidth=0.6, linestyle=_DOTS, gid="with error", label=name)
        if np.isfinite(true).all():
            curve = knee.loads(true[np.newaxis])[0]
            name = "truth" if i == 0 else None
            for ax, values in ((top, curve), (bottom, curve - quantiles[2])):
                ax.plot(
                    degrees,
                    values,
                    color=TRUTH,
                    linewidth=1.1,
                    linestyle=TRUTH_DASHES,
                    zorder=4,
                    gid="truth",
                    label=name,
                )


def _mark_touching(top: Axes, bottom: Axes, run: Run) -> None:
    """Mark the angle at which the load passes from one condyle to the other, if it is in view."""
    touch = _touching_angle(run)
    low, high = top.get_xlim()
    if not low < touch < high:
        return
    for ax in (top, bottom):
        ax.axvline(touch, color=FAINT, linewidth=0.6, linestyle=(0, (4, 3)), zorder=0, gid="both touch")
    top.annotate(
        "both condyles touch",
        (touch, 0.02),
        xycoords=("data", "axes fraction"),
        xytext=(2, 0),
        textcoords="offset points",
        rotation=90,
        fontsize=SMALL,
        color=FAINT,
        va="bottom",
        ha="left",
    )


@plainly
def ligament_plot(run: Run) -> Figure:
    """Draw the tension of MCL and LCL against their length, as far as the test can tell.

    Parameters
    ----------
    run : Run
        Finished or still going.

    Returns
    -------
    Figure
        One panel per ligament: the tension of the law (`f_ref` not subtracted) over the length below, and over the
        elongation from the pose where both condyles touch above. Lengths within the test are shaded and each data
        point's length is ticked: beyond, the curve is extrapolation. The bar under the curve is the slack length.

    Raises
    ------
    ChainError
        If nothing is stored yet.
    """
    law = run.posterior.law(run.thinned(_DRAWS))
    true = _true_law(run)
    reference = run.posterior.geometry().reference_lengths()
    figure = new_figure(PAGE_WIDTH, 88.0)
    axes = figure.subplots(1, 2, sharey=True)
    untared = not law[:, :, 3].any()
    ceiling = 0.0
    for i, (ax, ligament) in enumerate(zip(axes, run.posterior.strands, strict=True)):
        k, alpha, l_0 = law[:, i, :3].T
        visited = run.posterior.knee_at().kinematics.lengths[i]
        of_slack = f"{ligament}.l_0"
        every = run.some_samples()[:, run.names.index(of_slack)] if of_slack in run.names else l_0
        slack = np.quantile(every, _QUANTILES)
        start, end = _length_range(slack, visited)
        length = np.linspace(start, end, _POINTS)
        curves = tension(length, k[:, np.newaxis], alpha[:, np.newaxis], l_0[:, np.newaxis])
        quantiles = np.quantile(curves, _QUANTILES, axis=0)
        bands(ax, length, quantiles)
        ceiling = max(ceiling, float(quantiles[4].max()))
        if np.isfinite(true[i, :3]).all():
            curve = tension(length, *true[i, :3])
            ceiling = max(ceiling, float(curve.max()))
            ax.plot(
                length, curve, color=TRUTH, linewidth=1.1, linestyle=TRUTH_DASHES, zorder=4, gid="truth", label="truth"
            )
        ax.axvspan(
            visited.min(),
            visited.max(),
            color="#EFEFEF",
            linewidth=0,
            zorder=0,
            gid="test",
            label="lengths within the test",
        )
        _slack_bar(ax, slack)
        ticked = visited[_shown(run)]
        ax.plot(
            ticked,
            np.full(ticked.shape, 0.0),
            "|",
            transform=ax.get_xaxis_transform(),
            color="black",
            markersize=7.0,
            markeredgewidth=0.6,
            zorder=5,
            gid="data",
            label=f"data points' lengths{_share(run)}",
        )
        ax.set_xlim(start, end)
        ax.set_xlabel(f"{ligament.upper()} length [mm]")
        ax.tick_params(labelleft=True)
        origin = float(reference[i])
        above = ax.secondary_xaxis(
            "top", functions=(lambda x, origin=origin: x - origin, lambda x, origin=origin: x + origin)
        )
        above.set_xlabel("Elongation from the pose where both condyles touch [mm]", fontsize=SMALL)
        above.tick_params(labelsize=SMALL, width=0.6, length=2.5)
        ax.set_ylabel("Tension [N]" if untared else r"Tension [N], $f_\mathrm{ref}$ not subtracted")
        dress(ax)
        ax.spines["right"].set_visible(False)
    ceiling = ceiling or 1.0
    axes[0].set_ylim(-0.12 * ceiling, 1.03 * ceiling)
    for ax in axes:
        ax.set_yticks([tick for tick in MaxNLocator(6).tick_values(0.0, ceiling) if 0.0 <= tick <= 1.03 * ceiling])
    named = {text: handle for ax in axes for handle, text in zip(*ax.get_legend_handles_labels(), strict=True)}
    figure.legend(list(named.values()), list(named), loc="outside lower center", ncols=3, fontsize=SMALL, frameon=False)
    heading(figure, run)
    return figure


def _shown(run: Run) -> NDArray[np.intp] | slice:
    """Return which data points are drawn: all, or of very many a random share, which favours none."""
    count = run.file.measurement.angles.size
    if count <= _MARKS:
        return slice(None)
    return np.sort(np.random.default_rng(0).choice(count, _MARKS, replace=False))


def _share(run: Run) -> str:
    """Say in a legend that not all data points are drawn."""
    count = run.file.measurement.angles.size
    return "" if count <= _MARKS else f", {_MARKS:,} of {count:,} points"


def _touching_angle(run: Run) -> float:
    """Angle [degrees, the file's sign] at which both condyles touch."""
    sign = 1.0 if run.posterior.tests[0].positive == "valgus" else -1.0
    return sign * math.degrees(run.posterior.geometry().theta_0)


def _arms(run: Run) -> list[FloatArray]:
    """Angles [the file's unit and sign] a little past the data, in one piece for each condyle that carries the load."""
    measurement = run.file.measurement
    low, high = float(measurement.angles.min()), float(measurement.angles.max())
    degree = 1.0 if measurement.angle_unit == "deg" else math.radians(1.0)
    air = max(0.08 * (high - low), 0.5 * degree)
    low, high, touch = low - air, high + air, _touching_angle(run) * degree
    # Far below a line's width, far above the rounding of degrees to radians.
    hair = 1e-9 * degree
    if not low + hair < touch < high - hair:
        return [np.linspace(low, high, _POINTS)]
    return [np.linspace(low, touch - hair, _POINTS), np.linspace(touch + hair, high, _POINTS)]


def _sigma(run: Run, q: FloatArray) -> FloatArray:
    """Return each data point's standard deviation [the load's unit]; where it is inferred, the posterior median."""
    measurement = run.file.measurement
    if measurement.sigma is not None:
        return measurement.sigma
    return np.full(measurement.angles.shape, float(np.median(run.posterior.values(q, SIGMA))))


def _true_law(run: Run) -> FloatArray:
    """Return the true laws (strands, 4) of simulated data, NaN where unknown; fixed ones are true unless stated."""
    stated = run.file.measurement.truth
    if not stated:
        return np.full((len(run.posterior.strands), 4), np.nan)
    full = run.posterior.full(np.full(run.posterior.ndim, np.nan))[0]
    for name, value in stated.items():
        if name in run.posterior.table.roots:
            full[run.posterior.table.index(name)] = value
    return np.asarray(full[run.posterior.tests[0].slots.law])


def _length_range(slack: FloatArray, visited: FloatArray) -> tuple[float, float]:
    """Lengths [mm] worth showing: from some way before the ligament becomes taut to a little past the test."""
    longest = max(float(visited.max()), float(slack[4]))
    shortest = min(float(slack[0]), float(visited.max()))
    span = max(longest - shortest, 1.0)
    return shortest - 0.35 * span, longest + 0.12 * span


def _slack_bar(ax: Axes, slack: FloatArray) -> None:
    """Draw the slack length's median, 50 and 90 % intervals as a bar under the curve, and write them beside it."""
    q05, q25, q50, q75, q95 = slack
    height = 0.06
    across = ax.get_xaxis_transform()
    ax.plot([q05, q95], [height, height], color=MEDIAN, linewidth=0.9, transform=across, zorder=5, gid="slack 90")
    ax.plot(
        [q25, q75], [height, height], color=BAND_50, linewidth=4.0, solid_capstyle="butt", transform=across, zorder=5
    )
    ax.plot([q50], [height], "|", color=MEDIAN, markersize=7.0, markeredgewidth=1.2, transform=across, zorder=6)
    places = decimals(q95 - q05)
    text = f"{q50:.{places}f} mm\n(90 %: {q05:.{places}f} to {q95:.{places}f})" if q95 > q05 else f"{q50:g} mm, fixed"
    ax.annotate(
        f"slack length $l_0$ = {text}",
        (0.03, 0.96),
        xycoords="axes fraction",
        fontsize=TEXT,
        va="top",
        color=MEDIAN,
    )
