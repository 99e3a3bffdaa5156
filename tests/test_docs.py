"""The documents say what the code does: every key with its default, every example, every file that is cited."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from benchmarks.problems import KNEE
from calibrate.config import parse_config
from calibrate.errors import ConfigError
from calibrate.examples import example
from calibrate.findings import CODES
from calibrate.posterior import Posterior

TOP = Path(__file__).parent.parent
PAGES = [TOP / "README.md", *sorted(path for path in (TOP / "docs").rglob("*.md") if "_build" not in path.parts)]
CONFIGURATION = (TOP / "docs/configuration.md").read_text()


def test_every_code_of_a_finding_stands_in_the_table_as_the_code_has_it() -> None:
    page = (TOP / "docs/findings.md").read_text()
    rows = re.findall(r"^\| `([a-z-]+)` \| (warning|note) \| (.+) \| (.+) \|$", page, re.MULTILINE)
    assert rows == [(code, of.kind, of.when, of.do) for code, of in CODES.items()]


# What an example that shows some tables is completed with.
BASE = (
    KNEE
    + """[parameters.mcl]
k = { lower = 5.0, upper = 200.0 }
alpha = { lower = 0.02, upper = 0.12 }
l_0 = { lower = 70.0, upper = 100.0 }
[parameters.lcl]
k = { lower = 5.0, upper = 200.0 }
alpha = { lower = 0.02, upper = 0.12 }
l_0 = { lower = 45.0, upper = 75.0 }
[noise]
sigma = 0.3
[data]
file = "oks009_30deg.csv"
positive = "varus"
"""
)


def blocks(text: str) -> list[str]:
    return re.findall(r"^```toml\n(.*?)^```", text, flags=re.M | re.S)


EXAMPLES = [
    pytest.param(block, id=f"{page.name} {i}") for page in PAGES for i, block in enumerate(blocks(page.read_text()))
]


def tables(text: str) -> dict[str, str]:
    """Split a configuration into its tables, by header."""
    parts = re.split(r"^(\[[\w.]+\])", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def completed(block: str) -> str:
    """Put what an example leaves out around it."""
    shown = tables(block)
    base = tables(BASE)
    if any(header.startswith("[tests.") for header in shown):
        del base["[data]"]
    return "".join(header + body for header, body in (base | shown).items())


@pytest.mark.parametrize("block", EXAMPLES)
def test_every_example_is_a_configuration(block: str) -> None:
    assert tomllib.loads(block)
    parse_config(completed(block), "knee.toml")


def test_an_example_with_a_slip_would_be_noticed() -> None:
    block = next(block for block in blocks(CONFIGURATION) if "angle_offset" in block)
    with pytest.raises(ConfigError, match="did you mean 'angle_offset'"):
        parse_config(completed(block.replace("angle_offset", "angle_ofset")), "knee.toml")


@pytest.mark.parametrize(
    "line", ["k = { lower = 5.0, upper = 200.0 }", "l_0 = { lower = 70.0, upper = 100.0 }", "sigma = 0.3"]
)
def test_what_is_said_to_be_needed_is(line: str) -> None:
    assert line in BASE
    with pytest.raises(ConfigError, match=f"{line.split()[0]}: missing"):
        Posterior.from_config(parse_config(BASE.replace(line, "", 1), example("oks009.toml")))


def test_parameters_that_nobody_declares_are_nought() -> None:
    declared = parse_config(BASE).declared()
    nought = ("mcl.f_ref", "measurement.angle_offset", "measurement.load_bias", "measurement.hysteresis")
    assert {declared[name] for name in nought} == {0.0}


def test_documents_that_are_cited_exist() -> None:
    files = [path for folder in ("calibrate", "tests", "benchmarks", "data") for path in (TOP / folder).rglob("*")]
    sources = [path for path in files if path.suffix in (".py", ".csv", ".toml", ".md")] + PAGES
    missing = set()
    for path in sources:
        for name in re.findall(r"(?<![\w./-])([\w/-]+\.md)\b", path.read_text(errors="replace")):
            if not any((folder / name).is_file() for folder in (TOP, path.parent)):
                missing.add((path.name, name))
    assert not missing


def test_the_architecture_names_what_there_is() -> None:
    page = (TOP / "docs/architecture.md").read_text()
    first = re.findall(r"^\| (`[^|]*) \|", page, flags=re.M)
    named = {name for cell in first for name in re.findall(r"`([a-z_/]+)`", cell)}
    assert len(named) > 20
    there = {name for name in named if any((TOP / "calibrate" / end).exists() for end in (name, f"{name}.py"))}
    assert named - there <= {"_view"}
    (problem,) = re.findall(r"^\| `problem/` \| (.*?) \|", page, flags=re.M)
    modules = {path.stem for path in (TOP / "calibrate/problem").glob("*.py")} - {"__init__"}
    assert set(re.findall(r"`(\w+)`", problem)) == modules
