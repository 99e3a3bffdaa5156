"""The pilot's moves, worked out by hand; they run as the Python that they are written in.

That the compiled ones do the same is in test_start.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from toys import moves_in_python, toy

from calibrate.priors import LogNormal, Normal, Prior, Uniform
from calibrate.sampling import pilot

POINTS = np.array(
    [[0.0, 0.0, 0.0], [1.0, 7.0, -3.0], [2.0, -5.0, 11.0], [-4.0, 3.0, 2.0], [6.0, 1.0, -8.0], [-7.0, -2.0, 5.0]]
)
# The first three move in even turns by the positions of the last three, and the other way round in odd turns.
ORDER = np.array([4, 0, 2, 5, 1, 3])
WIDE = Uniform(-1e6, 1e6)
# A move that leads nowhere: a stretch whose factor is refused.
STAYS = (0.0, 0.0, 0.0, 0.0, 0.9)


def climb(
    numbers: list[list[tuple[float, ...]]],
    function: Callable[[np.ndarray], float] = lambda q: 7.0,
    floor: float = 0.0,
    priors: Sequence[Prior] = (WIDE,) * 3,
    points: np.ndarray = POINTS,
    order: np.ndarray = ORDER,
) -> tuple[np.ndarray, np.ndarray]:
    """Return where the points are after some turns, and their values, 1 before."""
    x, value = points.copy(), np.ones(len(points))
    density = toy(lambda q: q, *priors).density

    def likelihood(q: np.ndarray, p: np.ndarray, columns: np.ndarray, knee: object, room: object) -> float:
        assert p is not density.template
        np.testing.assert_array_equal(p, density.template)
        assert (columns is density.columns, knee is density.knee, room) == (True, True, ("room", density.knee))
        return function(q)

    with pytest.MonkeyPatch.context() as patched:
        moves_in_python(patched, likelihood)
        pilot._climb(x, value, floor, order, np.array(numbers), density)
    return x, value


def bits(*kept: int) -> float:
    """Return the uniform number that keeps these parameters."""
    return sum(1 << i for i in kept) / 2.0**52


P = POINTS
GAMMA_0 = 2.38 / math.sqrt(6.0)


# The second of the three that move is point 0, at the origin; the others are 5, 1 and 3. Each move is
# (which other, which second other, kind, size, a factor or the parameters that stay).
@pytest.mark.parametrize(
    ("move", "where"),
    [
        # Stretches, z = (u + 1)^2 / 2, made with probability z^2 at the most.
        ((0.0, 0.9, 0.10, 0.5, 0.5), P[5] * (1.0 - 1.125)),
        ((0.34, 0.0, 0.14, 0.5, 0.99), P[1] * (1.0 - 1.125)),
        ((0.99, 0.0, 0.0, 0.0, 0.24), P[3] * (1.0 - 0.5)),
        ((0.99, 0.0, 0.0, 0.0, 0.25), P[0]),
        ((0.99, 0.0, 0.0, 0.0, 0.26), P[0]),
        ((0.99, 0.0, 0.0, 1.0, 0.9), P[3] * (1.0 - 2.0)),
        # Jumps by a whole difference of two others, which are never the same one.
        ((0.0, 0.0, 0.15, 0.9, 0.9), P[5] - P[1]),
        ((0.0, 0.5, 0.20, 0.1, 0.9), P[5] - P[3]),
        ((0.34, 0.49, 0.20, 0.9, 0.1), P[1] - P[5]),
        ((0.34, 0.99, 0.24, 0.9, 0.9), P[1] - P[3]),
        ((0.67, 0.0, 0.24, 0.9, 0.9), P[3] - P[5]),
        ((0.99, 0.5, 0.249, 0.9, 0.9), P[3] - P[1]),
        # Differences of a random size.
        ((0.0, 0.0, 0.25, 0.5, 0.9), GAMMA_0 * 0.8 * (P[5] - P[1])),
        ((0.0, 0.0, 0.50, 0.0, 0.9), GAMMA_0 * 0.1 * (P[5] - P[1])),
        ((0.0, 0.5, 0.50, 1.0, bits(0)), GAMMA_0 * 1.5 * (P[5] - P[3])),
        ((0.67, 0.5, 0.60, 0.7, bits(0, 1)), GAMMA_0 * 1.08 * (P[3] - P[1])),
        # In some of the parameters only.
        ((0.0, 0.0, 0.61, 0.5, bits()), GAMMA_0 * 0.8 * (P[5] - P[1])),
        ((0.0, 0.0, 0.61, 0.5, bits(0)), GAMMA_0 * 0.8 * (P[5] - P[1]) * [0, 1, 1]),
        ((0.0, 0.0, 0.90, 0.5, bits(1)), GAMMA_0 * 0.8 * (P[5] - P[1]) * [1, 0, 1]),
        ((0.0, 0.0, 0.99, 0.3, bits(0, 2)), GAMMA_0 * 0.52 * (P[5] - P[1]) * [0, 1, 0]),
        ((0.0, 0.0, 0.61, 0.5, bits(0, 1, 2)), P[0]),
        ((0.0, 0.0, 0.61, 0.5, 0.5 + bits(1)), GAMMA_0 * 0.8 * (P[5] - P[1]) * [1, 0, 1]),
    ],
)
def test_a_point_moves_by_the_positions_of_the_other_half(move: tuple[float, ...], where: np.ndarray) -> None:
    x, value = climb([[STAYS, move, STAYS]])
    expected = POINTS.copy()
    expected[0] = where
    np.testing.assert_allclose(x, expected, rtol=1e-14, atol=0.0)
    refused = move[2] < 0.15 and not where.any()
    np.testing.assert_array_equal(value, [1.0 if refused else 7.0, 1.0, 1.0, 1.0, 1.0, 1.0])


def jump(first: int, second: int) -> tuple[float, ...]:
    """Return the numbers of a jump by a difference of two of three others."""
    return ((first + 0.5) / 3.0, (second + 0.5) / 2.0, 0.2, 0.9, 0.9)


def test_halves_move_in_turns_by_where_the_others_are_by_then() -> None:
    turns = [
        [jump(0, 0), jump(1, 0), jump(2, 1)],
        [jump(1, 1), jump(2, 0), jump(0, 1)],
        [jump(2, 0), jump(0, 1), jump(1, 1)],
        [jump(0, 1), jump(1, 1), jump(2, 0)],
    ]
    x, _ = climb(turns)
    # Which two others, in the order of ORDER: the second choice passes over the first.
    pairs = [[(0, 1), (1, 0), (2, 1)], [(1, 2), (2, 0), (0, 2)], [(2, 0), (0, 2), (1, 2)], [(0, 2), (1, 2), (2, 0)]]
    where = {int(i): POINTS[i] for i in ORDER}
    for turn, chosen in enumerate(pairs):
        halves = ORDER[:3].tolist(), ORDER[3:].tolist()
        moving, others = halves if turn in (0, 2) else halves[::-1]
        for me, (a, b) in zip(moving, chosen, strict=True):
            where[me] = where[me] + where[others[a]] - where[others[b]]
    np.testing.assert_array_equal(x, np.array([where[i] for i in range(6)]))


def test_in_one_dimension_every_stretch_is_made() -> None:
    points = np.array([[0.0], [4.0], [1.0], [3.0]])
    numbers = [[(0.0, 0.0, 0.1, 0.0, 0.99), (0.5, 0.0, 0.1, 1.0, 0.99)]]
    x, _ = climb(numbers, priors=[WIDE], points=points, order=np.arange(4))
    np.testing.assert_array_equal(x, [[0.5], [5.0], [1.0], [3.0]])


ARRIVAL = P[5] - P[1]  # -8, -9, 8


def moved(**limits: object) -> bool:
    """Tell whether a jump to `ARRIVAL` is made."""
    x, value = climb([[STAYS, jump(0, 0), STAYS]], **limits)
    arrived = bool((x[0] == ARRIVAL).all())
    assert arrived or not x[0].any()
    assert value[0] == (7.0 if arrived else 1.0)
    return arrived


def between(i: int, lower: float = -1e6, upper: float = 1e6) -> list[Prior]:
    """Return priors of which one has these bounds."""
    return [Uniform(lower, upper) if j == i else WIDE for j in range(3)]


@pytest.mark.parametrize("i", [0, 1, 2])
def test_bounds_belong_to_the_inside(i: int) -> None:
    assert moved(priors=between(i, lower=ARRIVAL[i]))
    assert moved(priors=between(i, upper=ARRIVAL[i]))
    assert not moved(priors=between(i, lower=ARRIVAL[i] + 1e-9))
    assert not moved(priors=between(i, upper=ARRIVAL[i] - 1e-9))


def test_outside_the_bounds_nothing_is_evaluated() -> None:
    def never(q: np.ndarray) -> float:
        raise AssertionError(q)

    assert not moved(priors=[Uniform(-1e6, -100.0)] * 3, function=never)


def test_a_point_has_to_be_above_the_floor() -> None:
    assert not moved(floor=7.0)
    assert moved(floor=6.999)
    assert not moved(floor=7.001)


def test_the_likelihood_is_that_of_the_place() -> None:
    _, value = climb([[STAYS, jump(0, 0), STAYS]], lambda q: float(q @ [1.0, 10.0, 100.0]))
    assert value[0] == -8.0 - 90.0 + 800.0


# --- priors that are not uniform ---

# From 20, 20, 20 a jump leads to 12, 11, 28.
RAISED = POINTS + 20.0
SHAPES: dict[str, tuple[list[Prior], float]] = {
    # Half the squares of (there - mean) / sd and (here - mean) / sd.
    "normal": ([Normal(18.0, 2.0), WIDE, WIDE], 0.5 * (1.0 - 9.0)),
    "towards the mean": ([WIDE, WIDE, Normal(30.0, 4.0)], 0.5 * (6.25 - 0.25)),
    "truncated": ([WIDE, Normal(19.0, 4.0, 10.0, 21.0), WIDE], 0.5 * (0.0625 - 4.0)),
    # Of logarithms, and the logarithm itself.
    "log-normal": (
        [WIDE, WIDE, LogNormal(10.0, math.e)],
        math.log(20.0 / 28.0) + 0.5 * (math.log(2.0) ** 2 - math.log(2.8) ** 2),
    ),
    "log-normal, to the median": (
        [WIDE, LogNormal(11.0, math.exp(0.5), 1.0, 30.0), WIDE],
        math.log(20.0 / 11.0) + 0.5 * (math.log(20.0 / 11.0) / 0.5) ** 2,
    ),
    "all three": (
        [Normal(18.0, 2.0), Normal(19.0, 4.0), LogNormal(10.0, math.e)],
        0.5 * (1.0 - 9.0 + 0.0625 - 4.0) + math.log(20.0 / 28.0) + 0.5 * (math.log(2.0) ** 2 - math.log(2.8) ** 2),
    ),
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_move_is_made_as_often_as_the_priors_densities_allow(name: str) -> None:
    priors, gain = SHAPES[name]

    def made(u: float, function: Callable[[np.ndarray], float] = lambda q: 7.0) -> bool:
        numbers = [[(*STAYS, 0.5), (*jump(0, 0), u), (*STAYS, 0.5)]]
        x, value = climb(numbers, function, priors=priors, points=RAISED)
        assert value[0] == (7.0 if x[0, 0] == 12.0 else 1.0)
        return bool((x[0] == [12.0, 11.0, 28.0]).all())

    def never(q: np.ndarray) -> float:
        raise AssertionError(q)

    if gain > 0.0:
        assert made(1.0 - 2.0**-53)
    else:
        assert made(math.exp(gain) * (1.0 - 1e-12))
        assert not made(math.exp(gain) * (1.0 + 1e-12))
        # What the prior refuses costs no likelihood.
        assert not made(math.exp(gain) * 1.01, never)


@pytest.mark.parametrize(("number", "made"), [(0.25, False), (math.nextafter(0.25, 0.0), True)])
def test_of_all_numbers_below_one_a_quarter_lies_below_a_quarter(number: float, made: bool) -> None:
    """From 1/2 to 2, which are as far from the median of 1, the density of a log-normal prior falls to a quarter."""
    points = POINTS.copy()
    points[[0, 5, 1], 0] = [0.5, 9.5, 8.0]
    numbers = [[(*STAYS, 0.5), (*jump(0, 0), number), (*STAYS, 0.5)]]
    x, _ = climb(numbers, priors=[LogNormal(1.0, math.e), WIDE, WIDE], points=points)
    assert x[0, 0] == (2.0 if made else 0.5)


def test_a_truncated_priors_bounds_are_walls() -> None:
    numbers = [[(*STAYS, 0.5), (*jump(0, 0), 1e-9), (*STAYS, 0.5)]]
    for prior, made in ((Normal(20.0, 9.0, 12.0), True), (Normal(20.0, 9.0, 12.1), False), (Normal(20.0, 9.0), True)):
        x, _ = climb(numbers, priors=[prior, WIDE, WIDE], points=RAISED)
        assert (x[0, 0] == 12.0) == made


def test_a_log_normal_parameter_does_not_get_below_zero() -> None:
    numbers = [[(*STAYS, 0.5), (*jump(0, 0), 1e-300), (*STAYS, 0.5)]]
    x, _ = climb(numbers, priors=[LogNormal(10.0, 3.0), WIDE, WIDE], points=np.add(POINTS, [8.0, 0.0, 0.0]))
    assert x[0, 0] == 8.0  # not 0, where the density is none


def test_a_stretch_has_both_factors() -> None:
    """Its own is z^2, the prior's comes on top, each with a number of its own."""
    z, prior = 0.5, Normal(0.0, 10.0)
    # From 0 towards point 3, which is at -4 in the first parameter: to -2.
    gain = -0.5 * 0.2**2
    for of_stretch, of_prior, made in ((0.99, 0.99, True), (1.01, 0.99, False), (0.99, 1.01, False)):
        move = (0.99, 0.0, 0.0, 0.0, of_stretch * z**2, of_prior * math.exp(gain))
        x, _ = climb([[(*STAYS, 0.5), move, (*STAYS, 0.5)]], priors=[prior, WIDE, WIDE])
        assert (x[0, 0] == -2.0) == made


