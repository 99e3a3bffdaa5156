"""The report in a browser: no errors, no requests, sliders that move knee and numbers, nothing in the way of anybody.

Needs a browser, see `browsers`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import browsers
import numpy as np
import pytest
from html_pages import number
from reported import said_of
from test_report_page import HOSTILE

from calibrate.report import page
from calibrate.results import Run

WIDTHS = (360, 768, 1280)
WHEN = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with browsers.started() as one:
        yield one


@pytest.fixture(scope="module")
def said(varus: Run) -> dict[str, Any]:
    """Return all that the page of the planted run says, with two of its figures."""
    return said_of(varus, ("load_angle", "prior_posterior"))


@pytest.fixture(scope="module")
def shown(browser: Any, said: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Return a function that opens the page, or that of other contents, and checks that nothing went wrong in it."""
    folder = tmp_path_factory.mktemp("page")

    def opened(contents: dict[str, Any] = said, width: int = 1280, **options: Any) -> Any:
        return browsers.shown(browser, page.render(contents, WHEN), folder / "report.html", width, **options)

    return opened


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_sticks_out_at_the_side(shown: Callable[..., Any], width: int) -> None:
    with shown(width=width) as tab:
        tab.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert tab.evaluate("[document.documentElement.scrollWidth, window.innerWidth]") == [width, width]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(shown: Callable[..., Any], scheme: str) -> None:
    with shown(width=360 if scheme == "dark" else 1280, color_scheme=scheme, reduced_motion="reduce") as tab:
        assert browsers.violations(tab) == []


def drawing(tab: Any) -> list[float]:
    """Return where plateau, contact, arrow and strands are drawn."""
    lines = tab.eval_on_selector_all(
        ".posed line", "all => all.map(one => ['x1', 'y1', 'x2', 'y2'].map(name => Number(one.getAttribute(name))))"
    )
    return [coordinate for line in lines for coordinate in line]


def test_the_knee_moves_by_keyboard_and_mouse_and_its_numbers_with_it(
    shown: Callable[..., Any], said: dict[str, Any]
) -> None:
    data = said["knees"][0].data
    count = len(data["angles"])

    def check(tab: Any) -> tuple[int, int]:
        angle, draw = (int(tab.input_value(f"#{name}-0")) for name in ("angle", "draw"))
        at = draw * count + angle
        assert number(tab.inner_text(".degrees")) == pytest.approx(data["angles"][angle], abs=6e-3)
        assert tab.inner_text(".number") == str(draw + 1)
        assert number(tab.inner_text(".load").removesuffix(" N·m")) == pytest.approx(
            data["reading"][at] / 1000, abs=6e-3
        )
        tensions = [number(text) for text in tab.locator(".tension").all_inner_texts()]
        assert tensions == pytest.approx(np.array(data["tension"][2 * at : 2 * at + 2]) / 10, abs=0.051)
        regions = tab.locator("td.region").all_inner_texts()
        assert regions == [("slack", "toe", "linear")[int(one)] for one in data["region"][2 * at : 2 * at + 2]]
        wanted = np.array(data["plateau"][4 * at : 4 * at + 4]) / 10
        assert drawing(tab)[:4] == pytest.approx(wanted)
        ends = np.array(data["tibia"][4 * at : 4 * at + 4]) / 10
        assert [*drawing(tab)[6:8], *drawing(tab)[10:12]] == pytest.approx(ends)
        assert tab.get_attribute("#angle-0", "aria-valuetext").endswith(" N·m")
        return angle, draw

    with shown() as tab:
        first = check(tab)
        before = drawing(tab)
        tab.focus("#angle-0")
        tab.keyboard.press("Home")
        assert check(tab) == (0, first[1])
        for _ in range(3):
            tab.keyboard.press("ArrowRight")
        assert check(tab) == (3, first[1])
        assert drawing(tab) != before
        tab.locator("#draw-0").click(position={"x": 0.25 * tab.locator("#draw-0").bounding_box()["width"], "y": 15})
        angle, draw = check(tab)
        assert angle == 3
        assert 5 <= draw <= 10
        tab.locator("#angle-0").scroll_into_view_if_needed()
        box = tab.locator("#angle-0").bounding_box()
        tab.mouse.move(box["x"] + 0.1 * box["width"], box["y"] + 0.5 * box["height"])
        tab.mouse.down()
        tab.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 0.5 * box["height"], steps=4)
        tab.mouse.up()
        assert 30 <= check(tab)[0] <= 34


def laxities(tab: Any) -> list[list[str]]:
    return [row.locator("td").all_inner_texts() for row in tab.locator("#laxities tr").all()]


def numbers(text: str) -> list[float]:
    """Return what a cell like "1.2 (0.9 to 1.5)" says."""
    return [number(part) for part in text.replace("(", "").replace(")", "").replace(" to", "").split()]


