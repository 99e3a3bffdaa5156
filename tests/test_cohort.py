"""Calibrating a study: results, what is kept, and that engines, batches, shards and sittings do not show in them."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cohorts
import h5py
import numpy as np
import pytest
from commands import Command, check_refused

import calibrate
from calibrate.errors import ChainError, ConfigError, RunError
from calibrate.study import Cohort, CohortProgress, load_study, open_cohort, run_cohort


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    cohorts.study(folder)
    return folder


@pytest.fixture(scope="module")
def done(root: Path) -> Path:
    """Return the results of the whole study, calibrated here, one knee after the other."""
    outcome = run_cohort(load_study(root / "study.csv"), root / "done", executor=cohorts.Here(), draws=50)
    assert (outcome.reason, outcome.knees, outcome.taken) == ("done", 5, 5)
    assert outcome.not_converged == cohorts.IDS
    assert outcome.failed == {}
    return root / "done"


@pytest.fixture(scope="module")
def cohort(done: Path) -> Cohort:
    return open_cohort(done)


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have knees done at once, for tests of what becomes of their results."""
    monkeypatch.setattr("calibrate.study.engines.calibrate_batch", cohorts.made_up)
    return


def test_results_are_those_of_each_knee_by_itself(root: Path, cohort: Cohort) -> None:
    knees = {knee.id: knee for knee in load_study(root / "study.csv").knees}
    assert [*cohort.ids] == [*knees]
    for found in cohort.knees:
        knee = knees[found.id]
        draws = calibrate.sample(knee.posterior())
        alone = json.loads(json.dumps(dict(draws.summary())))
        assert found.covariates == knee.covariates
        assert found.seed == knee.seed
        assert (found.status, found.message) == ("not converged", "")
        assert found.names == draws.names
        assert set(found.summary) == set(alone)
        for key in ("parameters", "steps", "checks", "tests", "max_log_prob", "assumes"):
            assert found.summary[key] == alone[key], key
        assert found.summary["tests"][0]["file"] == f"{found.id}.csv"
        np.testing.assert_array_equal(found.draws, draws.thinned(50))
        np.testing.assert_array_equal(found.log_prob, draws.posterior.log_prob(found.draws))


def test_the_whole_chain_follows_from_the_file_alone_bit_for_bit(root: Path, done: Path, tmp_path: Path) -> None:
    """As the documentation has it: from configuration, data and seed in the file, wherever the study is by now."""
    moved = shutil.copy(done / "shard-0001-of-0001.h5", tmp_path / "elsewhere.h5")
    knee = open_cohort(moved).knee("S03-left")
    again = calibrate.sample(knee.posterior())
    run_cohort(load_study(root / "study.csv"), tmp_path / "out", executor=cohorts.Here(), draws=50, keep_chains=True)
    run = calibrate.open_run(tmp_path / "out" / "chains" / "S03-left.h5")
    assert knee.seed == run.config.sampling.seed == again.settings.seed
    np.testing.assert_array_equal(again.chains.coords, run.chains.coords)
    np.testing.assert_array_equal(again.chains.log_prob, run.chains.log_prob)
    np.testing.assert_array_equal(knee.draws, again.thinned(50))
    # Whether chains are kept does not show in the results.
    assert cohorts.files(tmp_path / "out")["shard-0001-of-0001.h5"] == cohorts.files(done)["shard-0001-of-0001.h5"]


def test_engine_batches_and_sittings_do_not_show(root: Path, done: Path, tmp_path: Path) -> None:
    study, stop = load_study(root / "study.csv"), [False]

    def stopping(progress: CohortProgress) -> None:
        stop[0] = progress.taken >= 2

    with ThreadPoolExecutor(2) as pool:
        options: dict[str, Any] = {"executor": pool, "draws": 50, "batch": 2}
        outcome = run_cohort(study, tmp_path, **options, on_progress=stopping, should_stop=lambda: stop[0])
        assert (outcome.reason, outcome.knees) == ("interrupted", 2)
        part = open_cohort(tmp_path)
        assert len(part) == 2
        assert part.missing == ("shard 1 of 1: 2 of 5 knees",)
        options["batch"] = 1
        outcome = run_cohort(study, tmp_path, **options, resume=True)
    assert (outcome.reason, outcome.knees, outcome.taken) == ("done", 5, 3)
    assert cohorts.files(tmp_path) == cohorts.files(done)


