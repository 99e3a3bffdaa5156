"""The pictures of curves of runs as they are sampled: data, bands, jump, truth and tensions, with marks read back."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest
from conftest import config_text
from drawn_runs import picture, simulated_run, single_run, unfinished_run, with_draws
from pictures import edges, marked, texts

from calibrate.config import parse_config
from calibrate.data import parse_measurement
from calibrate.knee.geometry import kinematics
from calibrate.knee.ligament import tension
from calibrate.posterior import Posterior
from calibrate.results import Run


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return simulated_run(tmp_path_factory.mktemp("figures"))


@pytest.fixture(scope="module")
def unfinished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return unfinished_run(tmp_path_factory.mktemp("figures"))


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return single_run(tmp_path_factory.mktemp("figures"))


def test_the_load_angle_plot_draws_every_data_point_with_its_error(simulated: Run) -> None:
    figure = picture("load_angle", simulated)
    top, bottom = figure.axes
    data = simulated.file.measurement
    (points,) = top.containers
    assert points[0].get_xdata() == pytest.approx(data.angles)
    assert points[0].get_ydata() == pytest.approx(data.loads)
    sigma = float(np.median(simulated.thinned(2000)[:, -1]))
    half = [np.ptp(segment[:, 1]) / 2 for segment in points[2][0].get_segments()]
    assert half == pytest.approx([sigma] * data.angles.size)
    (residuals,) = bottom.containers
    expected = data.loads - np.median(simulated.predict(draws=2000), axis=0)
    assert residuals[0].get_ydata() == pytest.approx(expected)


def test_the_load_angle_plot_spells_out_units_and_signs(simulated: Run, unfinished: Run) -> None:
    top, bottom = picture("load_angle", simulated).axes
    assert (top.get_ylabel(), bottom.get_xlabel()) == ("Force [N], valgus positive", "Angle [°], valgus positive")
    assert "[N]" in bottom.get_ylabel()
    top, bottom = picture("load_angle", unfinished).axes
    assert (top.get_ylabel(), bottom.get_xlabel()) == ("Moment [N·m], varus positive", "Angle [°], varus positive")


def test_a_file_in_radians_is_drawn_in_degrees(simulated: Run) -> None:
    data = simulated.file.measurement
    columns = np.column_stack([np.deg2rad(data.angles), data.loads, 1.0 + data.angles**2])
    rows = [",".join(map(repr, row)) for row in columns.tolist()]
    turned = parse_measurement("\n".join(["angle_rad,force_N,sigma_N", *rows]))
    config = parse_config(config_text(noise=""))
    run = dataclasses.replace(
        simulated,
        file=dataclasses.replace(simulated.file, measurements={"": turned}, config=config),
        posterior=Posterior.from_config(config, turned),
    )
    run = with_draws(run, simulated.chains.coords[..., :6])
    top, _ = picture("load_angle", run).axes
    (points,) = top.containers
    assert points[0].get_xdata() == pytest.approx(data.angles)
    assert [np.ptp(s[:, 1]) / 2 for s in points[2][0].get_segments()] == pytest.approx(1.0 + data.angles**2)
    assert not marked(top, "with error")  # a sigma per point says nothing about the angles between
    assert top.get_xlim()[1] == pytest.approx(picture("load_angle", simulated).axes[0].get_xlim()[1])


def test_bands_hold_the_share_of_the_posterior_that_they_claim(simulated: Run) -> None:
    """All draws against the edges, which come from some of them: the edges' error is binomial."""
    top, _ = picture("load_angle", simulated).axes
    checked = 0
    drawn = [(band, 0.9) for band in marked(top, "band 90")] + [(band, 0.5) for band in marked(top, "band 50")]
    assert len(drawn) == 4
    for band, share in drawn:
        x, lower, upper = edges(band)
        every = slice(5, None, 30)
        curves = simulated.posterior.predict(simulated.samples(), x[every])
        # Where a ligament is slack in many draws, they share one load, and no edge can split them.
        inside = ((curves > lower[every]) & (curves < upper[every])).mean(axis=0)
        distinct = np.ptp(curves, axis=0) > 0.0
        tolerance = 3.0 * math.sqrt(share * (1.0 - share) / 2000)
        mixed = distinct & ((curves == 0.0).mean(axis=0) < 0.01)
        assert inside[mixed] == pytest.approx(share, abs=tolerance)
        assert not np.any(np.abs(inside[mixed] - (1.4 - share)) < tolerance), "the control: the other band's share"
        checked += int(mixed.sum())
    assert checked >= 10


