"""The file of a population: the study, all that is kept of the chains, and where they go on from.

It is written whole, under another name that then takes its place: now and then while sampling goes on, and at the end.
So there is a whole file at any time, and a run goes on from it to the very bits of one that was never stopped.

Attributes say what it is: `format` ("calibrate population"), `schema_version`, `versions` (JSON), `seed`, `thin`,
`sweeps`, `every` (steps for each that knees are kept of), `max_rhat` and `min_ess` (by which it is judged).
`population` (JSON) has components, covariates and pairs, `members` (JSON) each knee's id, covariates, configuration
and data. `chains` (ensembles, steps, walkers, parameters), `log_prob` and `knees` (ensembles, kept steps, some
walkers, knees, coordinates) are missing until there is a step. The groups `state` and `tuning` have what sampling goes
on from. A population of finished calibrations has none of these, but `trust` (JSON) and, under `alone`, each knee's
components by themselves.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from calibrate import __version__
from calibrate.chain import guard
from calibrate.chain.layout import open_stream
from calibrate.chain.reader import check_file, is_hdf5, translated
from calibrate.config import config_of
from calibrate.data import Measurement, format_measurement, stored_measurement
from calibrate.errors import ChainError, RunError
from calibrate.files import replacing
from calibrate.population.components import Scale
from calibrate.population.draws import PopulationDraws
from calibrate.population.gibbs import Laws
from calibrate.population.maps import Maps, Tuning, number_of_moves
from calibrate.population.model import Member, Population
from calibrate.population.record import Record
from calibrate.population.run import Run
from calibrate.population.sweep import Ensemble, State
from calibrate.posterior import Posterior
from calibrate.sampling.verdict import Verdict

FloatArray = NDArray[np.float64]

FORMAT, SCHEMA = "calibrate population", 2
_PACKAGES = ("numpy", "scipy", "h5py", "numba")
# Elements of a chunk.
_CHUNK = 2**15
# Heights of one knee agree to this, whatever processor they are from.
_SAME = 1e-9
# Bytes of all knees' configurations and data.
_MOST = 2**31
_LAWS = ("b", "sigma", "u", "sigma_u")


def save(path: Path, run: Run) -> None:
    """Write a run, whole or not at all, and down to the disk.

    Raises
    ------
    RunError
        If there is no room.
    """
    with replacing(path, RunError) as temporary:
        with h5py.File(temporary, "w") as f:
            _put(f, run)
        descriptor = os.open(temporary, os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def save_combined(path: Path, draws: PopulationDraws, max_rhat: float, min_ess: float) -> None:
    """Write a population that was made of finished calibrations, and by what it is judged, whole or not at all.

    Raises
    ------
    ChainError
        If it cannot be written.
    """
    with replacing(path, ChainError) as temporary, h5py.File(temporary, "w") as f:
        numbers = {"seed": 0, "thin": 1, "sweeps": 0, "every": draws.every, "max_rhat": max_rhat, "min_ess": min_ess}
        _put_study(f, draws.population, numbers)
        for name, values in {"chains": draws.chains, "log_prob": draws.log_prob, "knees": draws.knees}.items():
            _put_numbers(f, name, values)
        guard.put_text(f, "trust", json.dumps(dict(draws.trust)).encode())
        alone = f.create_group("alone")
        for number, knee in enumerate(draws.population.ids):
            _put_numbers(alone, str(number), draws.alone[knee])


def _put_study(f: h5py.File, population: Population, numbers: Mapping[str, float]) -> None:
    versions = {"calibrate": __version__, "python": platform.python_version()}
    versions |= {name: version(name) for name in _PACKAGES}
    for name, value in {"format": FORMAT, "versions": json.dumps(versions)}.items():
        f.attrs[name] = np.bytes_(value)
    for name, number in {"schema_version": SCHEMA, **numbers}.items():
        f.attrs[name] = number
    guard.put_text(f, "population", json.dumps(_asked(population)).encode())
    guard.put_text(f, "members", json.dumps([_member(member) for member in population.members]).encode())


def _put(f: h5py.File, run: Run) -> None:
    population, record = run.population, run.record
    numbers: dict[str, float] = {
        "seed": run.seed,
        "thin": run.thin,
        "sweeps": run.states[0].sweeps,
        "every": record.every,
    }
    numbers |= {"max_rhat": float(run.max_rhat), "min_ess": float(run.min_ess)}
    _put_study(f, population, numbers)
    for name in ("rows", "log_prob", "knees") if record.steps else ():
        if values := getattr(record, name):
            _put_numbers(f, "chains" if name == "rows" else name, np.stack(values, axis=1))
    state = f.create_group("state")
    _put_numbers(state, "z", np.stack([one.z for one in run.states]))
    _put_numbers(state, "height", np.stack([one.height for one in run.states]))
    for name in _laws_of(population):
        _put_numbers(state, name, np.stack([getattr(one.laws, name) for one in run.states]))
    tuning = f.create_group("tuning")
    for name, values in {**run.tuned.maps._asdict(), "chances": run.tuned.chances}.items():
        if values.size:
            _put_numbers(tuning, name, values)


def _laws_of(population: Population) -> tuple[str, ...]:
    return _LAWS if population.pairs else _LAWS[:2]


def _asked(population: Population) -> dict[str, Any]:
    """Return what of the knees is normal, and by what it is explained."""
    return {
        "components": [one.name for one in population.components],
        "covariates": [one.name for one in population.covariates],
        "pairs": population.pairs,
        "scales": {name: list(scale) for name, scale in population.scales.items()},
    }


def _member(member: Member) -> dict[str, Any]:
    """Return a knee for JSON: configuration and data, so that the file is all that a reader needs."""
    posterior = member.posterior
    return {
        "id": member.id,
        "covariates": dict(member.covariates),
        "config": posterior.config.model_dump(mode="json", exclude_unset=True),
        "data": {name: [Path(one.source).name, _text(one)] for name, one in posterior.measurements.items()},
    }


def _text(data: Measurement) -> str:
    """Return data as a file has them; those made in memory were in none."""
    return data.text or format_measurement(
        data.angles, data.loads, data.kind, data.angle_unit, (), data.truth, data.sigma, data.direction
    )


def _put_numbers(group: h5py.Group, name: str, values: FloatArray) -> None:
    """Write an array with checksums, in pieces of a fair size."""
    rest = list(values.shape)
    for axis in range(values.ndim):
        if np.prod(rest) <= _CHUNK:
            break
        rest[axis] = max(1, int(_CHUNK // max(1, np.prod(rest[axis + 1 :]))))
    group.create_dataset(name, data=values, chunks=tuple(rest), fletcher32=True)


def load(path: Path) -> Run:
    """Read a run as far as it has come.

    Raises
    ------
    ChainError
        If there is no such file, it is no population, is damaged, or says something else than its knees' data do.
    """
    with _reading(path) as f:
        if not guard.holds(f, "state"):
            raise ChainError(f"{path}: was made of finished calibrations: there is nothing to go on with")
        run = _read(f, path)
    with translated(path):
        _check(path, run)
    return run


def is_combined(path: Path) -> bool:
    """Tell whether a population was made of finished calibrations.

    Raises
    ------
    ChainError
        If it is no population, or damaged.
    """
    with _reading(path) as f:
        return not guard.holds(f, "state")


def thresholds(path: Path) -> tuple[float, float]:
    """Return the R-hat and the effective samples that a population is judged by.

    Raises
    ------
    ChainError
        If it is no population, or damaged.
    """
    with _reading(path) as f:
        return _wanted(f)


def load_combined(path: Path, judge: Callable[[Population, Record, tuple[float, float]], Verdict]) -> PopulationDraws:
    """Read a population that was made of finished calibrations.

    Raises
    ------
    ChainError
        If it is none, or damaged.
    """
    with _reading(path) as f:
        population = _population(f)
        shape = guard.numbers(f, "log_prob", (None, None, None)).shape
        record = _record(f, population, shape[0], shape[2])
        alone = guard.group(f, "alone")
        size = len(population.components)
        single = {knee: _numbers(alone, str(number), (None, size)) for number, knee in enumerate(population.ids)}
        trust = json.loads(guard.text(f, "trust", most=2**24))
        if not isinstance(trust, dict) or not record.knees:
            raise ValueError("it does not say how far it may be believed")
        drawn = PopulationDraws.of(population, record, judge(population, record, _wanted(f)))
        return replace(drawn, alone=single, trust=trust)


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[h5py.File]:
    check_file(path)
    if not is_hdf5(path):
        raise ChainError(f"{path}: is no file of a population")
    with translated(path), open_stream(path) as f:
        if not guard.has(f, "format") or guard.word(f, "format") != FORMAT:
            raise ChainError(f"{path}: is no file of a population; 'calibrate population' writes one")
        schema = guard.whole_number(f, "schema_version")
        if schema != SCHEMA:
            raise ChainError(f"{path}: written by another calibrate (schema {schema}; this one has {SCHEMA})")
        yield f


def _population(f: h5py.File) -> Population:
    asked = json.loads(guard.text(f, "population", most=2**20))
    members = [_stored_member(one) for one in json.loads(guard.text(f, "members", most=_MOST))]
    scales = {name: Scale(*map(float, scale)) for name, scale in asked["scales"].items()}
    return Population(members, asked["components"], asked["covariates"], asked["pairs"], scales)


def _record(f: h5py.File, population: Population, ensembles: int, walkers: int) -> Record:
    knees, most = len(population.ids), int(population.forms.dims.max())
    record = Record(shape=(ensembles, walkers, len(population.names)), every=guard.whole_number(f, "every"))
    if guard.holds(f, "chains"):
        chains = _numbers(f, "chains", (ensembles, None, walkers, len(population.names)))
        log_prob = _numbers(f, "log_prob", (ensembles, chains.shape[1], walkers))
        record.rows, record.log_prob = list(np.swapaxes(chains, 0, 1)), list(np.swapaxes(log_prob, 0, 1))
    if guard.holds(f, "knees"):
        record.knees = list(np.swapaxes(_numbers(f, "knees", (ensembles, None, None, knees, most)), 0, 1))
    if record.every < 1 or len(record.knees) != record.steps // record.every:
        raise ValueError("it holds another number of knees than it should")
    return record


def _read(f: h5py.File, path: Path) -> Run:
    population = _population(f)
    state, tuning = guard.group(f, "state"), guard.group(f, "tuning")
    knees, most = len(population.ids), int(population.forms.dims.max())
    z = _numbers(state, "z", (None, knees, None, most))
    ensembles, _, walkers, _ = z.shape
    if ensembles < 2 or walkers < 4 or walkers % 2:
        raise ValueError(f"it has {ensembles} ensembles of {walkers} walkers")
    size, effects, persons = len(population.components), population.design.x.shape[1], population.design.persons
    height = _numbers(state, "height", (ensembles, knees, walkers))
    if population.pairs and guard.numbers(state, "u", (None,) * 4).shape[2] < persons:
        raise ChainError(f"{path}: several persons were taken for one when it was written; start anew")
    shapes = {"b": (effects, size), "sigma": (size, size), "u": (persons, size), "sigma_u": (size, size)}
    laws = {name: _numbers(state, name, (ensembles, walkers, *shapes[name])) for name in _laws_of(population)}
    if not population.pairs:
        laws |= {"u": np.zeros((ensembles, walkers, 0, size)), "sigma_u": np.zeros((ensembles, walkers, size, size))}
        laws["sigma_u"][:] = np.diag(population.design.spread**2)
    sweeps = guard.whole_number(f, "sweeps")
    states = [State(sweeps, z[i], height[i], Laws(*(laws[name][i] for name in _LAWS))) for i in range(ensembles)]
    bends = len(population.forms.bends)
    reach = _numbers(tuning, "reach", (knees, bends)) if bends else np.empty((knees, 0))
    maps = Maps(_numbers(tuning, "h", (knees, most, most)), _numbers(tuning, "g", (knees, most)), reach)
    tuned = Tuning(maps, _numbers(tuning, "chances", (number_of_moves(size),)))
    record = _record(f, population, ensembles, walkers)
    seed, thin = guard.whole_number(f, "seed"), guard.whole_number(f, "thin", 2**20)
    return Run(population, seed, max(1, thin), states, tuned, record, *_wanted(f))


def _wanted(f: h5py.File) -> tuple[float, float]:
    """Return R-hat and effective samples by which it is judged."""
    max_rhat, min_ess = guard.real_number(f, "max_rhat"), guard.real_number(f, "min_ess")
    if not (max_rhat > 1.0 and 0.0 < min_ess <= 1e9):
        raise ValueError(f"it is judged by R-hat {max_rhat:g} and {min_ess:g} effective samples")
    return max_rhat, min_ess


def _numbers(group: h5py.Group, name: str, shape: tuple[int | None, ...]) -> FloatArray:
    values = np.ascontiguousarray(guard.content(guard.numbers(group, name, shape)))
    if not np.isfinite(values).all():
        raise ValueError(f"{name} holds numbers that are none")
    return values


def _stored_member(said: dict[str, Any]) -> Member:
    config = config_of(said["config"], f"knee {said['id']}")
    data = {name: stored_measurement(str(text), str(source)) for name, (source, text) in said["data"].items()}
    return Member(str(said["id"]), Posterior.from_config(config, data), said["covariates"])


def _check(path: Path, run: Run) -> None:
    """Refuse a file whose knees' data say something else now than when it was written."""
    for number, state in enumerate(run.states):
        now = Ensemble(run.population, run.seed, number).heights(state.z)
        if not np.allclose(now, state.height, rtol=_SAME, atol=_SAME):
            raise ChainError(f"{path}: knees' log-probabilities have changed since it was written; start anew")


def differences(run: Run, population: Population) -> str:
    """Return in what a study is another than that of a run; empty if in nothing."""
    mine, theirs = _asked(run.population), _asked(population)
    for key, value in mine.items():
        if theirs[key] != value:
            return f"{key} are {_said(theirs[key])} now and were {_said(value)}"
    if run.population.ids != population.ids:
        return "it has other knees"
    for before, now in zip(run.population.members, population.members, strict=True):
        if _member(before) != _member(now):
            return f"configuration, data or covariates of knee {now.id} have changed"
    return ""


def _said(value: Any) -> str:
    return "none" if not value else value if isinstance(value, str) else ", ".join(map(str, value))