def test_shards_are_the_whole_in_parts(root: Path, cohort: Cohort, tmp_path: Path) -> None:
    for number in (2, 1):
        study = load_study(root / "study.csv", shard=(number, 2))
        run_cohort(study, tmp_path, executor=cohorts.Here(), draws=50)
        found = open_cohort(tmp_path)
        assert found.missing == (() if number == 1 else ("shard 1 of 2: nothing yet",))
    assert (found.total, len(found)) == (5, 5)
    for knee in found.knees:
        assert knee.record.summary == cohort.knee(knee.id).record.summary
        np.testing.assert_array_equal(knee.draws, cohort.knee(knee.id).draws)


def test_a_knee_that_fails_does_not_stop_the_rest(tmp_path: Path, command: Command) -> None:
    path = cohorts.study(tmp_path)
    (tmp_path / "S01-right.csv").write_text("angle_deg,force_N\n1,2\n3,nonsense\n")
    (tmp_path / "S02-left.csv").write_bytes(b"\xff\xfe\x00")
    out = tmp_path / "out"
    result = command("cohort", path, "-o", out, "--workers", "1", "--json", "--max-steps", "8")
    content = json.loads(result.out)
    assert (result.code, content["knees"], content["reason"]) == (3, 5, "done")
    assert set(content["failed"]) == {"S01-right", "S02-left"}
    assert "S01-right.csv, line 3, column force_N: 'nonsense' is no number" in content["failed"]["S01-right"]
    assert "S02-left.csv" in content["failed"]["S02-left"]
    assert content["not_converged"] == ["S01-left", "S03-left", "S03-right"]
    bad = open_cohort(out).knee("S01-right")
    assert (bad.status, bad.summary, bad.names, bad.draws.shape) == ("failed", {}, (), (0, 0))
    # Mended, it is done on resume, and it alone.
    for knee in ("S01-right", "S02-left"):
        (tmp_path / f"{knee}.csv").write_bytes((tmp_path / "S01-left.csv").read_bytes())
    study = load_study(path, max_steps=8)
    outcome = run_cohort(study, out, executor=cohorts.Here(), resume=True)
    assert (outcome.taken, outcome.failed) == (2, {})
    result = command("cohort", path, "-o", out, "--resume", "--max-steps", "8")
    assert (result.code, result.err) == (3, "")
    assert "5 knees, 0 converged, 5 not converged, 0 failed" in result.out
    assert "not converged: S03-right" in result.out


@pytest.mark.usefixtures("made_up")
def test_what_has_changed_is_done_again_and_it_alone(tmp_path: Path) -> None:
    path = cohorts.study(tmp_path)
    here: dict[str, Any] = {"executor": cohorts.Here(), "batch": 2}
    out = tmp_path / "out"
    run_cohort(load_study(path), out, **here)
    before = cohorts.files(out)
    assert run_cohort(load_study(path), out, **here, resume=True).taken == 0
    assert cohorts.files(out) == before
    data = tmp_path / "S02-left.csv"
    data.write_text(data.read_text().replace("# ", "#  "))
    assert run_cohort(load_study(path), out, **here, resume=True).taken == 1
    path.write_text(path.read_text().replace(",35\n", ",36\n").replace(",32\n", ",33\n"))
    assert run_cohort(load_study(path), out, **here, resume=True).taken == 1
    path.write_text(path.read_text() + "new,configs/knee.toml,S01-left.csv,,f,\n")
    assert run_cohort(load_study(path), out, **here, resume=True).taken == 1
    cohort = open_cohort(out)
    assert cohort.ids == (*cohorts.IDS, "new")
    assert "#  " in cohort.knee("S02-left").record.data
    assert [knee.covariates.get("age") for knee in cohort.knees] == [30.0, 31.0, 33.0, 33.0, 34.0, None]
    path.write_text("".join(line for line in path.read_text().splitlines(keepends=True) if "S03" not in line))
    assert run_cohort(load_study(path), out, **here, resume=True).taken == 0
    assert open_cohort(out).ids == ("S01-left", "S01-right", "S02-left", "new")


