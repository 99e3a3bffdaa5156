"""Pictures of general knees: numbers of every test and strand, read back and held against what they should be."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rigs
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pictures import edges, marked, texts, x_of, y_of
from scipy import stats

from calibrate import figures
from calibrate.errors import ChainError
from calibrate.figures.labels import broken, label, strand_label
from calibrate.knee.ligament import tension
from calibrate.problem.noise import slopes_of
from calibrate.results import Run

TESTS = ("slow", "tail", "smooth")
FIVE = (0.05, 0.25, 0.5, 0.75, 0.95)


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return rigs.three_tests(tmp_path_factory.mktemp("three"))


@pytest.fixture(scope="module")
def free(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return rigs.free_geometry(tmp_path_factory.mktemp("free"))


@pytest.fixture(scope="module")
def curves(three: Run) -> Figure:
    return figures.load_angle_plot(three)


@pytest.fixture(scope="module")
def strands(three: Run) -> list[Axes]:
    return figures.ligament_plot(three).axes


def pair(curves: Figure, test: str) -> tuple[Axes, Axes]:
    """Return a test's panels."""
    at = 2 * TESTS.index(test)
    return curves.axes[at], curves.axes[at + 1]


def in_file(run: Run, test: str, degrees: np.ndarray) -> np.ndarray:
    """Return angles in the unit of a test's file."""
    return np.deg2rad(degrees) if run.posterior.test(test).measurement.angle_unit == "rad" else degrees


# --- Labels -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "unit", "wanted"),
    [
        ("flex60.dmcl.l_0", "mm", "flex60: dMCL $l_0$ [mm]"),
        ("mcl.reference_strain", "", r"MCL $\varepsilon_\mathrm{ref}$ [-]"),
        ("pol.f_ref", "N", r"POL $f_\mathrm{ref}$ [N]"),
        ("measurement.angle_offset", "deg", r"$\theta_\mathrm{off}$ [deg]"),
        ("flex60.measurement.load_bias", "N", "flex60: $b$ [N]"),
        ("measurement.hysteresis", "N·m", "$h$ [N·m]"),
        ("flex60.noise.nu", "", r"flex60: $\nu$ [-]"),
        ("noise.angle_sigma", "deg", r"$\sigma_\theta$ [deg]"),
        ("noise.discrepancy.amplitude", "N", r"$a_\mathrm{d}$ [N]"),
        ("knee.mcl.femur.x", "mm", "MCL femur $x$ [mm]"),
        ("flex60.knee.dmcl.tibia.z", "mm", "flex60: dMCL tibia $z$ [mm]"),
        ("knee.lateral_condyle.centre.y", "mm", "lateral condyle $y$ [mm]"),
        ("knee.medial_condyle.radius", "mm", "medial condyle $r$ [mm]"),
        ("knee.rolling", "", r"rolling $\rho$ [-]"),
        ("knee.application_point.x", "mm", "application point $x$ [mm]"),
        ("knee.flexion_axis.z", "mm", "flexion axis $z$ [mm]"),
    ],
)
def test_a_label_says_whose_it_is_what_and_in_which_unit(name: str, unit: str, wanted: str) -> None:
    assert label(name, unit, ("flex60",)) == wanted


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("smcl", "sMCL"),
        ("mcl2", "MCL2"),
        ("pfl", "PFL"),
        ("mcl_deep", "MCL deep"),
        ("popliteus", "popliteus"),
    ],
)
def test_strands_are_written_as_abbreviations_where_they_are_some(name: str, wanted: str) -> None:
    assert strand_label(name) == wanted


def test_labels_are_broken_between_words_and_formulas_count_as_two_letters() -> None:
    assert broken("lateral condyle $y$ [mm]", 10) == "lateral\ncondyle $y$\n[mm]"
    assert broken(r"MCL $\varepsilon_\mathrm{ref}$ [-]", 10) == r"MCL $\varepsilon_\mathrm{ref}$ [-]"


# --- Load over angle --------------------------------------------------------------------------------------------------


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


# --- Strands ----------------------------------------------------------------------------------------------------------


def test_each_strand_has_a_panel_and_each_law_of_its_own_one_more(strands: list[Axes]) -> None:
    assert [ax.get_xlabel() for ax in strands] == [
        "MCL length [mm]",
        "LCL length [mm]",
        "slow, tail: dMCL length [mm]",
        "smooth: dMCL length [mm]",
    ]


