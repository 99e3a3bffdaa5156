"""What the pictures show, as numbers: their artists' data against NumPy's, with sign and unit."""

from __future__ import annotations

import functools
import itertools
import math

import numpy as np
import pytest
import shown_runs
from matplotlib.colors import to_hex
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure
from pictures import corner_axes, marked, texts, x_of, y_of
from rigs import TESTS, three_tests
from scipy import stats

from calibrate import figures
from calibrate.draws import Draws
from calibrate.errors import ChainError
from calibrate.figures.residuals import sampling_band
from calibrate.figures.style import BAND_50, BAND_90
from calibrate.literature import laxity_band
from calibrate.results import Run
from calibrate.scores.pointwise import foretold

DRAWN = {
    name: functools.cache(getattr(shown_runs, name)) for name in ("real", "free", "ugly", "one_reading")
}  # each made once


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return three_tests(tmp_path_factory.mktemp("three"))


@functools.cache
def drawn(kind: str, of: str) -> Figure:
    return figures.FIGURES[kind].draw(DRAWN[of]())


# --- The registry -----------------------------------------------------------------------------------------------------


def test_each_picture_has_a_title_and_a_caption_of_one_sentence() -> None:
    assert len({kind.title for kind in figures.FIGURES.values()}) == len(figures.FIGURES)
    for kind in figures.FIGURES.values():
        assert not kind.title.endswith(".")
        assert kind.caption.endswith(".")
        assert kind.caption.count(". ") == 0
        assert (kind.draw.__doc__ or "").startswith("Draw")


def test_the_accessor_has_the_registrys_names_and_options() -> None:
    plot = DRAWN["ugly"]().plot
    assert set(figures.FIGURES) <= set(dir(plot))
    assert len(plot.corner(names=["mcl.k"]).axes) == 1
    with pytest.raises(AttributeError, match="no picture is called 'corer'; did you mean 'corner'"):
        plot.corer()


def test_a_corner_of_fewer_draws_than_parameters_is_refused_in_one_sentence() -> None:
    run = DRAWN["ugly"]()
    few = shown_runs.drawn(run.posterior, run.chains.coords[:1, :1, :6], dropped=0)
    with pytest.raises(ChainError, match="6 draws are too few for 7 parameters; sample more or name fewer of them"):
        figures.corner_plot(few)
    assert figures.corner_plot(few, names=run.names[:2]).axes


@pytest.mark.parametrize("name", figures.FIGURES)
def test_nothing_stored_is_said_in_one_sentence(name: str) -> None:
    run = DRAWN["ugly"]()
    empty = shown_runs.drawn(run.posterior, np.empty((2, 0, 40, 7)), dropped=None)
    with pytest.raises(ChainError, match="nothing is stored yet"):
        figures.FIGURES[name].draw(empty)


# --- Draws ------------------------------------------------------------------------------------------------------------


def test_priors_and_posteriors_are_densities_of_one_scale() -> None:
    run = DRAWN["real"]()
    axes = drawn("prior_posterior", "real").axes
    for i, (ax, column) in enumerate(zip(axes, run.samples().T, strict=True)):
        density, ends, _ = marked(ax, "posterior")[0].get_data()
        inside = np.mean((column >= ends[0]) & (column <= ends[-1]))
        assert (density * np.diff(ends)).sum() == pytest.approx(inside)
        outline = marked(ax, "prior")[0].get_paths()[0].vertices
        at = outline[:, 0][150]
        height = outline[np.isclose(outline[:, 0], at), 1].max()
        assert height == pytest.approx(math.exp(run.posterior.priors[i].log_density(np.array([at]))[0]), rel=1e-6)
        (interval,), (median,) = marked(ax, "interval"), marked(ax, "median")
        assert x_of(interval) == pytest.approx(np.percentile(column, [5, 95]))
        assert x_of(median) == pytest.approx(np.median(column))
        prior = float(np.ptp(run.posterior.priors[i].quantile([0.05, 0.95])))
        assert ax.get_title() == f"{100 * np.ptp(np.percentile(column, [5, 95])) / prior:.0f} % as wide as the prior"


