"""The numbers in the pictures of curves, read back and held against NumPy on planted draws: values, signs, units."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pictures import edges, marked, texts, x_of, y_of
from planted import ANGLE, TILTED, TRUTH, constant, plant, valgus_draws, varus_draws
from scipy.special import ndtr

from calibrate import figures
from calibrate.knee.ligament import tension
from calibrate.results import Run

KEPT = varus_draws()[:, 15:].reshape(-1, 7)
SLACK = {"mcl": KEPT[:, 2], "lcl": KEPT[:, 5]}


@pytest.fixture(scope="module")
def angles(true: Run) -> tuple[Axes, Axes]:
    top, bottom = figures.load_angle_plot(true).axes
    return top, bottom


# --- Load over angle --------------------------------------------------------------------------------------------------


def test_each_arm_reaches_a_little_past_the_data_and_ends_where_both_condyles_touch(angles: tuple[Axes, Axes]) -> None:
    """Data from -5 to 8 degrees: 8 % of 13 degrees more on either side; the upright knee touches at 0."""
    for ax in angles:
        left, right = (x_of(line) for line in marked(ax, "median"))
        assert (left[0], left[-1]) == (pytest.approx(-6.04), pytest.approx(0.0, abs=1e-6))
        assert (right[0], right[-1]) == (pytest.approx(0.0, abs=1e-6), pytest.approx(9.04))
        (line,) = marked(ax, "both touch")
        assert x_of(line).tolist() == pytest.approx([0.0, 0.0], abs=1e-9)


def test_median_and_bands_are_quantiles_of_the_predicted_loads(angles: tuple[Axes, Axes], true: Run) -> None:
    top, bottom = angles
    drawn = true.thinned(2000)
    for arm in (0, 1):
        x = x_of(marked(top, "median")[arm])
        q05, q25, q50, q75, q95 = np.percentile(true.posterior.predict(drawn, x), [5, 25, 50, 75, 95], axis=0)
        for ax, middle in ((top, 0.0), (bottom, q50)):
            np.testing.assert_allclose(y_of(marked(ax, "median")[arm]), q50 - middle, atol=1e-9)
            for gid, wanted in (("band 90", (q05, q95)), ("band 50", (q25, q75))):
                at, lower, upper = edges(marked(ax, gid)[arm])
                np.testing.assert_allclose(at, x, atol=1e-9)
                np.testing.assert_allclose(lower, wanted[0] - middle, atol=1e-9)
                np.testing.assert_allclose(upper, wanted[1] - middle, atol=1e-9)


def test_varus_positive_loads_rise_with_the_varus_angle(angles: tuple[Axes, Axes]) -> None:
    """Stiffness is positive on both arms, whatever counts as positive."""
    for line in marked(angles[0], "median"):
        assert y_of(line)[-1] > y_of(line)[0] + 5.0


def test_nine_in_ten_readings_lie_between_the_dotted_lines(angles: tuple[Axes, Axes], true: Run) -> None:
    """The share of readings below an edge, exactly: the mean of a normal distribution for each draw."""
    top, bottom = angles
    drawn = true.thinned(2000)
    lines, below = marked(top, "with error"), marked(bottom, "with error")
    assert len(lines) == len(below) == 4
    tolerance = 4.0 * math.sqrt(0.05 * 0.95 / 2000)
    for i, (line, residual) in enumerate(zip(lines, below, strict=True)):
        x, edge = x_of(line)[::25], y_of(line)[::25]
        curves = true.posterior.predict(drawn, x)
        share = ndtr((edge - curves) / drawn[:, -1:]).mean(axis=0)
        assert share == pytest.approx(0.95 if i % 2 else 0.05, abs=tolerance)
        assert y_of(residual)[::25] == pytest.approx(edge - np.median(curves, axis=0))


def test_data_their_error_and_their_residuals(angles: tuple[Axes, Axes], true: Run) -> None:
    top, bottom = angles
    loads = np.array([-13.0, -9.9, -4.7, -7.1, -4.6, 0.2, 0.5, 0.9, 5.5, 8.3, 13.2, 11.9, 16.7, 23.1])
    predicted = np.median(true.posterior.predict(true.thinned(2000), np.arange(-5.0, 9.0)), axis=0)
    sigma = float(np.median(true.thinned(2000)[:, 6]))
    for ax, values in ((top, loads), (bottom, loads - predicted)):
        (container,) = ax.containers
        points, _, (bars,) = container
        np.testing.assert_array_equal(x_of(points), np.arange(-5.0, 9.0))
        np.testing.assert_allclose(y_of(points), values)
        for (x, low), (_, high), middle in zip(*np.moveaxis(bars.get_segments(), 1, 0), values, strict=True):
            assert (low, high) == pytest.approx((middle - sigma, middle + sigma)), x
    reach = 1.25 * float(np.max(np.abs(loads - predicted) + sigma))
    assert bottom.get_ylim() == pytest.approx((-reach, reach))


def test_the_truth_is_drawn_with_the_stated_values(angles: tuple[Axes, Axes], true: Run) -> None:
    """Also where a fixed parameter was given another value."""
    top, bottom = angles
    stated = list(TRUTH.values())[:8]
    for arm in (0, 1):
        line = marked(top, "truth")[arm]
        wanted = true.posterior.knee_at(x_of(line)).loads(np.array([stated]))[0]
        np.testing.assert_allclose(y_of(line), wanted)
        median = y_of(marked(top, "median")[arm])
        np.testing.assert_allclose(y_of(marked(bottom, "truth")[arm]), wanted - median, atol=1e-9)


def test_an_incomplete_truth_draws_no_curve(varus: Run) -> None:
    for figure in (figures.load_angle_plot(varus), figures.ligament_plot(varus)):
        assert not marked(figure, "truth")


def test_the_axes_say_load_unit_and_side_and_the_legend_what_is_what(angles: tuple[Axes, Axes]) -> None:
    top, bottom = angles
    assert (top.get_ylabel(), top.get_xlabel()) == ("Moment [N·m], varus positive", "")
    assert (bottom.get_ylabel(), bottom.get_xlabel()) == ("Data − median\n[N·m]", "Angle [°], varus positive")
    legend = top.get_legend()
    assert legend is not None
    assert sorted(text.get_text() for text in legend.get_texts()) == sorted(
        [
            "90 % of the posterior",
            "50 % of the posterior",
            "posterior median",
            "90 % with measurement error",
            "truth",
            r"data $\pm\sigma$ (inferred)",
        ]
    )


def test_radians_are_drawn_in_degrees_with_the_sigma_of_each_point(valgus: Run) -> None:
    top, bottom = figures.load_angle_plot(valgus).axes
    (container,) = top.containers
    points, _, (bars,) = container
    radians = np.array([-0.1, -0.05, 0.0, 0.1, 0.2, 0.25, 0.3])
    np.testing.assert_allclose(x_of(points), radians * 180.0 / np.pi)
    half = [np.ptp(segment[:, 1]) / 2.0 for segment in bars.get_segments()]
    assert half == pytest.approx([4.0, 3.0, 2.0, 1.0, 1.5, 2.5, 3.5])
    for line in marked(top, "both touch"):
        assert x_of(line)[0] == pytest.approx(ANGLE)
    left, right = marked(top, "median")
    air = 0.08 * 0.4 * 180.0 / np.pi
    assert (x_of(left)[0], x_of(right)[-1]) == pytest.approx((-18.0 / np.pi - air, 54.0 / np.pi + air))
    drawn = valgus_draws()[:, 10:].reshape(-1, 3)  # a quarter is dropped, see `test_results`
    for line in (left, right):
        predicted = np.median(valgus.posterior.predict(drawn, np.radians(x_of(line))), axis=0)
        np.testing.assert_allclose(y_of(line)[1:-1], predicted[1:-1], atol=1e-6)
    assert top.get_ylabel() == "Force [N], valgus positive"
    assert bottom.get_xlabel() == "Angle [°], valgus positive"
    assert r"data $\pm\sigma$ (given)" in set(texts(top.get_legend()))
    assert not marked(top, "with error")


@pytest.mark.parametrize(("positive", "sign"), [("valgus", 1.0), ("varus", -1.0)])
def test_the_tilted_knee_touches_on_the_side_that_it_does(tmp_path: Path, positive: str, sign: float) -> None:
    data = "angle_deg,moment_Nm\n-20,-4\n0,0\n20,6\n"
    run = plant(tmp_path, constant(*[30.0, 0.06, 80.0, 0.0] * 2), knee=TILTED, data=data, positive=positive)
    for ax in figures.load_angle_plot(run).axes:
        (line,) = marked(ax, "both touch")
        assert x_of(line)[0] == pytest.approx(sign * ANGLE)
        ends = [x_of(line)[end] for line, end in zip(marked(ax, "median"), (-1, 0), strict=True)]
        assert ends == pytest.approx([sign * ANGLE] * 2, abs=1e-6)


def test_a_sigma_given_once_is_that_of_every_point(tmp_path: Path) -> None:
    run = plant(tmp_path, constant(*[30.0, 0.06, 80.0, 0.0] * 2, steps=400), noise="sigma = 1.5")
    top, _ = figures.load_angle_plot(run).axes
    (container,) = top.containers
    assert [np.ptp(bar[:, 1]) / 2 for bar in container[2][0].get_segments()] == pytest.approx([1.5] * 3)
    for i, line in enumerate(marked(top, "with error")):  # 1600 draws, all the same: a normal quantile and its error
        away = y_of(line) - run.posterior.predict(run.samples()[:1], x_of(line))[0]
        assert away == pytest.approx((1.645 if i % 2 else -1.645) * 1.5, abs=4.0 * 1.5 * 2.11 / 40.0)


# --- Ligaments --------------------------------------------------------------------------------------------------------


def length(ligament: str, degrees: float) -> float:
    """Return a length of the upright knee at an angle, valgus positive; worked out in `test_derived`."""
    s, c = math.sin(math.radians(abs(degrees))), math.cos(math.radians(degrees))
    stretched = (degrees > 0.0) == (ligament == "mcl")
    a, b = (60, 60) if ligament == "mcl" else (40, 40)
    if stretched:
        return math.hypot(60 + a * s - 60 * c, 20 + b * c + 60 * s)
    return math.hypot(20 - 20 * c - a * s, 20 + b * c - 20 * s)


@pytest.fixture(scope="module")
def tensions(true: Run) -> Figure:
    figure = figures.ligament_plot(true)
    figure.draw_without_rendering()
    return figure


@pytest.mark.parametrize(("i", "ligament", "reference"), [(0, "mcl", 80.0), (1, "lcl", 60.0)])
def test_a_ligaments_panel(tensions: Figure, true: Run, i: int, ligament: str, reference: float) -> None:
    ax = tensions.axes[i]
    # The file counts varus as positive: -5 to 8 degrees are 5 degrees valgus to 8 varus.
    ends = sorted((length(ligament, 5.0), length(ligament, -8.0)))
    (shade,) = marked(ax, "test")
    assert (shade.get_x(), shade.get_x() + shade.get_width()) == pytest.approx(tuple(ends))
    (ticks,) = marked(ax, "data")
    assert x_of(ticks) == pytest.approx(np.array([length(ligament, -a) for a in np.arange(-5.0, 9.0)]))
    # Slack lengths are those of all draws.
    q05, q25, q50, q75, q95 = np.percentile(SLACK[ligament], [5, 25, 50, 75, 95])
    (slack,) = marked(ax, "slack 90")
    assert x_of(slack) == pytest.approx(np.array([q05, q95]))
    assert any(x_of(line).tolist() == pytest.approx([q25, q75]) for line in ax.get_lines() if len(x_of(line)) == 2)
    assert any(x_of(line).tolist() == pytest.approx([q50]) for line in ax.get_lines() if len(x_of(line)) == 1)
    assert f"slack length $l_0$ = {q50:.1f} mm\n(90 %: {q05:.1f} to {q95:.1f})" in set(texts(ax))
    span = max(ends[1], q95) - min(q05, ends[1])
    assert ax.get_xlim() == pytest.approx((q05 - 0.35 * span, max(ends[1], q95) + 0.12 * span))
    (above,) = ax.child_axes
    assert above.get_xlim() == pytest.approx(tuple(x - reference for x in ax.get_xlim()))
    assert above.get_xlabel() == "Elongation from the pose where both condyles touch [mm]"
    assert ax.get_xlabel() == f"{ligament.upper()} length [mm]"
    assert ax.get_ylabel() == r"Tension [N], $f_\mathrm{ref}$ not subtracted"


@pytest.mark.parametrize(("i", "ligament"), [(0, "mcl"), (1, "lcl")])
def test_tension_curves_are_quantiles_of_the_law(tensions: Figure, true: Run, i: int, ligament: str) -> None:
    ax = tensions.axes[i]
    full = true.posterior.full(true.thinned(2000))
    k, alpha, l_0 = full[:, 4 * i : 4 * i + 3].T[:, :, np.newaxis]
    (median,) = marked(ax, "median")
    x = x_of(median)
    wanted = np.percentile(tension(x, k, alpha, l_0), [5, 25, 50, 75, 95], axis=0)
    np.testing.assert_allclose(y_of(median), wanted[2], atol=1e-9)
    for gid, rows in (("band 90", (0, 4)), ("band 50", (1, 3))):
        at, lower, upper = edges(marked(ax, gid)[0])
        np.testing.assert_allclose(at, x)
        np.testing.assert_allclose(lower, wanted[rows[0]], atol=1e-9)
        np.testing.assert_allclose(upper, wanted[rows[1]], atol=1e-9)
    (truth,) = marked(ax, "truth")
    stated = {"mcl": (41.5, 0.058, 78.2), "lcl": (50.0, 0.071, 59.1)}[ligament]
    np.testing.assert_allclose(y_of(truth), tension(x_of(truth), *stated))


def test_both_panels_share_a_scale_that_holds_the_highest_curve(tensions: Figure) -> None:
    highest = max(
        *(edges(band)[2].max() for band in marked(tensions, "band 90")),
        *(y_of(line).max() for line in marked(tensions, "truth")),
    )
    for ax in tensions.axes:
        assert ax.get_ylim() == pytest.approx((-0.12 * highest, 1.03 * highest))
        assert ax.get_yticks().min() == 0.0
        assert ax.get_yticks().max() <= 1.03 * highest


def test_a_tension_without_a_tare_says_just_tension(valgus: Run) -> None:
    for ax in figures.ligament_plot(valgus).axes:
        assert ax.get_ylabel() == "Tension [N]"
