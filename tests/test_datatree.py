"""A calibration as a tree of datasets, each to the last name, unit and number, from draws that say where they stood."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xarray as xr
from planted import plant
from test_derived_general import KNEE, L_0, LAW

from calibrate import ExportError
from calibrate.config import parse_config
from calibrate.data import parse_measurement
from calibrate.derived import unit_of
from calibrate.export.datatree import _prior, _readings, datatree, xarray_for
from calibrate.posterior import Posterior
from calibrate.results import Run
from calibrate.scores.pointwise import pointwise

DRAWS, READINGS = ("chain", "draw"), ("chain", "draw", "reading")
UNITS = {"k": "N/mm", "l_0": "mm", "f_ref": "N"}
PRIORS = {"k": "1 to 500 N/mm", "alpha": "0.001 to 0.9", "l_0": "10 to 300 mm", "f_ref": "-90 to 90 N"}


@pytest.fixture(scope="module")
def coded(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return two ensembles of five stored steps, every third, of four walkers: each number says which it is."""
    ensemble, step, walker = np.ogrid[:2, :5, :4]
    place = 16.0 * ensemble + 2.0 * step + 0.125 * walker
    middles = np.tile([100.0, 0.1, 70.0, -50.0], 2)
    draws = middles + np.tile([1.0, 1e-3, 0.25, 1.0], 2) * place[..., np.newaxis]
    run = plant(tmp_path_factory.mktemp("coded"), draws, sampling="thin = 3\nseed = 5", log_prob=-place)
    return replace(run, dropped=0)


def numbers(chains: int, draws: int) -> dict[str, Any]:
    return {"chain": np.arange(chains), "draw": np.arange(draws)}


def unit(text: str) -> dict[str, str]:
    return {"units": text} if text else {}


@pytest.mark.parametrize(
    ("kept", "halves"),
    [(5, ((1, 2), (3, 4))), (4, ((1, 2), (3, 4))), (3, ((3,), (4,))), (2, ((3,), (4,))), (1, ((4,),))],
)
def test_draws_are_in_order_of_halves_and_walkers(coded: Run, kept: int, halves: tuple[tuple[int, ...], ...]) -> None:
    """Of an odd number of steps the first is in neither half, unless it is the only one."""
    tree = datatree(replace(coded, dropped=5 - kept), 0)
    order = [(step, walker) for half in halves for walker in range(4) for step in half]
    assert [*tree.children] == ["posterior", "sample_stats", "observed_data", "constant_data"]

    def listed(value: Any) -> tuple[tuple[str, str], list[list[Any]]]:
        return DRAWS, [[value(e, s, w) for s, w in order] for e in range(2)]

    posterior = {}
    for i, name in enumerate(coded.names):
        key = name.split(".")[1]
        attributes = unit(UNITS.get(key, "")) | {"prior": f"uniform, {PRIORS[key]}"}
        posterior[name] = (*listed(lambda e, s, w, i=i: coded.chains.coords[e, s, w, i]), attributes)
    assert tree["posterior"].to_dataset().identical(xr.Dataset(posterior, numbers(2, len(order))))
    stats = {
        "lp": listed(lambda e, s, w: -(16.0 * e + 2.0 * s + 0.125 * w)),
        "step": listed(lambda e, s, w: 3 * (s + 1)),
        "walker": listed(lambda e, s, w: w),
    }
    expected = xr.Dataset(stats, numbers(2, len(order)), {"acceptance_rate": 0.25})
    assert tree["sample_stats"].to_dataset().identical(expected)
    assert type(tree["sample_stats"].attrs["acceptance_rate"]) is float
    assert (tree.attrs["steps"], tree.attrs["burn_in"], tree.attrs["run"]) == (15, 15 - 3 * kept, "planted.h5")