@pytest.mark.parametrize("panel", range(4))
def test_a_strands_curve_is_its_law_in_its_tests(strands: list[Axes], three: Run, panel: int) -> None:
    ax, q = strands[panel], three.samples()
    value = dict(zip(three.names, q.T, strict=True))
    slack = [
        value["mcl.l_0"],
        60.0 / (1.0 + value["lcl.reference_strain"]),
        value["dmcl.l_0"],
        value["smooth.dmcl.l_0"],
    ]
    k = [value["mcl.k"], np.full(len(q), 30.0), *[np.full(len(q), 20.0)] * 2][panel]
    (median,) = marked(ax, "median")
    x = x_of(median)
    wanted = np.quantile(tension(x, k[:, None], 0.06, slack[panel][:, None]), FIVE, axis=0)
    np.testing.assert_allclose(y_of(median), wanted[2], atol=1e-9)
    _, lower, upper = edges(marked(ax, "band 90")[0])
    np.testing.assert_allclose([lower, upper], wanted[[0, 4]], atol=1e-9)
    (bar,) = marked(ax, "slack 90")
    assert x_of(bar) == pytest.approx(np.percentile(slack[panel], [5, 95]))
    (truth,) = marked(ax, "truth")
    true = [(44.0, 79.0), (30.0, 60.0 / 1.025), (20.0, 48.0), (20.0, 47.0)][panel]
    np.testing.assert_allclose(y_of(truth), tension(x, true[0], 0.06, true[1]))


def test_lengths_are_those_in_all_of_its_tests_at_the_median_zero(strands: list[Axes], three: Run) -> None:
    middle = np.median(three.samples(), axis=0)
    for ax, strand, tests in ((strands[0], 0, TESTS), (strands[2], 2, TESTS[:2]), (strands[3], 2, TESTS[2:])):
        lengths = np.concatenate(
            [three.posterior.knee_at(None, middle, test).kinematics.lengths[strand] for test in tests]
        )
        (ticks,), (shade,) = marked(ax, "data"), marked(ax, "test")
        assert x_of(ticks) == pytest.approx(lengths)
        assert (shade.get_x(), shade.get_x() + shade.get_width()) == pytest.approx((lengths.min(), lengths.max()))
        assert shade.get_label() == "lengths within the tests"
    # The MCL's own by hand, see `test_derived`: flexion does not move ends that lie on its axis.
    offset = middle[three.names.index("measurement.angle_offset")]
    ticks = x_of(marked(strands[0], "data")[0])
    for tick, valgus in ((ticks[0], 6.0), (ticks[8], math.degrees(0.1) + offset), (ticks[12], 7.0 + offset)):
        s, c = math.sin(math.radians(valgus)), math.cos(math.radians(valgus))
        assert tick == pytest.approx(math.hypot(60 + 60 * s - 60 * c, 20 + 60 * c + 60 * s))


def test_elongation_is_counted_from_the_reference_lengths_at_the_medians(free: Run) -> None:
    middle = dict(zip(free.names, np.median(free.samples(), axis=0), strict=True))
    axes = figures.ligament_plot(free).axes
    reference = free.posterior.geometry(np.array(list(middle.values()))).reference_lengths()
    for ax, length in zip(axes, reference, strict=True):
        (above,) = ax.child_axes
        ax.figure.draw_without_rendering()
        assert above.get_xlim() == pytest.approx(tuple(x - length for x in ax.get_xlim()))
        assert above.get_xlabel() == "Elongation from the pose where both condyles touch [mm]"


# --- Corner and traces ------------------------------------------------------------------------------------------------

SHAPE = [name for name in rigs.FREE_CENTRES if name.startswith("knee.")]
REST = [name for name in rigs.FREE_CENTRES if not name.startswith("knee.")]


def test_up_to_twelve_parameters_are_on_one_page(three: Run) -> None:
    assert figures.corner_pages(three) == {"corner": three.names}


def test_of_more_the_geometry_has_a_page_of_its_own_and_each_says_what_it_leaves_out(free: Run) -> None:
    pages = figures.corner_pages(free)
    assert pages == {"corner": tuple(REST), "corner_geometry": tuple(SHAPE)}
    some = r"MCL $l_0$, LCL $k$, $\theta_\mathrm{off}$, $\sigma$, lateral condyle $x$, lateral condyle $y$,"
    for names, words in (
        (REST, "5 of 15 parameters; left out here:\nthe geometry (10)"),
        (SHAPE[:2], "2 of 15 parameters; left out here:\nlaws, readings and errors (5), medial"),
        (["mcl.k", *SHAPE[2:4]], f"3 of 15 parameters; left out here:\n{broken(some, 44)}"),
    ):
        figure = figures.corner_plot(free, names)
        (said,) = marked(figure, "left out")
        assert said.get_text().startswith(words)
        axes = np.array(figure.axes).reshape(len(names), len(names))
        found = [" ".join(ax.get_xlabel().split()) for ax in axes[-1]]
        assert found == [label(name, dict(zip(free.names, free.posterior.units, strict=True))[name]) for name in names]


