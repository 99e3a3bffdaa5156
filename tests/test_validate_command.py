"""`calibrate validate`: what it prints and writes, its exit codes, and what it refuses in one line."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import Result
from test_validate import ANGLES, ONE, exact, measured

from calibrate import ChainError, validate
from calibrate.results import Run
from calibrate.validate import plan_of
from calibrate.validate.trial import Plan

Command = Callable[..., Result]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a knee of one parameter, and fits that cost next to nothing."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.toml").write_text(ONE)
    rows = "".join(f"{a},{b}\n" for a, b in zip(ANGLES.tolist(), measured().loads.tolist(), strict=True))
    (tmp_path / "data.csv").write_text(f"angle_deg,moment_Nm\n{rows}")
    quickly(monkeypatch, exact)
    return tmp_path


def quickly(monkeypatch: pytest.MonkeyPatch, fit: Callable[..., object]) -> None:
    monkeypatch.setattr(validate, "plan_of", lambda *arguments: replace(plan_of(*arguments), fit=fit))


ARGUMENTS = ("validate", "one.toml", "--runs", 20, "--workers", 1)


def test_it_prints_the_verdict_and_the_worst_quantity_first_and_writes_figure_and_json(
    place: Path, command: Command
) -> None:
    result = command(*ARGUMENTS, "-o", "out", "--seed", 3)
    assert result.code == 0
    first, second, *rest = result.out.splitlines()
    assert first.startswith("one.toml: no fault found: the ranks of all ")
    assert "; 20 knees show, in 9 of 10 cases or more, a quantity whose 90 % intervals hold fewer than " in first
    # Of 13 quantities: a mean of 20 ranks is off where it is 3.36 standard errors off; 1.28 more are nine times in ten.
    assert "whose estimates are off by 1.19 standard deviations of the posterior" in first
    assert first.endswith(", and may miss less; a right program fails this check with a chance of 5 % at the most")
    assert second.startswith("20 truths from the prior, each ranked among 199 draws, seed 3, ")
    content = json.loads((place / "out" / "validation.json").read_text())
    assert content["passed"] is True
    assert content["shown"].keys() == {"chance", "narrow", "wide", "shift"}
    assert (content["runs"], content["counted"], content["lost"], content["seed"]) == (20, 20, [], 3)
    chances = [one["chance"] for one in content["quantities"]]
    assert chances == sorted(chances)
    assert all(len(one["ranks"]) == 20 and min(one["ranks"]) >= 0 for one in content["quantities"])
    at = {one["name"]: next(i for i, line in enumerate(rest) if one["name"] in line) for one in content["quantities"]}
    assert list(at.values()) == sorted(at.values())
    assert (place / "out" / "validation.png").read_bytes().startswith(b"\x89PNG")
    assert (place / "out" / "validation.pdf").read_bytes().startswith(b"%PDF")
    again = command(*ARGUMENTS, "--seed", 3, "--json")
    assert json.loads(again.out) | {"cpu_seconds": 0} == content | {"cpu_seconds": 0}


def shifted(posterior: object, seed: int) -> object:
    return exact(posterior, seed, shift=2.0)  # type: ignore[arg-type]  # as the program hands it on


def test_a_wrong_program_is_told_in_a_sentence_and_by_exit_code_3(
    place: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    quickly(monkeypatch, shifted)
    result = command(*ARGUMENTS, "-o", "out")
    assert result.code == 3
    assert result.out.startswith("one.toml: not calibrated: of ")
    assert "estimates too high" in result.out.splitlines()[0]
    assert json.loads((place / "out" / "validation.json").read_text())["passed"] is False


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere.toml",), "nowhere.toml: no such file"),
        (("nowhere.h5",), "nowhere.h5: no such file"),
        (("one.toml", "--runs", 5), "greater than or equal to 20"),
        (("one.toml", "-o", "data.csv"), "data.csv: is a file; name a folder with -o"),
        (("one.toml", "-o", "new.json"), "new.json: this name is that of a JSON file"),
        (("one.toml", "-o", "."), "validation.json: exists already and is not a validation"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_computed(
    arguments: tuple[object, ...], said: str, place: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validate, "plan_of", None)
    (place / "validation.json").write_text("{}")
    result = command("validate", *arguments)
    assert result.code == 2
    assert said in result.err
    assert len(result.err.splitlines()) == 1


def test_the_truths_of_a_run_are_its_draws_and_its_data_are_kept(true: Run) -> None:
    plan: Plan = plan_of(true, 50, seed=4)
    samples = {tuple(row) for row in true.some_samples().tolist()}
    assert plan.truths is not None
    assert len({tuple(row) for row in plan.truths.tolist()} & samples) > 25
    assert plan.truths.shape == (50, len(true.names))
    assert dict(plan.measurements) == dict(true.file.measurements)
    assert not np.array_equal(plan.truths, plan_of(true, 50, seed=5).truths)


def test_a_run_that_has_not_converged_or_has_too_few_draws_is_no_posterior(valgus: Run, true: Run) -> None:
    with pytest.raises(ChainError, match="has not converged, so its draws are not yet the posterior's"):
        plan_of(valgus, 50, 1)
    with pytest.raises(ChainError, match="draws, and 100000000 truths are wanted"):
        plan_of(true, 100_000_000, 1)


def test_ctrl_c_ends_it_and_its_workers_in_one_line(place: Path) -> None:
    code = """
import os, signal, sys
from calibrate import __main__
from calibrate.validate import batch
def hit(jobs):
    os.killpg(0, signal.SIGINT)
    while True:
        signal.pause()
batch.as_completed = hit
sys.argv = ["calibrate", "validate", "one.toml", "--runs", "20", "--workers", "2"]
__main__.main()
"""
    # Workers that are left behind would keep the streams open, and this would wait for them.
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=place, capture_output=True, text=True, start_new_session=True, timeout=600
    )
    assert (done.returncode, done.stderr, done.stdout) == (130, "calibrate: error: interrupted\n", "")


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    code = """
import multiprocessing, os, signal, sys
from concurrent.futures import ProcessPoolExecutor
from calibrate.processes import begin_worker
if __name__ == "__main__":
    pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=begin_worker)
    pool.submit(int).result()
    pool.submit(signal.pause)
    os.kill(os.getpid(), signal.SIGKILL)
"""
    script = tmp_path / "parent.py"
    script.write_text(code)
    # The worker holds the streams: one that went on would have this wait for it.
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=600)
    assert done.returncode == -signal.SIGKILL