def test_some_draws_have_readings_likelihoods_and_what_follows_from_them(coded: Run) -> None:
    tree, posterior = datatree(coded, 4), coded.posterior
    q, rng = coded.spread(4).reshape(4, 8), np.random.default_rng(5)
    reading = {"reading": np.arange(3), "angle": ("reading", [-5.0, 0.0, 5.0], {"units": "deg"})}
    foretold = posterior.simulate(q, rng).reshape(2, 2, 3)
    prior = posterior.prior_sample(rng, 4)
    expected = {
        "posterior_predictive": xr.Dataset({"load": (READINGS, foretold, {"units": "N·m"})}, numbers(2, 2) | reading),
        "log_likelihood": xr.Dataset(
            {"load": (READINGS, pointwise(posterior, q).reshape(2, 2, 3))}, numbers(2, 2) | reading
        ),
        "derived": xr.Dataset(
            {name: (DRAWS, values.reshape(2, 2), unit(unit_of(name))) for name, values in coded.derive(q).items()},
            numbers(2, 2),
        ),
        "prior": xr.Dataset(
            {
                name: (DRAWS, prior[np.newaxis, :, i], unit(UNITS.get(name.split(".")[1], "")))
                for i, name in enumerate(coded.names)
            },
            numbers(1, 4),
        ),
        "prior_predictive": xr.Dataset(
            {"load": (READINGS, posterior.simulate(prior, rng)[np.newaxis], {"units": "N·m"})}, numbers(1, 4) | reading
        ),
        "observed_data": xr.Dataset({"load": ("reading", [-4.0, 0.0, 6.0], {"units": "N·m"})}, reading),
        "constant_data": xr.Dataset(
            {
                "flexion": ("reading", [0.0, 0.0, 0.0], {"units": "deg"}),
                "valgus": (
                    "reading",
                    [1, 1, 1],
                    {"description": "1 where the file counts valgus as positive, -1 where varus"},
                ),
            },
            reading,
        ),
    }
    assert [*tree.children] == ["posterior", "sample_stats", *expected]
    for name, group in expected.items():
        assert tree[name].to_dataset().identical(group), name


class Asked(Exception):
    """How many draws were asked for."""


@pytest.mark.parametrize(("predictive", "asked"), [(10**7, 909_090), (500, 500), (1, 1)])
def test_there_are_at_the_most_ten_million_numbers_in_a_group(
    coded: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, predictive: int, asked: int
) -> None:
    rows = "".join(f"{i - 5},{i}\n" for i in range(11))
    run = plant(tmp_path, coded.chains.coords[:], data=f"angle_deg,moment_Nm\n{rows}")

    def spread(run: Run, draws: int) -> None:
        raise Asked(draws)

    monkeypatch.setattr(Run, "spread", spread)
    with pytest.raises(Asked, match=f"^{asked}$"):
        datatree(run, predictive)


