"""The reader of tables, line by line: what is in a table, and what is refused, to the letter."""

import numpy as np
import pytest

from calibrate import table as module
from calibrate.errors import DataError
from calibrate.table import line_of, lost_row, read_header, read_table

H = "angle_deg,force_N\n"

# Text, header, its line, numbers, comments with their lines.
READ = [
    ("a,b\n-1E1,+2e-1\n", ["a", "b"], 1, [[-10.0, 0.2]], []),
    ("a,b\n1,2\n\t\n3,4\n", ["a", "b"], 1, [[1.0, 2.0], [3.0, 4.0]], []),
    ("\n# x\na , b\n1,2\n", ["a", "b"], 3, [[1.0, 2.0]], [(2, "# x")]),
    (H + ' "1" ,\t"2"\t\n', ["angle_deg", "force_N"], 1, [[1.0, 2.0]], []),
    (H + '" 1 ",2\n', ["angle_deg", "force_N"], 1, [[1.0, 2.0]], []),
    (
        H + "1,2\n# a\n  # b \n3,4\n#",
        ["angle_deg", "force_N"],
        1,
        [[1.0, 2.0], [3.0, 4.0]],
        [(3, "# a"), (4, "# b"), (6, "#")],
    ),
    ("a,b\n1,2\n \n\t\n3,4\n", ["a", "b"], 1, [[1.0, 2.0], [3.0, 4.0]], []),
    ('a, "b"\n1,2', ["a", "b"], 1, [[1.0, 2.0]], []),
    ("\ufeffa,b\n1,2", ["a", "b"], 1, [[1.0, 2.0]], []),
    ("a,b\n 1 , 2 \n", ["a", "b"], 1, [[1.0, 2.0]], []),
    ("a\n1\n2\n", ["a"], 1, [[1.0], [2.0]], []),
    ("#c\n\n#d\na\n1\n#e\n", ["a"], 4, [[1.0]], [(1, "#c"), (3, "#d"), (6, "#e")]),
    (" #c\na\n1\n\t#e \n", ["a"], 2, [[1.0]], [(1, "#c"), (4, "#e")]),
    ("a\n\n\n#x\n5\n", ["a"], 1, [[5.0]], [(4, "#x")]),
    (H + '1,"2"\n# "\n', ["angle_deg", "force_N"], 1, [[1.0, 2.0]], [(3, '# "')]),
]


@pytest.mark.parametrize("case", READ, ids=[case[0] for case in READ])
def test_what_is_read(case: tuple[str, list[str], int, list[list[float]], list[tuple[int, str]]]) -> None:
    text, header, line, values, comments = case
    found = read_table(text, "x.csv")
    assert (found.header, found.header_line, found.values.tolist(), found.comments) == (header, line, values, comments)
    assert found.values.dtype == np.float64
    assert read_header(text, "x.csv") == (line, header)


