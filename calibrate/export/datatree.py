"""A calibration as ArviZ takes it: an xarray `DataTree` with ensembles as chains.

The order of a chain's draws
----------------------------
ArviZ knows chains and draws, and no walkers. It halves each chain, compares the halves (R-hat), and counts effective
samples by the correlation of draws that follow each other. So here the first half of a chain holds the first half of
the steps, and within each half one walker's steps follow those of the walker before:

    walker 0: steps 1 to n/2, walker 1: steps 1 to n/2, ...; walker 0: steps n/2 + 1 to n, walker 1: ...

R-hat depends on the halves alone, so it compares what this program's compares. Draws that follow each other are
a walker's, so that the effective samples are those by the walkers' own autocorrelation, as one has always counted them
for ensemble samplers. This program's own count, by the ensembles' means, also knows what walkers have in common;
the two differ by less than a factor of two on converged runs (in order of time, ArviZ's would be 2 to 20 times too
large). What neither of ArviZ's numbers sees is that a run is short: it knows of no walker that has not yet forgotten
where it began. The verdict of this program does, and stands in the attributes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from calibrate.derived import unit_of
from calibrate.errors import ExportError
from calibrate.export.provenance import provenance
from calibrate.export.rows import kept
from calibrate.scores.pointwise import pointwise

if TYPE_CHECKING:
    from calibrate.draws import Draws
    from calibrate.posterior import Posterior

FloatArray = NDArray[np.float64]

# Numbers in a group that has one for each draw and reading, at the most: 80 MB.
_MOST = 10_000_000
# Draws from the prior that are tried for one that the model admits, at the most.
_TRIES = 10


def xarray_for(what: str) -> Any:
    """Import xarray, or say how to install it.

    Raises
    ------
    ExportError
        If it is not installed.
    """
    try:
        import xarray
    except ImportError:
        raise ExportError(f"{what} needs xarray: pip install 'calibrate[export]'") from None
    return xarray


def datatree(draws: Draws, predictive: int) -> Any:
    """Return a calibration as a `DataTree`; `Draws.to_arviz` says what is in it.

    Raises
    ------
    ChainError
        If nothing is stored yet.
    ExportError
        If xarray is not installed.
    """
    xr = xarray_for("to_arviz")
    groups: dict[str, Any] = _sampled(xr, draws)
    posterior, rng = draws.posterior, np.random.default_rng(draws.settings.seed)
    readings = _readings(xr, posterior)
    if predictive > 0:
        predictive = min(predictive, max(len(draws.chains.log_prob), _MOST // readings.sizes["reading"]))
        few = draws.spread(predictive)
        q, shape = few.reshape(-1, few.shape[-1]), (few.shape[0], few.shape[1] * few.shape[2])
        with np.errstate(all="ignore"):  # draws of a spoilt file may be anything that is finite
            groups["posterior_predictive"] = _rows(xr, readings, posterior.simulate(q, rng).reshape(*shape, -1))
            groups["log_likelihood"] = _rows(xr, readings, pointwise(posterior, q).reshape(*shape, -1), units=False)
            groups["derived"] = xr.Dataset(
                {
                    name: (("chain", "draw"), values.reshape(shape), _unit(unit_of(name)))
                    for name, values in draws.derive(q).items()
                },
                _numbers(*shape),
            )
        groups |= _prior(xr, posterior, readings, predictive, rng)
    groups["observed_data"] = readings[["load"]]
    groups["constant_data"] = readings.drop_vars("load")
    tree = xr.DataTree.from_dict({f"/{name}": group for name, group in groups.items()})
    tree.attrs = provenance(draws)
    return tree


def _sampled(xr: Any, draws: Draws) -> dict[str, Any]:
    """Return the groups that hold all draws: the parameters, and what the sampler says of each."""
    found = kept(draws)
    ensembles, steps, walkers = found.log_prob.shape
    halves = min(2, steps)
    odd = steps % halves  # a step in the middle would belong to both
    size = (steps - odd) * walkers

    def ordered(values: NDArray[Any]) -> NDArray[Any]:
        """Bring (ensembles, steps, walkers) into the order above, (ensembles, draws)."""
        halved = values[:, odd:].reshape(ensembles, halves, -1, walkers)
        return halved.transpose(0, 1, 3, 2).reshape(ensembles, size)

    posterior = {
        parameter.name: (
            ("chain", "draw"),
            ordered(found.coords[..., i]),
            _unit(parameter.unit) | {"prior": draws.posterior.priors[i].describe(parameter.unit)},
        )
        for i, parameter in enumerate(draws.posterior.table.free)
    }
    step = np.broadcast_to(found.step[np.newaxis, :, np.newaxis], (ensembles, steps, walkers))
    walker = np.broadcast_to(np.arange(walkers), (ensembles, steps, walkers))
    stats = {
        "lp": (("chain", "draw"), ordered(found.log_prob)),
        "step": (("chain", "draw"), ordered(step)),
        "walker": (("chain", "draw"), ordered(walker)),
    }
    attributes = {"acceptance_rate": float(draws.chains.acceptance)}
    return {
        "posterior": xr.Dataset(posterior, _numbers(ensembles, size)),
        "sample_stats": xr.Dataset(stats, _numbers(ensembles, size), attributes),
    }


def _readings(xr: Any, posterior: Posterior) -> Any:
    """Return what was measured, all tests one after another, with the test and the angle of each reading."""
    tests = posterior.tests
    each = [(test, test.measurement) for test in tests]
    units = {measurement.unit for _, measurement in each}

    def joined(parts: list[Any]) -> tuple[str, NDArray[Any]]:
        return "reading", np.concatenate(parts)

    load = joined([m.loads for _, m in each])
    coords: dict[str, Any] = {
        "reading": np.arange(len(load[1])),
        "angle": (*joined([m.in_degrees(m.angles) for _, m in each]), _unit("deg")),
    }
    if any(test.name for test in tests):
        coords["test"] = joined([np.full(m.loads.size, test.name) for test, m in each])
    if len(units) > 1:
        coords["unit"] = joined([np.full(m.loads.size, m.unit) for _, m in each])
    content: dict[str, Any] = {
        "load": (*load, _unit(units.pop()) if len(units) == 1 else {}),
        "flexion": (*joined([np.full(m.loads.size, test.flexion) for test, m in each]), _unit("deg")),
        "valgus": (
            *joined([np.full(m.loads.size, int(test.sign)) for test, m in each]),
            {"description": "1 where the file counts valgus as positive, -1 where varus"},
        ),
    }
    for name in ("sigma", "direction"):
        columns = [getattr(m, name) for _, m in each]
        if any(column is not None for column in columns):
            filled = [
                np.full(m.loads.size, np.nan) if column is None else column
                for (_, m), column in zip(each, columns, strict=True)
            ]
            content[name] = (*joined(filled), content["load"][2] if name == "sigma" else {})
    return xr.Dataset(content, coords)


def _rows(xr: Any, readings: Any, values: FloatArray, *, units: bool = True) -> Any:
    """Return one number for each draw and reading as a group: `load`, like the observed one."""
    coords = _numbers(*values.shape[:2]) | {name: readings.coords[name] for name in readings.coords}
    return xr.Dataset({"load": (("chain", "draw", "reading"), values, readings["load"].attrs if units else {})}, coords)


@np.errstate(all="ignore")  # of what no knee can be the model may make anything
def _prior(xr: Any, posterior: Posterior, readings: Any, n: int, rng: np.random.Generator) -> dict[str, Any]:
    """Return draws from the prior and readings of such knees; knees that admit no reading are left out."""
    rows = np.empty((0, posterior.ndim))
    for _ in range(_TRIES):
        more = posterior.prior_sample(rng, n)
        rows = np.concatenate([rows, more[np.isfinite(posterior.log_likelihood(more))]])[:n]
        if len(rows) == n:
            break
    if not len(rows):
        return {}
    simulated = posterior.simulate(rows, rng)
    variables = {
        parameter.name: (("chain", "draw"), rows[np.newaxis, :, i], _unit(parameter.unit))
        for i, parameter in enumerate(posterior.table.free)
    }
    return {
        "prior": xr.Dataset(variables, _numbers(1, len(rows))),
        "prior_predictive": _rows(xr, readings, simulated[np.newaxis]),
    }


def _numbers(chains: int, draws: int) -> dict[str, Any]:
    return {"chain": np.arange(chains), "draw": np.arange(draws)}


def _unit(unit: str) -> dict[str, str]:
    return {"units": unit} if unit else {}
