"""Tables in files, byte by byte: numbers, texts that are no formulas, what is unknown, and which files are ours."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyarrow import parquet

from calibrate.errors import ExportError
from calibrate.export.sheets import WRITERS, Sheet, kinds_of, write_csv, write_json, write_parquet

MARK = "marks of mine"
ABOUT = {"program": "calibrate 1", "seed": 7}
NUMBERS = {"load": np.array([0.1, np.nan, -1e300]), "step": np.array([1, 2, 3])}
TEXTS = {"knee": np.array(["gräßlich", None, "half \ud800"], dtype=object), "load": np.array([0.1, np.inf, 2.0])}


def sheet(columns: dict[str, Any], about: Any = ABOUT) -> Sheet:
    return Sheet(MARK, "knees", about, {"load": "N·m"}, columns)


def written(columns: dict[str, Any], path: Path, form: str) -> bytes:
    WRITERS[form](sheet(columns), path)
    return path.read_bytes()


def test_numbers_in_csv_stand_alone_and_what_is_unknown_is_empty(tmp_path: Path) -> None:
    assert written(NUMBERS, tmp_path / "x", "csv").decode() == (
        "# marks of mine\n# program: calibrate 1\n# seed: 7\n# unit of load: N·m\nload,step\n0.1,1\n,2\n-1e+300,3\n"
    )


def test_texts_in_csv_are_quoted_so_that_none_begins_a_comment(tmp_path: Path) -> None:
    assert written(TEXTS, tmp_path / "x", "csv").decode().splitlines()[4:] == [
        '"knee","load"',
        '"gräßlich",0.1',
        '"",""',
        '"half \\ud800",2.0',
    ]


def test_json_has_null_for_what_is_unknown_and_letters_as_they_are(tmp_path: Path) -> None:
    text = written({"knee": TEXTS["knee"][:2], "load": TEXTS["load"][:2]}, tmp_path / "x", "json").decode()
    assert text == (
        '{"format": "marks of mine", "provenance": {"program": "calibrate 1", "seed": 7}, "units": {"load": "N·m"}, '
        '"knees": {"knee": ["gräßlich", null], "load": [0.1, null]}}\n'
    )
    assert json.loads(written(NUMBERS, tmp_path / "x", "json"))["knees"]["load"] == [0.1, None, -1e300]
    with pytest.raises(ValueError, match="JSON"):
        write_json(sheet(NUMBERS, {"x": float("nan")}), tmp_path / "x")


def test_parquet_has_types_units_and_provenance(tmp_path: Path) -> None:
    columns = {**TEXTS, "step": NUMBERS["step"], "odd \ud800": NUMBERS["step"]}
    write_parquet(sheet(columns), tmp_path / "x")
    table = parquet.read_table(tmp_path / "x")
    types = {"knee": "string", "load": "double", "step": "int64", "odd \\ud800": "int64"}
    assert {field.name: str(field.type) for field in table.schema} == types
    assert table["knee"].to_pylist() == ["gräßlich", None, "half \\ud800"]
    assert table["load"].to_pylist() == [0.1, np.inf, 2.0]
    assert table.schema.metadata == {b"format": MARK.encode(), b"provenance": json.dumps(ABOUT).encode()}
    assert {field.name: field.metadata for field in table.schema if field.metadata} == {
        "load": {b"unit": "N·m".encode()}
    }


def test_texts_of_which_none_is_known_are_texts(tmp_path: Path) -> None:
    write_parquet(sheet({"knee": np.array([None, None], dtype=object)}), tmp_path / "x")
    assert str(parquet.read_table(tmp_path / "x").schema.field("knee").type) == "string"


def test_without_pyarrow_one_line_says_how_to_have_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ExportError) as missing:
        write_parquet(sheet(NUMBERS), tmp_path / "x")
    assert str(missing.value) == "a Parquet file needs pyarrow: pip install 'calibrate[export]'"


@pytest.mark.parametrize("write", [write_csv, write_json])
def test_files_are_utf_8_and_lines_end_alike_wherever_they_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Any
) -> None:
    asked: list[dict[str, Any]] = []
    usual = Path.open
    monkeypatch.setattr(Path, "open", lambda self, mode, **how: asked.append(how) or usual(self, mode, **how))
    write(sheet(NUMBERS), tmp_path / "x")
    (how,) = asked
    assert how["encoding"].lower() == "utf-8"
    assert how.get("newline", "") == "" if write is write_json else how["newline"] == ""


def test_columns_that_differ_in_length_are_no_table(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="shorter"):
        write_csv(sheet({"load": NUMBERS["load"], "step": NUMBERS["step"][:2]}), tmp_path / "x")


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        *((f"{begin}1+1", f"'{begin}1+1") for begin in "=+-@\uff1d\uff0b\uff0d\uff20"),
        ("  =A1", "'  =A1"),
        ("\tA1", "'\\tA1"),
        ("\rA1", "'\\rA1"),
        ("-5", "-5"),
        ("+3.5", "+3.5"),
        ("-2.", "-2."),
        ("-5x", "'-5x"),
        ("X=1", "X=1"),
        ("a =1", "a =1"),
        ("left", "left"),
        ("a\nb", "a\\nb"),
    ],
)
def test_no_text_in_csv_is_a_formula_or_more_than_a_line(tmp_path: Path, text: str, cell: str) -> None:
    lines = written({text: np.array([text], dtype=object)}, tmp_path / "x", "csv").decode().splitlines()
    assert list(csv.reader(lines[4:])) == [[cell], [cell]]


def test_a_table_is_ours_by_its_mark(tmp_path: Path) -> None:
    kinds, others = kinds_of("a table of mine", MARK), kinds_of("a table of theirs", "marks of them")
    assert {form: (kind.name, kind.suffixes) for form, kind in kinds.items()} == {
        form: ("a table of mine", (f".{form}",)) for form in ("csv", "json", "parquet")
    }
    for form, kind in kinds.items():
        path = tmp_path / f"x.{form}"
        head = written(NUMBERS, path, form)[:1000]
        assert kind.recognises(path, head)
        assert not others[form].recognises(path, head)
        assert not kind.recognises(path, b"#" + head)


def test_of_a_parquet_file_the_last_quarter_of_a_mebibyte_is_looked_at(tmp_path: Path) -> None:
    path, parquet_of_ours = tmp_path / "x.parquet", kinds_of("a table", MARK)["parquet"].recognises
    mark = MARK.encode()
    for behind, found in ((2**18 - len(mark), True), (2**18 - len(mark) + 1, False)):
        path.write_bytes(b"PAR1" + mark + bytes(behind))
        assert parquet_of_ours(path, b"PAR1") == found
    path.write_bytes(b"PAR1")  # shorter than that
    assert not parquet_of_ours(path, b"PAR1")