KINDS: dict[str, Prior] = {
    "normal": Normal(2.0, 1.5),
    "truncated": Normal(6.0, 1.5, 1.0, 4.0),
    "log-normal": LogNormal(5.0, 1.6),
    "truncated log-normal": LogNormal(1.5, 2.5, 2.5, 9.0),
}


@pytest.mark.parametrize("name", KINDS)
def test_evidence_and_moments_with_a_shaped_prior_are_those_of_quadrature(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    moves_in_python(monkeypatch)
    prior = KINDS[name]

    def hill(q: np.ndarray) -> np.ndarray:
        return np.asarray(-0.5 * ((q[:, 0] - 3.0) / 0.4) ** 2)

    # Quantiles at even steps are draws that are spread evenly.
    grid = prior.quantile((np.arange(200_000) + 0.5) / 200_000)
    likelihood = np.exp(hill(grid[:, np.newaxis]))
    mean = (likelihood * grid).sum() / likelihood.sum()
    sd = np.sqrt((likelihood * (grid - mean) ** 2).sum() / likelihood.sum())
    found = [pilot.explore(toy(hill, prior), np.random.default_rng(seed), 256) for seed in range(2)]
    assert np.mean([one.log_evidence for one in found]) == pytest.approx(math.log(likelihood.mean()), abs=0.3)
    # Each is worth a thousand draws.
    assert np.mean([one.weights @ one.coords[:, 0] for one in found]) == pytest.approx(mean, abs=4 * sd / 45)
    spread = [np.sqrt(one.weights @ (one.coords[:, 0] - mean) ** 2) for one in found]
    assert np.mean(spread) == pytest.approx(sd, rel=4 / 63)
