"""`calibrate predict`: tables, one JSON object, a figure with both bands, and one line for what cannot be meant."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from commands import check_refused
from conftest import Result
from planted import constant, plant
from test_simulation import TWO_TESTS

import calibrate
from calibrate import chain
from calibrate.comparison import compare
from calibrate.figures.whatif import what_if_plot
from calibrate.posterior import Posterior
from calibrate.results import Run, open_run

Command = Callable[..., Result]


@pytest.fixture
def two(folder: Path) -> Path:
    """Return a run of two tests, flex0 counting valgus and flex30 varus as positive, with draws of the prior."""
    for name in ("flex0", "flex30"):
        (folder / "two.toml").write_text(f"{TWO_TESTS}[sampling]\nensembles = 2\nwalkers = 40\n")
        config = calibrate.load_config(folder / "two.toml")
        (folder / f"{name}.csv").write_text(calibrate.simulate(config, angles="-8:8:9", test=name).text)
    posterior = Posterior.from_config(config)
    draws = posterior.prior_sample(np.random.default_rng(1), 2 * 4 * 40).reshape(2, 4, 40, -1)
    path = folder / "two.h5"
    origin = chain.new_origin(config, posterior.measurements, posterior.names, draws[:, 0])
    chain.create(path, origin, draws[:, 0], capacity=4)
    with chain.ChainWriter(path) as writer:
        for step in range(4):
            for ensemble, backend in enumerate(writer.backends):
                some = draws[ensemble, step]
                state = np.random.RandomState(ensemble).get_state()
                backend.save_step(_state(some, posterior.log_prob(some), state), np.ones(40, dtype=bool))
        writer.finish()
    return path


def _state(coords: np.ndarray, log_prob: np.ndarray, random_state: object) -> object:
    import emcee

    return emcee.State(coords, log_prob=log_prob, random_state=random_state)


def test_the_tables_have_both_knees_side_by_side(finished_run: Path, command: Command) -> None:
    result = command("predict", finished_run, "--change", "mcl.l_0=+2", "--angles=-4:4:3")
    assert result.code == 0, result.err
    lines = result.out.splitlines()
    assert lines[1] == "mcl.l_0=+2; 2000 draws"
    assert lines[2].rstrip() == "Force [N] over angle [°], valgus positive"
    assert lines[5].split() == ["angle", *(3 * ["median", "5", "%", "95", "%"])]
    run = open_run(finished_run)
    q = run.thinned(2000)
    before, after = (
        run.posterior.predict(q, np.deg2rad([4.0])),
        run.predict(np.deg2rad([4.0]), 2000, change={"mcl.l_0": "+2"}),
    )
    row = next(line.split() for line in lines if line.split()[:1] == ["4.00"])
    expected = [np.quantile(v, share) for v in (before, after, after - before) for share in (0.5, 0.05, 0.95)]
    assert [float(cell) for cell in row[1:]] == pytest.approx(expected, abs=0.006)
    assert "-0.00" not in result.out
    alone = command("predict", finished_run)
    assert "nothing is changed; 2000 draws" in alone.out
    assert "changed\n" not in alone.out


def test_laxity_has_a_row_for_each_way_and_says_what_is_not_reached(finished_run: Path, command: Command) -> None:
    result = command("predict", finished_run, "--change", "lcl.k=*0", "--moments", "2, 5,5.0")
    assert result.code == 0, result.err
    rows = [line.split() for line in result.out.splitlines() if line[:5].strip() in ("2", "5")]
    assert [row[:2] for row in rows] == [[size, way] for size in "25" for way in ("varus", "valgus", "in")]
    assert rows[0][5:8] == ["beyond"] * 3
    assert rows[0][8:] == ["-"] * 3
    assert all(abs(float(cell)) < 0.1 for cell in rows[1][8:])  # valgus is the MCL's
    assert "note: lcl is released: it bears nothing at any length" in result.out


def test_json_is_one_object_and_nothing_else(finished_run: Path, command: Command, folder: Path) -> None:
    arguments = ("predict", finished_run, "--change", "lcl.k=0", "--change", "mcl.l_0=-1", "--json")
    curve = command(*arguments)
    assert (curve.code, curve.err) == (0, "")
    content = json.loads(curve.out)
    assert content["changes"] == ["lcl.k=0", "mcl.l_0=-1"]
    assert content["released"] == ["lcl"]
    assert set(content["curve"]) == {"angle", "calibrated", "changed", "difference"}
    assert {len(values) for of in ("calibrated", "changed") for values in content["curve"][of].values()} == {13}
    laxity = json.loads(command(*arguments, "--moments", "10").out)
    assert laxity["laxity"][0]["varus"]["changed"]["median"] is None
    drawn = command(*arguments, "-o", "x.png")
    assert drawn.err == "calibrate: x.png: load over angle\n"
    assert json.loads(drawn.out) == content


def test_one_of_several_tests_is_asked_for_by_its_name(two: Path, command: Command) -> None:
    result = command("predict", two)
    assert result.code == 2
    assert result.err == "calibrate: error: which test: flex0, flex30? Name it by --test, in Python by test=\n"
    content = json.loads(command("predict", two, "--test", "flex30", "--change", "mcl.l_0=+1", "--json").out)
    assert (content["test"], content["flexion"], content["positive"]) == ("flex30", 30.0, "varus")
    assert content["changes"] == ["flex30.mcl.l_0=+1"]
    run = open_run(two)
    q = run.thinned(2000)
    q[:, run.names.index("flex30.mcl.l_0")] += 1.0
    wanted = np.median(run.posterior.predict(q, content["curve"]["angle"], "flex30"), axis=0)
    np.testing.assert_allclose(content["curve"]["changed"]["median"], wanted, rtol=1e-9, atol=1e-9)
    text = command("predict", two, "--test", "flex30", "--moments", "10").out
    assert f"{two}, test flex30" in text
    assert "the offset of the file's zero is taken off" in text
    assert command("predict", two, "--test", "flex0", "-o", "two.pdf").code == 0


def test_the_figure_has_the_data_and_both_bands(finished_run: Path, command: Command, folder: Path) -> None:
    result = command("predict", finished_run, "--change", "lcl.k=*0.5", "--angles=-12:12:5", "-o", "new.png")
    assert result.code == 0
    assert matplotlib.image.imread(folder / "new.png").shape == (1181, 2125, 4)
    before = (folder / "new.png").read_bytes()
    command("predict", finished_run, "--change", "lcl.k=*0.5", "--angles=-12:12:5", "-o", "new.png")
    assert (folder / "new.png").read_bytes() == before
    run = open_run(finished_run)
    comparison = compare(run, {"lcl.k": "*0.5"})
    (ax,) = what_if_plot(comparison, -12.0, 12.0).axes
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["data", "as calibrated", "lcl.k=*0.5"]
    q = run.thinned(2000)
    for name, change in (("as calibrated", {}), ("lcl.k=*0.5", {"lcl.k": "*0.5"})):
        lines = [line for line in ax.lines if line.get_gid() == f"median {name}"]
        assert len(lines) == 2  # one for each condyle
        bands = [band for band in ax.collections if band.get_gid() == f"band {name}"]
        for line, band in zip(lines, bands, strict=True):
            x = np.deg2rad(line.get_xdata())
            curves = run.predict(x, 2000, change=change)
            np.testing.assert_allclose(line.get_ydata(), np.median(curves, axis=0), atol=1e-9)
            edges = band.get_paths()[0].vertices
            np.testing.assert_allclose(edges[:, 1].min(), np.quantile(curves, 0.05, axis=0).min(), atol=1e-9)
            np.testing.assert_allclose(edges[:, 1].max(), np.quantile(curves, 0.95, axis=0).max(), atol=1e-9)
        assert (lines[0].get_xdata()[0], lines[1].get_xdata()[-1]) == (-12.0, 12.0)
    assert len(q) == 2000
    assert ax.get_ylabel() == "Force [N], valgus positive"


def test_a_file_in_radians_is_asked_and_shown_in_degrees(valgus: Run) -> None:
    content = compare(valgus).content(degrees=[0.0, 10.0])
    wanted = np.median(valgus.predict(np.deg2rad([0.0, 10.0])), axis=0)
    np.testing.assert_allclose(content["curve"]["calibrated"]["median"], wanted, rtol=1e-12)
    assert content["measured"] == pytest.approx(list(np.rad2deg([-0.1, 0.3])))
    assert content["notes"] == ["the run has not converged: medians and intervals may still move"]
    (ax,) = what_if_plot(compare(valgus)).axes
    np.testing.assert_allclose(ax.lines[0].get_xdata(), np.rad2deg(valgus.measurement.angles))
    touch = next(line.get_xdata()[-1] for line in ax.lines if line.get_gid() == "median as calibrated")
    assert touch == pytest.approx(np.degrees(valgus.posterior.geometry().theta_0), abs=1e-6)


def test_very_many_readings_are_drawn_as_a_share_of_them(tmp_path: Path) -> None:
    rows = "".join(f"{angle!r},{angle!r}\n" for angle in np.linspace(-5, 5, 2000).tolist())
    run = plant(tmp_path, constant(40.0, 0.05, 76.0, 0.0, 30.0, 0.1, 59.5, 0.0), data=f"angle_deg,moment_Nm\n{rows}")
    (ax,) = what_if_plot(compare(run)).axes
    assert len(ax.lines[0].get_xdata()) == 1000


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--change", "mcl.kk=+1"), "mcl.kk: unknown parameter; did you mean 'mcl.k'?"),
        (("--change", "mcl.k"), "--change mcl.k: must be NAME=VALUE, like mcl.k=40"),
        (("--change", "mcl.k="), "must be NAME=VALUE"),
        (("--change", "mcl.k=+1", "--change", "mcl.k=+2"), "mcl.k is given twice"),
        (("--change", "mcl.l_0=-1000"), "has to be positive"),
        (("--change", "mcl.k=x"), "change mcl.k = x: must be +2, -2, *0.5, =60 or 60; 'x' is no number"),
        (("--angles=-60:60:5",), "none beyond 45 degrees"),
        (("--angles=1:2",), "must be LOW:HIGH:N"),
        (("--angles=1:2:3", "--moments", "5"), "--angles and --moments: use one of them"),
        (("--moments", "5,,10"), "--moments 5,,10: the cell is empty"),
        (("--moments", "0"), "moments 0: have to be positive"),
        (("--moments", "ten"), "--moments ten: 'ten' is no number"),
        (("--test", "flex30"), "no test is called 'flex30'"),
        (("-o", "x.toml"), "no kind of picture"),
        (("-o", "/proc/nowhere/x.png"), "cannot be written"),
    ],
)
def test_bad_usage_is_one_line_exit_2_and_draws_nothing(
    arguments: tuple[str, ...], says: str, finished_run: Path, command: Command, folder: Path
) -> None:
    more = () if "-o" in arguments else ("-o", "x.png")
    before = {path.name for path in folder.iterdir()}
    check_refused(command("predict", finished_run, *arguments, *more), says)
    assert {path.name for path in folder.iterdir()} == before


def test_a_run_with_nothing_in_it_says_so(folder: Path, command: Command, tmp_path: Path) -> None:
    run = plant(tmp_path, constant(40.0, 0.05, 76.0, 0.0, 30.0, 0.1, 59.5, 0.0, steps=0), name="empty.h5")
    result = command("predict", run.path)
    assert result.code == 2
    assert "nothing is stored yet" in result.err
