"""The file of a population: its knees with their data, its draws, and where its walkers are, to go on from.

Attributes say what it is: `format` ("calibrate population") and `schema_version`. The text `study` (JSON, with its
SHA-256) has settings, components, covariates and knees, each with configuration and data; `chains` (ensembles, steps,
walkers, n), `log_prob` and `knees` are `PopulationDraws`'. A joint run has the group `state`, from which it goes on bit
for bit; one made of finished calibrations has `alone`, their components, and the text `trust`.

It is written anew at each look, under another name until it is whole: whatever ends the process, the last look is
there. A stranger's file is bounded, typed and checked; log-densities of some knees are compared with those stored.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from calibrate.chain import guard
from calibrate.chain.layout import open_stream
from calibrate.chain.reader import check_file, is_hdf5
from calibrate.config import config_of
from calibrate.data import stored_measurement
from calibrate.errors import ChainError
from calibrate.files import check_target, replacing
from calibrate.kinds import POPULATION
from calibrate.population.draws import PopulationDraws
from calibrate.population.gibbs import Laws
from calibrate.population.maps import Maps, Tuning
from calibrate.population.model import Member, Population
from calibrate.population.record import Record
from calibrate.population.sampler import Chains, Run, Settings
from calibrate.population.sweep import Ensemble, State
from calibrate.posterior import Posterior
from calibrate.sampling.verdict import judge, look
from calibrate.study.reader import translated

FloatArray = NDArray[np.float64]

FORMAT, SCHEMA = "calibrate population", 1
_CHUNK = 2**15
_LAWS = ("b", "sigma", "u", "sigma_u")
# Relative error of a log-density that has to be the same one: other libraries round otherwise.
_SAME = 1e-6


@dataclass(frozen=True, eq=False)
class Stored:
    """What a population's file holds.

    Attributes
    ----------
    draws : PopulationDraws
        Its draws so far.
    settings : Settings
        How it is sampled.
    study : str
        What the knees came from, for people.
    run : Run or None
        Where it goes on from; None of finished calibrations.
    trust : mapping
        How far a population of finished calibrations may be believed; empty of a joint one.
    alone : mapping of str to ndarray, shape (n, P)
        Of finished calibrations, the knees' components by themselves.
    """

    draws: PopulationDraws
    settings: Settings
    study: str
    run: Run | None = None
    trust: Mapping[str, Any] = field(default_factory=dict)
    alone: Mapping[str, FloatArray] = field(default_factory=dict, repr=False)


def check_output(path: Path, *, overwrite: bool, spare: tuple[Path, ...] = ()) -> None:
    """Refuse a file that could not be written, before anything is sampled.

    Raises
    ------
    ChainError
        If something is there that may not be replaced.
    """
    check_target(path, ChainError, kind=POPULATION, overwrite=overwrite, spare=spare)


def write(path: Path, stored: Stored) -> None:
    """Write a population's file in the place of one that was there, whole or not at all.

    Raises
    ------
    ChainError
        If it cannot be written.
    """
    with replacing(path, ChainError) as temporary, h5py.File(temporary, "w") as f:
        f.attrs["format"], f.attrs["schema_version"] = np.bytes_(FORMAT), SCHEMA
        guard.put_text(f, "study", json.dumps(_said(stored)).encode())
        draws = stored.draws
        _put(f, "chains", draws.chains)
        _put(f, "log_prob", draws.log_prob)
        _put(f, "knees", draws.knees)
        if stored.run is not None:
            _put_state(f.create_group("state"), stored.run)
        else:
            guard.put_text(f, "trust", json.dumps(stored.trust).encode())
            alone = f.create_group("alone")
            for number, knee in enumerate(draws.population.ids):
                _put(alone, f"{number}", stored.alone[knee])


def read(path: Path) -> Stored:
    """Read a population's file.

    Raises
    ------
    ChainError
        If it is none, damaged, or was altered.
    """
    with _reading(path) as f:
        said = json.loads(guard.text(f, "study"))
        population, settings = _population(said), Settings(**said["settings"])
        shape = (settings.ensembles, None, settings.walkers)
        chains, log_prob = (
            _numbers(f, name, size) for name, size in (("chains", (*shape, len(population.names))), ("log_prob", shape))
        )
        dims = population.forms.dims
        knees = _numbers(f, "knees", (settings.ensembles, None, None, len(dims), int(dims.max())))
        every, steps = int(said["every"]), chains.shape[1]
        if log_prob.shape[1] != steps or steps < 1 or every < 1 or knees.shape[1] != steps // every:
            raise ValueError("its steps are not as many as it says")
        record = Record(_rows(chains), _rows(log_prob), _rows(knees), every)
        known = Chains(record)
        verdict = judge(known, steps, settings, lambda upto: look(population.names, known, upto, settings))
        draws = PopulationDraws.of(population, record, verdict)
        study = str(said["source"])
        if not guard.holds(f, "state"):
            groups = guard.group(f, "alone")
            alone = {
                knee: _numbers(groups, f"{number}", (None, len(population.components)))
                for number, knee in enumerate(population.ids)
            }
            return Stored(draws, settings, study, None, json.loads(guard.text(f, "trust")), alone)
        states, tuned = _state(guard.group(f, "state"), population, settings)
    _check(path, population, settings, states)
    return Stored(draws, settings, study, Run(population, settings.seed, states, tuned, record))


def _said(stored: Stored) -> dict[str, Any]:
    """Return what the text `study` says."""
    population = stored.draws.population
    members = [
        {
            "id": member.id,
            "covariates": dict(member.covariates),
            "config": member.posterior.config.model_dump(mode="json", exclude_unset=True),
            "data": {name: [Path(one.source).name, one.text] for name, one in member.posterior.measurements.items()},
        }
        for member in population.members
    ]
    return {
        "source": stored.study,
        "settings": asdict(stored.settings),
        "components": [one.name for one in population.components],
        "covariates": [one.name for one in population.covariates],
        "pairs": population.pairs,
        "every": stored.draws.every,
        "members": members,
    }


def _population(said: Mapping[str, Any]) -> Population:
    """Return the population that a file says it is of."""
    members = []
    for one in said["members"]:
        config = config_of(one["config"], f"knee {one['id']}")
        data = {name: stored_measurement(str(text), str(source)) for name, (source, text) in one["data"].items()}
        members.append(Member(str(one["id"]), Posterior.from_config(config, data), dict(one["covariates"])))
    return Population(members, said["components"], said["covariates"], said["pairs"])


def _put(parent: h5py.Group, name: str, values: NDArray[Any]) -> None:
    """Write an array in pieces with checksums."""
    chunk, left = [], _CHUNK
    for length in reversed(values.shape):
        chunk.append(max(1, min(length, left)))
        left = max(1, left // chunk[-1])
    parent.create_dataset(
        name, data=np.ascontiguousarray(values, dtype="<f8"), chunks=tuple(reversed(chunk)), fletcher32=True
    )


def _put_state(group: h5py.Group, run: Run) -> None:
    states = run.states
    _put(group, "sweeps", np.array([float(state.sweeps) for state in states]))
    for name in ("z", "height"):
        _put(group, name, np.stack([getattr(state, name) for state in states]))
    for name in _LAWS:
        values = np.stack([getattr(state.laws, name) for state in states])
        if values.size:  # without pairs there are no persons
            _put(group, name, values)
    for name, values in (("h", run.tuned.maps.h), ("g", run.tuned.maps.g), ("singles", run.tuned.singles)):
        _put(group, name, values)


def _state(group: h5py.Group, population: Population, settings: Settings) -> tuple[list[State], Tuning]:
    """Read where the walkers are, and what they have learnt."""
    dims, size, effects = population.forms.dims, len(population.components), population.design.x.shape[1]
    count, walkers, most = len(dims), settings.walkers, int(dims.max())
    here = (settings.ensembles,)
    z = _numbers(group, "z", (*here, count, walkers, most))
    height = _numbers(group, "height", (*here, count, walkers))
    sweeps = _numbers(group, "sweeps", here)
    shapes = {
        "b": (effects, size),
        "sigma": (size, size),
        "u": (population.design.persons, size),
        "sigma_u": (size, size),
    }
    laws = {
        name: _numbers(group, name, (*here, walkers, *shapes[name]))
        if all(shapes[name])
        else np.empty((*here, walkers, *shapes[name]))
        for name in _LAWS
    }
    maps = Maps(_numbers(group, "h", (count, most, most)), _numbers(group, "g", (count, most)))
    tuned = Tuning(maps, _numbers(group, "singles", (2 * size,)))
    if not (sweeps >= 0).all() or not (sweeps == np.round(sweeps)).all():
        raise ValueError("sweeps are no whole numbers")
    return [
        State(int(sweeps[i]), z[i].copy(), height[i].copy(), Laws(*(laws[name][i].copy() for name in _LAWS)))
        for i in range(settings.ensembles)
    ], tuned


def _check(path: Path, population: Population, settings: Settings, states: list[State]) -> None:
    """Refuse knees that are others than those the walkers have been sampling.

    Raises
    ------
    ChainError
        If a log-density is another than it was.
    """
    for number, state in enumerate(states[:1]):
        now = Ensemble(population, settings.seed, number).heights(state.z)
        apart = np.abs(now - state.height) > _SAME * (1.0 + np.abs(state.height))
        if apart.any():
            knee = population.ids[int(np.argmax(apart.any(axis=1)))]
            raise ChainError(
                f"{path}: knee {knee} is another now than when its steps were stored; the file was altered"
            )


def _rows(values: FloatArray) -> list[FloatArray]:
    return list(np.moveaxis(values, 1, 0))


def _numbers(parent: h5py.Group, name: str, shape: tuple[int | None, ...]) -> FloatArray:
    """Return a small array of finite numbers."""
    found = np.asarray(guard.content(guard.numbers(parent, name, shape)))
    if not np.isfinite(found).all():
        raise ValueError(f"{name} holds what is no number")
    return found


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[h5py.File]:
    check_file(path)
    if not is_hdf5(path):
        raise ChainError(f"{path}: is no HDF5 file, so no population")
    with translated(path), open_stream(path) as f:
        if not guard.has(f, "format") or guard.word(f, "format") != FORMAT:
            raise ChainError(f"{path}: this HDF5 file is no population; 'calibrate population' writes one")
        schema = guard.whole_number(f, "schema_version")
        if schema != SCHEMA:
            raise ChainError(f"{path}: written by another calibrate (schema {schema}; this one has {SCHEMA})")
        yield f
