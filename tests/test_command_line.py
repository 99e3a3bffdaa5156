"""The command line as people hope: examples that parse, one JSON object wherever there is a result, near misses."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from commands import Command, prepare
from conftest import DATA
from typer.main import get_command

from calibrate.cli import app
from calibrate.cli.app import COMMANDS, EXAMPLES
from calibrate.options import complete_config, complete_run

ROOT = get_command(app)
NAMES = set(ROOT.commands)
# What prints no table of ours: a schema is JSON as it is, and a knee is the table of a configuration.
WITHOUT = {"schema", "knee"}


def options(name: str) -> set[str]:
    return {option for parameter in ROOT.commands[name].params for option in parameter.opts}


def test_every_command_is_in_a_group_has_an_example_and_says_what_it_does() -> None:
    assert set(EXAMPLES) == NAMES
    assert sum(map(len, COMMANDS.values())) == len(NAMES)
    for name, command in ROOT.commands.items():
        assert command.help
        assert command.epilog == f"Example: {EXAMPLES[name]}"
        assert command.rich_help_panel in COMMANDS


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_examples_parse(name: str, command: Command) -> None:
    program, first, *rest = shlex.split(EXAMPLES[name].partition(" > ")[0])
    assert (program, first) == ("calibrate", name)
    ROOT.commands[name].make_context(name, rest)
    assert " ".join(EXAMPLES[name].split()) in " ".join(command(name, "--help").out.split())


def test_json_is_an_option_wherever_there_is_a_result_and_so_are_those_about_messages() -> None:
    assert {name for name in NAMES if "--json" not in options(name)} == WITHOUT
    for name in NAMES:
        assert {"-q", "--quiet", "-v", "--verbose", "--log-file"} <= options(name)


JSON = {
    "run": (("run", "knee.toml", "-o", "x.h5", "--max-steps", "4"), 3, {"file", "reason", "converged", "steps"}),
    "resume": (("resume", "run.h5", "--steps", "2"), 3, {"file", "reason", "steps", "taken", "verdict"}),
    "repair": (("repair", "run.h5", "-o", "x.h5"), 0, {"file", "found", "steps"}),
    "simulate": (("simulate", "knee.toml", "-o", "x.csv"), 0, {"file", "points", "truth"}),
    "export": (("export", "run.h5", "-o", "x.csv"), 0, {"file", "format", "written"}),
    "check": (("check", "knee.toml"), 0, {"free", "parameters", "tests", "allowed", "warnings"}),
}


@pytest.mark.parametrize("name", JSON)
def test_json_is_one_object_and_nothing_else(name: str, folder: Path, command: Command) -> None:
    prepare(folder)
    arguments, code, keys = JSON[name]
    result = command(*arguments, "--json")
    assert result.code == code, result.err
    assert keys <= set(json.loads(result.out))


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (("sumary", "run.h5"), "'summary'"),
        (("run", "knee.toml", "--max-step", "3"), "'--max-steps'"),
        (("simulate", "knee.toml", "-o", "x.csv", "--set", "mcl.kk=3"), "'mcl.k'"),
        (("predict", "run.h5", "--change", "mcl.kk=3"), "'mcl.k'"),
        (("design", "run.h5", "--target", "mcl.kk"), "'mcl.k'"),
        (("priors", "--structure", "mlc"), "'mcl'"),
    ],
)
def test_a_near_miss_is_told_what_was_meant(
    arguments: tuple[str, ...], meant: str, folder: Path, command: Command
) -> None:
    result = command(*arguments) if arguments[-1] != "run.h5" and "run.h5" not in arguments else None
    if result is None:
        prepare(folder)
        result = command(*arguments)
    assert result.code == 2
    assert result.err.count("\n") == 1
    assert "id you mean" in result.err
    assert meant in result.err


def complete(line: str, monkeypatch: pytest.MonkeyPatch, command: Command) -> list[str]:
    words = line.split(" ")
    monkeypatch.setenv("_CALIBRATE_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
    result = command()
    assert (result.code, result.err) == (0, "")
    return result.out.split()


def test_a_shell_completes_commands_options_files_and_parameters(
    folder: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "knees").mkdir()
    prepare(folder)
    assert complete("calibrate su", monkeypatch, command) == ["summary"]
    assert complete("calibrate resume --unt", monkeypatch, command) == ["--until-steps"]
    assert complete("calibrate summary r", monkeypatch, command) == ["run.h5"]
    assert complete("calibrate check kn", monkeypatch, command) == ["knee.toml", "knees/"]
    assert complete("calibrate simulate knee.toml --set lcl.a", monkeypatch, command) == ["lcl.alpha="]
    assert complete("calibrate predict run.h5 --change mcl.l", monkeypatch, command) == ["mcl.l_0="]
    assert complete("calibrate predict none.h5 --change mcl.l", monkeypatch, command) == []


def test_names_of_files_are_completed_where_they_lie() -> None:
    assert complete_config(f"{DATA}/oks009_b") == [str(DATA / "oks009_box.toml")]
    assert complete_run(f"{DATA}/oks009_b") == []
    assert complete_run("/no/such/folder/") == []
