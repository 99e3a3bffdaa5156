"""What is known of a population's knees besides: persons, groups and numbers, and what of them cannot be meant."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import h5py
import pytest
from commands import Command, check_refused
from populations import knee

from calibrate.chain import guard
from calibrate.data import format_measurement
from calibrate.errors import ChainError, ConfigError
from calibrate.population import Member, Population, open_population, sample, start_population
from calibrate.population.cautions import cautions, check
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


def study(folder: Path, **columns: list[str]) -> Path:
    """Write the manifest of a study of knees with these columns, and all that it names."""
    data = BLANK.measurement
    text = format_measurement(data.angles, data.loads, "moment", "deg", (), {}, data.sigma)
    (folder / "k.csv").write_text(text)
    (folder / "knee.toml").write_text(BLANK.config.text.replace("none.csv", "k.csv"))
    rows = [",".join(row) for row in zip(*columns.values(), strict=True)]
    lines = [f"k{i},knee.toml,{row}\n" for i, row in enumerate(rows)]
    (folder / "study.csv").write_text("".join([f"knee,config,{','.join(columns)}\n", *lines]))
    return folder / "study.csv"


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


# Groups, and what is none.

AGES = ["30", "40", "50", "60"]
SEXES = ["f", "f", "m", "m"]


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["30", "40", "NA", "60"], "knee k2: covariate age is 'NA', a missing value among numbers; fill it in, or"),
        (["NaN", "n/a", "-", "60"], "knee k0: covariate age is 'NaN', a missing value among numbers"),
        (["30", "40,5", "50", "60"], "knee k1: covariate age: '40,5' is no number as it stands; write 40.5"),
        (["30,5", "40,5", "50,5", "NA"], "knee k0: covariate age: '30,5' is no number as it stands; write 30.5"),
        (["30", "1_000", "50", "60"], "knee k1: covariate age: '1_000' is no number as it stands; write 1000"),
        (["30", "\u22125", "50", "60"], "knee k1: covariate age: '\u22125' is no number as it stands; write -5"),
        (
            ["30", "40", "\uff15\uff10", "60"],
            "knee k2: covariate age: '\uff15\uff10' is no number as it stands; write 50",
        ),
        (["30", "inf", "50", "60"], "knee k1: covariate age: 'inf' is not finite"),
        (
            [30.0, 40.0, "old", 60.0],
            "knee k2: covariate age is 'old', and a number for 3 other knees; write numbers, or",
        ),
        (
            ["7", "007", "8", "8"],
            "covariate age: '7' (knee k0) and '007' (knee k1) are one number; write it in one way",
        ),
        (
            ["m", "f", "M", "f"],
            "covariate age: 'm' (knee k0) and 'M' (knee k2) differ only in case or blanks; write it",
        ),
        (
            ["a b", "f", "a  b", "f"],
            "covariate age: 'a b' (knee k0) and 'a  b' (knee k2) differ only in case or blanks",
        ),
    ],
)
def test_what_is_no_group_is_refused_with_its_knee_and_cell(cells: list[Any], said: str) -> None:
    population = of(("age",), age=cells)
    with pytest.raises(ConfigError, match=f"^{re.escape(said)}"):
        check(population)
    with pytest.raises(ConfigError, match=f"^{re.escape(said)}"):
        sample(population, max_steps=1)
    assert cautions(population)[0].startswith(said)


@pytest.mark.parametrize("cells", [["1", "2", "2", "1"], ["2", "2", "2a", "2a"], ["none", "acl", "acl", "none"], SEXES])
def test_words_and_numbers_that_are_texts_make_groups(cells: list[str]) -> None:
    population = of(("group",), group=cells)
    check(population)
    assert population.covariates[0].groups == tuple(sorted(set(cells)))


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (
            {"group": ["a", "a", "b", "b", "c"]},
            ["covariate group: 'c' is of one knee, so what is told of the group is told of that knee"],
        ),
        (
            {"group": [*"aabcdefg"]},
            [
                "covariate group: 'b', 'c', 'd', 'e', 'f' and 1 more are of one knee each, so what is told of the "
                "group is told of that knee"
            ],
        ),
        (
            {"group": ["f", "f", "m", "m", "NA", "NA"]},
            ["covariate group: 'NA' is taken for a group; if it is a missing value, leave the knee out"],
        ),
        (
            {"group": [*"aaabbb"], "who": ["p", "p", "q", "r", "r", "r"]},
            ["covariate group: 'b' is of one person, so what is told of the group is told of that person"],
        ),
        (
            {"group": [*"aabbab"], "who": ["p1", "P1", "q", "r", "r", "p1"]},
            ["who: 'p1' (knee k0) and 'P1' (knee k1) differ only in case or blanks, and are two persons"],
        ),
    ],
)
def test_groups_that_tell_little_are_warned_of(columns: dict[str, list[str]], said: list[str]) -> None:
    population = of(("group",), "who" if "who" in columns else None, **columns)
    check(population)
    assert [one for one in cautions(population) if "fewer than" not in one] == said


# Covariates together.

PERSONS = ["a", "a", "b", "b", "c", "c", "d", "d"]
SEX = ["m", "m", "f", "f", "m", "m", "f", "f"]
AGE = [30.0, 30.0, 40.0, 40.0, 50.0, 50.0, 60.0, 60.0]


@pytest.mark.parametrize(
    ("names", "pairs", "said"),
    [
        (("sex", "person"), None, "covariate person: cannot be told from sex in these knees"),
        (("person", "age"), None, "covariate age: cannot be told from person in these knees"),
        (("side", "age", "sex", "born"), None, "covariate born: cannot be told from age in these knees"),
        (("sex", "age", "both"), None, "covariate both: cannot be told from sex and age in these knees"),
        (("person",), "person", "person: says whose knee it is, so it is no covariate beside"),
        (("side", "sex", "age"), "person", None),
        (("almost", "age"), None, None),
    ],
)
def test_covariates_of_which_one_follows_from_others_are_refused(
    names: tuple[str, ...], pairs: str | None, said: str | None
) -> None:
    columns = {
        "person": PERSONS,
        "sex": SEX,
        "age": AGE,
        "side": ["l", "r"] * 4,
        "born": [2020.7 - age for age in AGE],
        "both": [0.1 * age + (2.0 if sex == "m" else 3.0) for age, sex in zip(AGE, SEX, strict=True)],
        "almost": [*AGE[:-1], 60.001],
    }
    population = of(names, pairs, **columns)
    if said is None:
        check(population)
    else:
        with pytest.raises(ConfigError, match=f"^{re.escape(said)}"):
            check(population)


def test_few_knees_or_persons_for_many_effects_are_warned_of() -> None:
    end = "so spreads and effects owe much to their priors"
    paired = of(("sex", "age"), "person", person=PERSONS, sex=SEX, age=AGE)
    means = "3 numbers of each component's mean (mean, sex[m], age)"
    assert cautions(paired) == [f"4 persons for {means}: fewer than 6, {end}"]
    assert cautions(of(("sex", "age"), sex=SEX, age=AGE)) == []
    assert cautions(of(("sex", "age"), sex=SEX[:6], age=AGE[:6])) == []
    assert cautions(of(("sex", "age"), sex=SEX[:5], age=AGE[:5])) == [f"5 knees for {means}: fewer than 6, {end}"]
    (each,) = (one for one in cautions(of(("knee",), knee=[*"abcdefg"])) if "fewer" in one)
    assert each.startswith(
        "7 knees for 7 numbers of each component's mean (mean, knee[b], knee[c], knee[d], knee[e], ...)"
    )


# A new knee.


@pytest.mark.parametrize(
    ("age", "outside"), [(30.0, False), (60.0, False), (29.9, True), (0.0, True), (90.0, True), (75, True)]
)
def test_a_knee_outside_the_studys_range_is_told(age: float, outside: bool) -> None:
    population = of(("sex", "age"), sex=SEX, age=AGE)
    given = {"sex": "m", "age": age}
    assert population.outside(given) == ({"age": (30.0, 60.0)} if outside else {})
    assert population.row(given)[2] == pytest.approx((age - 45.0) / 125.0**0.5)


@pytest.mark.parametrize("age", [6000.0, 90.1, -0.1])
def test_a_knee_farther_outside_than_the_range_is_wide_is_refused(age: float) -> None:
    says = f"age = {age:g}: the study's knees have 30 to 60, which says nothing of one so far outside; give one from"
    with pytest.raises(ConfigError, match=f"^{re.escape(says)} 0 to 90$"):
        of(("sex", "age"), sex=SEX, age=AGE).row({"sex": "m", "age": age})


def test_commands_warn_of_a_group_and_refuse_a_missing_value(tmp_path: Path, command: Command) -> None:
    path, out = study(tmp_path, sex=[*"ffm"], age=["30", "NA", "50"]), tmp_path / "pop.h5"
    asked = ("population", path, "-o", out, "--max-steps", 2, "--walkers", 8, "--workers", 1, "--json", "--covariates")
    check_refused(command(*asked, "age"), "knee k1: covariate age is 'NA', a missing value among numbers")
    assert not out.exists()
    said = "covariate sex: 'm' is of one knee, so what is told of the group is told of that knee"
    few = "3 knees for 2 numbers of each component's mean (mean, sex[m]): fewer than 5, so spreads and effects"
    for done in (command(*asked, "sex"), command("population-summary", out, "--json")):
        assert f"calibrate: warning: {said}\n" in done.err
        assert json.loads(done.out)["warnings"] == [said, f"{few} owe much to their priors"]