def test_of_too_many_those_are_shown_that_the_data_narrowed_most(free: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard deviations against the priors': femur 1/2, condyles 1/2, 1/4, 0.4, 0.3; the last tibia hardly at all."""
    monkeypatch.setattr("calibrate.figures.corners.MOST", 9)
    assert figures.corner_pages(free)["corner_geometry"] == tuple(SHAPE[:-1])
    monkeypatch.setattr("calibrate.figures.corners.MOST", 3)
    assert figures.corner_pages(free)["corner_geometry"] == (SHAPE[1], SHAPE[2], SHAPE[3])


def test_a_name_that_is_none_is_refused_with_one_that_is(free: Run) -> None:
    with pytest.raises(ValueError, match=r"no free parameter is called 'mcl\.kk'; did you mean 'mcl\.k'"):
        figures.corner_plot(free, ["mcl.kk"])
    with pytest.raises(ValueError, match="no parameter is named"):
        figures.corner_plot(free, [])


def test_priors_are_drawn_on_the_scale_of_the_histograms(free: Run) -> None:
    """1600 draws in 30 bins; densities are SciPy's. The normal prior of a stiffness ends at zero."""
    densities = {
        "mcl.k": stats.lognorm(math.log(1.5), scale=40.0),
        "mcl.l_0": stats.uniform(70.0, 20.0),
        "lcl.k": stats.norm(30.0, 20.0),
        "measurement.angle_offset": stats.norm(0.0, 2.0),
        "noise.sigma": stats.uniform(0.1, 4.9),
    }
    axes = np.array(figures.corner_plot(free).axes).reshape(5, 5)
    for i, (name, density) in enumerate(densities.items()):
        (line,) = marked(axes[i, i], "prior")
        low, high = axes[i, i].get_xlim()
        x, y = x_of(line), y_of(line)
        assert (x[0] - low, high - x[-1]) == pytest.approx((0.0, 0.0), abs=(high - low) / 150)
        np.testing.assert_allclose(y, 1600 * (high - low) / 30 * density.pdf(x), rtol=1e-6)
        (steps,) = axes[i, i].patches
        assert axes[i, i].get_ylim()[1] >= max(steps.get_xy()[:, 1].max(), y.max())
        if name == "lcl.k":
            assert low == 0.0 < x[0]
        assert not marked(axes[i, i], "bound")
    assert "prior" in [text.get_text() for text in axes[0, 0].figure.legends[0].get_texts()]


def test_many_traces_are_in_columns_and_keep_their_order(free: Run) -> None:
    figure = figures.trace_plot(free)
    axes = figure.axes
    assert len(axes) == 16
    units = dict(zip(free.names, free.posterior.units, strict=True))
    wanted = [label(name, units[name]) for name in free.names] + ["log-posterior [-]"]
    assert [" ".join(ax.get_ylabel().split()) for ax in sorted(axes, key=_reading)] == wanted
    for i, ax in enumerate(sorted(axes, key=_reading)[:-1]):
        for ensemble, line in enumerate(marked(ax, "mean")):
            np.testing.assert_allclose(y_of(line), free.chains.coords[ensemble, :, :, i].mean(axis=1))
        assert rf"$\hat{{R}}$ = {free.diagnosis.rhat[i]:.3f}" in set(texts(ax))
    assert figure.get_size_inches()[1] * 25.4 <= 297.0
    bottom = [ax for ax in axes if ax.get_xlabel() == "Step"]
    assert len(bottom) == 2


def _reading(ax: Axes) -> tuple[int, int]:
    spec: Any = ax.get_subplotspec()
    rows = spec.get_gridspec().ncols
    return spec.num1 % rows, spec.num1 // rows


def test_a_short_last_column_ends_with_the_log_posterior(free: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calibrate.figures.traces._COLUMN", 5)
    axes = sorted(figures.trace_plot(free).axes, key=_reading)
    assert [_reading(ax) for ax in axes] == [*((i // 6, i % 6) for i in range(15)), (2, 5)]
    assert axes[-1].get_ylabel() == "log-posterior\n[-]"


def test_every_page_is_written(free: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calibrate.figures.corners.MOST", 2)  # is faster
    monkeypatch.setattr("calibrate.figures._PICTURES", {})
    written = figures.save_all(free, tmp_path)
    names = [f"{page}.{kind}" for page in ("corner", "corner_geometry") for kind in ("png", "pdf")]
    assert [path.name for path in written] == names
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


def test_a_page_that_is_no_picture_is_not_replaced(free: Run, tmp_path: Path) -> None:
    (tmp_path / "corner_geometry.pdf").write_text("mine")
    with pytest.raises(ChainError, match=r"corner_geometry\.pdf"):
        figures.save_all(free, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["corner_geometry.pdf"]
