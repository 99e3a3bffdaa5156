"""What is known of a population's knees besides: persons, groups and numbers, and what of them cannot be meant."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import h5py
import pytest
from populations import knee

from calibrate.chain import guard
from calibrate.errors import ChainError, ConfigError
from calibrate.population import Member, Population, open_population, start_population
from calibrate.population.cautions import check
from calibrate.population.sampler import settings_of
from calibrate.study.manifest import read_manifest

BLANK = knee(mcl_k="{ lower = 5.0, upper = 500.0 }")


def of(covariates: tuple[str, ...] = (), pairs: str | None = None, **columns: Any) -> Population:
    """Return a population of knees k0, k1, ... with these columns."""
    rows = zip(*columns.values(), strict=True)
    members = [Member(f"k{i}", BLANK, dict(zip(columns, row, strict=True))) for i, row in enumerate(rows)]
    return Population(members, None, covariates, pairs)


def column(folder: Path, *cells: str) -> list[Any]:
    """Return what a manifest makes of a column."""
    path = folder / "study.csv"
    path.write_text("knee,config,who\n" + "".join(f"k{i},knee.toml,{cell}\n" for i, cell in enumerate(cells)))
    return [row.covariates["who"] for row in read_manifest(path)[1]]


# Persons.


@pytest.mark.parametrize(
    "cells",
    [
        ("9000296", "9000296", "9000298", "9000301"),
        ("100000000000001", "100000000000001", "100000000000002", "100000000000003"),
        ("12345678901234567890", "12345678901234567890", "12345678901234567891", "12345678901234567892"),
        ("007", "007", "7", "8"),
        ("1E5", "1E5", "100000", "10E4"),
        ("0.30000000000000004", "0.30000000000000004", "0.3", "0.2"),
    ],
)
def test_persons_are_told_apart_by_all_that_their_cells_say(cells: tuple[str, ...], tmp_path: Path) -> None:
    population = of(pairs="who", who=column(tmp_path, *cells))
    check(population)
    person = population.design.person
    assert person is not None
    assert person[0] == person[1]
    assert population.design.persons == 3


def test_numbers_stay_numbers_where_they_lose_nothing(tmp_path: Path) -> None:
    assert column(tmp_path, "30", "30.0", "1e3", "007") == [30.0, 30.0, 1000.0, 7.0]
    assert column(tmp_path, "007", "7") == ["007", "7"]
    assert column(tmp_path, "1234567890123456", "1") == ["1234567890123456", "1"]


def test_numbers_that_were_rounded_name_no_persons() -> None:
    population = of(pairs="who", who=[12345678901234567890.0] * 2 + [3.0] * 2)
    with pytest.raises(ConfigError, match=r"^knee k0: who = 12345678901234567168: a number of so many digits has been"):
        check(population)


def test_a_file_in_which_persons_were_merged_is_refused(tmp_path: Path) -> None:
    path, population = tmp_path / "pop.h5", of(pairs="who", who=["a", "a", "b", "b"])
    start_population(population, path, settings_of(population, 1, max_steps=1, walkers=8, ensembles=2, workers=1))
    with h5py.File(path, "r+") as f:
        members = json.loads(bytes(f["members"][()]))
        members[3]["covariates"]["who"] = "c"
        del f["members"]
        guard.put_text(f, "members", json.dumps(members).encode())
    says = f"{path}: several persons were taken for one when it was written; start anew"
    with pytest.raises(ChainError, match=f"^{re.escape(says)}$"):
        open_population(path)
