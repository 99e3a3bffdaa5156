"""A burn-in that somebody has chosen: from Python and on the command line, in steps taken."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from conftest import Result
from planted import varus_draws

from calibrate.errors import ChainError
from calibrate.results import Run, open_run


@pytest.mark.parametrize(("steps", "dropped"), [(0, 0), (1, 1), (3, 1), (60, 20), (61, 21), (360, 120)])
def test_steps_are_dropped_as_they_were_taken(varus: Run, steps: int, dropped: int) -> None:
    run = open_run(varus.path, burn_in=steps)  # every third step is stored
    assert run.burn_in == dropped
    np.testing.assert_array_equal(run.samples(), varus_draws()[:, dropped:].reshape(-1, 7))
    assert run.draws == 3 * (121 - dropped) * 16


@pytest.mark.parametrize("steps", [361, 363, 10**9])
def test_a_burn_in_that_leaves_nothing_is_refused(varus: Run, steps: int) -> None:
    with pytest.raises(ChainError, match=rf"a burn-in of {steps} steps leaves none of 363; give a smaller one$"):
        open_run(varus.path, burn_in=steps)


def test_a_kept_start_that_is_settled_does_no_harm(varus: Run) -> None:
    assert open_run(varus.path, burn_in=0).converged
    few = open_run(varus.path, burn_in=330)
    assert not few.converged
    assert few.verdict.sentence == "not converged: 363 steps are too few to tell"


def test_the_command_line_takes_it(varus: Run, command: Callable[..., Result]) -> None:
    content = json.loads(command("summary", varus.path, "--json", "--burn-in", 90).out)
    assert (content["burn_in"], content["draws"]) == (90, 3 * 91 * 16)
    assert content["parameters"]["mcl.k"]["mean"] == pytest.approx(varus_draws()[:, 30:, :, 0].mean())
    result = command("summary", varus.path, "--burn-in", 363)
    assert result.code == 2
    assert result.err.endswith("a burn-in of 363 steps leaves none of 363; give a smaller one\n")
    assert command("summary", varus.path, "--burn-in", -1).code == 2
    for name in ("plot", "predict", "export"):
        assert "--burn-in" in command(name, "--help").out
