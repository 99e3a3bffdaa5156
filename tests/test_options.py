"""An option with one value that is given twice is refused, in whichever spelling and command."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (("export", "run.h5", "-o", "out.osim", "--mcl", "A", "--mcl", "B"), "--mcl"),
        (("export", "run.h5", "--lcl=A", "-o", "out.osim", "--lcl", "A"), "--lcl"),
        (("export", "run.h5", "-o", "a.osim", "--output", "b.osim"), "-o/--output"),
        (("export", "run.h5", "-oa.osim", "-ob.osim"), "-o/--output"),
        (("export", "--model", "a", "run.h5", "-o", "b", "--model", "c"), "--model"),
        (("export", "run.h5", "-o", "b", "--draw", "1", "--draw", "1"), "--draw"),
        (("knee", "a.osim", "--strands", "mcl=A", "--side", "r", "--side", "l"), "--side"),
        (("run", "knee.toml", "--seed", "1", "--seed", "2"), "--seed"),
        (("resume", "run.h5", "--max-time", "1", "--max-time", "2"), "--max-time"),
        (("plot", "run.h5", "-o", "a", "-o", "b"), "-o/--output"),
        (("simulate", "knee.toml", "-o", "a.csv", "--angles", "0:1:2", "--angles", "0:1:3"), "--angles"),
        (("profile", "--workers", "1", "--workers", "2"), "--workers"),
        (("repair", "run.h5", "-o", "a", "-o", "a", "-o", "a"), "-o/--output"),
    ],
)
def test_an_option_given_twice_is_refused(command, arguments, option):
    done = command(*arguments)
    times = sum(argument.startswith(tuple(option.split("/"))) for argument in arguments)
    assert done.code == 2
    assert done.err == f"calibrate: error: {option}: given {times} times; give it once\n"
    assert done.out == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("simulate", "no.toml", "-o", "a.csv", "--set", "mcl.k=1", "--set", "lcl.k=2"), "no.toml: no such file"),
        (("run", "no.toml", "--overwrite", "--overwrite"), "no.toml: no such file"),
        (("export", "-o", "a", "--", "--mcl", "--mcl"), "Got unexpected extra argument"),
        (("export", "run.h5", "--mcl"), "requires an argument"),
        (("export", "run.h5", "--nope"), "No such option"),
    ],
)
def test_options_meant_to_be_repeated_and_flags_pass_and_other_slips_keep_their_words(command, arguments, message):
    done = command(*arguments)
    assert done.code == 2
    assert message in done.err
    assert "given" not in done.err


def test_help_is_as_before(command):
    done = command("export", "--help")
    assert done.code == 0
    assert "--mcl" in done.out
