"""Regions of a strand's law: lengths that lie in each, and the share of the draws in which some reading does."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from clouds import TRUTH, angles_of, loads_of, measured, posterior_of
from conftest import KNEE

from calibrate import regions as module
from calibrate.errors import GeometryError
from calibrate.regions import LINEAR, SLACK, TAUT, TOE, regions, visited


def test_regions_by_strain() -> None:
    # A slack length of 50 and a toe that ends at 55.
    law = np.array([[[30.0, 0.1, 50.0, 0.0]]])
    for lengths, expected in (
        ([49.0], [True, False, False]),
        ([50.0], [True, False, False]),
        ([50.1, 55.0 - 1e-9], [False, True, False]),
        ([55.1], [False, False, True]),
        ([49.0, 52.0, 56.0], [True, True, True]),
    ):
        assert regions(np.array([[lengths]]), law).tolist() == [[expected]]
    # A toe that ends where numbers have no rounding.
    assert regions(np.array([[[72.0]]]), np.array([[[30.0, 0.125, 64.0, 0.0]]])).tolist() == [[[False, True, False]]]


@pytest.mark.parametrize("free", [False, True], ids=["geometry known", "geometry free"])
def test_shares_of_draws_that_visit_a_region(free: bool) -> None:
    """Of the MCL of the planted knee: slack at -8 degrees, taut at 8."""
    angles = angles_of(9)
    knee = KNEE.replace("radius = 20.0", "radius = { mean = 20.0, sd = 0.5 }") if free else KNEE
    posterior = posterior_of(measured(angles, loads_of(angles)), knee=knee)
    law = {"mcl.k": 33.5, "mcl.alpha": 0.12, "mcl.l_0": 94.0, "lcl.k": 42.8, "lcl.alpha": 0.06, "lcl.l_0": 62.5}
    q = np.array([[law.get(name, 20.0 if "radius" in name else 0.3) for name in posterior.names]] * 4)
    length = float(posterior.knee_at([8.0], q[0]).kinematics.lengths[0, 0])
    least = float(posterior.knee_at([-8.0], q[0]).kinematics.lengths[0, 0])
    assert least < 94.0 < length < 94.0 * 1.12
    assert TRUTH[2] == 94.0
    column = posterior.names.index("mcl.l_0")
    q[1, column] = length + 1.0  # never taut
    q[2, column] = least - 1.0  # never slack, and beyond the toe
    q[2, posterior.names.index("mcl.alpha")] = 0.01
    found = visited(posterior, q)
    assert found.shape == (2, 4)
    shares = {region: found[0, region] for region in (SLACK, TOE, LINEAR, TAUT)}
    assert shares[SLACK] == 0.75
    assert shares[LINEAR] == 0.25
    assert shares[TAUT] == 0.75
    assert shares[TOE] in (0.5, 0.75)


def of_tests(monkeypatch: pytest.MonkeyPatch, rows: int, *tests: dict[str, Any]) -> list[list[float]]:
    """Return what a strand that is slack up to 64 visits, with a toe up to 72, in so many draws.

    Each test has lengths for each draw, by the first and last of its three angles; None if the knee has no pose.
    """
    monkeypatch.setattr(module, "_ANGLES", 2)
    q, law, full = np.zeros((rows, 1)), np.tile([[[30.0, 0.125, 64.0, 0.0]]], (rows, 1, 1)), np.arange(1.0 * rows)

    def knee_of(lengths: list[list[float] | None]) -> Any:
        def knee(one: float, angles: np.ndarray) -> Any:
            assert angles.tolist() == [-5.0, 5.0]
            found = lengths[int(one)]
            if found is None:
                raise GeometryError("no pose")
            return SimpleNamespace(kinematics=SimpleNamespace(lengths=np.array([found])))

        return knee

    data = SimpleNamespace(angles=np.array([5.0, 0.0, -5.0]))
    posterior: Any = SimpleNamespace(
        strands=("mcl",),
        tests=[
            SimpleNamespace(name=f"t{i}", measurement=data, posed=test["posed"], knee=knee_of(test["lengths"]))
            for i, test in enumerate(tests)
        ],
        full=lambda rows: full if rows is q else None,
        law=lambda rows, name: law if rows is q and name in ("t0", "t1") else None,
    )
    return [[float(share) for share in shares] for shares in visited(posterior, q)]


def test_readings_of_all_tests_visit(monkeypatch: pytest.MonkeyPatch) -> None:
    slack = {"posed": False, "lengths": [[60.0, 63.0]]}
    toe = {"posed": False, "lengths": [[65.0, 72.0]]}
    assert of_tests(monkeypatch, 3, slack) == [[1.0, 0.0, 0.0, 0.0]]
    assert of_tests(monkeypatch, 1, toe, slack) == [[1.0, 1.0, 0.0, 1.0]]


def test_draws_without_a_pose_visit_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    posed = {"posed": True, "lengths": [[60.0, 63.0], None, [60.0, 70.0], [71.0, 73.0]]}
    assert of_tests(monkeypatch, 4, posed) == [[0.5, 0.5, 0.25, 0.5]]
