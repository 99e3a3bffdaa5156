"""The pictures tell what the run holds: their marks are read back from the figures and held against the numbers."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
import struct
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import BOX, config_text, process
from matplotlib.figure import Figure
from pictures import edges, marked, texts

from calibrate import chain, figures
from calibrate.config import load_config, parse_config
from calibrate.data import parse_measurement
from calibrate.errors import ChainError
from calibrate.examples import example
from calibrate.figures.labels import label
from calibrate.figures.style import decimals
from calibrate.knee.geometry import kinematics
from calibrate.knee.ligament import tension
from calibrate.posterior import Posterior
from calibrate.results import Run, open_run
from calibrate.runner import start_run

DRAW: dict[str, Callable[[Run], Figure]] = {
    "corner": figures.corner_plot,
    "trace": figures.trace_plot,
    "load_angle": figures.load_angle_plot,
    "ligaments": figures.ligament_plot,
}
ONE_FREE = """
[parameters.mcl]
k = 60.0
alpha = 0.06
l_0 = { lower = 80.0, upper = 100.0 }
[parameters.lcl]
k = 50.0
alpha = 0.08
l_0 = 62.5
"""


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a converged run of a simulated knee: seven parameters, all of known truth."""
    path = tmp_path_factory.mktemp("figures") / "simulated.h5"
    start_run(load_config(example("simulated.toml")), path)
    return open_run(path)


@pytest.fixture(scope="module")
def unfinished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a run of the real knee that has only just begun; every other step is stored."""
    path = tmp_path_factory.mktemp("figures") / "unfinished.h5"
    config = load_config(BOX).with_sampling(max_steps=20, thin=2)
    assert start_run(config, path).reason == "steps"
    return open_run(path)


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a run with one free parameter."""
    path = tmp_path_factory.mktemp("figures") / "single.h5"
    text = config_text(parameters=ONE_FREE, file="simulated.csv", extra="[sampling]\nwalkers = 8\n")
    start_run(parse_config(text, example("simulated.toml")), path)
    return open_run(path)


@functools.cache
def picture(name: str, run: Run) -> Figure:
    """Return one of a run's pictures, drawn once for all tests that only look at it."""
    return DRAW[name](run)


def with_draws(run: Run, coords: Any) -> Run:
    """Return the run with other draws, (ensembles, steps, walkers, ndim)."""
    chains = chain.Chains(np.asarray(coords), np.zeros(coords.shape[:-1]), 0.5)
    return dataclasses.replace(run, chains=chains)


def size_of(png: Path) -> tuple[int, int]:
    """Return a PNG's size in pixels, from its header."""
    head = png.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", head[16:])  # type: ignore[return-value]


