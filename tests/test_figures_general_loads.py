"""Load over angle of general knees: numbers of every test, read back and held against what they should be."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import rigs
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pictures import FIVE, edges, marked, x_of, y_of
from rigs import TESTS
from scipy import stats

from calibrate import figures
from calibrate.problem.noise import slopes_of
from calibrate.results import Run


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return rigs.three_tests(tmp_path_factory.mktemp("three"))


@pytest.fixture(scope="module")
def free(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return rigs.free_geometry(tmp_path_factory.mktemp("free"))


@pytest.fixture(scope="module")
def curves(three: Run) -> Figure:
    return figures.load_angle_plot(three)


def pair(curves: Figure, test: str) -> tuple[Axes, Axes]:
    """Return a test's panels."""
    at = 2 * TESTS.index(test)
    return curves.axes[at], curves.axes[at + 1]


def in_file(run: Run, test: str, degrees: np.ndarray) -> np.ndarray:
    """Return angles in the unit of a test's file."""
    return np.deg2rad(degrees) if run.posterior.test(test).measurement.angle_unit == "rad" else degrees


def test_each_test_has_its_panels_with_name_flexion_unit_and_sense(curves: Figure) -> None:
    assert len(curves.axes) == 6
    titles = [(curves.axes[i].get_title(), curves.axes[i].get_ylabel()) for i in (0, 2, 4)]
    assert titles == [
        ("slow, 0° of flexion", "Moment [N·m], varus positive"),
        ("tail, 30° of flexion", "Force [N], varus positive"),
        ("smooth, 60° of flexion", "Moment [N·m], varus positive"),
    ]
    (legend,) = curves.legends
    words = [text.get_text() for text in legend.get_texts()]
    assert len(words) == len(set(words))
    assert {"posterior median", "truth", "both condyles touch, 90 %", r"data $\pm\sigma$ (inferred)"} < set(words)


@pytest.mark.parametrize("test", TESTS)
def test_bands_are_quantiles_of_that_tests_readings(curves: Figure, three: Run, test: str) -> None:
    top, bottom = pair(curves, test)
    for arm, median in enumerate(marked(top, "median")):
        x = x_of(median)
        readings = three.posterior.predict(three.samples(), in_file(three, test, x), test)
        wanted = np.quantile(readings, FIVE, axis=0)
        np.testing.assert_allclose(y_of(median), wanted[2], atol=1e-6)
        for gid, rows in (("band 90", (0, 4)), ("band 50", (1, 3))):
            _, lower, upper = edges(marked(top, gid)[arm])
            np.testing.assert_allclose([lower, upper], wanted[list(rows)], atol=1e-6)
            _, lower, upper = edges(marked(bottom, gid)[arm])
            np.testing.assert_allclose([lower, upper], wanted[list(rows)] - wanted[2], atol=1e-6)


def share_below(run: Run, test: str, degrees: np.ndarray, edge: np.ndarray) -> np.ndarray:
    """Return the share of readings without hysteresis below an edge, exactly for each draw; slopes are the model's."""
    q, of = run.samples()[::3], run.posterior.test(test)
    value = {name: q[:, [i]] for i, name in enumerate(run.names)}
    angles = in_file(run, test, degrees)
    away = edge - run.posterior.predict(q, angles, test)
    if test == "tail":
        moved = dataclasses.replace(of, measurement=dataclasses.replace(of.measurement, angles=angles))
        slopes = slopes_of(moved, run.posterior.full(q), run.posterior.law(q, test))
        scale = np.sqrt(value["tail.noise.sigma"] ** 2 + (value["tail.noise.angle_sigma"] * slopes) ** 2)
        return np.asarray(stats.t.cdf(away / scale, value["tail.noise.nu"]).mean(axis=0))
    amplitude = 3.0 if test == "smooth" else 0.0
    return np.asarray(stats.norm.cdf(away / np.hypot(value["noise.sigma"], amplitude)).mean(axis=0))


@pytest.mark.parametrize("test", TESTS)
def test_the_dotted_lines_hold_nine_in_ten_readings_whatever_their_errors(
    curves: Figure, three: Run, test: str
) -> None:
    """Below, where there is no hysteresis; 1600 draws of the errors, so shares are known to 0.0055."""
    top, bottom = pair(curves, test)
    for arm, median in enumerate(marked(top, "median")):
        lines = marked(bottom, "with error")[2 * arm : 2 * arm + 2]
        for line, wanted in zip(lines, (0.05, 0.95), strict=True):
            x, edge = x_of(line)[5:-5:29], (y_of(line) + y_of(median))[5:-5:29]
            assert share_below(three, test, x, edge) == pytest.approx(wanted, abs=0.022)
            if test == "tail":  # the control: a normal error of the load alone is too narrow
                q = three.samples()
                away = edge - three.posterior.predict(q, in_file(three, test, x), test)
                narrow = stats.norm.cdf(away / q[:, [7]]).mean(axis=0)
                assert np.mean(np.abs(narrow - wanted)) > 0.022


def test_up_and_down_have_marks_of_their_own_and_residuals_no_hysteresis(curves: Figure, three: Run) -> None:
    top, bottom = pair(curves, "slow")
    data = three.posterior.test("slow").measurement
    assert data.direction is not None
    predicted = np.median(three.posterior.predict(three.samples(), None, "slow"), axis=0)
    for ax, values in ((top, data.loads), (bottom, data.loads - predicted)):
        up, down = ax.containers
        for container, these, marker in ((up, data.direction > 0, "^"), (down, data.direction < 0, "v")):
            np.testing.assert_array_equal(x_of(container[0]), data.angles[these])
            np.testing.assert_allclose(y_of(container[0]), values[these])
            assert container[0].get_marker() == marker
        assert up[0].get_markerfacecolor() != down[0].get_markerfacecolor()
    for ax in pair(curves, "tail"):
        (only,) = ax.containers
        assert only[0].get_marker() == "o"