TWO = ", but the header names 2 columns"
POINT = "; if a comma stands for the decimal point, write a point"
COMMAS = "; columns are separated by commas in these files, not by semicolons or tabs"
REFUSED = {
    "": ": no header and no data; expected columns angle_deg and moment_Nm, or the like",
    "# x\n \n\t\n": ": no header and no data; expected columns angle_deg and moment_Nm, or the like",
    "# x\na\x0bb,c\n": ", line 2: the control character U+000B in the midst of a line; remove it",
    '"a,b\n1,2\n': ", line 1: not CSV: unexpected end of data",
    'x\n"a"b,c\n': ", line 2: a quotation mark that does not enclose a whole cell; remove it",
    H: ": a header but no data below it",
    H + "1,2\x00\n": ", line 2: a NUL byte, so this is no text in UTF-8; save it as UTF-8",
    H + "1,2\n# so\u20285,6\n": ", line 3: the control character U+2028 in the midst of a line; remove it",
    "# so\u20285,6\n" + H + "1,2\n": ", line 1: the control character U+2028 in the midst of a line; remove it",
    H + "1,2\n\n3,4,5\n": ", line 4: 3 cells{TWO}{POINT}",
    H + "1,2\n3,4,\n": ", line 3: 3 cells{TWO}; remove the comma at the end",
    H + "1,2,\n": ", line 2: 3 cells{TWO}; remove the comma at the end",
    H + "1,2,3\n": ", line 2: 3 cells{TWO}{POINT}",
    H + "1,5,2,5\n": ", line 2: 4 cells{TWO}{POINT}",
    H + "1,5,x,5\n": ", line 2: 4 cells{TWO}",
    H + "1,X2\n": ", line 2, column force_N: 'X2' is no number",
    H + "1,\u00a02\n": ", line 2, column force_N: '\\xa02' is no number as it stands; write 2",
    H + "1,2\nX#3,4\n": ", line 3, column angle_deg: 'X#3' is no number",
    H + "1,2\n\u00a0#3,4\n": ", line 3, column angle_deg: '\\xa0#3' is no number",
    "a\nX\n1\n": ", line 2, column a: 'X' is no number; is this a row of units? remove it",
    "a\n\u00a0\n1\n": ", line 2, column a: '\\xa0' is no number",
    H + "X,1,2\n": ", line 2: 3 cells{TWO}",
    H + "deg,\n": ", line 2, column angle_deg: 'deg' is no number; is this a row of units? remove it",
    H + "1\n": ", line 2: 1 cells{TWO}",
    H + "1;2\n": ", line 2: 1 cells{TWO}{COMMAS}",
    H + "1\t2\n": ", line 2: 1 cells{TWO}{COMMAS}",
    H + "1;2;3\n": ", line 2: 1 cells{TWO}{COMMAS}",
    H + "1,2;3,4\n": ", line 2: 3 cells{TWO}{COMMAS}",
    H + "1,x\n": ", line 2, column force_N: 'x' is no number",
    H + "deg,N\n1,2\n": ", line 2, column angle_deg: 'deg' is no number; is this a row of units? remove it",
    H + "[deg],[N]\n1,2\n": ", line 2, column angle_deg: '[deg]' is no number; is this a row of units? remove it",
    H + "(deg),\xb0\n1,2\n": ", line 2, column angle_deg: '(deg)' is no number; is this a row of units? remove it",
    H + "deg,1\n": ", line 2, column angle_deg: 'deg' is no number",
    H + ",N\n": ", line 2, column angle_deg: the cell is empty; remove the line or fill it in",
    H + "nan,N\n": ", line 2, column angle_deg: 'nan' is not finite; remove the line or fill it in",
    H + "n,a\n": ", line 2, column angle_deg: 'n' is no number; is this a row of units? remove it",
    H + "na,na\n": ", line 2, column angle_deg: 'na' is no number; remove the line or fill it in",
    H + '"1,5","2,5"\n': ", line 2: a comma in quotes; write numbers with a decimal point and without grouping",
    H + '1,"2\n': ", line 2: a quotation mark that does not enclose a whole cell; remove it",
    H + '1,2"\n': ", line 2: a quotation mark that does not enclose a whole cell; remove it",
    H + '"""1,2\n': ", line 2: a quotation mark that does not enclose a whole cell; remove it",
    H + '1,"x"\n': ", line 2, column force_N: 'x' is no number",
    H + "1,1e999\n": ", line 2, column force_N: '1e999' is not finite; remove the line or fill it in",
    H + "1,inf\n": ", line 2, column force_N: 'inf' is not finite; remove the line or fill it in",
    H + "1,2\n#x\n3,y\n": ", line 4, column force_N: 'y' is no number",
    H + "1,2\r\n3,4\r5,6\n\r7,x\r": ", line 6, column force_N: 'x' is no number",
    H + "1_0,2\n": ", line 2, column angle_deg: '1_0' is no number as it stands; write 10",
    H + "nan,nan\n": ", line 2, column angle_deg: 'nan' is not finite; remove the line or fill it in",
    H + "deg,nan\n": ", line 2, column angle_deg: 'deg' is no number; is this a row of units? remove it",
    H + "1,2\x1f\n": ", line 2: the control character U+001F in the midst of a line; remove it",
    H + "1,2\x85\n": ", line 2: the control character U+0085 in the midst of a line; remove it",
    H + "1,2\x7f\n": ", line 2: the control character U+007F in the midst of a line; remove it",
    H + "1,2\n3,#4\n": ", line 3, column force_N: '#4' is no number",
    H + "# truth\n": ": a header but no data below it",
    H + '"1,2,3"\n': ", line 2: a quotation mark that does not enclose a whole cell; remove it",
    H + '"1","a,2"\n': ", line 2: a comma in quotes; write numbers with a decimal point and without grouping",
    H + "\xe9,2\n": ", line 2, column angle_deg: 'é' is no number",
    "a,b\n1,2\n3\n": ", line 3: 1 cells{TWO}",
    "a,b\n1\n2\n": ", line 2: 1 cells{TWO}",
    "a,b\n1,2,3\n4,5,6\n": ", line 2: 3 cells{TWO}{POINT}",
    "a,b,c\n1,2,3,\n": ", line 2: 4 cells, but the header names 3 columns; remove the comma at the end",
    "a,b\n1, 2,,\n": ", line 2: 4 cells{TWO}",
    "a,b\n1,2,,\n": ", line 2: 4 cells{TWO}",
    H + "xdeg,'\n": ", line 2, column angle_deg: 'xdeg' is no number",
    H + "d,[\n": ", line 2, column angle_deg: 'd' is no number; is this a row of units? remove it",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_refused(text: str) -> None:
    with pytest.raises(DataError) as error:
        read_table(text, "x.csv")
    assert str(error.value) == "x.csv" + REFUSED[text].format(TWO=TWO, POINT=POINT, COMMAS=COMMAS)
    assert error.value.__suppress_context__ or error.value.__context__ is None


COMMENTS = [
    "# ,5",
    "#\t5",
    "#",
    "# N/A",
    "#\tx",
    "##",
    "###",
    "#x,y",
    "#x y,1",
    "#x",
    "#x,#",
    "#a b,5",
    "# a,5",
    "#x,1,y",
]
ERRORS = ["#N/A", "#N/A,5", "#NV", "#REF!,1", "#note!", "#N/A b", "#N/A remark,5", "#REF!"]
VALUES = [
    "##,1",
    "#,1",
    "#x,1",
    "#x,",
    "#x,,",
    "#4.5,1",
    "#-4.5;-6.6",
    "#4\t5",
    "#x,nan",
    "#x,NaN",
    "#x,inf",
    "#x,-inf",
    "#x,Inf",
    "#x,+inf",
    "#x,#N/A",
    "#######,5",
    "#x, 1 ,2",
]


@pytest.mark.parametrize("line", ERRORS)
def test_rows_with_an_error_value_in_front(line: str) -> None:
    first = line.split(",")[0]
    says = "is a spreadsheet's error value; remove the line or fill it in (a comment begins with '# ')"
    assert lost_row(line) == f"{first!r} {says}"


@pytest.mark.parametrize("line", VALUES)
def test_rows_with_a_value_behind_a_mark(line: str) -> None:
    first = line.replace(";", ",").replace("\t", ",").split(",")[0]
    assert lost_row(line) == f"{first!r} could be a value or a comment; begin a comment with '# ', or remove the '#'"


@pytest.mark.parametrize("line", COMMENTS)
def test_comments(line: str) -> None:
    assert lost_row(line) is None


def test_a_table_of_one_row_and_one_column_is_a_table() -> None:
    assert read_table("a\n5\n", "x.csv").values.shape == (1, 1)
    assert read_table("a,b\n5,6\n", "x.csv").values.shape == (1, 2)


@pytest.mark.parametrize("chunk", [1, 2, 7, 1 << 20])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_are_those_of_the_file_in_whatever_pieces_it_is_read(
    chunk: int, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CHUNK", chunk)
    lines = ["# one", "", " # three", "a,b", "# five", "1,2", "  ", '"3",4', "#nine", "5,6"]
    for text in (end.join(lines), end.join(lines) + end, "\ufeff" + end.join(lines)):
        found = read_table(text, "x.csv")
        assert (found.header, found.header_line) == (["a", "b"], 4)
        assert found.values.tolist() == [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
        assert found.comments == [(1, "# one"), (3, "# three"), (5, "# five"), (9, "#nine")]
        assert [line_of(text, row) for row in range(3)] == [6, 8, 10]
        with pytest.raises(DataError, match=r"^x.csv, line 11, column b: 'y' is no number$"):
            read_table(text.removesuffix(end) + end + "3,y" + end, "x.csv")
    with pytest.raises(DataError, match=r"^x.csv, line 3: the control character U\+2028"):
        read_table(end.join(["a,b", "1,2", "# \u2028x"]), "x.csv")


def test_pieces_are_of_a_megabyte_and_end_with_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    assert module._CHUNK == 2**20
    monkeypatch.setattr(module, "_CHUNK", 10)
    pieces = [(number, lines) for number, _, lines in module._chunks("12345\n7890\n2345\n789\n12345\n6")]
    assert pieces == [(1, ["12345", "7890"]), (3, ["2345", "789", "12345"]), (6, ["6"])]


def test_what_cannot_be_explained_is_refused_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_explain", lambda *_: None)
    for text, says in (
        (H + "1,x\n", "x.csv: no table of numbers (not plain)"),
        (H + "1,2,3\n", "x.csv: not a table of 2 columns"),
        (H + "1,1e999\n", "x.csv: not a table of 2 columns"),
    ):
        with pytest.raises(DataError) as error:
            read_table(text, "x.csv")
        assert str(error.value) == says