def damage(path: Path, column: str) -> None:
    """Change a byte in the first chunk of a column."""
    with h5py.File(path) as f:
        at = f[column].id.get_chunk_info(0).byte_offset + 20
    content = bytearray(path.read_bytes())
    content[at] ^= 0xFF
    path.write_bytes(content)


@pytest.mark.usefixtures("made_up")
@pytest.mark.parametrize("column", ["draws", "log_prob", "data"])
def test_what_is_damaged_is_done_again_and_the_file_is_whole(column: str, root: Path, tmp_path: Path) -> None:
    """A chunk has 16,384 numbers, so the first one of 10,000 for each knee has the first two knees."""
    study, file = load_study(root / "study.csv"), tmp_path / "shard-0001-of-0001.h5"
    here: dict[str, Any] = {"executor": cohorts.Here(), "draws": 5000}
    run_cohort(study, tmp_path, **here)
    sound, said = file.read_bytes(), []
    damage(file, column)
    outcome = run_cohort(study, tmp_path, **here, resume=True, on_warning=said.append)
    again = {"draws": 2, "log_prob": 4, "data": 5}[column]
    assert (outcome.reason, outcome.taken, outcome.knees) == ("done", again, 5)
    named = {2: "2 knees to calibrate again: S01-left, S01-right", 4: "4 knees to", 5: "5 knees to"}[again]
    assert f"{file}: truncated, damaged or no results of a study ({column} does not match its checksum)" in said[0]
    assert named in said[0]
    assert cohorts.files(tmp_path) == {file.name: sound}


@pytest.mark.usefixtures("made_up")
def test_a_damaged_batch_is_done_again(root: Path, tmp_path: Path) -> None:
    study = load_study(root / "study.csv")

    def ending(progress: CohortProgress) -> None:
        if progress.taken >= 4:
            raise InterruptedError

    here: dict[str, Any] = {"executor": cohorts.Here(), "batch": 2}
    with pytest.raises(InterruptedError):
        run_cohort(study, tmp_path, **here, on_progress=ending)
    damage(sorted(tmp_path.glob("*.parts/*.h5"))[0], "draws")
    outcome = run_cohort(study, tmp_path, **here, resume=True)
    assert (outcome.reason, outcome.taken) == ("done", 3)
    assert len([*open_cohort(tmp_path).knees]) == 5


def test_resume_says_what_is_damaged_or_refuses_a_file_that_cannot_be_read(
    root: Path, done: Path, tmp_path: Path, command: Command
) -> None:
    out = Path(shutil.copytree(done, tmp_path / "out"))
    file = out / "shard-0001-of-0001.h5"
    damage(file, "draws")
    again = ("cohort", root / "study.csv", "-o", out, "--resume", "--draws", 50, "--workers", 1)
    result = command(*again)
    assert (result.code, open_cohort(out).missing) == (3, ())
    assert "warning: " in result.err
    assert "5 knees to calibrate again: S01-left, S01-right, S02-left, S03-left, S03-right" in result.err
    assert file.read_bytes() == (done / file.name).read_bytes()
    damage(file, "id")
    spoilt = file.read_bytes()
    check_refused(
        command(*again),
        f"{file}: truncated, damaged or no results of a study (id does not match its checksum); once it is deleted, "
        "--resume calibrates its knees again",
    )
    assert file.read_bytes() == spoilt


@pytest.mark.usefixtures("made_up")
def test_results_of_something_else_are_left_alone(root: Path, tmp_path: Path) -> None:
    path, here = root / "study.csv", cohorts.Here()
    run_cohort(load_study(path, shard=(1, 2)), tmp_path, executor=here)
    before = cohorts.files(tmp_path)
    for study, options, says in (
        (load_study(path, shard=(1, 2)), {}, "exists already; go on with it by --resume"),
        (load_study(path), {"resume": True}, "these results are in 2 shards, not in 1"),
        (load_study(path, seed=2, shard=(1, 2)), {"resume": True}, "of a study with seed 1 and not 2"),
        (load_study(path, seed=2, shard=(2, 2)), {}, "of a study with seed 1 and not 2"),
        (load_study(path, min_ess=99, shard=(2, 2)), {}, "of a study with settings {} and not {'min_ess': 99.0}"),
        (load_study(path, shard=(2, 2)), {"draws": 9}, "of a study with draws 1000 and not 9"),
    ):
        with pytest.raises(ChainError, match=says):
            run_cohort(study, tmp_path, executor=here, **options)
        assert cohorts.files(tmp_path) == before
    with pytest.raises(ConfigError, match="give one"):
        run_cohort(load_study(path, shard=(2, 2)), tmp_path, executor=here, workers=2)


