"""The table of a study: hand-worked numbers with their signs and units, and what becomes of odd and hostile knees."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
from studies import entry, fault, knees_of, made, study, summary

from calibrate.errors import ChainError
from calibrate.study.content import content, sheet
from calibrate.study.entries import words_of
from calibrate.study.overview import common, counts, reasons, settled, spread, troubled, verdict
from calibrate.study.rows import study_table
from calibrate.study.save import save_table

# Of 0, 1, ..., 100 the q-quantile is 100 q.
RANKS = np.arange(101.0)
HOSTILE = (
    "<script>alert(1)</script>",
    '"; rm, "x"',
    "x" * 10_000,
    "\x1b[31mred\u202e",
    "=1+1",
    "# no comment",
    "\ud800",
)


def laxities(valgus: float, varus: float) -> dict[str, dict[str, object]]:
    """Return a knee's laxities at 10 N·m in its file's sign, each draw a degree wider than the last but one of 101."""
    return {
        "laxity_valgus_10Nm": entry(valgus + 0.01 * RANKS, "deg", beyond=0.25, share=1.0),
        "laxity_varus_10Nm": entry(varus - 0.01 * RANKS, "deg", beyond=0.75, share=0.5),
        "laxity_total_10Nm": entry(abs(valgus - varus) + 0.02 * RANKS, "deg", beyond=0.75, share=0.5),
    }


def test_numbers_are_each_knees_quantiles() -> None:
    knees = [
        made("a", summary({"mcl.k": entry(50.0 + RANKS, "N/mm")}, {"mcl.reference_strain": entry(0.01 * RANKS, "")})),
        made("b", summary({"mcl.k": entry(70.0 - 0.1 * RANKS, "N/mm")}, {})),
    ]
    table = study_table(knees, "two")
    assert [one.name for one in table.quantities] == ["mcl.reference_strain", "mcl.k"]
    strain, k = table.quantities
    assert (k.unit, strain.unit) == ("N/mm", "")
    for values, wanted in ((k.low, [55.0, 60.5]), (k.median, [100.0, 65.0]), (k.high, [145.0, 69.5])):
        assert values == pytest.approx(wanted)
    assert [strain.low[0], strain.median[0], strain.high[0]] == pytest.approx([0.05, 0.5, 0.95])
    assert np.isnan(strain.median[1])
    assert strain.known.tolist() == [True, False]


def test_angles_and_loads_are_valgus_positive_whatever_the_files_do() -> None:
    offset = {
        "measurement.angle_offset": entry(1.0 + 0.01 * RANKS, "deg"),
        "measurement.load_bias": entry(0.2 + 0.01 * RANKS, "N·m"),
        "measurement.hysteresis": entry(0.5 + 0.01 * RANKS, "N·m"),
        "knee.mcl.femur.x": entry(-40.0 + 0.01 * RANKS, "mm"),
    }
    table = study_table(
        [
            made("valgus", summary(offset, laxities(4.0, -3.0), positive="valgus")),
            made("varus", summary(offset, laxities(-4.0, 3.0), positive="varus")),
        ],
        "both",
    )

    def row(name: str, at: int) -> list[float]:
        one = table.quantity(name)
        return [float(part[at]) for part in (one.low, one.median, one.high)]

    assert row("laxity_valgus_10Nm", 0) == pytest.approx([4.05, 4.5, 4.95])
    assert row("laxity_varus_10Nm", 0) == pytest.approx([-3.95, -3.5, -3.05])
    # The varus file's valgus angle is -4 + 0.01 i: turned round it is 4 - 0.01 i, and its ends change places.
    assert row("laxity_valgus_10Nm", 1) == pytest.approx([3.05, 3.5, 3.95])
    assert row("laxity_varus_10Nm", 1) == pytest.approx([-2.95, -2.5, -2.05])
    assert row("measurement.angle_offset", 1) == pytest.approx([-1.95, -1.5, -1.05])
    assert row("measurement.load_bias", 1) == pytest.approx([-1.15, -0.7, -0.25])
    for name in ("laxity_total_10Nm", "measurement.hysteresis", "knee.mcl.femur.x"):
        assert row(name, 0) == row(name, 1)
    assert table.quantity("laxity_varus_10Nm").beyond.tolist() == [0.75, 0.75]
    assert table.quantity("laxity_varus_10Nm").reached.tolist() == [0.5, 0.5]


def test_of_several_tests_each_has_its_own_sense() -> None:
    mixed = summary(
        {"b.measurement.angle_offset": entry(RANKS, "deg"), "measurement.angle_offset": entry(RANKS, "deg")},
        {"a.laxity_valgus_10Nm": entry(-RANKS, "deg"), "b.laxity_valgus_10Nm": entry(RANKS, "deg")},
        tests=(("a", 0.0), ("b", 30.0)),
    )
    mixed["tests"][0]["positive"] = "varus"
    table = study_table([made("k", mixed)], "one")
    medians = {one.name: float(one.median[0]) for one in table.quantities}
    # b has an offset of its own, so the shared one is a's, who counts varus as positive.
    assert medians == {
        "a.laxity_valgus_10Nm": 50.0,
        "b.laxity_valgus_10Nm": 50.0,
        "b.measurement.angle_offset": 50.0,
        "measurement.angle_offset": -50.0,
    }
    unknown = summary({"measurement.angle_offset": entry(RANKS, "deg")}, {}, tests=(("a", 0.0), ("b", 30.0)))
    unknown["tests"][0]["positive"] = "varus"
    assert np.isnan(study_table([made("k", unknown)], "one").quantity("measurement.angle_offset").median[0])


def test_a_test_is_the_same_whether_a_knee_has_others_or_not() -> None:
    one = summary({}, {"laxity_total_10Nm": entry(RANKS, "deg")}, tests=(("flex30", 30.0),))
    two = summary({}, {"flex30.laxity_total_10Nm": entry(RANKS, "deg")}, tests=(("flex30", 31.0), ("flex60", 60.0)))
    table = study_table([made("a", one), made("b", two)], "two")
    assert [each.name for each in table.quantities] == ["flex30.laxity_total_10Nm"]
    assert table.quantities[0].known.all()
    assert table.flexions["flex30"].tolist() == [30.0, 31.0]


def test_other_units_are_other_columns() -> None:
    knees = [made(unit, summary({"noise.sigma": entry(RANKS, unit)}, {})) for unit in ("N", "N·m", "N")]
    table = study_table(knees, "rigs")
    assert {one.name: one.known.tolist() for one in table.quantities} == {
        "noise.sigma [N]": [True, False, True],
        "noise.sigma [N·m]": [False, True, False],
    }


def test_verdict_reasons_and_findings_are_counted() -> None:
    table = study(12)
    assert counts(table) == {"converged": 10, "not converged": 1, "failed": 1, "missing": 0}
    assert verdict(table) == "10 of 12 knees converged; 1 did not; 1 failed"
    assert not settled(table)
    assert [table.ids[row] for row in troubled(table)] == ["K011", "K007"]
    assert [table.reasons[row] for row in troubled(table)] == [
        "data/k.csv, line 3: no number",
        "R-hat of mcl.k 1.030 (below 1.01 wanted)",
    ]
    assert reasons(table) == {words_of("ess_bulk"): 1, words_of("rhat"): 1}
    # K007's own findings are those of a run that has not converged; K011 has none; every third knee's residuals.
    assert [(one.code, one.kind, one.knees, one.share) for one in common(table)] == [
        ("residuals-alike", "warning", 4, 4 / 11),
        ("prior-decides", "note", 6, 6 / 11),
        ("extrapolated", "note", 3, 3 / 11),
    ]
    assert common(table)[0].examples == ("K003", "K006", "K009", "K012")
    assert verdict(study(1)) == "1 knee converged"
    assert settled(study(1))
    assert verdict(study(3)) == "all 3 knees converged"


def test_spreads_are_of_the_knees_that_have_converged() -> None:
    medians = [40.0, 50.0, 60.0, 70.0, 80.0]
    knees = [made(f"k{i}", summary({"mcl.k": entry(m - 50.0 + RANKS, "N/mm")}, {})) for i, m in enumerate(medians)]
    wild = summary({"mcl.k": entry(1e6 + RANKS, "N/mm")}, {}) | fault(1.5, 10.0)
    table = study_table([*knees, made("wild", wild, status="not converged")], "six")
    found = spread(table, table.quantity("mcl.k"))
    assert (found.knees, found.smallest, found.largest) == (5, ("k0", 40.0), ("k4", 80.0))
    assert [found.low, found.median, found.high, found.width] == pytest.approx([42.0, 60.0, 78.0, 90.0])
    none = study_table([made("wild", wild, status="not converged")], "none")
    assert spread(none, none.quantity("mcl.k")).median is None


def test_json_says_what_the_table_says() -> None:
    table = study(12)
    found = json.loads(json.dumps(content(table), allow_nan=False))
    assert (found["knees"], found["converged"], found["not_converged"], found["failed"]) == (12, 10, 1, 1)
    assert found["angles"].startswith("valgus positive")
    k = table.quantity("mcl.k")
    for row, of in enumerate(found["table"]):
        assert (of["knee"], of["status"]) == (table.ids[row], table.status[row])
        assert of["covariates"] == {"sex": table.covariates["sex"][row], "age": table.covariates["age"][row]}
        if table.status[row] != "failed":
            assert of["quantities"]["mcl.k"] == {"median": k.median[row], "q5": k.low[row], "q95": k.high[row]}
        else:
            assert of["quantities"] == {}
    assert found["table"][6]["missed"] == ["rhat", "ess_bulk"]


@pytest.fixture(scope="module")
def hostile() -> list[object]:
    """Return knees whose names, covariates and messages are not what a manifest should say."""
    knees = []
    for i, text in enumerate(HOSTILE):
        said = summary({"mcl.k": entry(60.0 + i + RANKS, "N/mm")}, {})
        knees.append(made(text, said, {"sex": text, text: text, "number": 1.5 if i == 0 else 10**400}))
    return [*knees, made("failed", {}, {}, "failed", "=cmd()\n" + "y" * 5_000)]


def test_csv_reads_back_and_holds_no_formula(hostile: list[object], tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    path = tmp_path / "knees.csv"
    save_table(study_table(hostile, "=study"), path, "csv")  # type: ignore[arg-type]  # they are
    text = path.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    rows = list(csv.DictReader(lines))
    assert [row["knee"] for row in rows] == [
        "<script>alert(1)</script>",
        '"; rm, "x"',
        "x" * 10_000,
        "\\x1b[31mred\\u202e",
        "'=1+1",
        "# no comment",
        "\\ud800",
        "failed",
    ]
    assert rows[-1]["why"] == "'=cmd()\\n" + "y" * 5_000
    assert not any(letter in text for letter in "\x1b\u202e\x00\r")
    assert not any(cell.startswith(("=", "+", "@")) for row in csv.reader(lines) for cell in row)
    frame = pandas.read_csv(path, comment="#")
    assert frame["mcl.k.median"].tolist()[:-1] == [110.0 + i for i in range(len(HOSTILE))]
    assert math.isnan(frame["mcl.k.median"].iloc[-1])
    assert frame["covariate.number"].iloc[0] == 1.5
    assert frame["knee"].iloc[5] == "# no comment"


def test_parquet_has_the_same_numbers_units_and_texts_as_they_are(hostile: list[object], tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    table = study_table(hostile, "study")  # type: ignore[arg-type]  # they are
    save_table(table, tmp_path / "knees.parquet", "parquet")
    found = parquet.read_table(tmp_path / "knees.parquet")
    assert found.column("knee").to_pylist() == [*HOSTILE[:-1], "\\ud800", "failed"]
    assert np.array_equal(found.column("mcl.k.q95").to_numpy(), table.quantity("mcl.k").high, equal_nan=True)
    assert found.schema.field("mcl.k.q95").metadata == {b"unit": b"N/mm"}
    assert found.schema.metadata[b"format"] == b"knees of calibrate"


def test_numbers_in_files_are_exact(tmp_path: Path) -> None:
    table = study(12)
    save_table(table, tmp_path / "knees.csv", "csv")
    lines = [line for line in (tmp_path / "knees.csv").read_text().splitlines() if not line.startswith("#")]
    rows = list(csv.DictReader(lines))
    for one in table.quantities:
        for part, key in (("low", "q5"), ("median", "median"), ("high", "q95")):
            found = [float(row[f"{one.name}.{key}"] or "nan") for row in rows]
            assert np.array_equal(found, getattr(one, part), equal_nan=True)
    assert [row["covariate.age"] for row in rows] == [str(age) for age in table.covariates["age"]]
    assert set(sheet(table).units) == {
        f"{one.name}.{key}" for one in table.quantities if one.unit for key in ("median", "q5", "q95")
    }


def test_what_no_study_of_ours_says_is_refused_or_unknown() -> None:
    with pytest.raises(ChainError, match="no knee is finished yet"):
        study_table([], "none")
    for name in ("../../x", "mcl.$k$", "mcl k", "x" * 201):
        with pytest.raises(ChainError, match="no name of any"):
            study_table([made("k", summary({name: entry(RANKS, "")}, {}))], "bad")
    with pytest.raises(ChainError, match=r"unit of mcl\.k"):
        study_table([made("k", summary({"mcl.k": entry(RANKS, "$\\frac{1}{0}$")}, {}))], "bad")
    many = [made(f"k{i}", summary({f"s{i}_{j}.k": entry(RANKS, "") for j in range(700)}, {})) for i in range(3)]
    with pytest.raises(ChainError, match="more than 2,000 different quantities"):
        study_table(many, "many")
    odd = {
        "parameters": {"mcl.k": {"unit": "N/mm", "median": "60", "q5": 10**400, "q95": math.inf}, "lcl.k": 3},
        "derived": [],
        "tests": {"name": 1},
        "findings": [{"code": 3}, "text", None],
        "checks": 7,
        "assumes": "x",
    }
    table = study_table([made("odd", odd, status="not converged")], "odd")
    assert not any(one.known.any() for one in table.quantities)
    assert table.reasons == ("no reason is stored",)
    assert content(table)["table"][0]["quantities"] == {}


def test_a_study_is_read_once_and_draws_are_not_kept() -> None:
    table = study_table(iter(knees_of(3)), "lazy")
    assert table.ids == ("K001", "K002", "K003")
    assert not any(isinstance(value, np.ndarray) and value.size > 3 for value in vars(table).values())