def test_hysteresis_is_a_line_on_either_side_and_widens_the_dotted_ones(curves: Figure, three: Run) -> None:
    top, bottom = pair(curves, "slow")
    assert not marked(bottom, "hysteresis")
    assert not marked(pair(curves, "tail")[0], "hysteresis")
    lines, q = marked(top, "hysteresis"), three.samples()
    lag = q[:, [three.names.index("slow.measurement.hysteresis")]]
    sigma = q[:, [three.names.index("noise.sigma")]]
    for i, line in enumerate(lines):
        readings = three.posterior.predict(q, x_of(line), "slow") + (-1.0 if i % 2 else 1.0) * lag
        np.testing.assert_allclose(y_of(line), np.median(readings, axis=0), atol=1e-6)
    for i, line in enumerate(marked(top, "with error")):  # half of the readings go up, half come down
        away = y_of(line)[::50] - three.posterior.predict(q, x_of(line)[::50], "slow")
        share = 0.5 * (stats.norm.cdf((away - lag) / sigma) + stats.norm.cdf((away + lag) / sigma)).mean(axis=0)
        assert share == pytest.approx(0.95 if i % 2 else 0.05, abs=0.022)


def test_an_uncertain_zero_moves_the_angle_at_which_both_condyles_touch(curves: Figure, three: Run) -> None:
    """The knee is upright, so it touches at its zero: at 0 where that is known."""
    offset = three.samples()[:, three.names.index("measurement.angle_offset")]
    for test in TESTS:
        for ax in pair(curves, test):
            (line,) = marked(ax, "both touch")
            wanted = 0.0 if test == "slow" else np.median(offset)
            assert x_of(line) == pytest.approx([wanted] * 2, abs=1e-9)
            left, right = marked(ax, "median")
            assert (x_of(left)[-1], x_of(right)[0]) == pytest.approx((wanted, wanted), abs=1e-6)
            spans = marked(ax, "touch 90")
            assert len(spans) == (test != "slow")
            for span in spans:
                ends = span.get_x(), span.get_x() + span.get_width()
                assert ends == pytest.approx(tuple(np.percentile(offset, [5, 95])))


def test_free_condyles_move_it_as_well(free: Run) -> None:
    """Radii are equal, so both touch where the line between the centres is level; varus is positive in the file."""
    value = dict(zip(free.names, free.samples().T, strict=True))
    rise = value["knee.lateral_condyle.centre.y"] - value["knee.medial_condyle.centre.y"]
    run = value["knee.lateral_condyle.centre.x"] - value["knee.medial_condyle.centre.x"]
    touch = -np.degrees(np.arctan2(rise, run)) + value["measurement.angle_offset"]
    for ax in figures.load_angle_plot(free).axes:
        (line,), (span,) = marked(ax, "both touch"), marked(ax, "touch 90")
        assert x_of(line)[0] == pytest.approx(np.median(touch))
        ends = span.get_x(), span.get_x() + span.get_width()
        assert ends == pytest.approx(tuple(np.percentile(touch, [5, 95])))


def test_free_geometry_is_in_the_bands(free: Run) -> None:
    top, _ = figures.load_angle_plot(free).axes
    for line in marked(top, "median"):
        x, shown = x_of(line)[::60], y_of(line)[::60]
        # One knee after the other, posed in NumPy.
        rows = [free.posterior.knee_at(x, q).loads(free.posterior.law(q))[0] for q in free.samples()]
        np.testing.assert_allclose(shown, np.median(rows, axis=0), atol=1e-9)


def test_the_truth_of_a_test_is_drawn_with_its_own_numbers(curves: Figure, three: Run) -> None:
    """`smooth` has a slack length and a bias of its own; `slow` says what its own zero was; `tail` says nothing."""
    lcl = 60.0 / 1.025
    for test, slack, offset, bias in (("slow", 48.0, 0.5, 0.0), ("smooth", 47.0, 1.25, 0.7)):
        law = np.array([[44.0, 0.06, 79.0, 0.0], [30.0, 0.06, lcl, 0.0], [20.0, 0.06, slack, 0.0]])
        top, bottom = pair(curves, test)
        zero = np.array([0.0 if name == "measurement.angle_offset" else 1.0 for name in three.names])
        drawn = (marked(top, "truth"), marked(bottom, "truth"), marked(top, "median"))
        for line, below, median in zip(*drawn, strict=True):
            moved = x_of(line) - offset
            wanted = three.posterior.knee_at(moved, zero, test).loads(law[np.newaxis])[0] + bias
            np.testing.assert_allclose(y_of(line), wanted)
            np.testing.assert_allclose(y_of(below), wanted - y_of(median), atol=1e-9)
    assert not marked(pair(curves, "tail")[0], "truth")


@pytest.mark.parametrize(("count", "places"), [(2, [0, 1]), (4, [0, 1, 4, 5]), (5, [0, 1, 2, 6, 7])])
def test_many_tests_are_in_a_grid(three: Run, count: int, places: list[int]) -> None:
    """Two or three side by side, a test's panels one below the other."""
    tests = tuple(three.posterior.tests[i % 3] for i in range(count))
    figure = figures.load_angle_plot(
        dataclasses.replace(three, posterior=dataclasses.replace(three.posterior, tests=tests))
    )
    columns = 2 if count in (2, 4) else 3
    found: list[Any] = [ax.get_subplotspec() for ax in figure.axes]
    assert [spec.num1 for spec in found[::2]] == places
    assert [spec.num1 for spec in found[1::2]] == [at + columns for at in places]