def test_convergence_ends_with_the_verdicts_numbers_and_has_its_thresholds() -> None:
    run = DRAWN["real"]()
    top, bottom = drawn("convergence", "real").axes
    found = run.diagnosis
    for i in range(len(run.names)):
        (rhat,), (ess,) = marked(top, f"figure {i}"), marked(bottom, f"figure {i}")
        assert x_of(rhat)[-1] == run.steps
        assert y_of(rhat)[-1] == pytest.approx(max(found.rhat[i] - 1.0, 1e-4))
        assert y_of(ess)[-1] == pytest.approx(min(found.ess_bulk[i], found.ess_tail[i]))
        half = int(x_of(ess)[3])
        earlier = run.look(half).diagnosis
        assert y_of(ess)[3] == pytest.approx(min(earlier.ess_bulk[i], earlier.ess_tail[i]))
    assert y_of(marked(top, "threshold")[0])[0] == pytest.approx(run.settings.max_rhat - 1.0)
    assert y_of(marked(bottom, "threshold")[0])[0] == run.settings.min_ess


def test_correlations_are_those_of_ranks() -> None:
    (image,) = marked(drawn("correlation", "ugly"), "correlations")
    shown = image.get_array()
    wanted = stats.spearmanr(DRAWN["ugly"]().thinned(20_000)).statistic
    assert shown.mask[np.triu_indices(7)].all()
    np.testing.assert_allclose(shown[np.tril_indices(7, -1)], wanted[np.tril_indices(7, -1)], atol=2e-3)
    assert shown[2, 0] > 0.99  # the ridge


def test_contours_hold_their_shares() -> None:
    """Of pairs along a line they hold more: counts are smoothed over a bin."""
    run = DRAWN["real"]()
    axes, draws = corner_axes(drawn("corner", "real")), run.samples()
    for row, column in zip(*np.tril_indices(len(axes), -1), strict=True):
        filled, lines = (found for found in axes[row, column].collections if isinstance(found, ContourSet))
        assert filled.filled
        assert [to_hex(colour).upper() for colour in filled.get_facecolor()] == ["#FFFFFF", BAND_90, BAND_50]
        pair = draws[:, [column, row]]
        found = [path.contains_points(pair).mean() for path in lines.get_paths()]
        rank = abs(stats.spearmanr(*pair.T).statistic)
        assert found == pytest.approx([0.9, 0.5], abs=0.04 if rank < 0.5 else 0.25)


def test_the_best_draw_is_marked_where_it_is() -> None:
    run = DRAWN["ugly"]()
    best = run.samples()[int(np.argmax(run.log_prob()))]
    crosses = [line for line in marked(drawn("corner", "ugly"), "map") if line.get_marker() == "x"]
    pairs = [[best[column], best[row]] for row in range(run.posterior.ndim) for column in range(row)]
    found = [[x_of(line)[0], y_of(line)[0]] for line in crosses]
    assert found
    assert all(pair in pairs for pair in found)
    assert not marked(figures.corner_plot(run, names=run.names[:2], map=False), "map")


# --- Readings ---------------------------------------------------------------------------------------------------------


def test_residuals_are_readings_less_medians_in_units_of_sigma() -> None:
    run = DRAWN["real"]()
    (test,) = run.posterior.tests
    left, right = drawn("residuals", "real").axes
    (points,) = marked(left, "residuals")
    q = run.thinned(1000)
    predicted = np.median(run.posterior.predict(q), axis=0)
    sigma = float(np.median(q[:, run.names.index("noise.sigma")]))
    np.testing.assert_allclose(x_of(points), test.measurement.angles)
    np.testing.assert_allclose(y_of(points), (test.measurement.loads - predicted) / sigma)
    counts, ends, _ = marked(right, "pit")[0].get_data()
    assert counts.sum() == test.measurement.loads.size
    assert ends.tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_the_band_of_the_histogram_is_binomial() -> None:
    for count, bars in ((15, 4), (200, 20), (1, 4)):
        low, high = sampling_band(count, bars)
        below = stats.binom(count, 1.0 / bars)
        assert (low, high) == (below.ppf(0.05), below.ppf(0.95))
    low, high = sampling_band(1000, 20)
    assert 0.9 <= stats.binom(1000, 0.05).cdf(high) - stats.binom(1000, 0.05).cdf(low - 1) < 0.93


def test_one_reading_is_foretold_by_the_prior_alone() -> None:
    run = DRAWN["one_reading"]()
    counts, ends, _ = marked(drawn("residuals", "one_reading").axes[1], "pit")[0].get_data()
    plain = float(foretold(run.posterior, run.posterior.tests[0], run.thinned(1000)).below(np.array([6.0])).mean())
    assert counts.tolist() == [float(low <= plain < high) for low, high in itertools.pairwise(ends)]


