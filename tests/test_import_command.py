"""`calibrate import` and `calibrate init`: what is written, said, asked and refused; and plain dialects in `run`."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commands import check_refused
from conftest import Result, config_text
from their_files import ANGLES, LOADS, german, rows, text, workbook

from calibrate.cli import importing as module
from calibrate.config import load_config
from calibrate.data import read_measurement
from calibrate.errors import ConfigError
from calibrate.importing.template import name_of_test, quoted
from calibrate.posterior import Posterior

Command = Callable[..., Result]
FORCE = text("Angle [deg],Force [N]")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder, the working one, with two tests of a knee in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "knee 30deg.txt").write_text(german(), encoding="utf-8")
    sheet = [["Varus [deg]", "Torque [N.mm]"], *[[a, m * 1000] for a, m in rows()]]
    (tmp_path / "knee_60deg.xlsx").write_bytes(workbook(("d", sheet)))
    (tmp_path / "force.csv").write_text(FORCE)
    return tmp_path


def test_one_file(place: Path, command: Command) -> None:
    result = command("import", "knee 30deg.txt", "--positive", "varus", "-o", "knee.csv", "--picture", "knee.png")
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0] == "knee.csv: 6 readings of knee 30deg.txt"
    assert lines[1] == "  text, cells separated by semicolons; decimal commas"
    assert "moment in N.m, varus positive" in lines
    assert all(len(line) <= 80 for line in lines)
    measurement = read_measurement("knee.csv")
    assert (measurement.angles.tolist(), measurement.loads.tolist()) == (ANGLES, LOADS)
    assert (place / "knee.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("verb", "target", "theirs", "kind"),
    [
        ("import", "keep.toml", "[knee]\nrolling = 1.0\n", "a configuration, and what is written is a measurement"),
        ("import", "new.toml", None, "a configuration, and what is written is a measurement"),
        ("init", "mine.csv", FORCE, "a measurement, and what is written is a configuration"),
        ("init", "new.csv", None, "a measurement, and what is written is a configuration"),
        ("init", "knee_60deg.csv", None, "a measurement, and what is written is a configuration"),
    ],
)
def test_no_file_of_another_kind_is_written_over(
    verb: str, target: str, theirs: str | None, kind: str, place: Path, command: Command
) -> None:
    """Nor is the configuration written over the measurements that it is for, which have such a name beside it."""
    if theirs is not None:
        (place / target).write_text(theirs)
    before = sorted(place.iterdir())
    line = (verb, "knee_60deg.xlsx", "--positive", "varus", "--flexion", 60, "-o", target, "--overwrite")
    check_refused(command(*line), f"{target}: this name is that of {kind}")
    assert sorted(place.iterdir()) == before
    assert theirs is None or (place / target).read_text() == theirs


def test_narrow_terminals(place: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    result = command("import", "knee_60deg.xlsx", "--positive", "varus", "-o", "knee.csv")
    assert max(map(len, result.out.splitlines())) <= 60


def test_several_files_and_answers_for_each(place: Path, command: Command) -> None:
    files = ("knee 30deg.txt", "knee_60deg.xlsx")
    result = command("import", *files, "--positive", "varus", "--positive", "valgus", "-o", "out", "--json")
    assert result.code == 0
    found = json.loads(result.out)["files"]
    assert [one["output"] for one in found] == ["out/knee_30deg.csv", "out/knee_60deg.csv"]
    assert [(one["positive"], one["flexion"], one["readings"]) for one in found] == [
        ("varus", 30.0, 6),
        ("valgus", 60.0, 6),
    ]
    for one in found:
        assert read_measurement(place / one["output"]).loads.tolist() == LOADS
    check_refused(command("import", *files, "--positive", "varus", "-o", "x.csv"), "-o x.csv: there are 2 files to")
    three = ("--positive", "varus", "--positive", "varus", "--positive", "varus")
    check_refused(command("import", *files, *three, "-o", "o"), "--positive: given 3 times for 2 files")
    check_refused(command("import", *files, "--positive", "varus", "-o", "o", "--picture", "x.png"), "draws one")
    assert not (place / "o").exists()


def test_a_file_that_is_refused_leaves_nothing_behind(place: Path, command: Command) -> None:
    (place / "bad.txt").write_text("nothing\n")
    before = sorted(path.name for path in place.iterdir())
    check_refused(
        command("import", "force.csv", "bad.txt", "--positive", "varus", "-o", "out"), "bad.txt: no table of numbers"
    )
    check_refused(command("import", "none.txt", "--positive", "varus", "-o", "x.csv"), "none.txt: no such file")
    check_refused(command("import", "force.csv", "-o", "x.csv"), "say --positive varus")
    check_refused(command("init", "bad.txt", "--positive", "varus"), "bad.txt: no table of numbers")
    assert sorted(path.name for path in place.iterdir()) == before


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["--positive", "up"], "--positive up: use one of varus, valgus, left, right"),
        (["--positive", "varus", "--side", "both"], "--side both: use one of left, right"),
        (["--positive", "varus", "--holds", "x"], "--holds x: use one of keep, mean, last"),
        (["--positive", "varus", "--cycle", "0"], "--cycle 0: use last, all, or a number from 1"),
        (["--positive", "varus", "--flexion", "4,5"], "--flexion 4,5: '4,5' is no number as it stands; write 4.5"),
        (["--positive", "varus", "--flexion", "900"], "a knee bends by -30 to 150 degrees"),
        (["--positive", "varus", "--decimal", ";"], "--decimal ;: use one of point, comma"),
        (["--positive", "varus", "--picture", "x.jpg"], "--picture x.jpg: end the name in .png"),
        (["--positive", "varus", "-o", "knee.png"], "knee.png: this name is that of a PNG picture"),
        (["--positive", "varus", "-o", "force.csv"], "force.csv: is what this command reads"),
        (["--positive", "varus", "--side", "left", "--side", "right"], "--side: given 2 times; give it once"),
    ],
)
def test_answers_that_are_none(given: list[str], says: str, place: Path, command: Command) -> None:
    output = [] if "-o" in given else ["-o", "x.csv"]
    check_refused(command("import", "force.csv", *given, *output), says)
    assert not (place / "x.csv").exists()


def test_nothing_is_overwritten_unless_it_is_said(place: Path, command: Command) -> None:
    line = ("import", "force.csv", "--positive", "varus", "-o", "knee.csv")
    assert command(*line).code == 0
    check_refused(command(*line), "knee.csv: exists already; replace it with --overwrite")
    assert command(*line, "--overwrite").code == 0
    (place / "knee.csv").write_text("mine\n")
    check_refused(command(*line, "--overwrite"), "is not a measurement, so it is left alone")
    line = ("init", "force.csv", "--positive", "varus", "--flexion", "0", "--application-point", "0,-400")
    assert command(*line).code == 0
    text_before = (place / "knee.toml").read_text()
    check_refused(command(*line), "exists already")
    assert (place / "knee.toml").read_text() == text_before


# --- Configurations. --------------------------------------------------------------------------------------------------


def test_a_configuration_of_one_test(place: Path, command: Command) -> None:
    result = command("init", "knee 30deg.txt", "--positive", "varus", "-o", "mine.toml")
    assert result.code == 0
    assert result.out.splitlines()[-1] == "mine.toml"
    assert "put your knee's geometry into mine.toml" in result.err
    config = load_config(place / "mine.toml")
    assert config.data is not None
    assert (config.data.positive, config.data.flexion) == ("varus", 30.0)
    assert config.data_path == place / "knee_30deg.csv"
    assert read_measurement(config.data_path).loads.tolist() == LOADS
    assert set(config.declared()) >= {"measurement.angle_offset", "noise.sigma", "mcl.k", "lcl.reference_strain"}
    assert Posterior.from_config(config).measurements[""].loads.tolist() == LOADS
    written = (place / "mine.toml").read_text()
    assert "ANOTHER KNEE'S" in written
    assert written.count("#") > 8


def test_a_configuration_of_several_tests(place: Path, command: Command) -> None:
    line = ["init", "knee 30deg.txt", "knee_60deg.xlsx", "--positive", "varus", "--positive", "valgus"]
    assert command(*line, "--test", "flex30", "--test", "flex60", "-o", "out").code == 0
    config = load_config(place / "out" / "knee.toml")
    assert {name: (test.positive, test.flexion) for name, test in config.tests.items()} == {
        "flex30": ("varus", 30.0),
        "flex60": ("valgus", 60.0),
    }
    assert [path.name for path in config.data_paths.values()] == ["flex30.csv", "flex60.csv"]
    posterior = Posterior.from_config(config)
    assert "flex60.measurement.angle_offset" in posterior.names
    check_refused(command(*line, "--test", "flex30", "-o", "o2"), "--test: given 1 times for 2 files")
    check_refused(command(*line, "--test", "a", "--test", "a", "-o", "o2"), "--test a: given twice")
    check_refused(command(*line, "--test", "a b", "--test", "a", "-o", "o2"), "--test a b: is no name for a test")
    check_refused(command(*line, "--test", "mcl", "--test", "a", "-o", "o2"), "--test mcl: is no name for a test")


def test_a_configuration_of_a_series_makes_use_of_its_directions(place: Path, command: Command) -> None:
    loads = [*range(-8, 9, 2), *range(6, -9, -2)]
    (place / "loop.txt").write_text(text("Angle [deg],Moment [Nm]", body=[[0.5 * load, load] for load in loads]))
    line = ("init", "loop.txt", "--positive", "varus", "--flexion", "20")
    for more, name in ((), "measurement.hysteresis"), (("loop.txt",), "loop.measurement.hysteresis"):
        assert command(*line[:1], *more, *line[1:], "-o", f"{len(more)}.toml", "--overwrite").code == 0
        config = load_config(place / f"{len(more)}.toml")
        posterior = Posterior.from_config(config)
        assert name in posterior.names
        assert not [warning for warning in posterior.warnings if "direction" in warning]


def test_a_configuration_of_forces_and_of_given_errors(place: Path, command: Command) -> None:
    line = ("init", "force.csv", "--positive", "varus", "--flexion", "20")
    check_refused(command(*line), "say --application-point X,Y, in mm")
    check_refused(command(*line, "--application-point", "400"), "--application-point 400: has to be X,Y")
    check_refused(command(*line, "--application-point", "0,-0.4"), "application_point")  # metres
    assert command(*line, "--application-point", "0,-400").code == 0
    config = load_config(place / "knee.toml")
    assert config.data_path == place / "force_imported.csv"  # beside the file that was read
    assert Posterior.from_config(config).measurements[""].kind == "force"
    (place / "sd.txt").write_text(text("Angle [deg],Moment [Nm],std [Nm]", body=rows([0.2] * 6)))
    assert command("init", "sd.txt", "--positive", "valgus", "--flexion", "0", "-o", "sd.toml").code == 0
    config = load_config(place / "sd.toml")
    assert config.noise.sigma is None
    assert "noise.sigma" not in Posterior.from_config(config).names


def test_flexion_has_to_be_known_for_a_configuration(place: Path, command: Command) -> None:
    (place / "x.txt").write_text(german(), encoding="utf-8")
    check_refused(command("init", "x.txt", "--positive", "varus"), "at which flexion was it measured?")
    assert command("import", "x.txt", "--positive", "varus", "-o", "x.csv").code == 0


HOSTILE = [
    '"] [knee]',
    "a\\b",
    "<script>alert(1)<",
    "é\u202e",
    "'''",
    "x" * 120,
    "\x1b[31m",
    "\x7f",
    "#",
    "mcl",
    "a\nb",
]


@pytest.mark.parametrize("stem", HOSTILE)
def test_hostile_names_are_text(stem: str, place: Path, command: Command) -> None:
    (place / f"{stem}.txt").write_text(german(), encoding="utf-8")
    result = command("init", f"{stem}.txt", "--positive", "varus", "--flexion", "0", "-o", "k.toml")
    assert result.code == 0, result.err
    assert all(line.isprintable() for line in (result.out + result.err).splitlines())
    config = load_config(place / "k.toml")
    assert read_measurement(config.data_path).loads.tolist() == LOADS
    written = tomllib.loads((place / "k.toml").read_text())
    assert set(written) == {"knee", "parameters", "measurement", "noise", "data", "sampling"}
    assert set(written["knee"]) == {"lateral_condyle", "medial_condyle", "rolling", "mcl", "lcl"}


def test_names_of_tests_and_strings_of_toml() -> None:
    assert name_of_test("knee 30°, left", {}) == "knee_30_left"
    assert name_of_test("30deg", {}) == "test_30deg"
    assert name_of_test("mcl", {}) == "test_mcl"
    assert name_of_test("", {}) == "test"
    assert name_of_test("a", {"a": 1, "a_2": 1}) == "a_3"
    for name in ('a"b\\c', "é\n\t\x7f\x01", "\U0001f9b5"):
        assert tomllib.loads(f"x = {quoted(name)}") == {"x": name}


# --- Questions. -------------------------------------------------------------------------------------------------------


def test_a_terminal_is_asked_until_nothing_is_open(
    place: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "x.txt").write_text(text("Varus A [deg],Varus B [deg],Torque", body=[[-a, a, m] for a, m in rows()]))
    answers = iter(["2", "Nm", "up", "varus", "30"])
    asked: list[str] = []

    def prompt(*_: Any, **__: Any) -> str:
        asked.append("?")
        return next(answers)

    monkeypatch.setattr(module, "_is_terminal", lambda: True)
    monkeypatch.setattr(module.typer, "prompt", prompt)
    result = command("init", "x.txt")
    assert result.code == 0, result.err
    assert len(asked) == 5
    assert "  2  Varus B [deg]" in result.err
    assert "--positive up: use one of" in result.err
    assert read_measurement("x.csv").angles.tolist() == ANGLES
    assert "calibrate init x.txt --angle 'Varus B [deg]' --load-unit Nm --positive varus --flexion 30 -o" in result.err


def test_without_a_terminal_the_first_question_is_the_error(place: Path, command: Command) -> None:
    (place / "x.txt").write_text(text("Varus A [deg],Varus B [deg],Torque", body=[[-a, a, m] for a, m in rows()]))
    check_refused(command("import", "x.txt", "-o", "x.csv"), "may each be the angle; choose one with --angle")


# --- Dialects in a run. -----------------------------------------------------------------------------------------------


def test_a_run_reads_a_plain_dialect_and_says_so(folder: Path, command: Command) -> None:
    plain = (folder / "bench_toe.csv").read_text()
    header = next(line for line in plain.splitlines() if not line.startswith("#"))
    dialect = plain.replace(header, "Angle [rad],Force [N]").replace(",", ";").replace(".", ",")
    (folder / "bench_toe.csv").write_text(dialect, encoding="utf-8")
    (folder / "knee.toml").write_text(config_text(extra="[sampling]\nwalkers = 16\nensembles = 2\n"))
    result = command("run", "knee.toml", "-o", "x.h5", "--max-steps", "4")
    assert result.code == 3
    says = "understood as angle_rad (from 'Angle [rad]'), force_N (from 'Force [N]'); cells separated by semicolons"
    assert [line for line in result.err.splitlines() if "understood" in line] == [
        f"calibrate: bench_toe.csv: {says}; decimal commas"
    ]
    assert command("resume", "x.h5", "--steps", "2").code == 3  # the file has the text as it was read
    (folder / "bench_toe.csv").write_text(dialect.replace("Angle", "Varus angle"), encoding="utf-8")
    check_refused(
        command("run", "knee.toml", "-o", "y.h5"),
        "data.positive = 'valgus', but the columns of bench_toe.csv speak of varus",
    )


def test_a_contradiction_between_columns_is_refused(folder: Path) -> None:
    (folder / "bench_toe.csv").write_text(text("Varus angle [deg],Valgus force [N]"))
    with pytest.raises(Exception, match="one column speaks of varus and one of valgus") as error:
        Posterior.from_config(load_config(folder / "knee.toml"))
    assert not isinstance(error.value, ConfigError)