def test_save_all_writes_every_picture_whole_and_at_print_resolution(single: Run, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "plots"
    written = figures.save_all(single, folder)
    assert [path.name for path in written] == [f"{name}.{kind}" for name in DRAW for kind in ("png", "pdf")]
    assert sorted(folder.iterdir()) == sorted(written)
    for path in written[1::2]:
        assert path.read_bytes().startswith(b"%PDF")
    for path in written[::2]:
        wanted = picture(path.stem, single).get_size_inches()
        assert size_of(path) == pytest.approx(300 * wanted, abs=1)
        assert 25.4 * wanted[0] == pytest.approx(90 if path.stem == "corner" else 180)


def test_pictures_of_one_run_are_the_same_to_the_last_byte(simulated: Run) -> None:
    def drawn() -> bytes:
        out = BytesIO()
        figures.load_angle_plot(simulated).savefig(out, format="png", dpi=50, metadata={"Software": None})
        return out.getvalue()

    assert drawn() == drawn()


def test_drawing_leaves_no_window_and_no_setting_behind(single: Run) -> None:
    import matplotlib
    from matplotlib import pyplot

    before = dict(matplotlib.rcParams)
    for draw in DRAW.values():
        draw(single)
    assert pyplot.get_fignums() == []
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("name", DRAW)
@pytest.mark.parametrize("which", ["simulated", "unfinished", "single"])
def test_every_picture_names_its_run_and_says_whether_it_has_converged(
    name: str, which: str, request: pytest.FixtureRequest
) -> None:
    run = request.getfixturevalue(which)
    title = picture(name, run).get_suptitle()
    assert run.path.name in title
    assert ("NOT CONVERGED after 20 steps" in title) == (which == "unfinished")
    assert (": converged after" in title) == (which != "unfinished")


@pytest.mark.parametrize("converged", [True, False])
def test_a_long_name_gives_way_to_what_the_title_has_to_say(single: Run, converged: bool) -> None:
    long = dataclasses.replace(single, path=Path(f"{'specimen_' * 12}$x$_13.h5"))
    if not converged:
        long = with_draws(long, np.full((4, 100_000, 2, 1), 90.0))
    figure = figures.corner_plot(long)
    title = figure.findobj(lambda artist: getattr(artist, "get_text", str)() == figure.get_suptitle())[0]
    state = "converged" if converged else "NOT CONVERGED"
    assert figure.get_suptitle().endswith(f".h5: {state} after {long.steps} steps")
    assert "…" in figure.get_suptitle()
    figure.savefig(BytesIO(), format="png")
    assert title.get_window_extent().x1 < figure.bbox.x1


def test_labels_carry_symbol_and_unit() -> None:
    assert label("mcl.k", "N/mm") == "MCL $k$ [N/mm]"
    assert label("lcl.alpha", "") == r"LCL $\alpha$ [-]"
    assert label("mcl.l_0", "mm") == "MCL $l_0$ [mm]"
    assert label("lcl.f_ref", "N") == r"LCL $f_\mathrm{ref}$ [N]"
    assert label("noise.sigma", "N·m") == r"$\sigma$ [N·m]"


@pytest.mark.parametrize(("width", "places"), [(105.0, 0), (0.66, 2), (0.041, 3), (12.0, 0), (1.9, 1), (0.0, 3)])
def test_intervals_are_written_with_two_significant_digits(width: float, places: int) -> None:
    assert decimals(width) == places


def test_the_corner_labels_every_parameter_and_draws_the_truth_through_it(simulated: Run) -> None:
    figure = picture("corner", simulated)
    ndim = len(simulated.names)
    axes = np.array(figure.axes).reshape(ndim, ndim)
    labels = [label(name, unit) for name, unit in zip(simulated.names, simulated.posterior.units, strict=True)]
    assert [ax.get_xlabel() for ax in axes[-1]] == labels
    assert [ax.get_ylabel() for ax in axes[1:, 0]] == labels[1:]
    for i, name in enumerate(simulated.names):
        assert axes[i, i].get_title().startswith(labels[i])
        (line,) = marked(axes[i, i], "truth")
        assert set(line.get_xdata()) == {simulated.truth[name]}
        low, high = axes[i, i].get_xlim()
        assert low < simulated.truth[name] < high
    assert len(marked(figure, "truth")) == ndim + ndim * (ndim - 1)
    assert not marked(figure, "left out")


def test_the_corner_of_a_real_knee_draws_no_truth_but_the_bounds_it_reaches(unfinished: Run) -> None:
    figure = picture("corner", unfinished)
    assert not marked(figure, "truth")
    assert 200.0 in {line.get_xdata()[0] for line in marked(figure.axes[0], "bound")}  # upper bound of mcl.k


def test_the_corner_takes_flat_piled_up_and_constant_columns(simulated: Run) -> None:
    lower, upper = simulated.posterior.lower, simulated.posterior.upper
    rng = np.random.default_rng(1)
    coords = lower + (upper - lower) * rng.uniform(size=(4, 40, 64, lower.size))
    coords[..., 1] = upper[1] - 1e-4 * (upper[1] - lower[1]) * rng.exponential(size=coords.shape[:-1])
    coords[..., 2] = 90.0
    coords[..., 3] = upper[3]
    figure = figures.corner_plot(with_draws(simulated, coords))
    figure.savefig(BytesIO(), format="png", dpi=40)
    first = figure.axes[0]
    assert first.get_xlim() == pytest.approx((lower[0], upper[0]))
    assert len(marked(first, "bound")) == 2


@pytest.mark.parametrize("which", ["simulated", "unfinished"])
def test_the_trace_shades_just_the_steps_that_are_dropped(which: str, request: pytest.FixtureRequest) -> None:
    run = request.getfixturevalue(which)
    figure = picture("trace", run)
    assert len(figure.axes) == len(run.names) + 1
    for ax in figure.axes:
        (shade,) = marked(ax, "burn-in")
        assert (shade.get_x(), shade.get_x() + shade.get_width()) == (0.0, run.summary()["burn_in"])
        for line in marked(ax, "mean"):
            assert line.get_xdata()[0] == run.config.sampling.thin
            assert line.get_xdata()[-1] == run.steps
    assert "burn-in, dropped" in set(texts(figure.axes[0]))


def test_the_trace_draws_each_ensemble_and_its_convergence(simulated: Run) -> None:
    figure = picture("trace", simulated)
    summary = simulated.summary()
    for i, (name, ax) in enumerate(zip(simulated.names, figure.axes[:-1], strict=True)):
        means = marked(ax, "mean")
        assert len({line.get_color() for line in means}) == simulated.config.sampling.ensembles
        for ensemble, line in enumerate(means):
            assert line.get_ydata() == pytest.approx(simulated.chains.coords[ensemble, ..., i].mean(axis=1))
        entry = summary["parameters"][name]
        written = set(texts(ax))
        assert rf"$\hat{{R}}$ = {entry['rhat']:.3f}" in written
        assert f"ESS = {min(entry['ess_bulk'], entry['ess_tail']):.0f}" in written
        (line,) = marked(ax, "truth")
        assert set(line.get_ydata()) == {simulated.truth[name]}
    assert [ax.get_ylabel().split("\n")[1] for ax in figure.axes[:3]] == ["[N/mm]", "[-]", "[mm]"]


def test_the_trace_draws_a_true_value_of_zero(single: Run) -> None:
    (test,) = single.posterior.tests
    test = dataclasses.replace(test, measurement=dataclasses.replace(test.measurement, truth={"mcl.l_0": 0.0}))
    posterior = dataclasses.replace(single.posterior, tests=(test,))
    figure = figures.trace_plot(dataclasses.replace(single, posterior=posterior))
    assert len(marked(figure, "truth")) == 1


def test_the_trace_of_a_long_run_is_thinned_for_display(single: Run) -> None:
    rng = np.random.default_rng(1)
    long = with_draws(single, 90.0 + rng.standard_normal((4, 20_000, 8, 1)))
    for ax in figures.trace_plot(long).axes:
        drawn = sum(line.get_xdata().size for line in ax.get_lines() if line.get_gid() in {"walker", "mean"})
        assert 1_000 < drawn < 15_000


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


def test_only_simulated_data_have_a_truth(unfinished: Run) -> None:
    for name in DRAW:
        assert not marked(picture(name, unfinished), "truth")


@pytest.mark.parametrize("draw", DRAW.values(), ids=list(DRAW))
def test_a_run_with_nothing_stored_is_refused_in_one_sentence(draw: Callable[[Run], Figure], simulated: Run) -> None:
    empty = with_draws(simulated, np.empty((4, 0, 64, 7)))
    with pytest.raises(ChainError, match="nothing is stored yet"):
        draw(empty)


def test_a_picture_that_cannot_be_written_leaves_nothing_half_done(single: Run, tmp_path: Path) -> None:
    (tmp_path / "corner.png" / "in the way").mkdir(parents=True)
    with pytest.raises(ChainError, match=r"corner\.png: is a folder"):
        figures.save_all(single, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["corner.png"]


@pytest.mark.skipif(sys.platform == "win32", reason="a path below a file fails with another error there")
def test_a_folder_below_a_file_is_refused(single: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ChainError, match="cannot be made"):
        figures.save_all(single, tmp_path / "file" / "plots")


def test_plotting_into_a_file_is_bad_input_told_in_one_line(single: Run, tmp_path: Path) -> None:
    (tmp_path / "plots").write_text("mine")
    plotting = process("plot", single.path, "-o", "plots", cwd=tmp_path)
    out, err = plotting.communicate(timeout=120)
    assert plotting.returncode == 2
    assert out == ""
    assert err.strip() == "calibrate: error: plots: is a file; name a folder for the pictures with -o"
    assert (tmp_path / "plots").read_text() == "mine"
