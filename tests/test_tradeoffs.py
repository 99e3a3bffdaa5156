"""Parameters that trade off in draws that were made so, and regions of the law that lengths were made to visit."""

import numpy as np
import pytest
from clouds import TRUTH, angles_of, loads_of, measured, posterior_of
from conftest import KNEE

from calibrate.regions import LINEAR, SLACK, TAUT, TOE, regions, visited
from calibrate.tradeoffs import TradeOff, trade_offs

A, B, C, D = np.random.default_rng(1).standard_normal((4, 20_000))
ONES = np.ones(4)


def with_noise(left: float) -> np.ndarray:
    """Return a column that the first tells but for this share of its variance."""
    return np.asarray(np.sqrt(1.0 - left) * A + np.sqrt(left) * B)


def test_two_trade_off_from_a_tenfold_inflation_on() -> None:
    (found,) = trade_offs(np.column_stack([A, C, -with_noise(0.09)]), ONES[:3])
    assert set(found.members) == {0, 2}
    assert found.correlation == pytest.approx(-np.sqrt(0.91), abs=0.003)
    assert found.left == pytest.approx(1.0, abs=0.02)
    assert trade_offs(np.column_stack([A, C, -with_noise(0.11)]), ONES[:3]) == []


def test_three_trade_off_that_do_not_by_twos() -> None:
    draws = np.column_stack([A, B, A + B + 0.1 * C, D])
    (found,) = trade_offs(draws, ONES)
    assert sorted(found.members) == [0, 1, 2]
    assert found.members[0] == 2  # which the others tell best
    assert found.correlation == pytest.approx(np.sqrt(2.0 / 2.01), abs=1e-3)
    # Of four at once, one that nobody tells alone, nothing is said.
    assert trade_offs(np.column_stack([A + B + C + 0.1 * D, A, B, C]), ONES) == []


def test_what_goes_along_is_named_as_well() -> None:
    draws = np.column_stack([A, A + 0.1 * B, A + 0.1 * C, D])
    (found,) = trade_offs(draws, ONES)
    assert sorted(found.members) == [0, 1, 2]


def test_what_is_known_well_or_does_not_move_trades_off_with_nothing() -> None:
    draws = np.column_stack([A, A + 0.1 * B])
    assert trade_offs(draws, np.array([4.1, 4.1])) == []
    (found,) = trade_offs(draws, np.array([4.1, 3.9]))
    assert found == TradeOff((1, 0), found.correlation, found.left)
    assert found.left == pytest.approx(0.257, abs=0.005)
    assert trade_offs(np.column_stack([A, np.ones(A.size)]), ONES[:2]) == []
    assert trade_offs(A[:, np.newaxis], ONES[:1]) == []
    with np.errstate(invalid="ignore"):
        assert trade_offs(np.column_stack([A, np.where(A > 3.0, np.inf, A)]), ONES[:2]) == []


# --- Regions. ---------------------------------------------------------------------------------------------------------


def test_regions_by_strain() -> None:
    # A slack length of 50 and a toe that ends at 55.
    law = np.array([[[30.0, 0.1, 50.0, 0.0]]])
    for lengths, expected in (
        ([49.0, 50.0], [True, False, False]),
        ([50.1, 55.0 - 1e-9], [False, True, False]),
        ([55.1], [False, False, True]),
        ([49.0, 52.0, 56.0], [True, True, True]),
    ):
        assert regions(np.array([[lengths]]), law).tolist() == [[expected]]


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
