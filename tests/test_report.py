"""The report says what the summary says: number by number, sign by sign, unit by unit."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np
import planted
import pytest
from html_pages import number, section, table, text_of, tree
from reported import cheaply, said_of

from calibrate.comparison import compare
from calibrate.figures import FIGURES
from calibrate.knee.ligament import tension
from calibrate.posed import posed
from calibrate.report import answers, changes, knee, methods, page, pictures, source, tables
from calibrate.results import Run

ONE = {"parameters": planted.VARUS_PARAMETERS, "noise": "sigma = 1.0"}
UNITS = {"deg": "°", "": "–"}


@pytest.fixture(scope="module")
def said(varus: Run) -> dict[str, Any]:
    """Return all that the page of the planted run says, without figures."""
    return said_of(varus)


@pytest.fixture(scope="module")
def root(said: dict[str, Any]) -> Element:
    return tree(page.render(said, datetime(2026, 1, 2, 3, 4, tzinfo=UTC)))


def check_row(row: dict[str, str], entry: dict[str, Any]) -> None:
    low, high = row["95 % interval"].split(" to ")
    for shown, key in ((row["Median"], "median"), (low, "q2.5"), (high, "q97.5"), (row["Mean"], "mean")):
        assert number(shown) == pytest.approx(entry[key], rel=6e-4), key
    assert row["Unit"] == UNITS.get(entry["unit"], entry["unit"])
    errors = [row["Monte-Carlo error of the mean"], *row["of the 5 and 95 % quantiles"].split(", ")]
    for shown, key in zip(errors, ("mcse_mean", "mcse_q5", "mcse_q95"), strict=True):
        assert shown == "-" if entry[key] is None else number(shown) == pytest.approx(entry[key], rel=0.06), key


def test_the_headline_has_reference_strain_stiffness_and_laxity_of_the_summary(root: Element, varus: Run) -> None:
    content, rows = varus.summary(), table(root, "Reference strain, stiffness and laxity")
    assert list(rows) == [
        "mcl.reference_strain",
        "lcl.reference_strain",
        "mcl.k",
        "mcl.stiffness_per_strain",
        "lcl.stiffness_per_strain",
        "laxity_valgus_10Nm",
        "laxity_varus_10Nm",
        "laxity_total_10Nm",
    ]
    entries = content["derived"] | content["parameters"]
    for name, row in rows.items():
        check_row(row, entries[name])
    assert number(rows["mcl.k"]["Of the prior's sd left"]) == pytest.approx(
        content["parameters"]["mcl.k"]["sd_of_prior"], abs=0.006
    )
    assert number(rows["laxity_varus_10Nm"]["Beyond data"]) == pytest.approx(
        content["derived"]["laxity_varus_10Nm"]["beyond"], abs=0.006
    )


def test_the_headline_is_what_the_planted_draws_say(root: Element, varus: Run) -> None:
    rows, draws = table(root, "Reference strain, stiffness and laxity"), planted.varus_draws()[:, 15:]
    assert number(rows["mcl.k"]["Median"]) == pytest.approx(np.median(draws[..., 0]), rel=6e-4)
    # The upright knee's MCL is 80 mm long where both condyles touch.
    strain = 80.0 / np.median(draws[..., 2]) - 1.0
    assert number(rows["mcl.reference_strain"]["Median"]) == pytest.approx(strain, rel=6e-3)
    # Varus is positive in this file, and each way of laxity has its sign.
    assert number(rows["laxity_valgus_10Nm"]["Median"]) < 0.0 < number(rows["laxity_varus_10Nm"]["Median"])


def test_all_parameters_and_derived_quantities_are_the_summarys(root: Element, varus: Run) -> None:
    content = varus.summary()
    parameters = table(root, "Free parameters")
    assert list(parameters) == list(content["parameters"])
    for name, row in parameters.items():
        entry = content["parameters"][name]
        check_row(row, entry)
        assert number(row["R-hat"]) == pytest.approx(entry["rhat"], abs=6e-4)
        assert number(row["Effective samples"]) == pytest.approx(min(entry["ess_bulk"], entry["ess_tail"]), abs=0.6)
        assert row["Prior"] == entry["prior"]
        assert row["Truth"] == ("" if "truth" not in entry else f"{entry['truth']:g}")
    derived = table(root, "At the reference pose")
    assert list(derived) == list(content["derived"])
    for name, row in derived.items():
        check_row(row, content["derived"][name])


def test_sentences_tell_each_answer_once_with_its_interval(said: dict[str, Any], varus: Run) -> None:
    content = varus.summary()
    for told in said["learnt"]:
        entry = (content["derived"] | content["parameters"])[told.name]
        pattern = r"([−\d.,]+)(°| N/mm| mm| N|), 95 % interval ([−\d.,]+) to ([−\d.,]+?)(?:°| N/mm| mm| N|)(?:;|\.$)"
        median, unit, low, high = re.search(pattern, told.text).groups()  # type: ignore[union-attr]  # None is a failure
        for shown, key in ((median, "median"), (low, "q2.5"), (high, "q97.5")):
            assert number(shown) == pytest.approx(entry[key], rel=6e-4), told
        assert unit.strip() == UNITS.get(entry["unit"], entry["unit"]).replace("–", "")
    learnt, untold = {told.name for told in said["learnt"]}, answers.untold_names(content)
    assert not learnt & untold
    assert learnt | untold >= set(answers.answered(content))
    assert "mcl.k" in learnt


def test_what_a_finding_names_is_not_told_as_learnt(varus: Run) -> None:
    content = dict(varus.summary())
    plain = {told.name for told in answers.learnt(content | {"findings": []})}
    finding = {"kind": "note", "value": 1.0, "threshold": 0.9, "sentence": "it does", "advice": "mind it"}
    for code, subject, sentence, lost in (
        ("prior-decides", "mcl.k", "the prior decides mcl.k", {"mcl.k"}),
        ("trade-off", "mcl.k, mcl.f_ref", "together", {"mcl.k", "mcl.f_ref"}),
        ("region-unvisited", "mcl", "no reading lies in the toe of mcl: mcl.alpha is told by its prior", {"mcl.alpha"}),
        ("extrapolated", "laxity_varus_10Nm", "beyond", {"laxity_varus_10Nm"}),
        ("extrapolated", "reference_strain", "away", {"mcl.reference_strain", "lcl.reference_strain"}),
    ):
        changed = content | {"findings": [finding | {"code": code, "subject": subject, "sentence": sentence}]}
        assert plain - {told.name for told in answers.learnt(changed)} == lost
        (untold,) = answers.not_learnt(changed, "a run's.h5")
        assert untold.text == answers.sentence(sentence)
        assert untold.advice == "Mind it."
        assert {command.split(" --target ")[1] for command in untold.commands} <= lost
        assert all(command.startswith("calibrate design 'a run'\"'\"'s.h5' --target ") for command in untold.commands)
    finding |= {"code": "bound-reached", "subject": "mcl.l_0", "sentence": "mcl.l_0 reaches its lower bound"}
    told = {told.name for told in answers.learnt(content | {"findings": [finding]})}
    assert plain - told == {"mcl.l_0", "mcl.reference_strain"}
    far = {**content["derived"], "laxity_total_10Nm": content["derived"]["laxity_total_10Nm"] | {"beyond": 0.51}}
    told = {told.name for told in answers.learnt(content | {"findings": [], "derived": far})}
    assert plain - told == {"laxity_total_10Nm"}
    for shift, prior, left in ((0.9, "uniform, 1 to 2", ""), (-0.9, "log-normal, median 70", " (by logarithms)")):
        spread = content["parameters"]["mcl.k"] | {"sd_of_prior": 0.95, "shift_of_prior": shift, "prior": prior}
        changed = content | {"findings": [], "parameters": content["parameters"] | {"mcl.k": spread}}
        assert plain - {told.name for told in answers.learnt(changed)} == {"mcl.k"}
        said = f"95 % of the prior's standard deviation{left} is left, so the data say next to nothing of it"
        assert any(said in one.text for one in answers.not_learnt(changed, "run.h5"))
    changed["parameters"]["mcl.k"] |= {"shift_of_prior": -1.0}  # as wide, but elsewhere
    assert plain == {told.name for told in answers.learnt(changed)}
    assert answers.not_learnt(changed, "run.h5") is not None


def test_the_verdict_is_the_runs(said: dict[str, Any], varus: Run, valgus: Run) -> None:
    assert varus.converged
    assert not valgus.converged
    sentence, _ = said["verdict"]
    checks = varus.summary()["checks"]
    assert sentence.startswith("The run has converged: 3 independent ensembles of 16 walkers took 363 steps")
    assert f"the first {varus.summary()['burn_in']} are dropped" in sentence
    assert f"{checks['rhat']['value']:.4f} (below 1.1 wanted)" in sentence
    smallest = min(checks["ess_bulk"]["value"], checks["ess_tail"]["value"])
    assert f"{smallest:,.0f} effective samples (100 wanted)" in sentence
    first, *_, last = answers.verdict(valgus, valgus.summary())
    assert first == answers.sentence(valgus.verdict.sentence)
    assert last == answers.sentence(valgus.verdict.advice)
    for row, (name, check) in zip(answers.check_rows(varus.summary()), checks.items(), strict=True):
        assert row["met"] == ("yes" if check["met"] else "no"), name
        assert number(row["value"]) == pytest.approx(check["value"], rel=0.02, abs=0.5), name


def test_warnings_of_data_and_model_stand_before_what_was_learnt(varus: Run) -> None:
    finding = {"kind": "warning", "code": "explains-little", "subject": "", "value": 0.1, "threshold": 0.75}
    content = {"findings": [finding | {"sentence": "it explains little", "advice": "check the sign"}]}
    assert list(answers.doubts(content)) == ["It explains little: check the sign."]
    assert not list(answers.doubts({"findings": [content["findings"][0] | {"code": "not-converged"}]}))


def test_the_moved_knee_is_the_posed_one(said: dict[str, Any], varus: Run) -> None:
    (moved,) = said["knees"]
    data, strands = moved.data, 2
    angles = np.array(data["angles"])
    assert (angles[0], angles[-1]) == (-5.0, 8.0)
    q = varus.thinned(32)
    whole = posed(varus.posterior, q, angles)
    shown = np.array(data["reading"]).reshape(data["draws"], angles.size) / data["fineLoad"]
    order = np.argsort(np.abs(whole.readings[:, [0, -1]]).sum(axis=1), kind="stable")
    np.testing.assert_allclose(shown, varus.posterior.predict(q[order], angles), atol=6e-4)
    draw, angle = 20, 33
    at = draw * angles.size + angle
    ends = np.array(data["tibia"]).reshape(-1, strands, 2)[at] / data["fine"]
    tops = np.array(data["femur"]).reshape(-1, strands, 2)[draw] / data["fine"]
    np.testing.assert_allclose(tops, [[-40.0, 0.0], [40.0, 0.0]], atol=1e-9)
    lengths = np.hypot(*(ends - tops).T)
    k, alpha, l_0, _ = varus.posterior.law(q[order][draw])[0].T
    forces = np.array(data["tension"]).reshape(-1, strands)[at] / data["fine"]
    np.testing.assert_allclose(forces, tension(lengths, k, alpha, l_0), atol=8.0)  # a tenth of a millimetre of length
    regions = [int(one) for one in data["region"][strands * at : strands * at + strands]]
    assert regions == [
        int(length > s) + int(length > s * (1 + a)) for length, s, a in zip(lengths, l_0, alpha, strict=True)
    ]
    # y points down in a drawing: plateaus hang below the condyles, tibial ends below the plateau.
    plateau = np.array(data["plateau"]).reshape(-1, 4)[at] / data["fine"]
    assert (ends[:, 1] > plateau[[1, 3]]).all()
    assert (plateau[[1, 3]] > 20.0).all()
    # Varus positive: the foot goes medially, to the left, so that the plateau's lateral end sinks.
    assert plateau[3] > plateau[1]


def test_the_drawing_at_first_is_one_of_those_that_move(said: dict[str, Any], root: Element) -> None:
    (moved,) = said["knees"]
    data, first = moved.data, moved.first
    at = first["draw"] * len(data["angles"]) + first["angle"]
    assert number(first["degrees"]) == pytest.approx(data["angles"][first["angle"]], abs=6e-3)
    assert number(first["reading"].split(" ")[0]) == pytest.approx(data["reading"][at] / 1000, abs=6e-3)
    assert first["reading"].endswith(" N·m")
    for s, strand in enumerate(first["strands"]):
        assert strand["to"] == pytest.approx(np.array(data["tibia"][2 * (2 * at + s) :][:2]) / 10, abs=0.051)
        assert number(strand["tension"]) == pytest.approx(data["tension"][2 * at + s] / 10, abs=0.051)
    shown = section(root, "knee")
    assert [text_of(cell) for cell in shown.iter("td") if cell.get("class") == "n tension"] == [
        strand["tension"] for strand in first["strands"]
    ]


def test_what_if_is_what_predict_says_of_the_same_draws(varus: Run) -> None:
    for strand, factor, shift in (("mcl", 0.5, 2.0), ("lcl", 1.0, -1.0), ("mcl", 0.0, 0.0)):
        data = changes.grid(varus, "", strand, 60, (0.0, 0.5, 1.0), (-1.0, 0.0, 2.0))
        assert data is not None
        at = data["factors"].index(factor) * 3 + data["shifts"].index(shift)
        change = {f"{strand}.k": f"*{factor}"} if factor != 1.0 else {}
        change |= {f"{strand}.l_0": f"{shift:+}"} if shift else {}
        compared = compare(varus, change, draws=60)
        curve = compared.content(np.array(data["angle"]))["curve"]
        (laxity,) = compared.content(moments=[10.0])["laxity"]
        for q, key in enumerate(("median", "q5", "q95")):
            np.testing.assert_allclose(data["curves"][at][q], curve["changed"][key], atol=6e-4)
            np.testing.assert_allclose(data["now"][q], curve["calibrated"][key], atol=6e-4)
            for w, way in enumerate(("varus", "valgus", "total")):
                for part, of in enumerate(("changed", "difference")):
                    wanted, found = laxity[way][of][key], data["laxities"][at][w][part][q]
                    assert (found is None) is (wanted is None)
                    assert wanted is None or found == pytest.approx(wanted, abs=6e-4)
                assert data["laxity"][w][q] == pytest.approx(laxity[way]["calibrated"][key], abs=6e-4)
    assert data["unit"] == "N·m"
    assert data["positive"] == "varus"


def test_the_methods_state_the_runs_numbers_and_cite_what_they_list(said: dict[str, Any], varus: Run) -> None:
    text, references = " ".join(said["methods"]), said["references"]
    for part in (
        "14 readings of 1 varus-valgus laxity test (flexion 0°)",
        "2 straight strands (mcl, lcl)",
        "7 parameters were free",
        "3 independent ensembles of 16 walkers",
        "363 steps",
        f"left {varus.draws:,} draws (seed 1)",
        f"emcee {varus.file.versions['emcee']}",
        "below 1.1 wanted",
        "Convergence was judged, of every parameter, by nested R-hat",
        "100 wanted): met",
        f"what follows from the parameters was computed of {len(varus.derived()['mcl.taut_angle']):,} draws.",
    ):
        assert part in text
    assert {int(one) for one in re.findall(r"\[(\d+)\]", text)} == set(range(1, len(references) + 1))
    for author, year in (("Blankevoort", 1991), ("Foreman-Mackey", 2013), ("Margossian", 2110), ("Vehtari", 2021)):
        assert any(author in one and str(year) in one for one in references)
    assert all(assumption in text for assumption in varus.summary()["assumes"])


def test_published_priors_are_cited_with_what_their_source_states(tmp_path: Path) -> None:
    text = planted.parameters_text(dict.fromkeys(planted.FREE, 1.0))
    text = text.replace("k = 1.0", 'k = { literature = "cho2020.lcl.k", factor = 1.7 }').replace(
        "l_0 = 1.0", "l_0 = 60.0"
    )
    run = planted.plant(tmp_path, planted.constant(40.0, 40.0), parameters=text.replace("alpha = 1.0", "alpha = 0.06"))
    content = {"parameters": {name: {"prior": "p"} for name in run.names}, "tests": [{"name": ""}]}
    mcl, lcl = methods.prior_rows(run, content)
    assert mcl["source"] == lcl["source"]
    assert re.fullmatch(r"cho2020\.lcl\.k: .* N/mm.* \[2\]", lcl["source"])
    assert "Cho HJ, Kwak DS" in methods.references(run)[1]
    plain = dataclasses.replace(run, file=dataclasses.replace(run.file, config=run.config.model_copy()))
    assert methods.sources(plain) == methods.sources(run)


def test_texts_have_the_hashes_of_what_was_read(varus: Run) -> None:
    config, data = source.texts(varus)
    assert config["text"] == varus.config.text
    assert config["sha256"] == hashlib.sha256(varus.config.text.encode()).hexdigest()
    assert data["text"] == varus.measurement.text
    assert data["sha256"] == varus.summary()["tests"][0]["sha256"]
    assert (config["left"], data["left"]) == (0, 0)
    long = "0123456789\n" * 10_000
    shown, left = source.shortened(long)
    assert shown + long[-left:] == long
    assert shown.endswith("9\n")
    assert source.commands(varus, varus.summary())[1:3] == [
        "calibrate run planted.toml -o planted.h5 --seed 1",
        "calibrate resume planted.h5 --until-steps 363",
    ]


def test_a_run_that_has_not_converged_says_so_first(valgus: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    cheaply(monkeypatch)
    root = tree(page.report_of(valgus))
    shown = section(root, "says")
    assert text_of(shown).startswith("What this run says Has it converged? Not converged: ")
    assert "Not converged" in [text_of(one) for one in root.iter("p")]
    data = json.loads(next(one.text or "" for one in root.iter("script") if one.get("id") == "knee-0"))
    assert data["unit"] == "N"
    degrees = np.rad2deg(valgus.measurement.angles)
    assert (data["angles"][0], data["angles"][-1]) == pytest.approx((degrees.min(), degrees.max()), abs=1e-3)
    shown_loads = np.array(data["reading"]).reshape(data["draws"], -1) / data["fineLoad"]
    loads = valgus.posterior.predict(valgus.thinned(32), np.deg2rad(data["angles"]))
    np.testing.assert_allclose(np.sort(shown_loads[:, 0]), np.sort(loads[:, 0]), rtol=2e-3, atol=2e-3)


def test_readings_at_one_angle_make_a_page_with_a_knee_that_moves(tmp_path: Path) -> None:
    run = planted.plant(tmp_path, planted.varus_draws()[..., :6][:2], data="angle_deg,moment_Nm\n4,5\n", **ONE)
    (moved,) = knee.moved(run)
    assert (moved.data["angles"][0], moved.data["angles"][-1]) == (1.0, 7.0)
    data = changes.grid(run, "", "mcl", 20, (1.0,), (0.0, 1.0))
    assert data is not None
    assert (data["angle"][0], data["angle"][-1], len(data["ticks"][0])) == (1.0, 7.0, 3)


def test_rows_and_pictures_are_of_their_own_parameters(varus: Run) -> None:
    figure = FIGURES["prior_posterior"].draw(varus)
    figure.canvas.draw()
    panels = pictures._panels(varus, figure)
    assert sorted(panel.names for panel in panels) == sorted(varus.names)
    corner = FIGURES["corner"].draw(varus)
    named = [panel.names.split() for panel in pictures._panels(varus, corner)]
    assert sum(names == ["mcl.k"] for names in named) >= 1
    assert sorted(len(names) for names in named if "lcl.l_0" in names)[-6:] == [2] * 6
    assert tables.row_of("mcl.k", {"unit": "N/mm", "median": -1.5, "sd": 1.0}, []).median == "−1.5"
    assert knee.ticks(-5.0, 8.0) == [-5.0, 0.0, 5.0]
