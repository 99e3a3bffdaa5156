"""A net of many draws of the prior thins out, level by level, until as many are left as climb: by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from test_pilot import Even, scripted
from toys import toy

from calibrate.sampling.pilot import explore


def test_a_net_loses_its_lower_half_at_each_level_and_only_the_last_climb(monkeypatch: pytest.MonkeyPatch) -> None:
    def level_out(x: np.ndarray, value: np.ndarray, floor: float) -> None:
        value[:] = 20.0

    calls, rng = scripted(monkeypatch, level_out), Even()
    net = np.random.default_rng(0).permutation(np.arange(16.0))[:, np.newaxis]
    posterior = toy(lambda q: q[:, 0], (0.0, 16.0))
    found = explore(posterior, rng, 4, net)
    assert posterior.asked[0] is net
    # 16, 8 and 4: of the last four two are lost, and copies of the others climb above 13.
    (x, value, floor, *_), *others = calls
    assert not others
    assert floor == 13.0
    assert sorted(x[:, 0]) == sorted(value) == [14.0, 14.0, 15.0, 15.0]
    assert [one for one in rng.asked if one[0] == "integers"] == [("integers", 2, 4, 2)]
    np.testing.assert_array_equal(found.log_likelihood, [*range(14), *[20.0] * 4])
    np.testing.assert_array_equal(found.coords[:14, 0], np.arange(14.0))
    # A sixteenth of the prior each, and the last four share two sixteenths.
    mass = np.exp([*range(14), *[20.0 + math.log(0.5)] * 4]) / 16.0
    np.testing.assert_allclose(found.weights, mass / mass.sum(), rtol=1e-12)
    assert found.log_evidence == pytest.approx(math.log(mass.sum()), rel=1e-12)


def test_an_even_number_of_a_net_goes_on_and_what_is_too_few_is_filled_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine of sixteen are lost, as two tie, and a tenth so that six go on; of these three, and one is drawn again."""

    def level_out(x: np.ndarray, value: np.ndarray, floor: float) -> None:
        value[:] = 20.0

    calls, rng = scripted(monkeypatch, level_out), Even()
    values = np.arange(16.0)
    values[8] = 7.0
    found = explore(toy(lambda q: q[:, 0], (0.0, 16.0)), rng, 4, values[:, np.newaxis])
    (x, value, floor, *_), *others = calls
    assert not others
    assert floor == 12.0
    assert x[:, 0].tolist() == value.tolist() == [13.0, 13.0, 14.0, 15.0]
    assert [one for one in rng.asked if one[0] == "integers"] == [("integers", 3, 6, 1)]
    np.testing.assert_array_equal(found.log_likelihood, [*values[:13], *[20.0] * 4])
    mass = np.exp([*values[:10], *values[10:13], *[20.0 + math.log(0.75)] * 4]) / 16.0
    np.testing.assert_allclose(found.weights, mass / mass.sum(), rtol=1e-12)