def test_each_ensemble_has_a_draw_however_many_readings_there_are(coded: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calibrate.export.datatree._MOST", 0)
    assert dict(datatree(coded, 4)["log_likelihood"].sizes) == {"chain": 2, "draw": 1, "reading": 3}


def test_readings_of_several_tests_stand_one_after_another_with_all_that_any_has() -> None:
    laws = "".join(f"[parameters.{name}]\n{LAW.format(slack=L_0)}" for name in ("mcl", "lcl", "inner"))
    tests = (
        '[tests.a]\nfile = "a.csv"\npositive = "valgus"\nmeasurement.hysteresis = 0.5\n'
        '[tests.b]\nfile = "b.csv"\npositive = "varus"\nflexion = 60.0\nnoise.sigma = 1.5\n'
    )
    data = {
        "a": parse_measurement("angle_rad,moment_Nm,sigma_Nm,direction\n-0.1,-6,0.5,1\n0,0,0.5,1\n0.1,6,0.4,-1\n"),
        "b": parse_measurement("angle_deg,moment_Nm\n-5,-10\n5,12\n"),
    }
    degrees = np.rad2deg(0.1)
    coords: dict[str, Any] = {
        "reading": np.arange(5),
        "angle": ("reading", [-degrees, 0.0, degrees, -5.0, 5.0], {"units": "deg"}),
        "test": ("reading", ["a", "a", "a", "b", "b"]),
    }
    content: dict[str, Any] = {
        "load": ("reading", [-6.0, 0.0, 6.0, -10.0, 12.0], {"units": "N·m"}),
        "flexion": ("reading", [0.0, 0.0, 0.0, 60.0, 60.0], {"units": "deg"}),
        "valgus": (
            "reading",
            [1, 1, 1, -1, -1],
            {"description": "1 where the file counts valgus as positive, -1 where varus"},
        ),
        "sigma": ("reading", [0.5, 0.5, 0.4, np.nan, np.nan], {"units": "N·m"}),
        "direction": ("reading", [1.0, 1.0, -1.0, np.nan, np.nan]),
    }

    def posterior() -> Posterior:
        return Posterior.from_config(parse_config(f"{KNEE.format(radius='20.0')}{laws}{tests}"), data)

    found = _readings(xr, posterior())
    assert found.identical(xr.Dataset(content, coords))
    assert {found[name].dtype for name in ("load", "flexion", "sigma", "direction")} == {np.dtype(float)}
    # Units that differ belong to each reading.
    data["b"] = parse_measurement("angle_deg,force_N\n-5,-10\n5,12\n")
    coords["unit"] = ("reading", ["N·m", "N·m", "N·m", "N", "N"])
    content |= {"load": content["load"][:2], "sigma": content["sigma"][:2]}
    assert _readings(xr, posterior()).identical(xr.Dataset(content, coords))


class Prior:
    """A posterior whose prior draws are 0, 1, 2 and so on; the model admits every so many of them."""

    ndim = 1
    table = SimpleNamespace(free=[SimpleNamespace(name="mcl.k", unit="N/mm")])

    def __init__(self, every: int) -> None:
        self.every, self.asked, self.next = every, [], 0  # type: tuple[int, list[int], int]

    def prior_sample(self, rng: object, n: int) -> np.ndarray:
        self.asked.append(n)
        self.next += n
        return np.arange(self.next - n, self.next, dtype=float)[:, np.newaxis]

    def log_likelihood(self, q: np.ndarray) -> np.ndarray:
        return np.log(np.where(q[:, 0] % self.every == self.every - 1, 1.0, -1.0))  # with a warning of -1

    def simulate(self, q: np.ndarray, rng: object) -> np.ndarray:
        return q * [1.0, 100.0]


@pytest.mark.parametrize(
    ("every", "n", "drawn", "tries"),
    [
        (1, 3, [0.0, 1.0, 2.0], 1),
        (2, 3, [1.0, 3.0, 5.0], 2),
        (3, 4, [2.0, 5.0, 8.0, 11.0], 3),
        (20, 4, [19.0, 39.0], 10),  # of ten times as many
        (41, 4, [], 10),
    ],
)
def test_draws_of_the_prior_are_those_that_the_model_admits(every: int, n: int, drawn: list[float], tries: int) -> None:
    posterior: Any = Prior(every)
    readings = xr.Dataset({"load": ("reading", [7.0, 8.0], {"units": "N"})}, {"reading": [0, 1]})
    groups = _prior(xr, posterior, readings, n, np.random.default_rng(0))
    assert posterior.asked == [n] * tries
    if not drawn:
        assert groups == {}
        return
    expected = xr.Dataset({"mcl.k": (DRAWS, [drawn], {"units": "N/mm"})}, numbers(1, len(drawn)))
    assert groups["prior"].identical(expected)
    loads = [[[value, 100.0 * value] for value in drawn]]
    expected = xr.Dataset({"load": (READINGS, loads, {"units": "N"})}, numbers(1, len(drawn)) | {"reading": [0, 1]})
    assert groups["prior_predictive"].identical(expected)
    assert [*groups] == ["prior", "prior_predictive"]


def test_without_xarray_that_is_said(coded: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert xarray_for("a tree") is xr
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(ExportError) as missing:
        datatree(coded, 0)
    assert str(missing.value) == "to_arviz needs xarray: pip install 'calibrate[export]'"


def test_draws_that_mean_nothing_give_no_warning(coded: Run) -> None:
    """As in a file that somebody spoilt: anything below 1e100."""
    coords = np.array(coded.chains.coords[:])
    coords[0, :3], coords[0, 3:, :, 1], coords[1, :2] = 9e99, 0.0, -9e99
    wild = replace(coded, chains=replace(coded.chains, coords=coords))
    assert "posterior_predictive" in datatree(wild, 40).children
