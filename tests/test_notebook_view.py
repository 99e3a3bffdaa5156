"""What notebooks show of each object, to the letter, and that nothing in it can be anything but text."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from conftest import KNEE, config_text
from test_golden import golden

from calibrate import Finding, Posterior, chain
from calibrate.config import parse_config
from calibrate.data import parse_measurement
from calibrate.draws import Draws
from calibrate.findings import Findings
from calibrate.notebook_view import cell, paragraph, table
from calibrate.results import Run

HOSTILE = "<script>alert('x')</script>&\"" + "long " * 20
TAGS = {"table", "tr", "th", "td", "p"}
TIED = """
[parameters.mcl]
k = { median = 72.0, factor = 1.7 }
alpha = 0.06
reference_strain = { mean = 0.03, sd = 0.06 }
[parameters.lcl]
k = { lower = 10.0, upper = 100.0 }
alpha = "mcl.alpha"
l_0 = 60.0
"""


class _Tags(HTMLParser):
    """Notes what an HTML has besides text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        assert not attrs
        self.open.append(tag)
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def check(page: str) -> None:
    """Check that an HTML is whole and has tables and paragraphs only."""
    reader = _Tags()
    reader.feed(page)
    reader.close()
    assert not reader.open
    assert reader.seen <= TAGS


def rows(page: str) -> str:
    return page.replace("<tr>", "\n<tr>") + "\n"


def test_a_run_its_findings_and_its_posterior_look_like_the_golden_pages(varus: Run, valgus: Run) -> None:
    run = replace(varus, path=Path("planted.h5"))
    for measurement in (*run.posterior.measurements.values(), *(test.measurement for test in run.posterior.tests)):
        object.__setattr__(measurement, "source", Path(measurement.source).name)
    for name, shown in {
        "run.html": run,
        "findings.html": valgus.findings(),
        "posterior.html": run.posterior,
        "knee.html": run.posterior.geometry(),
    }.items():
        page = shown._repr_html_()
        check(page)
        assert rows(page) == golden(name, rows(page))


def test_draws_in_memory_and_an_empty_run_are_shown_too(varus: Run) -> None:
    draws = Draws(varus.posterior, varus.settings, varus.chains)
    assert "<th>draws in memory</th>" in draws._repr_html_()
    assert repr(draws) == f"Draws(draws in memory: {draws.steps} steps, 7 parameters)"
    assert repr(varus) == f"Run({varus.path}: {varus.steps} steps, 7 parameters)"
    empty = replace(varus, chains=chain.Chains(varus.chains.coords[:, :0], varus.chains.log_prob[:, :0], 0.0))
    assert "nothing is stored yet" in empty._repr_html_()
    check(empty._repr_html_())


def test_a_run_that_has_not_converged_says_so_and_what_to_do(valgus: Run) -> None:
    page = valgus._repr_html_()
    assert f"<td>{cell(valgus.verdict.sentence)}</td>" in page
    assert f"<td>{cell(valgus.verdict.advice)}</td>" in page


def test_free_fixed_and_tied_parameters_are_told_apart() -> None:
    posterior = Posterior.from_config(
        parse_config(config_text(knee=KNEE, parameters=TIED, noise="sigma = 0.5")),
        parse_measurement("angle_deg,moment_Nm\n-5,-4\n0,0\n5,6\n", "three.csv"),
    )
    page = posterior._repr_html_()
    assert "<th>mcl.k</th><td>N/mm</td><td>free</td><td>log-normal, median 72 N/mm, factor 1.7</td>" in page
    assert "<th>mcl.alpha</th><td></td><td>fixed</td><td>0.06</td>" in page
    assert "<th>lcl.alpha</th><td></td><td>tied</td><td>as mcl.alpha</td>" in page
    check(page)


def test_a_finding_by_itself_is_shown_as_in_the_list(valgus: Run) -> None:
    found = valgus.findings()
    assert isinstance(found, tuple)
    assert found
    assert found[0]._repr_html_() == Findings(found[:1])._repr_html_()
    assert Findings()._repr_html_() == "<p>no findings</p>"


def test_nothing_in_a_page_is_more_than_text(varus: Run) -> None:
    finding = Finding("not-converged", HOSTILE, 1.0, float("nan"), HOSTILE, HOSTILE)
    hostile = replace(varus, path=Path(f"/tmp/{HOSTILE}.h5"))
    strand = replace(varus.posterior.geometry().strands[0], name=HOSTILE)
    knee = replace(varus.posterior.geometry(), strands=(strand, *varus.posterior.geometry().strands[1:]))
    for page in (finding._repr_html_(), hostile._repr_html_(), knee._repr_html_(), table([HOSTILE], [[HOSTILE]])):
        check(page)
        assert "&lt;script&gt;" in page


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, ""), (float("nan"), ""), (1234.56, "1235"), (12, "12"), ("a<b", "a&lt;b"), (-0.5, "-0.5")],
)
def test_a_cell_shows_numbers_to_four_digits_and_text_as_text(value: object, shown: str) -> None:
    assert cell(value) == shown
    assert paragraph(value) == f"<p>{shown}</p>"
