"""The page of a study in a browser: it sorts and searches, asks for nothing, and stands in nobody's way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import browsers
import pytest
from studies import knees_of, made, study
from test_report_page import HOSTILE
from test_study_report import page_of

from calibrate.study.rows import study_table
from calibrate.study.table import StudyTable


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with browsers.started() as one:
        yield one


@pytest.fixture(scope="module")
def table() -> StudyTable:
    return study(12)


@pytest.fixture(scope="module")
def shown(browser: Any, table: StudyTable, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Return a function that opens the page of a study, and checks that nothing went wrong in it."""
    folder = tmp_path_factory.mktemp("study")

    def opened(of: StudyTable = table, **options: Any) -> Any:
        return browsers.shown(browser, page_of(of), folder / "study.html", **options)

    return opened


def names(tab: Any) -> list[str]:
    """Return the knees that are shown, in their order."""
    found: list[str] = tab.eval_on_selector_all(
        "#every tbody tr", "all => all.filter(row => !row.hidden).map(row => row.cells[0].textContent)"
    )
    return found


def test_the_table_sorts_by_numbers_and_names_and_what_is_unknown_comes_last(
    shown: Callable[..., Any], table: StudyTable
) -> None:
    k = table.quantity("mcl.k").median
    known = [row for row in range(len(table)) if k[row] == k[row]]
    rising = [table.ids[row] for row in sorted(known, key=lambda row: float(k[row]))]
    with shown() as tab:
        assert names(tab) == list(table.ids)
        button = tab.locator("#every th button", has_text="stiffness of MCL")
        button.focus()
        tab.keyboard.press("Enter")
        assert names(tab) == [*rising, "K011"]
        head = button.locator("xpath=..")
        assert head.get_attribute("aria-sort") == "ascending"
        assert tab.inner_text("#sorted") == "Sorted by stiffness of MCL [N/mm], smallest first."
        button.click()
        assert names(tab) == [*reversed(rising), "K011"]
        assert head.get_attribute("aria-sort") == "descending"
        tab.locator("#every th button", has_text="Knee").click()
        assert names(tab) == list(table.ids)
        assert tab.locator("[aria-sort]").count() == 1
        tab.locator("#every th button", has_text="Converged").click()
        assert names(tab)[:2] == ["K011", "K007"]


def test_the_search_shows_rows_with_all_its_words(shown: Callable[..., Any]) -> None:
    with shown() as tab:
        assert tab.inner_text("#shown") == "12 of 12"
        tab.fill("#filter", "not Converged")
        assert names(tab) == ["K007"]
        tab.fill("#filter", "residuals-alike female")
        assert names(tab) == ["K006", "K012"]
        assert tab.inner_text("#shown") == "2 of 12"
        tab.locator("#every th button", has_text="age").click()
        assert set(names(tab)) == {"K006", "K012"}
        tab.fill("#filter", "")
        assert len(names(tab)) == 12


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light")])
def test_axe_finds_nothing_and_nothing_sticks_out(shown: Callable[..., Any], width: int, scheme: str) -> None:
    with shown(width=width, color_scheme=scheme, reduced_motion="reduce") as tab:
        assert browsers.violations(tab) == []
        assert tab.evaluate("document.documentElement.scrollWidth") == width
        tab.emulate_media(media="print")
        assert not tab.locator("#filter").is_visible()


def test_without_javascript_all_knees_are_there_and_controls_are_not(shown: Callable[..., Any]) -> None:
    with shown(java_script_enabled=False) as tab:
        assert tab.locator("#every tbody tr").count() == 12
        assert not tab.locator("#filter").is_visible()
        assert tab.locator("#every button").count() == 0


def test_hostile_names_do_nothing(shown: Callable[..., Any]) -> None:
    base = knees_of(6, faulty=False)
    texts = list(HOSTILE) * 2
    knees = [
        made(f"{texts[i]}{i}", of.summary, {texts[i + 1]: texts[i + 2]}, "not converged", texts[i + 3])
        for i, of in enumerate(base)
    ]
    with shown(study_table(knees, HOSTILE[1]), width=360) as tab:
        assert tab.evaluate("document.documentElement.scrollWidth") == 360
        assert tab.locator("img[src=x]").count() == 0
        for button in tab.locator("#every th button").all():
            button.click()
        tab.fill("#filter", "<script>")
        assert names(tab)[0].startswith("<script>")
