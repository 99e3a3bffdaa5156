"""Ligaments of a run of several tests, and of one whose geometry is free: whose values, whose knee, which draw."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from planted import UPRIGHT, constant, parameters_text, plant
from test_export_values import LAW, THEIRS

from calibrate import __version__, chain
from calibrate.config import parse_config
from calibrate.data import parse_measurement
from calibrate.errors import ExportError
from calibrate.export import export_osim, ligaments
from calibrate.osim import planar_model
from calibrate.posterior import Posterior
from calibrate.results import Run

KNEE = UPRIGHT.replace("[20.0, -20.0], radius = 20.0", "[20.0, -20.0], radius = { lower = 18.0, upper = 22.0 }")
FIXED = {f"{name}.{key}": value for name in ("mcl", "lcl") for key, value in (("alpha", 0.05), ("f_ref", 0.0))}
TESTS = {"flexed": "flexion = 30.0\n", "straight": "parameters.lcl.l_0 = 61.0\n"}


def run_of(path: Path, own: dict[str, str] = TESTS) -> Run:
    """Return a run of two tests that differ in what is their own, its draws anywhere: nothing is written."""
    data = parse_measurement("angle_deg,moment_Nm\n-5,-4\n0,0\n5,6\n", "some/where/x.csv")
    tables = "".join(f'[tests.{name}]\nfile = "x.csv"\npositive = "valgus"\n{text}' for name, text in own.items())
    config = parse_config(
        f"{KNEE}{parameters_text(FIXED)}\n[noise]\nsigma = 1.0\n{tables}[sampling]\nensembles = 2\nwalkers = 16\n"
    )
    posterior = Posterior.from_config(config, dict.fromkeys(own, data))
    share = np.random.default_rng(0).uniform(0.3, 0.7, (2, 10, 16, posterior.ndim))
    coords = posterior.lower + share * (posterior.upper - posterior.lower)
    chains = chain.Chains(coords, np.zeros(coords.shape[:-1]), 0.5)
    file: Any = SimpleNamespace(measurement=data)
    return Run(posterior, config.sampling, chains, path / "run.h5", file, dropped=2)


@pytest.mark.parametrize("draw", [None, 3])
def test_the_planar_knee_is_the_first_tests_with_the_geometry_of_the_same_draw(
    tmp_path: Path, draw: int | None
) -> None:
    run = run_of(tmp_path)
    notes = export_osim(run, tmp_path / "x.osim", draw=draw)
    q = np.median(run.samples(), axis=0) if draw is None else run.samples()[draw]
    law = dict(zip(("mcl", "lcl"), run.posterior.law(q, "flexed")[0], strict=True))
    assert {name: values.tolist() for name, values in ligaments(run, draw).items()} == {
        name: values.tolist() for name, values in law.items()
    }
    of = "medians" if draw is None else "posterior draw 3"
    credits = f"calibrate {__version__}: {of} of run.h5, data some/where/x.csv"
    assert (tmp_path / "x.osim").read_bytes() == planar_model(run.posterior.geometry(q, "flexed"), law, credits)
    assert notes == [
        "lcl: the values are those of tests.flexed, the first; other tests have their own",
        "the knee is that of tests.flexed, at 30 degrees of flexion",
    ]


def test_of_a_model_of_theirs_only_the_values_are_ours(tmp_path: Path) -> None:
    (tmp_path / "theirs.osim").write_bytes(THEIRS)
    own = {**TESTS, "straight": "parameters.lcl.l_0 = 61.0\nparameters.mcl.l_0 = 81.0\n"}
    notes = export_osim(run_of(tmp_path, own), tmp_path / "x.osim", model=tmp_path / "theirs.osim", mcl="A", lcl="B")
    assert "mcl, lcl: the values are those of tests.flexed, the first; other tests have their own" in notes
    assert not any("degrees of flexion" in note for note in notes)


def test_the_model_that_is_read_is_never_written_to(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs.osim"
    theirs.write_bytes(THEIRS)
    with pytest.raises(ExportError, match="is what this command reads"):
        export_osim(plant(tmp_path, constant(*LAW)), theirs, model=str(theirs), mcl="A", overwrite=True)
    assert theirs.read_bytes() == THEIRS


def refused(tmp_path: Path, **names: Any) -> str:
    (tmp_path / "theirs.osim").write_bytes(THEIRS)
    with pytest.raises(ExportError) as error:
        export_osim(run_of(tmp_path), tmp_path / "x.osim", model=tmp_path / "theirs.osim", **names)
    return str(error.value)


def test_a_map_that_cannot_be_meant_is_refused_by_its_strand(tmp_path: Path) -> None:
    mapped = "give all its ligaments at once, like --map lcl=A,B"
    assert refused(tmp_path, map={"lcl": "A"}, lcl="B") == f"'lcl' is mapped twice; {mapped}"
    assert refused(tmp_path, map={"mlc": "A"}) == "no strand of the run is called 'mlc'; did you mean 'mcl'?"
    other = "no strand of the run is called 'patellar'; it has: mcl, lcl"
    assert refused(tmp_path, map={"patellar": "A"}) == other
    assert "'MCL'" in refused(tmp_path, map={"mcl": "MCL"})
    assert "'MCL'" in refused(tmp_path, map={"mcl": ("A", "MCL")})
    for names in ([], ["A", ""]):
        assert refused(tmp_path, map={"mcl": names}) == (
            "'mcl' is mapped to no name; give names of the model, like --map mcl=A,B"
        )
