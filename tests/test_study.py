"""Which knees a study has: from a folder, a glob and a manifest; and every mistake in one line."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cohorts
import pytest
from commands import Command, check_refused
from conftest import config_text

from calibrate.config import load_config
from calibrate.errors import ConfigError
from calibrate.study import load_study
from calibrate.study.knees import seed_of
from calibrate.study.manifest import read_manifest


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return cohorts.study(tmp_path)


def test_a_manifest_has_knees_with_settings_and_covariates(manifest: Path) -> None:
    study = load_study(manifest)
    assert [knee.id for knee in study.knees] == [*cohorts.IDS]
    assert (study.total, study.shard, study.source) == (5, (1, 1), str(manifest))
    first, second, *_ = study.knees
    assert first.covariates == {"sex": "f", "age": 30.0}
    assert first.config.parameters.strands["mcl"].k.upper == 95.0
    assert second.config.parameters.strands["mcl"].k.upper == 100.0  # the cell is empty
    assert first.config.data_path.resolve() == manifest.with_name("S01-left.csv").resolve()
    assert first.posterior().truth["mcl.k"] == 30.0
    assert first.config.sampling.walkers == 16


def test_a_knee_is_the_same_to_the_last_bit_whichever_way_it_is_said(tmp_path: Path, manifest: Path) -> None:
    text = config_text(file="S02-left.csv", extra=cohorts.SMALL)
    (tmp_path / "S02-left.toml").write_text(text)
    by_manifest = next(knee for knee in load_study(manifest).knees if knee.id == "S02-left")
    for source in (tmp_path, tmp_path / "S02*.toml", str(tmp_path / "*.toml")):
        (by_file,) = load_study(source).knees
        assert by_file.seed == by_manifest.seed == by_file.config.sampling.seed
        one, other = (knee.config.model_dump() for knee in (by_file, by_manifest))
        assert one.pop("data")["file"] == "S02-left.csv"
        assert other.pop("data")["file"] == "../S02-left.csv"
        assert one == other


def test_seeds_follow_from_the_studys_and_the_id_alone(manifest: Path) -> None:
    rule = hashlib.sha256(b"7:S02-left").hexdigest()
    assert seed_of(7, "S02-left") == int(rule[:12], 16) < 10**15
    for shard in ((1, 1), (3, 3), (3, 5)):
        study = load_study(manifest, seed=7, shard=shard)
        assert next(knee.seed for knee in study.knees if knee.id == "S02-left") == int(rule[:12], 16)
    assert len({seed_of(study, knee) for study in range(3) for knee in cohorts.IDS}) == 15


def test_shards_part_the_knees(manifest: Path) -> None:
    parts = [load_study(manifest, shard=(i, 3)) for i in (1, 2, 3)]
    assert [[knee.id for knee in part.knees] for part in parts] == [
        [*cohorts.IDS[0::3]],
        [*cohorts.IDS[1::3]],
        [*cohorts.IDS[2::3]],
    ]
    assert {part.total for part in parts} == {5}
    assert [knee.id for knee in load_study(manifest, shard=(6, 9)).knees] == []


def test_what_is_said_for_all_knees_goes_before_what_each_says(manifest: Path) -> None:
    study = load_study(manifest, min_ess=77, max_steps=None)
    assert {knee.config.sampling.min_ess for knee in study.knees} == {77.0}
    assert {knee.config.sampling.max_steps for knee in study.knees} == {24}
    assert study.settings == {"min_ess": 77}


def test_cells_are_numbers_words_or_tables(manifest: Path) -> None:
    keys = "data.file, parameters.mcl.k, parameters.lcl.k, sampling.max_steps, prior.walls"
    header = f"# a comment\nknee, config, {keys}, id,x"
    row = '\na, configs/knee.toml, 12, "{ median = 70.0, factor = 1.4 }", 4.5e1, 99, hard, 007, 7\n\n'
    row += "b,configs/knee.toml,12,,,,,B,\n"
    manifest.write_text("\ufeff" + header + row)
    manifest.with_name("12").write_bytes(manifest.with_name("S01-left.csv").read_bytes())
    a, b = load_study(manifest).knees
    assert (a.config.parameters.strands["mcl"].k.median, a.config.parameters.strands["lcl"].k) == (70.0, 45.0)
    assert (a.config.sampling.max_steps, a.config.prior.walls, a.config.data.file) == (99, "hard", "../12")
    assert (a.covariates, b.covariates) == ({"id": "007", "x": 7.0}, {"id": "B"})


def test_a_whole_value_and_a_part_of_it_are_columns_where_each_row_has_one(manifest: Path) -> None:
    rows = "a,configs/knee.toml,3,\nb,configs/knee.toml,,50\n"
    manifest.write_text(f"knee,config,parameters.mcl.k.lower,parameters.mcl.k\n{rows}")
    a, b = (knee.document["parameters"]["mcl"]["k"] for knee in load_study(manifest).knees)
    assert (a["lower"], b) == (3, 50)


def test_a_configuration_that_is_dumped_is_the_same(manifest: Path) -> None:
    """Configurations travel as JSON of what was said; that has to say the same."""
    for path in (Path(__file__).parents[1] / "data").glob("*.toml"):
        config = load_config(path)
        again = type(config).model_validate_json(config.model_dump_json(exclude_unset=True))
        assert again.model_dump() == config.model_dump()
        assert again.sampling.model_fields_set == config.sampling.model_fields_set


HEADER = "knee,config,data.file\n"
KNEE = "a,configs/knee.toml,S01-left.csv\n"
MISTAKES = {
    "empty": ("", "no header and no knees"),
    "header alone": (HEADER, "a header but no knees below it"),
    "no knee": ("config,data.file\nx,y\n", "line 1: no column is called 'knee'; give each row's id in it"),
    "misspelt": ("knees,config\na,b\n", "no column is called 'knee'; did you mean 'knees'?"),
    "no config": ("knee,data.file\na,b\n", "no column is called 'config'; give each row's TOML file in it"),
    "twice": ("knee,config,sex,sex\na,b,f,f\n", "column 'sex' is there 2 times"),
    "nameless": ("knee,config,\na,b,c\n", "a column has no name"),
    "semicolons": ("knee;config\na;b\n", "columns are separated by commas in a manifest, not by ';'"),
    "unknown table": ("knee,config,date.file\na,b,c\n", "date.file: unknown key; did you mean 'data'?"),
    "seed": ("knee,config,sampling.seed\na,b,3\n", "sampling.seed: a knee's seed follows from the study's and its id"),
    "cells": (HEADER + "a,configs/knee.toml\n", "line 2: 2 cells, but the header names 3 columns"),
    "no id": (HEADER + ",configs/knee.toml,x\n", "line 2, column knee: the cell is empty"),
    "id twice": (HEADER + KNEE + KNEE, "line 3: knee 'a' is there already, in line 2"),
    "id a path": (HEADER + "a/b" + KNEE[1:], "line 2: knee 'a/b': an id has up to 64 bytes, no slash"),
    "id long": (HEADER + "a" * 65 + KNEE[1:], "an id has up to 64 bytes"),
    "quotes": (HEADER + '"a,configs\n', "not CSV"),
    "control": (HEADER + "a\x1b,configs/knee.toml,x\n", "line 2, column knee: a control character in 'a\\x1b'"),
    "spreadsheet": (HEADER + "a,configs/knee.toml,#REF!\n", "column data.file: '#REF!' is a spreadsheet's error value"),
    "no such config": (HEADER + "a,none.toml,x.csv\n", "line 2: FOLDER/none.toml: no such file"),
    "no such data": (
        HEADER + "a,configs/knee.toml,no.csv\n",
        "line 2, knee a: data.file: FOLDER/configs/../no.csv",
    ),
    "no TOML": (HEADER + "a,S01-left.csv,x.csv\n", "line 2: FOLDER/S01-left.csv: not valid TOML"),
    "unknown key": (
        "knee,config,parameters.mcl.kk\na,configs/knee.toml,3\n",
        "line 2, knee a: parameters.mcl.kk: unknown key; did you mean 'k'?",
    ),
    "value": (
        "knee,config,data.positive\na,configs/knee.toml,up\n",
        "line 2, knee a: data.positive = 'up': must be 'valgus' or 'varus'",
    ),
    "no number": (
        "knee,config,parameters.mcl.alpha.lower\na,configs/knee.toml,low\n",
        "parameters.mcl.alpha.lower = 'low': must be a number",
    ),
    "no table": (
        "knee,config,noise.sigma.lower\na,configs/knee.toml,1\n",
        "noise.sigma.lower: 'sigma' is a single value there",
    ),
    "no value": ("knee,config,noise.sigma\na,configs/knee.toml,{ lower\n", "column noise.sigma: '{ lower' is no value"),
    "no name": ("knee,config,noise..sigma\na,configs/knee.toml,1\n", "noise..sigma: a dot with no name beside it"),
    "overlapping": (
        "knee,config,parameters.mcl.k.lower,parameters.mcl.k\na,configs/knee.toml,3,50\n",
        "line 2: columns parameters.mcl.k and parameters.mcl.k.lower both say what parameters.mcl.k is; leave one cell",
    ),
    "infinite": ("knee,config,age\na,configs/knee.toml,1e999\n", "column age: '1e999' is not finite"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_a_manifest_is_said_in_one_line_and_nothing_is_written(
    name: str, manifest: Path, command: Command
) -> None:
    text, says = MISTAKES[name]
    manifest.write_text(text)
    check_refused(
        command("cohort", manifest, "-o", manifest.with_name("out")), says.replace("FOLDER", str(manifest.parent))
    )
    assert not manifest.with_name("out").exists()


def test_other_mistakes(tmp_path: Path, manifest: Path, command: Command) -> None:
    out = tmp_path / "out"
    (tmp_path / "none").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.toml").write_text(config_text())
    (tmp_path / "configs" / "a.toml").write_text(config_text())
    for arguments, says in (
        ((tmp_path / "gone.csv",), "no such file"),
        ((tmp_path / "gone",), "no such folder or file; give a folder"),
        ((tmp_path / "none",), "there is no TOML file, so no knee"),
        ((tmp_path / "none" / "*.toml",), "there is no TOML file, so no knee"),
        ((tmp_path / "*" / "a.toml",), "two knees are called 'a'"),
        ((tmp_path / "configs" / "knee.toml",), "is no study; give a folder of TOML files"),
        ((manifest, "--shard", "0/3"), "shard 0/3: must be i/N"),
        ((manifest, "--shard", "4/3"), "shard 4/3: must be i/N"),
        ((manifest, "--shard", "3"), "--shard 3: must be I/N, like 3/100"),
        ((manifest, "--min-ess", "inf"), "sampling.min_ess"),
        ((manifest, "--max-steps", "0"), "sampling.max_steps = 0"),
        ((manifest, "--workers", "1", "--scheduler", "tcp://x"), "--workers and --scheduler: use one of them"),
        ((manifest, "--write-slurm", "3", "--write-htcondor", "3"), "use one of them"),
        ((manifest, "--draws", "1000000"), "draws = 1000000: must be from 1 to 100,000"),
    ):
        check_refused(command("cohort", *arguments, "-o", out), says)
        assert not out.exists()
    check_refused(command("cohort", manifest, "-o", manifest), "is a file; name a folder with -o")
    check_refused(command("cohort", manifest, "-o", tmp_path / "new.h5"), "this name is that of a chain file")


def test_a_study_of_many_knees_is_read_at_once(tmp_path: Path) -> None:
    """A shard keeps its own rows alone, and text is text for all shards if it is for one."""
    rows = "".join(f"k{i},knee.toml,{i % 7}\n" for i in range(10_000))
    path = tmp_path / "many.csv"
    path.write_text(f"knee,config,group\n{rows}last,knee.toml,seven\n")
    total, kept = read_manifest(path, (2, 5000))
    assert (total, [row.knee for row in kept]) == (10_001, ["k1", "k5001"])
    assert kept[0].covariates == {"group": "1"}
    with pytest.raises(ConfigError, match=r"line 10003: knee 'k1' is there already, in line 3"):
        read_manifest(_with(path, "k1,knee.toml,1\n"), (2, 5000))


def _with(path: Path, row: str) -> Path:
    path.write_text(path.read_text() + row)
    return path