@pytest.mark.usefixtures("made_up")
def test_chains_that_are_wanted_later_are_made(root: Path, tmp_path: Path) -> None:
    study, here = load_study(root / "study.csv"), cohorts.Here()
    run_cohort(study, tmp_path, executor=here)
    assert run_cohort(study, tmp_path, executor=here, keep_chains=True, resume=True).taken == 5
    (tmp_path / "chains" / "S02-left.h5").unlink()
    assert run_cohort(study, tmp_path, executor=here, keep_chains=True, resume=True).taken == 1
    assert (tmp_path / "chains" / "S02-left.h5").read_bytes() == b"chain of S02-left"


@pytest.mark.usefixtures("made_up")
def test_progress_counts_all_that_are_done(root: Path, tmp_path: Path) -> None:
    told: list[CohortProgress] = []
    run_cohort(load_study(root / "study.csv"), tmp_path, executor=cohorts.Here(), batch=2, on_progress=told.append)
    assert [(one.done, one.total, one.taken) for one in told] == [(0, 5, 0), (2, 5, 2), (4, 5, 4), (5, 5, 5)]


@pytest.mark.usefixtures("made_up")
def test_an_executor_that_has_ended_is_said_and_what_is_finished_is_kept(root: Path, tmp_path: Path) -> None:
    study, pool = load_study(root / "study.csv"), ThreadPoolExecutor(1)
    with pytest.raises(RunError, match="the executor does not go on"):
        run_cohort(study, tmp_path, executor=pool, batch=1, on_progress=lambda progress: pool.shutdown())
    assert not (tmp_path / "shard-0001-of-0001.h5").exists()
    assert run_cohort(study, tmp_path, executor=cohorts.Here(), resume=True).reason == "done"


def test_tasks_of_clusters_are_ten_lines_that_name_the_command(root: Path, command: Command) -> None:
    path = root / "study.csv"
    given = (path, "-o", "my results", "--seed", "3", "--min-ess", "1000", "--keep-chains")
    slurm = command("cohort", *given, "--write-slurm", "40")
    assert (slurm.code, slurm.err, len(slurm.out.splitlines())) == (0, "", 9)
    assert "#SBATCH --array=1-40\n" in slurm.out
    line = slurm.out.splitlines()[-1]
    given_back = f"{path} -o 'my results' --min-ess=1000.0 --seed=3 --keep-chains"
    task = '--shard "$SLURM_ARRAY_TASK_ID/40" --workers "$SLURM_CPUS_PER_TASK" --resume || test $? -eq 3'
    assert line.partition(" cohort ")[2] == f"{given_back} {task}"
    condor = command("cohort", *given, "--write-htcondor", "40")
    assert (condor.code, len(condor.out.splitlines())) == (0, 10)
    assert f'arguments = "cohort {given_back} ' in condor.out
    assert ' --shard $INT(shard)/40 --workers 1 --resume"\nshard = $(Process) + 1\n' in condor.out
    assert condor.out.endswith("queue 40\n")
    assert not Path("my results").exists()


@pytest.mark.parametrize("what", ["--write-slurm", "--write-htcondor"])
def test_tasks_that_are_written_have_a_core_each(what: str, root: Path, command: Command) -> None:
    result = command("cohort", root / "study.csv", "-o", root / "none", what, 2, "--workers", 2)
    check_refused(result, "--workers: the tasks that are written have one core each; leave it out")


def test_without_dask_a_scheduler_is_refused_in_one_line(
    root: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    result = command("cohort", root / "study.csv", "-o", root / "none", "--scheduler", "tcp://127.0.0.1:1")
    check_refused(result, "--scheduler needs dask.distributed: pip install 'calibrate[dask]'")
    assert not (root / "none").exists()