def test_laxity_is_what_the_run_derives(three: Run) -> None:
    left, right = figures.laxity_plot(three).axes
    derived = three.derived()
    for i, test in enumerate(TESTS):
        for ax, way, name in ((left, "valgus", "valgus"), (left, "varus", "varus"), (right, "this knee", "total")):
            values = derived[f"{test}.laxity_{name}_10Nm"]
            q05, q50, q95 = np.nanquantile(values, (0.05, 0.5, 0.95))
            assert y_of(marked(ax, f"{way} median")[i])[0] == pytest.approx(q50)
            assert y_of(marked(ax, f"{way} 90")[i]) == pytest.approx([q05, q95])
            assert x_of(marked(ax, f"{way} median")[i])[0] == three.posterior.tests[i].flexion
    # The files count varus as positive.
    assert all(y_of(line)[0] > 0.0 for line in marked(left, "varus median"))
    assert all(y_of(line)[0] < 0.0 for line in marked(left, "valgus median"))


def test_published_laxities_are_drawn_with_their_source_and_no_band_is_invented(three: Run) -> None:
    figure = figures.laxity_plot(three)
    (published,) = marked(figure, "published")
    assert x_of(published).tolist() == [one.flexion for one in laxity_band(10.0)] == [5.5, 36.0, 87.3]
    # By the bundled files of that knee: end states of -7.2479 and -0.2172, -8.1269 and 1.1639, -6.9085 and 5.5582.
    assert y_of(published) == pytest.approx([7.0307, 9.2908, 12.4667], abs=0.005)
    assert not marked(figure, "band")
    said = set(texts(figure))
    assert {"Andreassen 2021, 1 knee", "(no published band is stored for 10 N·m)"} <= said
    assert laxity_band(5.0) == ()
    assert "(no published band is stored for 5 N·m)" in set(texts(figures.laxity_plot(three, moment=5.0)))
    with pytest.raises(ValueError, match="has to be positive"):
        figures.laxity_plot(three, moment=0.0)


def test_draws_that_do_not_reach_the_moment_are_counted() -> None:
    run = DRAWN["one_reading"]()
    lost = np.isnan(run.derived(2000)["laxity_total_10Nm"]).mean()
    (said,) = [text for text in texts(drawn("laxity", "one_reading")) if "do not reach" in text]
    assert abs(float(said.split(" %")[0]) - 100.0 * lost) < 4.0


def test_tensions_over_the_angle_are_the_laws_and_their_lines_say_where(
    three: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("calibrate.figures.tensions._DRAWS", 40)
    axes = figures.tension_angle_plot(three).axes
    q = three.thinned(40)
    for ax, name in zip(axes, TESTS, strict=True):
        for s, strand in enumerate(three.posterior.strands):
            lines = [line for region in ("slack", "toe", "linear") for line in marked(ax, f"{region} {strand}")]
            assert lines
            for line in lines:
                at = float(x_of(line)[0])
                test = three.posterior.test(name)
                in_file = at if test.measurement.angle_unit == "deg" else math.radians(at)
                lengths = np.array(
                    [three.posterior.knee_at([in_file], row, name).kinematics.lengths[s, 0] for row in q]
                )
                k, alpha, l_0, _ = three.posterior.law(q, name)[:, s].T
                e = np.maximum(lengths - l_0, 0.0)
                toe = alpha * l_0
                wanted = np.where(e < toe, k * e**2 / (2.0 * toe), k * (e - 0.5 * toe))
                assert y_of(line)[0] == pytest.approx(np.median(wanted), abs=1e-9)
                region = int(np.median((e > 0.0) * 1 + (e > toe)).round())
                assert line.get_gid() == f"{('slack', 'toe', 'linear')[region]} {strand}"


def test_parts_of_the_strands_add_up_to_the_predicted_load(three: Run) -> None:
    axes = figures.load_share_plot(three).axes
    q = three.thinned(400)
    for top, bottom, name in zip(axes[::2], axes[1::2], TESTS, strict=True):
        (line,) = marked(top, "moment")
        test = three.posterior.test(name)
        if test.measurement.kind == "moment":
            bias = np.median(three.posterior.full(q)[:, test.slots.reading[1]])
            predicted = three.posterior.predict(q, x_of(line), name).mean(axis=0) - bias
            np.testing.assert_allclose(y_of(line), predicted, atol=1e-9)
        tops = max(band.get_paths()[0].vertices[:, 1].max() for band in marked(bottom, "share dmcl"))
        assert tops == pytest.approx(100.0)


def test_draws_in_memory_are_called_after_their_configuration() -> None:
    run: Draws = DRAWN["real"]()
    assert drawn("knee", "real").get_suptitle().startswith("oks009.toml: NOT CONVERGED")
    assert run.plot.knee(angle=1.0).axes[0].get_title(loc="left").startswith("30° of flexion, at 1.0°")
