"""Published values: what the sources state, what it makes as a prior, and what is refused; and how they are listed."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Result

from calibrate import literature
from calibrate.literature import QUANTITIES, entries, prior
from calibrate.priors import LogNormal, Normal

Command = Callable[..., Result]
ROOT = Path(__file__).parents[1]
PARAMETERS = ("k", "alpha", "l_0", "reference_strain")

# Typed from the sources once more: value, sd or (low, high), number of knees.
STATED = {
    "cho2020.mcl.k": (71.97, None, 21),
    "cho2020.lcl.k": (69.70, None, 21),
    "laprade2005.lcl.k": (33.5, None, 8),
    "laprade2005.pfl.k": (28.6, None, 8),
    "andreassen2021.lcl.k": (92.568, None, 1),
    "andreassen2021.mcl.k": (102.06, None, 1),
    "andreassen2021.dmcl.k": (153.26, None, 1),
    "andreassen2021.pol.k": (65.0566, None, 1),
    "smith2016.smcl.stiffness_per_strain": (2200, (880, 3520), None),
    "smith2016.dmcl.stiffness_per_strain": (2800, (1120, 4480), None),
    "smith2016.pmcap.stiffness_per_strain": (2000, (800, 3200), None),
    "smith2016.lcl.stiffness_per_strain": (1800, (720, 2880), None),
    "lenhart2015.smcl.stiffness_per_strain": (6 * 500, None, 1),
    "lenhart2015.dmcl.stiffness_per_strain": (5 * 500, None, 1),
    "lenhart2015.pmcl.stiffness_per_strain": (5 * 500, None, 1),
    "lenhart2015.lcl.stiffness_per_strain": (4 * 600, None, 1),
    "lenhart2015.pfl.stiffness_per_strain": (2200, None, 1),
    "blomquist2023.any.stiffness_relative_sd": (None, (0.25, 0.30), None),
    "andreassen2021.any.alpha": (0.06, None, 1),
    "smith2016.smcl.reference_strain": (0.03, (-0.01, 0.07), None),
    "smith2016.dmcl.reference_strain": (0.03, (-0.01, 0.07), None),
    "smith2016.lcl.reference_strain": (0.06, (0.02, 0.10), None),
    "lenhart2015.smcl.l_0": (78.0, (71.4, 89.8), 1),
    "lenhart2015.dmcl.l_0": (34.2, (30.8, 37.3), 1),
    "lenhart2015.lcl.l_0": (54.1, (49.2, 58.2), 1),
    "lenhart2015.pmcl.l_0": (29.7, None, 1),
    "lenhart2015.pfl.l_0": (46.8, None, 1),
    "blomquist2023.any.slack_length_relative_sd": (None, (0.02, 0.05), None),
    "meister2000.lcl.length": (66, (59, 74), None),
    "laprade2007.smcl.length": (94.8, None, 8),
    "cho2020.mcl.ultimate_load": (498.5, None, 21),
    "cho2020.lcl.ultimate_load": (263.22, None, 21),
    "laprade2005.lcl.ultimate_load": (295, None, 8),
    "laprade2005.pfl.ultimate_load": (298, None, 8),
    "sugita2001.lcl.ultimate_load": (309, None, 10),
    "liu2010.smcl.femur_above_joint_line": (31.1, 4.6, 10),
    "liu2010.smcl.tibia_below_joint_line": (62.4, 5.5, 10),
    "liu2010.dmcl.femur_above_joint_line": (20.5, 4.2, 10),
    "liu2010.dmcl.tibia_below_joint_line": (6.5, 1.3, 10),
}
USABLE = [entry for entry in entries() if entry.quantity in PARAMETERS]
OTHERS = [entry for entry in entries() if entry.quantity not in PARAMETERS]


def keys(values: list[literature.Entry]) -> list[str]:
    return [entry.key for entry in values]


def test_all_that_is_listed_is_what_the_sources_state() -> None:
    assert Counter(entry.key for entry in entries()) == Counter(list(STATED))
    for entry in entries():
        value, spread, n = STATED[entry.key]
        assert (entry.value, entry.n) == (value, n), entry.key
        assert (entry.low, entry.high) == (spread if isinstance(spread, tuple) else (None, None)), entry.key
        assert entry.sd == (None if isinstance(spread, tuple) else spread), entry.key


@pytest.mark.parametrize("entry", entries(), ids=keys(list(entries())))
def test_every_value_has_a_source_a_quantity_and_a_meaning_of_its_spread(entry: literature.Entry) -> None:
    assert entry.key == f"{entry.source.key}.{entry.structure}.{entry.quantity}"
    assert entry.quantity in QUANTITIES
    assert entry.source.authors
    assert str(entry.source.year) in entry.source.key
    assert entry.source.seen
    assert entry.source.citation.endswith(entry.source.doi or str(entry.source.year))
    assert (entry.low is None) == (entry.high is None) == (entry.spread == "")
    assert entry.spread in {"", "95 % CI", "range", "strands"}
    if entry.value is not None and entry.low is not None and entry.high is not None:
        assert entry.low < entry.value < entry.high
    if entry.spread == "95 % CI":  # else it is no interval of a normal distribution
        assert entry.value == pytest.approx(0.5 * (entry.low + entry.high))


@pytest.mark.parametrize(
    ("key", "mean", "sd"),
    [
        ("smith2016.smcl.reference_strain", 0.03, 0.08 / 3.92),
        ("smith2016.dmcl.reference_strain", 0.03, 0.08 / 3.92),
        ("smith2016.lcl.reference_strain", 0.06, 0.08 / 3.92),
    ],
)
def test_a_95_percent_interval_is_a_normal_prior_that_has_95_percent_of_its_mass_in_it(key, mean, sd) -> None:
    made = prior(key, "reference_strain")
    assert isinstance(made, Normal)
    assert (made.location, made.scale) == pytest.approx((mean, sd), rel=1e-14)
    low, high = made.quantile([0.025, 0.975])
    assert (low, high) == pytest.approx((mean - 0.04, mean + 0.04), abs=2e-6)


def test_bounds_truncate_what_is_published() -> None:
    made = prior("smith2016.lcl.reference_strain", "reference_strain", lower=0.0, upper=0.1)
    assert (made.lower, made.upper) == (0.0, 0.1)
    with pytest.raises(ValueError, match="lower = 2 must be below upper = 1"):
        prior("smith2016.lcl.reference_strain", "reference_strain", lower=2.0, upper=1.0)


@pytest.mark.parametrize("entry", USABLE, ids=keys(USABLE))
def test_a_spread_of_the_users_makes_a_prior_of_every_value_of_a_parameter(entry: literature.Entry) -> None:
    assert entry.value is not None
    made = prior(entry.key, entry.quantity, sd=0.01, upper=500.0)
    assert made == Normal(entry.value, 0.01, upper=500.0)
    if entry.quantity == "reference_strain":
        assert entry.missing == ""
        with pytest.raises(ValueError) as refused:
            prior(entry.key, entry.quantity, factor=1.4)
        assert str(refused.value) == (
            f'literature = "{entry.key}": reference_strain may be negative, so its spread is an sd, not a factor'
        )
        return
    assert prior(entry.key, entry.quantity, factor=1.4, upper=500.0) == LogNormal(entry.value, 1.4, upper=500.0)
    assert entry.missing == "factor or sd"
    with pytest.raises(ValueError, match="states no spread between knees"):
        prior(entry.key, entry.quantity)


@pytest.mark.parametrize("entry", OTHERS, ids=keys(OTHERS))
def test_what_is_no_parameter_is_refused_with_the_reason_whatever_is_asked(entry: literature.Entry) -> None:
    assert entry.why_not
    for quantity in (*PARAMETERS, entry.quantity):
        with pytest.raises(ValueError) as refused:
            prior(entry.key, quantity, sd=1.0)
        assert entry.why_not in str(refused.value)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: prior("cho2020.mcl.k", "k"),
            'literature = "cho2020.mcl.k": its source states no spread between knees (71.97 N/mm, 21 knees); give '
            'factor or sd beside it, like { literature = "cho2020.mcl.k", factor = 1.4 }',
        ),
        (
            lambda: prior("lenhart2015.lcl.l_0", "l_0"),
            'literature = "lenhart2015.lcl.l_0": its source states no spread between knees (54.1 mm, strands 49.2 to '
            '58.2, 1 knee); give factor or sd beside it, like { literature = "lenhart2015.lcl.l_0", factor = 1.4 }',
        ),
        (
            lambda: prior("cho2020.mcl.k", "k", sd=10.0, factor=1.4),
            'literature = "cho2020.mcl.k": give sd or factor, not both',
        ),
        (
            lambda: prior("cho2020.mcl.kk", "k"),
            "literature = \"cho2020.mcl.kk\": no such published value; did you mean 'cho2020.mcl.k'?",
        ),
        (
            lambda: prior("x", "alpha"),
            'literature = "x": no such published value; known here: andreassen2021.any.alpha',
        ),
        (
            lambda: prior("x", "radius"),
            'literature = "x": no such published value; nothing is listed for radius; give a prior of your own',
        ),
        (
            lambda: prior("x", "ultimate_load"),
            'literature = "x": no such published value; nothing is listed for ultimate_load; give a prior of your own',
        ),
        (
            lambda: prior("cho2020.mcl.k", "reference_strain"),
            'literature = "cho2020.mcl.k": it is k, not reference_strain',
        ),
        (
            lambda: prior("smith2016.smcl.stiffness_per_strain", "k"),
            'literature = "smith2016.smcl.stiffness_per_strain": it is stiffness_per_strain, not k; k is the '
            "stiffness per strain over the slack length, which is another parameter; with your l_0 in mm, give "
            "k = { mean = 2200 / l_0, sd = 673.47 / l_0 }, worked out",
        ),
        (
            lambda: prior("lenhart2015.lcl.stiffness_per_strain", "k"),
            'literature = "lenhart2015.lcl.stiffness_per_strain": it is stiffness_per_strain, not k; k is the '
            "stiffness per strain over the slack length, which is another parameter; with your l_0 in mm, give "
            "k = { mean = 2400 / l_0, sd = SD / l_0 }, worked out",
        ),
        (lambda: prior("cho2020.mcl.k", "k", sd=-1.0), "sd = -1 must be greater than 0"),
        (lambda: prior("cho2020.mcl.k", "k", factor=1.0), "factor = 1 must be greater than 1, and at most 1000"),
    ],
)
def test_what_cannot_be_used_is_refused_in_plain_words(call: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError) as refused:
        call()
    assert str(refused.value) == words


def test_the_command_lists_every_value_with_its_source(command: Command) -> None:
    done = command("priors")
    assert (done.code, done.err) == (0, "")
    assert "\x1b" not in done.out
    assert "…" not in done.out
    for entry in entries():
        row = next(line for line in done.out.splitlines() if line.strip().startswith(f"{entry.key} "))
        assert entry.stated() in row
        assert not entry.note or any(entry.key in line and entry.note in line for line in done.out.splitlines())
        assert any(line.startswith(f"{entry.source.key}: {entry.source.authors}") for line in done.out.splitlines())
    assert "normal, 0.03 +- 0.02041" in done.out
    assert "with factor or sd beside it" in done.out
    for quantity in QUANTITIES.values():
        assert quantity.why_not in done.out


def test_the_command_prints_one_object_for_programs(command: Command) -> None:
    done = command("priors", "--json")
    assert (done.code, done.err) == (0, "")
    content = json.loads(done.out)
    values = {value["key"]: value for value in content["values"]}
    assert list(values) == [entry.key for entry in entries()]
    assert {value["source"] for value in values.values()} == set(content["sources"])
    assert values["smith2016.lcl.reference_strain"]["prior"] == {"mean": 0.06, "sd": pytest.approx(0.08 / 3.92)}
    assert values["smith2016.lcl.reference_strain"]["missing"] is None
    mcl = values["cho2020.mcl.k"]
    assert (mcl["value"], mcl["unit"], mcl["n"], mcl["prior"]) == (71.97, "N/mm", 21, None)
    assert mcl["missing"] == "factor or sd"
    assert values["smith2016.smcl.stiffness_per_strain"]["prior"] is None
    assert "673.47 / l_0" in values["smith2016.smcl.stiffness_per_strain"]["why_not"]
    assert content["sources"]["liu2010"]["doi"] == "10.1186/1749-799X-5-69"


def test_the_command_takes_one_structure_with_its_parts(command: Command) -> None:
    values = json.loads(command("priors", "--json", "--structure", "MCL").out)["values"]
    assert {value["structure"] for value in values} == {"mcl", "smcl", "dmcl", "pmcl", "any"}
    values = json.loads(command("priors", "--json", "--structure", "dmcl").out)["values"]
    assert {value["structure"] for value in values} == {"dmcl", "any"}


@pytest.mark.parametrize(("structure", "remedy"), [("mlc", "did you mean 'mcl'?"), ("acl", "did you mean"), ("", "kn")])
def test_a_structure_that_nothing_is_listed_of_is_refused(command: Command, structure: str, remedy: str) -> None:
    done = command("priors", "--structure", structure)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"calibrate: error: nothing is listed of a structure '{structure}'; {remedy}")
    assert done.err.count("\n") == 1


def test_the_installed_package_has_the_values(tmp_path: Path) -> None:
    line = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(line, cwd=ROOT, capture_output=True, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as content:
        assert content.read("calibrate/literature.toml") == (ROOT / "calibrate" / "literature.toml").read_bytes()


def test_numbers_of_the_file_are_finite() -> None:
    for entry in entries():
        numbers = (entry.value, entry.sd, entry.low, entry.high)
        assert all(number is None or math.isfinite(number) for number in numbers), entry.key