def test_what_if_sliders_change_numbers_curve_and_command(shown: Callable[..., Any], said: dict[str, Any]) -> None:
    data = said["grids"][1].data
    shifts = len(data["shifts"])

    def check(tab: Any, weights: dict[int, float]) -> None:
        for way, cells in enumerate(laxities(tab)):
            for part, cell in enumerate(cells[1:]):
                wanted = sum(w * np.array(data["laxities"][at][way][part], float) for at, w in weights.items())
                if np.isfinite(np.asarray(wanted)).all():
                    assert numbers(cell) == pytest.approx(wanted, abs=0.051)
                else:
                    assert "beyond" in cell

    with shown() as tab:
        tab.select_option("#grid", "1")
        now = [numbers(cells[0]) for cells in laxities(tab)]
        assert now == [pytest.approx(three, abs=0.051) for three in data["laxity"]]
        assert {cell for cells in laxities(tab) for cell in cells[1:]} == {"–"}
        before = tab.get_attribute("#changed .line.changed", "points")
        assert tab.get_attribute("#changed .line:not(.changed)", "points") == before
        tab.focus("#factor")
        tab.keyboard.press("End")
        assert tab.inner_text("#factor-shown") == f"{data['factors'][-1]:.2f}"
        stiff = (len(data["factors"]) - 1) * shifts + data["shifts"].index(0.0)
        check(tab, {stiff: 1.0})
        assert tab.get_attribute("#changed .line.changed", "points") != before
        assert tab.inner_text("#change-command") == "calibrate predict planted.h5 --change lcl.k=*2 --moments 10"
        tab.focus("#shift")
        for _ in range(2):  # half a millimetre, between two steps
            tab.keyboard.press("ArrowLeft")
        assert tab.inner_text("#shift-shown") == "−0.50"
        check(tab, {stiff: 0.5, stiff - 1: 0.5})
        assert tab.inner_text("#change-command").endswith(" --change lcl.k=*2 --change lcl.l_0=-0.5 --moments 10")
        tab.locator("#factor").click(position={"x": 2, "y": 15})
        assert tab.inner_text("#factor-shown") == "0 (released)"
        tab.click("#as-calibrated")
        assert [numbers(cells[0]) for cells in laxities(tab)] == now
        assert tab.inner_text("#change-command") == "calibrate predict planted.h5 --moments 10"
        assert tab.get_attribute("#changed .line.changed", "points") == before


def test_a_parameter_is_highlighted_wherever_it_is(shown: Callable[..., Any]) -> None:
    with shown() as tab:
        assert tab.locator(".chosen").count() == 0
        tab.select_option("#parameter", "mcl.l_0")
        names = set(tab.eval_on_selector_all(".chosen", "all => all.map(one => one.dataset.parameter)"))
        assert names == {"mcl.l_0", "mcl"}
        kinds = set(tab.eval_on_selector_all(".chosen", "all => all.map(one => one.localName)"))
        assert kinds == {"tr", "li", "g", "rect"}
        (panel,) = tab.locator("rect.chosen").all()
        assert panel.bounding_box()["width"] > 50
        tab.select_option("#parameter", "")
        assert tab.locator(".chosen").count() == 0


def test_the_keyboard_can_skip_to_the_report(shown: Callable[..., Any]) -> None:
    with shown() as tab:
        tab.keyboard.press("Tab")
        assert tab.evaluate("document.activeElement.className") == "skip"
        assert tab.locator(".skip").bounding_box()["x"] >= 0.0
        tab.keyboard.press("Enter")
        assert tab.evaluate("document.activeElement.id") == "main"


def test_without_javascript_the_knee_is_there_and_controls_are_not(shown: Callable[..., Any]) -> None:
    with shown(java_script_enabled=False) as tab:
        assert tab.locator(".posed .strand").count() == 2
        assert tab.locator(".posed").is_visible()
        assert tab.locator("noscript p").is_visible()
        assert not any(one.is_visible() for one in tab.locator("input, select, button").all())
        assert tab.locator("#laxities td.n").first.inner_text() != ""


def test_it_prints(shown: Callable[..., Any], tmp_path: Path) -> None:
    with shown() as tab:
        printed = tab.pdf(format="A4")
        assert printed.startswith(b"%PDF")
        assert printed.count(b"/Type /Page\n") + printed.count(b"/Type/Page/") >= 4 or b"/Count" in printed
        tab.emulate_media(media="print")
        assert not tab.locator("#angle-0").is_visible()
        assert not tab.locator("nav").is_visible()
        assert tab.locator(".posed").is_visible()


def test_hostile_texts_do_nothing(shown: Callable[..., Any], said: dict[str, Any]) -> None:
    every = " ".join(HOSTILE)
    texts = [{**said["texts"][0], "text": hostile, "name": hostile} for hostile in HOSTILE]
    contents = {**said, "name": every, "quoted": every, "texts": texts, "commands": list(HOSTILE)}
    with shown(contents, width=360) as tab:
        assert tab.evaluate("document.documentElement.scrollWidth") == 360
        assert json.loads(tab.locator("#run-name").text_content())["quoted"] == every
        assert tab.locator("main section").count() == 8
        assert tab.locator("img[src=x]").count() == 0
        tab.focus("#factor")
        tab.keyboard.press("Home")
        assert tab.locator("#change-command").text_content().startswith(f"calibrate predict {every} --change ")
