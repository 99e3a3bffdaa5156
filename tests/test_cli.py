"""The commands as a user types them: exit codes, streams, and nothing half-written when something is wrong."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Result, config_text, process, wait_until

from calibrate import __version__
from calibrate.data import read_measurement
from calibrate.results import open_run

Command = Callable[..., Result]


def test_run_summary_resume_and_simulate_work_in_a_row(folder: Path, command: Command) -> None:
    result = command("run", "knee.toml", "-o", "out/knee.h5", "--seed", 2)
    assert result.code == 0
    assert result.out == ""
    assert "converged after" in result.err
    result = command("summary", "out/knee.h5", "--json")
    assert result.code == 0
    assert result.err == ""
    summary = json.loads(result.out)
    assert summary["converged"] is True
    assert list(summary["parameters"]) == ["mcl.k", "mcl.alpha", "mcl.l_0", "lcl.k", "lcl.alpha", "lcl.l_0"]
    assert summary["parameters"]["lcl.k"]["ess_bulk"] >= 10_000
    assert command("resume", "out/knee.h5", "--steps", 7).code == 0
    assert json.loads(command("summary", "out/knee.h5", "--json").out)["steps"] == summary["steps"] + 7
    table = command("summary", "out/knee.h5").out
    assert "mcl.l_0" in table
    assert "N/mm" in table
    assert "…" not in table


def test_budget_spent_leaves_with_3_and_says_how_to_go_on(folder: Path, command: Command) -> None:
    result = command("run", "knee.toml", "--max-steps", 10)
    assert result.code == 3
    assert "calibrate resume runs/knee.h5" in result.err
    result = command("summary", "runs/knee.h5", "--json")
    assert result.code == 0
    assert json.loads(result.out)["converged"] is False
    assert json.loads(result.out)["worst_rhat"] is None
    assert "not converged" in command("summary", "runs/knee.h5").out
    assert command("run", "knee.toml", "-o", "t.h5", "--max-time", "0.001").code == 3


def test_existing_output_is_kept_unless_told_otherwise(folder: Path, command: Command) -> None:
    (folder / "runs").mkdir()
    target = folder / "runs" / "knee.h5"
    target.write_text("precious")
    result = command("run", "knee.toml")
    assert result.code == 2
    assert "exists already" in result.err
    assert command("run", "knee.toml", "--overwrite").code == 2  # it replaces chain files only
    assert target.read_text() == "precious"
    for steps in (7, 5):
        assert command("run", "knee.toml", "-o", "x.h5", "--overwrite", "--max-steps", steps).code == 3
        assert open_run("x.h5").stored == steps


def test_inputs_and_devices_are_never_overwritten(folder: Path, command: Command) -> None:
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    for output in ("knee.toml", "bench_toe.csv", "/dev/null"):
        assert command("run", "knee.toml", "-o", output, "--overwrite").code == 2
    assert command("simulate", "knee.toml", "-o", "knee.toml", "--overwrite").code == 2
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
    assert Path("/dev/null").is_char_device()


def test_simulation_keeps_load_unit_and_sigma_of_the_data(folder: Path, command: Command) -> None:
    (folder / "each.csv").write_text("angle_rad,moment_Nm,sigma_Nm\n-0.1,-9,0.5\n0.1,9,0.25\n")
    (folder / "each.toml").write_text(config_text(file="each.csv", noise=""))
    assert command("simulate", "each.toml", "-o", "again.csv").code == 0
    again = read_measurement(folder / "again.csv")
    assert (again.kind, again.angle_unit) == ("moment", "rad")
    np.testing.assert_array_equal(again.sigma, [0.5, 0.25])
    assert command("simulate", "knee.toml", "--angles=-8:8:5", "-o", "five.csv").code == 0
    assert read_measurement(folder / "five.csv").kind == "force"
    result = command("simulate", "knee.toml", "--load", "moment", "-o", "other.csv")
    assert result.code == 2
    assert "noise.sigma" in result.err
    assert command("simulate", "knee.toml", "--load", "moment", "--set", "noise.sigma=0.3", "-o", "other.csv").code == 0
    assert read_measurement(folder / "other.csv").kind == "moment"


EXTREMES = {
    "sigma": config_text(noise="sigma = 1e-8"),
    "smaller sigma": config_text(noise="sigma = 1e-150"),
    "huge bound": config_text().replace("upper = 100.0", "upper = 1e300", 1),
    "tiny bound": config_text().replace("lower = 10.0, upper = 100.0", "lower = 0, upper = 1e-300", 1),
    "narrow bounds": config_text().replace("lower = 10.0, upper = 100.0", "lower = 60.0, upper = 60.00000000000001", 1),
    "thin": config_text(extra="[sampling]\nthin = 1000000000000\n"),
    "huge integer": config_text(extra=f"[sampling]\nseed = {'9' * 5001}\n"),
    "text": config_text(noise='sigma = "2"'),
    "truth": config_text(noise="sigma = true"),
}


@pytest.mark.parametrize("kind", EXTREMES)
def test_numbers_beyond_reason_are_refused_or_calibrated_but_never_hang_or_crash(
    kind: str, folder: Path, command: Command
) -> None:
    (folder / "x.toml").write_text(EXTREMES[kind])
    result = command("run", "x.toml", "--max-steps", 5)
    assert result.code == 2 or (kind == "sigma" and result.code == 3)
    assert result.err.count("\n") == 1


def test_loose_penalty_is_a_warning(folder: Path, command: Command) -> None:
    (folder / "x.toml").write_text(config_text(extra="[prior]\nweight = 1e-9\n"))
    assert "prior.weight = 1e-09 lets parameters spill" in command("run", "x.toml", "--max-steps", 5).err


BAD_CONFIGS = {
    "no such file": None,
    "broken": "[knee",
    "unknown key": config_text().replace("rolling", "roling"),
    "no data": config_text(file="none.csv"),
    "all fixed": config_text(
        parameters="[parameters.mcl]\nk=1\nalpha=1\nl_0=1\n[parameters.lcl]\nk=1\nalpha=1\nl_0=1\n"
    ),
    "sigma": config_text(noise="sigma = -1"),
    "walkers": config_text(extra="[sampling]\nwalkers = 8\n"),
    "geometry": config_text().replace("radius = 20.0", "radius = 90.0", 1),
}


@pytest.mark.parametrize("kind", BAD_CONFIGS)
@pytest.mark.parametrize("name", ["run", "simulate"])
def test_bad_input_is_one_line_exit_2_and_writes_nothing(kind: str, name: str, folder: Path, command: Command) -> None:
    if (name, kind) in {("simulate", "all fixed"), ("simulate", "walkers")}:
        return  # a knee whose parameters are all known, or any number of walkers, is fine to simulate
    text = BAD_CONFIGS[kind]
    if text is not None:
        (folder / "bad.toml").write_text(text)
    before = {p.name for p in folder.iterdir()}
    result = command(name, "bad.toml", "-o", "new/file.out")
    assert result.code == 2
    assert result.out == ""
    assert result.err.startswith("calibrate: error: bad.toml: ") or kind in {"no data", "walkers"}
    assert result.err.count("\n") == 1
    assert {p.name for p in folder.iterdir()} == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["frobnicate"],
        ["run", "knee.toml", "--frobnicate"],
        ["run", "knee.toml", "--max-steps", "many"],
        ["run", "knee.toml", "--max-steps", "0"],
        ["run", "knee.toml", "--max-time", "-3"],
        ["run", "knee.toml", "--seed", "-1"],
        ["run", "knee.toml", "-o", "."],
        ["run", "knee.toml", "-o", "/proc/nowhere/knee.h5"],
        ["run", "knee.toml", "-o", "knee.toml/knee.h5"],
        ["run", "knee.toml", "-o", "x" * 300],
        ["simulate", "knee.toml", "-o", "x" * 300],
        ["simulate", "knee.toml", "-o", "knee.toml/x.csv"],
        ["simulate", "knee.toml", "-o", "x.csv", "--angles=-8:8:99999999999"],
        ["run", "\x1b[31mevil.toml"],
        ["resume"],
        ["resume", "x.h5", "--steps", "3", "--until-steps", "9"],
        ["summary"],
        ["simulate", "knee.toml"],
        ["simulate", "knee.toml", "-o", "x.csv", "--set", "mcl.kk=3"],
        ["simulate", "knee.toml", "-o", "x.csv", "--set", "mcl.k"],
        ["simulate", "knee.toml", "-o", "x.csv", "--set", "mcl.k=-3"],
        ["simulate", "knee.toml", "-o", "x.csv", "--set", "mcl.k=inf"],
        ["simulate", "knee.toml", "-o", "x.csv", "--angles", "1:2"],
        ["simulate", "knee.toml", "-o", "x.csv", "--angles=-60:60:5"],
        ["simulate", "knee.toml", "-o", "x.csv", "--load", "torque"],
        ["simulate", "knee.toml", "-o", "knee.toml"],
    ],
    ids=lambda arguments: repr(" ".join(arguments))[:60],
)
def test_bad_usage_is_one_line_exit_2_and_writes_nothing(arguments: list[str], folder: Path, command: Command) -> None:
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    result = command(*arguments)
    assert result.code == 2
    assert result.err.startswith("calibrate: error: ")
    assert result.err.count("\n") == 1
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


def test_simulated_data_are_the_prediction_plus_noise_of_the_stated_size(folder: Path, command: Command) -> None:
    arguments = ["simulate", "knee.toml", "--set", "mcl.k=40", "--load", "force", "--angles=-8:8:4001", "-o"]
    assert command(*arguments, "a.csv").code == 0
    assert command(*arguments, "b.csv", "--seed", 2).code == 0
    assert command(*arguments, "exact.csv", "--set", "noise.sigma=1e-12").code == 0
    a, b, exact = (read_measurement(folder / f"{name}.csv") for name in ("a", "b", "exact"))
    assert a.truth["mcl.k"] == 40.0
    assert a.truth["mcl.alpha"] == pytest.approx(0.07)  # the middle of its bounds
    noise = a.loads - exact.loads
    assert noise.std() == pytest.approx(2.0, abs=4 * 2.0 / np.sqrt(2 * 4001))
    assert abs(np.corrcoef(noise, b.loads - exact.loads)[0, 1]) < 4 / np.sqrt(4001)
    assert command(*arguments[:-2], "--angles=-8:8:33", "-o", "few.csv").code == 0
    (folder / "sim.toml").write_text(config_text(file="few.csv"))
    assert command("run", "sim.toml", "--max-steps", 40).code in (0, 3)
    summary = json.loads(command("summary", "runs/sim.h5", "--json").out)
    assert summary["parameters"]["mcl.k"]["truth"] == 40.0


@pytest.mark.parametrize("seconds", ["0", "nan", "inf", "-1"])
def test_time_limits_have_to_be_limits(seconds: str, folder: Path, command: Command) -> None:
    assert command("run", "knee.toml", "-o", "x.h5", "--max-steps", 5).code == 3
    for arguments in (("resume", "x.h5"), ("run", "knee.toml", "-o", "y.h5")):
        result = command(*arguments, f"--max-time={seconds}")
        assert result.code == 2
        assert result.err.count("\n") == 1
    assert command("resume", "x.h5", "--max-time", "1e-9").code == 3
    assert open_run("x.h5").stored == 6


def test_few_points_are_a_warning_not_an_error(folder: Path, command: Command) -> None:
    (folder / "few.csv").write_text("angle_deg,force_N\n-5,-40\n5,30\n")
    (folder / "few.toml").write_text(config_text(file="few.csv"))
    result = command("run", "few.toml", "--max-steps", 20)
    assert result.code in (0, 3)
    assert "2 data points for 6 free parameters" in result.err
    assert "2 data points" in command("summary", "runs/few.h5").out


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_interrupted_run_leaves_with_130_and_a_file_to_resume(name: str, folder: Path, command: Command) -> None:
    (folder / "long.toml").write_text(config_text(extra="[sampling]\nmin_ess = 1e9\nwalkers = 64\n"))
    writer = process("run", "long.toml", cwd=folder)
    path = folder / "runs" / "long.h5"
    wait_until(lambda: path.exists() and open_run(path).stored > 0, writer)
    writer.send_signal(getattr(signal, name))
    out, err = writer.communicate(timeout=120)
    assert writer.returncode == 130
    assert out == ""
    assert "calibrate resume" in err
    assert "Traceback" not in err
    stored = open_run(path).stored
    assert command("resume", path, "--steps", 3).code == 3
    assert open_run(path).stored == stored + 3


def test_help_and_version_say_what_there_is(command: Command) -> None:
    text = command("--help").out
    assert all(name in text for name in ("run", "resume", "summary", "plot", "simulate"))
    assert command("--version").out.strip() == __version__
    assert "N more steps" in command("resume", "--help").out


def test_a_run_goes_on_to_more_effective_samples(folder: Path, command: Command) -> None:
    assert command("run", "knee.toml", "-o", "x.h5", "--min-ess", 500).code == 0
    before = open_run("x.h5")
    assert 500 <= before.diagnosis.smallest_ess < 30_000
    assert command("resume", "x.h5", "--min-ess", 30_000).code == 0
    after = open_run("x.h5")
    assert after.diagnosis.smallest_ess >= 30_000
    np.testing.assert_array_equal(after.chains.coords[:, : before.stored], before.chains.coords[:])
    assert command("resume", "x.h5", "--min-ess", 0).code == 2


@pytest.mark.parametrize(
    ("arguments", "needed"),
    [(["--help"], []), (["priors"], ["numpy", "scipy"]), (["run", "bad.toml"], ["numpy"]), (["frobnicate"], [])],
)
def test_what_needs_no_sampler_imports_nothing_slow(arguments: list[str], needed: list[str], folder: Path) -> None:
    (folder / "bad.toml").write_text(config_text().replace("rolling", "roling"))
    code = (
        f"import sys; sys.argv = ['calibrate', *{arguments}]\n"
        "from calibrate.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted(set(sys.modules) & {'numpy', 'numba', 'scipy', 'emcee', 'h5py', 'matplotlib', 'sympy'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout.endswith(f"{needed}\n")


def test_run_without_a_terminal_prints_no_bar_and_no_colour(folder: Path) -> None:
    done = process("run", "knee.toml", "--max-steps", "20", cwd=folder)
    out, err = done.communicate(timeout=120)
    assert out == ""
    assert "\x1b" not in err
    assert all(line.startswith("calibrate: ") for line in err.splitlines())


@pytest.mark.parametrize("shares", ["stretch = 1e308, de = 1e308", "block = 1.7e308, stretch = 1.7e308, snooker = 1.0"])
def test_shares_of_moves_that_overflow_are_refused(shares: str, folder: Path, command: Command) -> None:
    (folder / "x.toml").write_text(config_text(extra=f"[sampling]\nmoves = {{ {shares} }}\n"))
    result = command("run", "x.toml")
    assert result.code == 2
    assert "sampling.moves: the shares add up" in result.err


@pytest.mark.parametrize("shares", ["stretch = 1e308, de = 1e-300", "block = 5e-324, stretch = 5e-324"])
def test_shares_of_moves_of_any_other_size_are_fine(shares: str, folder: Path, command: Command) -> None:
    extra = f"[sampling]\nmoves = {{ {shares} }}\nmax_steps = 4\nwalkers = 64\n"
    (folder / "x.toml").write_text(config_text(extra=extra))
    assert command("run", "x.toml").code == 3