def test_the_truth_lies_within_the_bands_and_the_median_between_them(simulated: Run) -> None:
    top, _ = picture("load_angle", simulated).axes
    inside = []
    pieces = [marked(top, gid) for gid in ("truth", "median", "band 90", "band 50")]
    for truth, median, wide, narrow in zip(*pieces, strict=True):
        _, lower, upper = edges(wide)
        _, inner_lower, inner_upper = edges(narrow)
        in_order = [lower, inner_lower, median.get_ydata(), inner_upper, upper]
        assert all((b - a >= -1e-9).all() for a, b in itertools.pairwise(in_order))
        curve = truth.get_ydata()
        inside.append((curve >= lower - 1e-9) & (curve <= upper + 1e-9))
    # One data set, whose errors are shared by neighbouring angles: nine in ten is the mean over many knees.
    assert np.concatenate(inside).mean() > 0.6


@pytest.mark.parametrize("which", ["simulated", "unfinished"])
def test_the_jump_of_the_load_is_a_gap_and_no_slope(which: str, request: pytest.FixtureRequest) -> None:
    run = request.getfixturevalue(which)
    top, bottom = picture("load_angle", run).axes
    sign = 1.0 if run.posterior.tests[0].positive == "valgus" else -1.0
    touch = sign * math.degrees(run.posterior.geometry().theta_0)
    for ax in (top, bottom):
        (line,) = marked(ax, "both touch")
        assert line.get_xdata()[0] == pytest.approx(touch)
        curves = [line for line in ax.get_lines() if len(line.get_xdata()) > 100]
        assert curves
        for line in curves:
            x = np.asarray(line.get_xdata())
            assert (x < touch).all() or (x > touch).all()
    medians = marked(top, "median")
    left, right = (float(line.get_ydata()[at]) for line, at in zip(medians, (-1, 0), strict=True))
    assert run.file.measurement.angle_unit == "deg"
    below, above = np.median(run.predict([touch - 1e-8, touch + 1e-8], draws=2000), axis=0)
    assert (left, right) == pytest.approx((below, above), abs=1e-6)


def test_ligament_curves_are_the_law_over_the_length(simulated: Run) -> None:
    figure = picture("ligaments", simulated)
    for ax, ligament in zip(figure.axes, ("mcl", "lcl"), strict=True):
        assert ax.get_xlabel() == f"{ligament.upper()} length [mm]"
        assert ax.get_ylabel() == "Tension [N]"
        (above,) = ax.child_axes
        assert "[mm]" in above.get_xlabel()
        (truth,) = marked(ax, "truth")
        parameters = [simulated.truth[f"{ligament}.{quantity}"] for quantity in ("k", "alpha", "l_0")]
        assert truth.get_ydata() == pytest.approx(tension(truth.get_xdata(), *parameters))
        x, lower, upper = edges(marked(ax, "band 90")[0])
        assert x == pytest.approx(truth.get_xdata())
        draws = simulated.thinned(2000)
        names = [f"{ligament}.{quantity}" for quantity in ("k", "alpha", "l_0")]
        k, alpha, l_0 = (simulated.posterior.values(draws, name)[:, np.newaxis] for name in names)
        expected = np.quantile(tension(x, k, alpha, l_0), [0.05, 0.95], axis=0)
        assert lower == pytest.approx(expected[0])
        assert upper == pytest.approx(expected[1])


def test_ligament_curves_mark_the_lengths_of_the_test_and_the_slack_length(simulated: Run) -> None:
    figure = picture("ligaments", simulated)
    geometry, data = simulated.posterior.geometry(), simulated.file.measurement
    poses = kinematics(geometry, np.deg2rad(data.angles))
    for ax, ligament, lengths in zip(figure.axes, ("mcl", "lcl"), poses.lengths, strict=True):
        (ticks,) = marked(ax, "data")
        assert ticks.get_xdata() == pytest.approx(lengths)
        (shade,) = marked(ax, "test")
        assert shade.get_x() == pytest.approx(lengths.min())
        assert shade.get_x() + shade.get_width() == pytest.approx(lengths.max())
        assert ax.get_xlim()[1] > lengths.max()
        (slack,) = marked(ax, "slack 90")
        entry = simulated.summary()["parameters"][f"{ligament}.l_0"]
        assert slack.get_xdata() == pytest.approx([entry["q5"], entry["q95"]])


def test_a_fixed_ligament_is_drawn_as_a_line_and_named_fixed(single: Run) -> None:
    _, lcl = picture("ligaments", single).axes
    assert any("62.5 mm, fixed" in text for text in texts(lcl))
    _, lower, upper = edges(marked(lcl, "band 90")[0])
    assert lower == pytest.approx(upper)
