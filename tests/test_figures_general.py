"""Pictures of general knees: strands, corners and traces, read back and held against what they should be."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rigs
from matplotlib.axes import Axes
from pictures import FIVE, corner_axes, counted, edges, marked, texts, x_of, y_of
from rigs import TESTS
from scipy import stats

from calibrate import figures
from calibrate.errors import ChainError
from calibrate.figures.labels import broken, label
from calibrate.knee.ligament import tension
from calibrate.results import Run


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return rigs.three_tests(tmp_path_factory.mktemp("three"))


@pytest.fixture(scope="module")
def free(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return rigs.free_geometry(tmp_path_factory.mktemp("free"))


@pytest.fixture(scope="module")
def strands(three: Run) -> list[Axes]:
    return figures.ligament_plot(three).axes


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


def test_up_to_ten_parameters_are_on_one_page(three: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    (page,) = figures.corner_pages(three).values()
    assert len(three.names) == 11
    assert len(page) == 10
    monkeypatch.setattr("calibrate.figures.corners.MOST", 11)
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
        figure = figures.corner_plot(free, names=names)
        (said,) = marked(figure, "left out")
        assert said.get_text().startswith(words)
        axes = corner_axes(figure)
        assert len(axes) == len(names)
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
        figures.corner_plot(free, names=["mcl.kk"])
    with pytest.raises(ValueError, match="no parameter is named"):
        figures.corner_plot(free, names=[])


def test_priors_are_drawn_on_the_scale_of_the_histograms(free: Run) -> None:
    """1600 draws in 30 bins; densities are SciPy's. The normal prior of a stiffness ends at zero."""
    densities = {
        "mcl.k": stats.lognorm(math.log(1.5), scale=40.0),
        "mcl.l_0": stats.uniform(70.0, 20.0),
        "lcl.k": stats.norm(30.0, 20.0),
        "measurement.angle_offset": stats.norm(0.0, 2.0),
        "noise.sigma": stats.uniform(0.1, 4.9),
    }
    axes = corner_axes(figures.corner_plot(free))
    for i, (name, density) in enumerate(densities.items()):
        (line,) = marked(axes[i, i], "prior")
        low, high = axes[i, i].get_xlim()
        x, y = x_of(line), y_of(line)
        assert (x[0] - low, high - x[-1]) == pytest.approx((0.0, 0.0), abs=(high - low) / 150)
        np.testing.assert_allclose(y, 1600 * (high - low) / 30 * density.pdf(x), rtol=1e-6)
        counts, _ = counted(axes[i, i])
        assert axes[i, i].get_ylim()[1] >= max(counts.max(), y.max())
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
    written = figures.save_all(free, tmp_path, only=["corner"])
    names = [f"{page}.{kind}" for page in ("corner", "corner_geometry") for kind in ("png", "pdf")]
    assert [path.name for path in written] == names
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


def test_a_page_that_is_no_picture_is_not_replaced(free: Run, tmp_path: Path) -> None:
    (tmp_path / "corner_geometry.pdf").write_text("mine")
    with pytest.raises(ChainError, match=r"corner_geometry\.pdf"):
        figures.save_all(free, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["corner_geometry.pdf"]
