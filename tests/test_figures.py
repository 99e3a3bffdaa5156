"""The pictures tell what the run holds: how they are written and named, corners and traces, with marks read back."""

from __future__ import annotations

import dataclasses
import struct
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from conftest import process
from drawn_runs import DRAW, picture, simulated_run, single_run, unfinished_run, with_draws
from matplotlib.figure import Figure
from pictures import corner_axes, marked, texts

from calibrate import figures
from calibrate.errors import ChainError
from calibrate.figures.labels import label
from calibrate.figures.style import decimals
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


def size_of(png: Path) -> tuple[int, int]:
    """Return a PNG's size in pixels, from its header."""
    head = png.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", head[16:])  # type: ignore[return-value]


def test_save_all_writes_every_picture_whole_and_at_print_resolution(single: Run, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "plots"
    written = figures.save_all(single, folder, only=list(DRAW))
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


@pytest.mark.parametrize(("width", "places"), [(105.0, 0), (0.66, 2), (0.041, 3), (12.0, 0), (1.9, 1), (0.0, 3)])
def test_intervals_are_written_with_two_significant_digits(width: float, places: int) -> None:
    assert decimals(width) == places


def test_the_corner_labels_every_parameter_and_draws_the_truth_through_it(simulated: Run) -> None:
    figure = picture("corner", simulated)
    ndim = len(simulated.names)
    axes = corner_axes(figure)
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


def test_only_simulated_data_have_a_truth(unfinished: Run) -> None:
    for name in DRAW:
        assert not marked(picture(name, unfinished), "truth")


@pytest.mark.parametrize("draw", DRAW.values(), ids=list(DRAW))
def test_a_run_with_nothing_stored_is_refused_in_one_sentence(draw: Callable[[Run], Figure], simulated: Run) -> None:
    empty = with_draws(simulated, np.empty((4, 0, 64, 7)))
    with pytest.raises(ChainError, match="nothing is stored yet"):
        draw(empty)


def test_of_nothing_stored_not_even_the_folder_is_made(simulated: Run, tmp_path: Path) -> None:
    with pytest.raises(ChainError, match="nothing is stored yet"):
        figures.save_all(with_draws(simulated, np.empty((4, 0, 64, 7))), tmp_path / "plots")
    assert not [*tmp_path.iterdir()]


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
