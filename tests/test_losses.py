"""The total_loss family: one value, however many at once, and a pool that fails and stops in good order."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from knees import knee, random_parameters

import calibrate
from calibrate import (
    CachedKneeModel,
    ParameterError,
    RunError,
    fast_constraint_loss,
    losses,
    optimized_total_loss,
    parallel_total_loss,
    vectorized_total_loss,
)

CONFIG = knee()
ANGLES = np.linspace(-0.14, 0.14, 33)
ONE = [[5.0, 200.0], [0.02, 0.12], [40.0, 120.0], [-30.0, 30.0]]
BOUNDS = np.array([*ONE, *ONE])


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(5)
    return np.array([random_parameters(rng, CONFIG, 0.05, ("toe", "linear")) for _ in range(40)])


@pytest.fixture(scope="module")
def measured(rows):
    exact = CachedKneeModel(CONFIG).loads(rows[0, :4], rows[0, 4:], ANGLES)
    return exact + np.random.default_rng(6).normal(0.0, 2.0, exact.size)


def test_the_constraint_loss_is_a_million_times_the_squared_violation():
    inside = BOUNDS.mean(axis=1)
    assert fast_constraint_loss(inside, BOUNDS) == 0.0
    assert fast_constraint_loss(BOUNDS[:, 0], BOUNDS) == 0.0
    outside = inside.copy()
    outside[0], outside[1] = 4.0, 0.13
    assert fast_constraint_loss(outside, BOUNDS) == pytest.approx(1e6 * (1.0 + 0.01**2), rel=1e-12)
    np.testing.assert_allclose(
        fast_constraint_loss([inside, outside], BOUNDS), [0.0, fast_constraint_loss(outside, BOUNDS)]
    )


def test_bounds_that_do_not_fit_are_refused():
    with pytest.raises(ParameterError, match="shape"):
        fast_constraint_loss(np.ones(8), BOUNDS[:7])
    with pytest.raises(ParameterError, match="above its upper one"):
        fast_constraint_loss(np.ones(8), BOUNDS[:, ::-1])


def test_the_total_loss_is_the_sum_of_squares_plus_the_constraint_loss(rows, measured):
    model, p = CachedKneeModel(CONFIG), rows[1].copy()
    p[3] = 31.0
    squares = float(((model.loads(p[:4], p[4:], ANGLES) - measured) ** 2).sum())
    assert model.evaluate_loss(p[:4], p[4:], ANGLES, measured) == pytest.approx(squares, rel=1e-12)
    assert optimized_total_loss(p, model, BOUNDS, ANGLES, measured) == pytest.approx(squares + 1e6, rel=1e-12)
    with pytest.raises(ParameterError, match=r"lcl\.alpha"):
        optimized_total_loss([*p[:5], 0.0, *p[6:]], model, BOUNDS, ANGLES, measured)
    with pytest.raises(ValueError, match="one load per angle"):
        optimized_total_loss(p, model, BOUNDS, ANGLES, measured[1:])


def test_a_matrix_of_parameters_gives_the_loss_of_each_row(rows, measured):
    model = CachedKneeModel(CONFIG)
    one_by_one = [optimized_total_loss(p, model, BOUNDS, ANGLES, measured) for p in rows]
    together = vectorized_total_loss(rows, ANGLES, measured, model, constraint_bounds=BOUNDS)
    np.testing.assert_allclose(together, one_by_one, rtol=1e-10)
    assert vectorized_total_loss(rows[:0], ANGLES, measured, model).shape == (0,)


def test_a_meaningless_row_costs_infinity_and_does_not_spoil_the_others(rows, measured):
    model, spoiled = CachedKneeModel(CONFIG), rows.copy()
    bad = [3, 4, 5, 6]
    spoiled[bad, [0, 5, 2, 3]] = -1.0, 0.0, np.nan, np.inf
    good = np.setdiff1d(np.arange(len(rows)), bad)
    for bounds in (None, BOUNDS, np.tile([-np.inf, np.inf], (8, 1))):
        loss = vectorized_total_loss(spoiled, ANGLES, measured, model, constraint_bounds=bounds)
        assert np.isposinf(loss[bad]).all()
        unspoiled = vectorized_total_loss(rows, ANGLES, measured, model, constraint_bounds=bounds)
        np.testing.assert_array_equal(loss[good], unspoiled[good])


def calls(function):
    """Count the functions that Python calls meanwhile, its own and those in C."""
    count = 0

    def noticed(frame, event, argument):
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(noticed)
    try:
        function()
    finally:
        sys.setprofile(None)
    return count


def test_a_hundred_thousand_rows_are_no_more_work_for_python_than_forty(rows, measured):
    model, many = CachedKneeModel(CONFIG), np.tile(rows, (2500, 1))
    vectorized_total_loss(rows, ANGLES, measured, model)  # compiles, and fills the model's caches
    few = calls(lambda: vectorized_total_loss(rows, ANGLES, measured, model, constraint_bounds=BOUNDS))
    assert calls(lambda: vectorized_total_loss(many, ANGLES, measured, model, constraint_bounds=BOUNDS)) == few
    # The control: a loop over rows shows.
    one_by_one = calls(lambda: [vectorized_total_loss([p], ANGLES, measured, model) for p in rows])
    assert one_by_one > 10 * few


def test_a_worker_that_dies_is_reported_and_the_pool_given_up(rows, measured):
    parallel_total_loss(rows, ANGLES, measured, CONFIG, workers=2)
    for process in losses._running[1]._processes.values():
        process.kill()
    with pytest.raises(RunError, match=r"a worker process died with parameters \["):
        parallel_total_loss(rows, ANGLES, measured, CONFIG, workers=2)
    assert losses._running is None  # the next call, in the next test, starts another


def test_the_pool_gives_the_losses_in_order_from_lists_and_arrays(rows, measured):
    expected = vectorized_total_loss(rows, ANGLES, measured, CachedKneeModel(CONFIG), constraint_bounds=BOUNDS)
    pool = None
    for given in (rows, list(rows), rows.tolist()):
        out = parallel_total_loss(given, ANGLES, measured, CONFIG, workers=2, constraint_bounds=BOUNDS)
        np.testing.assert_array_equal(out, expected)
        assert pool is None or losses._running is pool  # started once
        pool = losses._running
    assert parallel_total_loss([], ANGLES, measured, CONFIG, workers=2).shape == (0,)


def test_a_workers_error_shows_its_parameters_and_leaves_the_pool_at_work(rows, measured):
    wrong = rows.copy()
    wrong[17, 4] = -3.25
    with pytest.raises(ParameterError, match=r"parameters \[.*-3\.25.*\]: lcl\.k = -3\.25 N/mm"):
        parallel_total_loss(wrong, ANGLES, measured, CONFIG, workers=2)
    with pytest.raises(ParameterError, match=r"parameters \[1\.0, 2\.0\]"):
        parallel_total_loss([rows[0], [1.0, 2.0]], ANGLES, measured, CONFIG, workers=2)
    assert len(parallel_total_loss(rows, ANGLES, measured, CONFIG, workers=2)) == len(rows)


def alive(group):
    """The processes of a group that still run; a zombie waiting for its parent does not."""
    listed = subprocess.run(["ps", "-A", "-o", "pgid=,stat=,args="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in listed.splitlines()]
    return [row for row in rows if row[0] == str(group) and not row[1].startswith("Z")]


@pytest.mark.skipif(sys.platform == "win32", reason="signals to a process group are POSIX")
def test_ctrl_c_stops_the_pool_and_leaves_no_process(tmp_path):
    script = tmp_path / "endless.py"
    script.write_text(
        textwrap.dedent(
            """
            import signal
            import numpy as np
            from knees import knee
            from calibrate import parallel_total_loss

            if __name__ == "__main__":
                # A shell may have started us in the background, where Ctrl-C is ignored.
                signal.signal(signal.SIGINT, signal.default_int_handler)
                rows = np.tile([50.0, 0.05, 80.0, 0.0, 50.0, 0.05, 56.0, 0.0], (100_000, 1))
                config = knee()
                while True:
                    parallel_total_loss(rows, [-0.1, 0.1], [0.0, 0.0], config, workers=2)
                    print("going", flush=True)
            """
        )
    )
    folders = (Path(__file__).parent, Path(calibrate.__file__).parents[1])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, folders))}
    with subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    ) as process:
        assert process.stdout.readline() == "going\n"
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of them
        _, errors = process.communicate(timeout=120)
    assert process.returncode == -signal.SIGINT
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert errors.count("Traceback") == 1, errors
    # Both pipes have ended, so all who held them are ending; what is left of that takes no time that matters.
    limit = time.monotonic() + 600.0
    while alive(process.pid):
        assert time.monotonic() < limit
        time.sleep(0.02)
