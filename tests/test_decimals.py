"""Numbers in decimal, case by case: what is one, what is none and why, and what to write."""

import math

import pytest

from calibrate.decimals import is_error_value, is_plain, read_number, shown

NUMBERS = {
    "1": 1.0,
    "+1": 1.0,
    "-1.": -1.0,
    ".5": 0.5,
    "1.5e3": 1500.0,
    "1E-3": 0.001,
    "1e+3": 1000.0,
    "0012": 12.0,
    "-0": -0.0,
}


@pytest.mark.parametrize("text", NUMBERS)
def test_numbers(text: str) -> None:
    assert is_plain(text)
    assert read_number(text) == NUMBERS[text]
    assert math.copysign(1.0, read_number(text)) == math.copysign(1.0, NUMBERS[text])


def refused(text: str) -> str:
    with pytest.raises(ValueError) as error:
        read_number(text)
    return str(error.value)


# Why each is no number.
NONE: dict[str, list[str]] = {
    "is not finite; remove the line or fill it in": [
        "1e400",
        "-1E999",
        "nan",
        "NaN",
        "+inf",
        "-Infinity",
        "INF",
        "-nan",
    ],
    "is no number": [
        "X5",
        "1X0",
        "in",
        "nano",
        "infinit",
        "-.",
        "00x1",
        "a0x1",
        "d3",
        "1d",
        "1,5,2",
        ",5",
        "1,",
        "1,5x",
        "2 3",
        "1e",
        "e5",
        "+",
        "+-1",
        "1.2.3",
        "stiff",
        "x1d1",
        "1,5,25",
        "1,234.5",
        "5.,5",
        "²",
        "½",
        "1−2",
        "naN5",
        ".,5",
        "1d2,5",
        "1e5,5",
    ],
    "is no number; remove the line or fill it in": [
        "na",
        "N/A",
        "n/d",
        "NULL",
        "None",
        "nil",
        "missing",
        "-",
        "---",
        ".",
        "...",
        "?",
        "??",
    ],
    "is a spreadsheet's error value; remove the line or fill it in": ["#N/A", "#NV", "#REF!"],
    "is no number in decimal": ["0x10", "-0B1", "+0o7", "0x"],
}


@pytest.mark.parametrize("why", NONE)
def test_what_is_no_number(why: str) -> None:
    for text in NONE[why]:
        assert refused(text) == f"{text!r} {why}"
        assert is_plain(text) == ("e400" in text or "E999" in text)


def test_empty_cells() -> None:
    assert refused("") == "the cell is empty; remove the line or fill it in"


# What to write for what is a number in other fonts, scripts and languages.
WRITE = {
    "1_0": "10",
    "1'000": "1000",
    "1\u2019000": "1000",
    "1\xa02": "12",
    "1\u20072": "12",
    "1\u20092": "12",
    "1\u202f2": "12",
    "1\u066c2": "12",
    "\u22125": "-5",
    "\u20135": "-5",
    "\u20145": "-5",
    "\u20105": "-5",
    "\u20115": "-5",
    "\u20125": "-5",
    "\ufe635": "-5",
    "\uff0d5": "-5",
    "\uff0b5": "+5",
    "1\uff0e5": "1.5",
    "1\u066b5": "1.5",
    "1\xb75": "1.5",
    "\u0661\u0662": "12",
    "1d3": "1e3",
    "1D-3": "1e-3",
    "1.d+3": "1.e+3",
    ".5d1": ".5e1",
    "1,5": "1.5",
    "1,5e3": "1.5e3",
    "1,5E3": "1.5E3",
    "1,5d3": "1.5e3",
    "-1,25": "-1.25",
    "\u22121,5": "-1.5",
    "\xa01": "1",
    "1 ": "1",
    "\t1": "1",
    "_1": "1",
    "1,\u0662": "1.2",
    "1e0_1": "1e01",
    "1\u06f5": "15",
}


@pytest.mark.parametrize("text", WRITE)
def test_what_to_write(text: str) -> None:
    assert refused(text) == f"{text!r} is no number as it stands; write {WRITE[text]}"
    assert is_plain(WRITE[text])
    assert not is_plain(text)


ERRORS = [
    "#N/A",
    "#n/a",
    "#N/Ab",
    "#N/A b",
    "#AB/CD",
    "#NV",
    "#nv",
    "#NV x",
    "#ND",
    "#YOK",
    "#yok,1",
    "#GETTING_DATA",
    "#REF!",
    "#DIV/0!",
    "#NAME?",
    "#REF!,1",
    "#REF! ,1",
    "#REF!;1",
    "#REF!\t1",
    "##",
    "#####",
    "#¡VALOR!",
    "#¿NOMBRE?",
    "#note!",
    "#é/À",
    "#!",
    "#?",
    "#N/A,5",
    "#¿x",
]
NO_ERRORS = [
    "#ABC/D",
    "#A/BCD",
    "#NVx",
    "#NDx",
    "#GETTING_DATAX",
    "#REF!x",
    "#a b!",
    "#a;b!",
    "#a,b!",
    "#",
    "###x",
    "#1/2",
    "#N_/A",
    "#note! x",
    "x#NV",
    "#-NV",
    "#N/",
    "#N/A_",
    "#YOKx",
]


@pytest.mark.parametrize("text", ERRORS)
def test_error_values_of_spreadsheets(text: str) -> None:
    assert is_error_value(text)


@pytest.mark.parametrize("text", NO_ERRORS)
def test_what_is_no_error_value(text: str) -> None:
    assert not is_error_value(text)


def test_what_is_shown_is_on_one_line_and_not_long() -> None:
    assert shown("x" * 40) == f"'{'x' * 40}'"
    assert shown("x" * 41) == f"'{'x' * 39}…'"
    assert shown("a\n\x1b") == r"'a\n\x1b'"
