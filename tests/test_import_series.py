"""Tests in the order of time: turns, cycles, directions and holds; nothing goes unless it is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from their_files import series, text, write

from calibrate.errors import DataError
from calibrate.importing.choose import Answers
from calibrate.importing.convert import Imported, convert
from calibrate.importing.cycles import order_of

SERIES = "Time [s],Angle [deg],Moment [Nm]"


def taken(folder: Path, content: str, **said: Any) -> Imported:
    return convert(write(folder, content), Answers(positive="varus", **said))


@pytest.mark.parametrize("cycles", [1, 2, 3])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_cycles_and_directions(cycles: int, sign: float) -> None:
    _, angles, loads = sign * np.array(series(cycles)).T
    order = order_of(angles, loads)
    assert order.is_series
    assert order.cycles == cycles
    assert order.turns.tolist() == [0, *range(20, 80 * cycles, 40), 80 * cycles]
    rising = np.diff(loads) > 0.0
    assert ((order.up[1:] > 0.0) == rising)[np.abs(np.diff(loads)) > 0.1].all()
    away = np.diff(np.abs(loads)) > 0.0
    assert (order.loading[1:] == away)[np.abs(np.diff(np.abs(loads))) > 0.1].mean() > 0.97
    assert np.bincount(order.cycle)[1:].tolist() == [80] * (cycles - 1) + [81]
    assert order.holds == []


def test_points_in_no_order_or_one_way_are_no_series() -> None:
    rng = np.random.default_rng(1)
    angles = rng.uniform(-5.0, 5.0, 60)
    assert not order_of(angles, 2.0 * angles).is_series
    assert not order_of(np.sort(angles), 2.0 * np.sort(angles)).is_series
    assert not order_of(np.zeros(1), np.zeros(1)).is_series
    assert order_of(np.zeros(9), np.zeros(9)).holds == []


def test_one_sided_cycles() -> None:
    phase = np.linspace(0.0, 3.0, 181)
    loads = 10.0 * np.abs(np.sin(np.pi * phase))
    order = order_of(0.5 * loads, loads)
    assert order.cycles == 3
    assert np.bincount(order.cycle)[1:].tolist() == pytest.approx([60, 60, 61], abs=1)


def test_nothing_is_left_out_unless_it_is_asked_for(tmp_path: Path) -> None:
    body = series(2)
    content = text(SERIES, body=body)
    whole = taken(tmp_path, content)
    assert whole.measurement.loads.tolist() == [row[2] for row in body]
    assert whole.measurement.direction is not None
    assert whole.measurement.direction[5] == 1.0
    assert any("2 cycles of loading and unloading; choose with --direction and --cycle" in d for d in whole.doubts)
    loading = taken(tmp_path, content, direction="loading").measurement
    unloading = taken(tmp_path, content, direction="unloading").measurement
    assert loading.loads.size + unloading.loads.size == 161
    assert 70 <= loading.loads.size <= 90
    last = taken(tmp_path, content, cycle="last")
    assert last.measurement.loads.tolist() == [row[2] for row in body[80:]]
    assert not [doubt for doubt in last.doubts if "choose with" in doubt]  # it has been chosen
    assert "# source: cycle 2 of 2 kept, 80 readings of others left out (--cycle)" in last.measurement.text
    both = taken(tmp_path, content, cycle="1", direction="loading", thin=4).measurement
    assert "left out (--direction)" in both.text
    assert "each 4th reading kept" in both.text
    assert both.loads.size == -(-int((order_of(*np.array(body).T[1:]).loading[:80]).sum()) // 4)
    with pytest.raises(DataError, match="--cycle 3: there are 2 cycles"):
        taken(tmp_path, content, cycle="3")


def test_holds_are_found_and_averaged_when_asked(tmp_path: Path) -> None:
    body = series(1, per=5, hold=30)
    for i, row in enumerate(body):
        row[2] = round(row[2] + 0.01 * (-1) ** i, 4)
    content = text(SERIES, body=body)
    kept = taken(tmp_path, content)
    assert (len(kept.order.holds), kept.measurement.loads.size) == (21, 630)
    mean = taken(tmp_path, content, holds="mean").measurement
    level = [row[2] for row in series(1, per=5)]
    np.testing.assert_allclose(mean.loads, level, atol=1e-12)
    assert mean.direction is not None
    assert set(mean.direction.tolist()) == {1.0, -1.0}
    last = taken(tmp_path, content, holds="last").measurement
    np.testing.assert_allclose(last.loads, np.array(level) - 0.01, atol=1e-12)
    assert "# source: 21 holds made one reading each, their mean, 609 fewer (--holds)" in mean.text
