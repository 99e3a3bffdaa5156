"""What people see of a study, on the terminal and as a page: its numbers, to the letter, and hostile texts as text."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np
import pytest
from html_pages import number, section, text_of, tree
from reported import PICTURE
from studies import entry, fault, knees_of, made, study, summary
from test_golden import golden, lines
from test_report_page import HOSTILE, skeleton

from calibrate.figures.study import StudyFigure, study_figures
from calibrate.report import study as report
from calibrate.report.page import render
from calibrate.report.pictures import Picture
from calibrate.study.file import Status
from calibrate.study.overview import spread
from calibrate.study.rows import study_table
from calibrate.study.table import StudyTable
from calibrate.study.view import show
from calibrate.texts import elided

WHEN = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


def small(table: StudyTable, one: StudyFigure) -> Picture:
    """Return one pixel in a picture's place."""
    return replace(PICTURE, name=one.name, title=one.title, caption=one.caption, panels=())


def said_of(table: StudyTable) -> dict[str, Any]:
    """Return what the page of a study says, with pictures of one pixel."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "_picture", small)
        return report.contents(table)


def page_of(table: StudyTable) -> str:
    return render(said_of(table), WHEN, "study")


@pytest.fixture(scope="module")
def table() -> StudyTable:
    return study(12)


@pytest.fixture(scope="module")
def root(table: StudyTable) -> Element:
    return tree(page_of(table))


def rows_of(root: Element, caption: str) -> list[dict[str, str]]:
    """Return the rows of the table with this caption, by their headings."""
    found = next(t for t in root.iter("table") for c in t.iter("caption") if text_of(c).startswith(caption))
    heads = [text_of(head) for head in found.findall("./thead/tr/th")]
    return [dict(zip(heads, map(text_of, row), strict=True)) for row in found.findall("./tbody/tr")]


def test_the_terminal_shows_the_golden_study(table: StudyTable, capsys: pytest.CaptureFixture[str]) -> None:
    show(table)
    out = lines(capsys.readouterr().out)
    assert out == golden("study.txt", out)


def test_the_terminal_is_as_long_for_a_registry_as_for_a_study(capsys: pytest.CaptureFixture[str]) -> None:
    show(study(100))
    out = capsys.readouterr().out.splitlines()
    assert len(out) < 110
    assert out[0] == "OUT: 78 of 100 knees converged; 13 did not; 9 failed"
    assert sum(" failed: " in line or " not converged: " in line for line in out) == 20
    assert "and 2 more" in out
    assert "60 more knees: -o DIR or -o TABLE.csv writes all of them" in out


def test_the_skeleton_is_the_golden_one(table: StudyTable) -> None:
    found = lines(skeleton(page_of(table)))
    assert found == golden("study.html", found)


def test_the_verdict_comes_first_and_says_which_knees_and_why(root: Element) -> None:
    (state,) = (p for p in root.iter("p") if "state" in p.get("class", "").split())
    assert (text_of(state), state.get("class")) == ("10 of 12 knees converged; 1 did not; 1 failed", "state bad")
    first = next(root.iter("section"))
    assert first is section(root, "says")
    paragraph = text_of(next(first.iter("p")))
    assert "What those missed that did not: R-hat (1), effective samples (1)." in paragraph
    assert rows_of(root, "Knees that have not converged") == [
        {"Knee": "K011", "Status": "failed", "Why": "data/k.csv, line 3: no number."},
        {"Knee": "K007", "Status": "not converged", "Why": "R-hat of mcl.k 1.030 (below 1.01 wanted)."},
    ]
    findings = rows_of(root, "Findings, and of how many knees")
    assert [(row["Finding"], row["Knees"], row["Share"]) for row in findings] == [
        ("warning residuals-alike", "4", "36 %"),
        ("note prior-decides", "6", "55 %"),
        ("note extrapolated", "3", "27 %"),
    ]
    assert findings[1]["Knees, for example"] == "K002, K004, K006, K008, K010, and more"
    good = tree(page_of(study(2)))
    (state,) = (p for p in good.iter("p") if "state" in p.get("class", "").split())
    assert (text_of(state), state.get("class")) == ("All 2 knees converged", "state good")


def test_the_tables_have_the_studys_numbers(root: Element, table: StudyTable) -> None:
    over = rows_of(root, "Reference strain, stiffness and laxity over the knees")
    assert len(over) == len(table.headline)
    for row, one in zip(over, table.headline, strict=True):
        found = spread(table, one)
        assert row["Unit"] == {"": "–", "deg": "°"}.get(one.unit, one.unit)
        assert row["Quantity"].endswith(one.name)
        low, high = row["5 to 95 % of the knees"].split(" to ")
        for shown, value in ((row["Middle knee"], found.median), (low, found.low), (high, found.high)):
            assert number(shown) == pytest.approx(value, rel=6e-4)
        assert number(row["Width of one knee's 90 % interval"]) == pytest.approx(found.width, rel=6e-3)
        for shown, end in ((row["Smallest"], found.smallest), (row["Largest"], found.largest)):
            assert end is not None
            text, _, knee = shown.partition(" ")
            assert (number(text), knee) == (pytest.approx(end[1], rel=6e-4), f"({end[0]})")
    knees = rows_of(root, "Every knee")
    assert [row["Knee"] for row in knees] == list(table.ids)
    k = table.quantity("mcl.k")
    for at, row in enumerate(knees):
        assert row["Converged"] == {"converged": "yes"}.get(table.status[at], table.status[at])
        assert (row["sex"], number(row["age"])) == (table.covariates["sex"][at], table.covariates["age"][at])
        assert (row["stiffness of MCL [N/mm]"] == "-") == (not k.known[at])
        assert row["Findings"] == (", ".join(table.findings[at]) or ("none" if k.known[at] else "-"))


def test_persons_that_are_numbers_are_shown_with_all_their_digits() -> None:
    table = replace(study(2), covariates={"person": (9000296.0, 9000298.0)})
    assert [row["person"] for row in rows_of(tree(page_of(table)), "Every knee")] == ["9000296", "9000298"]


def test_every_number_sorts_by_itself(root: Element, table: StudyTable) -> None:
    every = next(t for t in root.iter("table") if t.get("id") == "every")
    heads = [text_of(head) for head in every.findall("./thead/tr/th")]
    at = heads.index("stiffness of LCL [N/mm]")
    cells = [list(row)[at] for row in every.findall("./tbody/tr")]
    found = [float(cell.get("data-sort", "nan")) for cell in cells]
    assert found == pytest.approx(table.quantity("lcl.k").median, rel=1e-9, nan_ok=True)
    for cell, low, high in zip(cells, table.quantity("lcl.k").low, table.quantity("lcl.k").high, strict=True):
        if len(cell):
            shown = [number(part) for part in text_of(cell[0]).split(" to ")]
            assert shown == pytest.approx([low, high], rel=6e-4)
            assert number(cell.text or "") == pytest.approx(float(cell.get("data-sort", "nan")), rel=6e-4)


def test_angles_are_valgus_positive_on_the_page_and_it_says_so() -> None:
    ranks = np.arange(101.0)
    knees = []
    for name, sign in (("valgus", 1.0), ("varus", -1.0)):
        derived = {"laxity_valgus_10Nm": entry(sign * (4.0 + 0.01 * ranks), "deg")}
        knees.append(made(name, summary({}, derived, positive=name)))
    root = tree(page_of(study_table(knees, "two")))
    (row,) = rows_of(root, "All other quantities")
    assert (row["Knees"], row["Middle knee"], row["5 to 95 % of the knees"]) == ("2", "4.5", "4.5 to 4.5")
    assert "counted valgus positive, whatever the files do" in text_of(section(root, "numbers"))


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda text: repr(text[:12]))
def test_whatever_a_text_says_is_text(hostile: str) -> None:
    states: list[Status] = ["converged", "not converged"]
    knees = [
        made(hostile + str(i), dict(of.summary) | fault(1.2, 5.0), {hostile: hostile, "x": 1.0}, states[i])
        for i, of in enumerate(knees_of(2))
    ]
    knees.append(made("failed", {}, {}, "failed", hostile))
    html, plain = page_of(study_table(knees, hostile)), page_of(study_table(knees_of(3), "plain"))
    tags = {element.tag for element in tree(plain).iter()} | {"caption"}
    assert {element.tag for element in tree(html).iter()} <= tags
    assert html.count("<script") == plain.count("<script")
    assert len(html) < len(plain) + 9_000
    assert not any(letter in html for letter in "\x00\x1b\u202e\u2066")
    rows = rows_of(tree(html), "Every knee")
    assert rows[0]["Knee"] == " ".join(elided(f"{hostile}0", 60).split())
    for element in tree(html).iter():
        assert not any(name.startswith("on") or name == "style" for name in element.attrib)


def test_a_page_stays_small_however_many_knees() -> None:
    table = study(40, flexions=(0.0, 30.0))
    figures = {one.name: one for one in study_figures(table)}
    # The largest of each sort, drawn; there are 24 forests and 8 covariates at the most.
    forest, spreads = (len(report._picture(table, figures[name]).source) for name in ("forest_mcl.k", "spread_1_sex"))
    assert len(page_of(table)) + 24 * forest + 10 * spreads < 5e6
    many = [made(f"K{i}", {}, {}, "failed", "no data") for i in range(report.ROWS + 500)]
    table = study_table([*knees_of(3), *many], "registry")
    said = said_of(table)
    assert (len(said["knees"]), len(said["troubled"])) == (report.ROWS, report.TROUBLED)
    assert said["more_troubled"] == len(many) - report.TROUBLED
    html = render(said, WHEN, "study")
    assert f"Of {len(table):,} knees {report.ROWS:,} are shown" in html
    assert len(html) < 1e6


def test_none_converged_and_none_answered_are_pages_too() -> None:
    wild = [made(one.id, dict(one.summary) | fault(2.0, 5.0), status="not converged") for one in knees_of(2)]
    failed = [made("a", {}, {}, "failed", "no data")]
    for knees, first in ((wild, "0 of 2 knees converged; 2 did not"), (failed, "0 of 1 knee converged; 1 failed")):
        root = tree(page_of(study_table(knees, "none")))
        assert text_of(section(root, "says")).startswith(f"What this study says Have the knees converged? {first}.")
        assert "No knee has converged, so nothing can be said of how they differ." in text_of(section(root, "numbers"))
        assert len(rows_of(root, "Every knee")) == len(knees)


def test_a_page_is_written_whole_and_replaces_only_its_kind(tmp_path: Path) -> None:
    path = tmp_path / "study.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "_picture", small)
        report.save_study_report(study(2), path)
        before = path.read_text(encoding="utf-8")
        assert "All 2 knees converged" in before
        with pytest.raises(report.ExportError, match="exists already; replace it with --overwrite"):
            report.save_study_report(study(3), path)
        report.save_study_report(study(3), path, overwrite=True)
        assert "All 3 knees converged" in path.read_text(encoding="utf-8")
        path.write_text('<meta name="generator" content="calibrate report 1">')
        with pytest.raises(report.ExportError, match="is not a report of a study"):
            report.save_study_report(study(3), path, overwrite=True)
