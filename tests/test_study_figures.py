"""The pictures of a study show its numbers: read back from what is drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pictures import marked, texts, x_of, y_of
from studies import entry, fault, knees_of, made, study, summary
from test_study_table import HOSTILE

from calibrate.figures import study as all_of
from calibrate.figures import study_convergence, study_forest, study_laxities, study_spread
from calibrate.figures.study_forest import Estimates, forest_plot
from calibrate.figures.study_labels import label_of
from calibrate.literature import laxity_band
from calibrate.study.file import Status
from calibrate.study.rows import study_table

RANKS = np.arange(101.0)


def sticks(root: Any, gid: str) -> np.ndarray:
    """Return the ends of marked lines that are drawn at all, (lines, 2, 2)."""
    every = [segment for lines in marked(root, gid) for segment in lines.get_segments()]
    return np.array([segment for segment in every if len(segment) == 2 and np.isfinite(segment).all()])


def test_a_forest_shows_each_knees_interval_sorted_by_the_median() -> None:
    median, width = np.array([3.0, 1.0, np.nan, 2.0]), 0.25
    shown = Estimates("alone", median, median - width, median + 2.0 * width)
    figure = forest_plot(
        ["c", "a", "nothing", "b"], [shown], label="MCL $k$ [N/mm]", doubtful=np.array([False, False, True, True])
    )
    (ax,) = figure.axes
    assert [text.get_text() for text in ax.get_yticklabels()] == ["a", "b", "c"]
    assert ax.get_xlabel() == "MCL $k$ [N/mm]"
    good, doubtful = sticks(ax, "alone"), sticks(ax, "alone doubtful")
    assert good.tolist() == [[[0.75, 0.0], [1.5, 0.0]], [[2.75, 2.0], [3.5, 2.0]]]
    assert doubtful.tolist() == [[[1.75, 1.0], [2.5, 1.0]]]
    (points,), (hollow,) = marked(ax, "alone median"), marked(ax, "alone doubtful median")
    assert (x_of(points).tolist(), y_of(points).tolist()) == ([1.0, 3.0], [0.0, 2.0])
    assert hollow.get_markerfacecolor() == "white"
    assert points.get_markerfacecolor() != "white"
    said = list(texts(figure))
    assert {"not converged (1)", "1 knee without a number", "median, 90 % interval"} <= set(said)
    assert "nothing" not in said


def test_two_estimates_stand_side_by_side_before_the_population() -> None:
    alone = Estimates("alone", np.array([1.0, np.nan, 3.0]), np.array([0.0, np.nan, 2.0]), np.array([2.0, np.nan, 4.0]))
    joint = Estimates("joint", np.array([1.5, 2.0, 2.5]), np.array([1.4, 1.9, 2.4]), np.array([1.6, 2.1, 2.6]))
    figure = forest_plot(["a", "b", "c"], [alone, joint], label="k", population=(0.5, 2.0, 3.5))
    (ax,) = figure.axes
    # b has only the second, and its place is by that.
    assert [text.get_text() for text in ax.get_yticklabels()] == ["a", "b", "c"]
    first, second = sticks(ax, "alone"), sticks(ax, "joint")
    assert second[:, :, 0].tolist() == [[1.4, 1.6], [1.9, 2.1], [2.4, 2.6]]
    assert first[:, :, 0].tolist() == [[0.0, 2.0], [2.0, 4.0]]
    assert (first[:, 0, 1] > second[[0, 2], 0, 1]).all()
    assert np.abs(second[:, 0, 1] - np.arange(3)).max() < 0.5
    (band,), (middle,) = marked(ax, "population"), marked(ax, "population median")
    assert (band.get_x(), band.get_x() + band.get_width()) == (0.5, 3.5)
    assert x_of(middle).tolist() == [2.0, 2.0]
    assert {"alone", "joint", "90 % of all knees"} <= set(texts(figure))
    with pytest.raises(ValueError, match="0 estimates a knee"):
        forest_plot(["a"], [], label="k")
    with pytest.raises(ValueError, match="estimates have to be of 2 knees"):
        forest_plot(["a", "b"], [joint], label="k")


@pytest.mark.parametrize("many", [study_forest.NAMED + 1, study_forest.ROWS + 1])
def test_of_many_knees_a_forest_stays_readable(many: int) -> None:
    values = np.random.RandomState(1).permutation(many).astype(float)
    names = [f"K{value:.0f}" for value in values]
    estimates = [Estimates("alone", values, values - 5.0, values + 5.0)]
    figure = forest_plot(names, estimates, label="k")
    assert figure.get_figheight() < 170.0 / 25.4
    (ax,) = figure.axes
    assert ax.get_title(loc="left") == f"smallest: K0, K1, K2; largest: K{many - 1}, K{many - 2}, K{many - 3}"
    if many <= study_forest.ROWS:
        assert sticks(ax, "alone")[:, :, 0].tolist() == [[value - 5.0, value + 5.0] for value in range(many)]
        return
    (inner,), (outer,), (line,) = (marked(ax, f"alone {name}") for name in ("inner", "outer", "median"))
    ranks = np.array([part.mean() for part in np.array_split(np.arange(many), study_forest.BANDS)])
    assert (x_of(line), y_of(line)) == (pytest.approx(ranks), pytest.approx(ranks))
    low, high = inner.get_paths()[0].get_extents().intervalx
    assert (low, high) == pytest.approx((ranks[0] - 5.0, ranks[-1] + 5.0))
    # The outermost twentieth of seven knees that follow each other lies beyond their middle.
    assert outer.get_paths()[0].get_extents().x0 == pytest.approx(np.quantile(np.arange(7.0), 0.05) - 5.0)


def lax_knee(name: str, sign: float, flexion: float, total: float, beyond: float, **more: Any) -> Any:
    derived = {
        "laxity_valgus_10Nm": entry(sign * (total - 3.0) + 0.0 * RANKS, "deg", beyond=beyond),
        "laxity_varus_10Nm": entry(-sign * 3.0 + 0.0 * RANKS, "deg", beyond=0.0),
        "laxity_total_10Nm": entry(total + 0.0 * RANKS, "deg", beyond=beyond),
    }
    said = summary({}, derived, positive="valgus" if sign > 0.0 else "varus", tests=(("", flexion),))
    return made(name, said | more, status="not converged" if more else "converged")


def test_laxity_is_drawn_by_flexion_valgus_up_beside_published_ones() -> None:
    knees = [lax_knee("a", 1.0, 0.0, 7.0, 0.0), lax_knee("b", -1.0, 30.0, 8.0, 0.9)]
    knees.append(lax_knee("c", 1.0, 60.0, 9.0, 0.0, **fault(2.0, 5.0)))
    figure = study_laxities.study_laxity_plot(study_table(knees, "three"))
    left, right = figure.axes

    def points(ax: Any, gid: str) -> Any:
        found = [(x, y) for one in marked(ax, gid) for x, y in zip(x_of(one), y_of(one), strict=True)]
        return pytest.approx(np.array(found))

    assert np.array([(0.0, 4.0), (60.0, 6.0)]) == points(left, "valgus")
    assert np.array([(30.0, 5.0)]) == points(left, "valgus beyond")
    assert np.array([(0.0, -3.0), (30.0, -3.0), (60.0, -3.0)]) == points(left, "varus")
    assert np.array([(0.0, 7.0), (60.0, 9.0)]) == points(right, "total")
    assert np.array([(30.0, 8.0)]) == points(right, "total beyond")
    colours = [one.get_color() for one in marked(right, "total line")]
    assert colours[2] not in colours[:2]
    assert np.array([(one.flexion, one.total) for one in laxity_band(10.0)]) == points(right, "published")
    assert "valgus positive" in left.get_ylabel()


def test_laxity_of_very_many_knees_are_quantiles_at_each_flexion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study_laxities, "_LINES", 100)
    totals = 4.0 + 0.05 * np.arange(101.0)
    knees = [lax_knee(f"k{i}", 1.0, 30.0 + 0.1 * (i % 3), total, 0.0) for i, total in enumerate(totals)]
    wild = lax_knee("wild", 1.0, 30.0, 19.0, 0.0, **fault(2.0, 5.0))
    figure = study_laxities.study_laxity_plot(study_table([*knees, wild], "many"))
    right = figure.axes[1]
    (middle,) = marked(right, "total median")
    assert y_of(middle) == pytest.approx([6.5])
    assert sticks(right, "total 90")[0, :, 1] == pytest.approx([4.25, 8.75])
    assert sticks(right, "total 50")[0, :, 1] == pytest.approx([5.25, 7.75])


def test_convergence_counts_and_places_each_knee() -> None:
    table = study(12)
    figure = study_convergence.study_convergence_plot(table)
    left, right = figure.axes
    bars = {bar.get_gid().removeprefix("bar "): bar.get_width() for bar in left.patches}
    assert bars == {
        "converged": 10,
        "not converged": 1,
        "failed": 1,
        "missed: effective samples": 1,
        "missed: R-hat": 1,
    }
    (bad,) = marked(right, "not converged")
    assert (x_of(bad), y_of(bad)) == (pytest.approx([156.0]), pytest.approx([0.03]))
    assert {"K007", "1 without numbers"} <= set(texts(figure))
    across, along = sorted(marked(right, "wanted"), key=lambda line: np.ptp(x_of(line)) == 0.0)
    assert (y_of(across)[0], x_of(along)[0]) == (pytest.approx(0.01), 1000.0)
    assert figure.get_suptitle() == "OUT: 10 of 12 knees converged; 1 did not; 1 failed"


def test_spreads_by_covariate_show_the_medians_of_converged_knees() -> None:
    table = study(12)
    k, good = table.quantity("mcl.k"), table.converged
    at = [one.name for one in table.headline].index("mcl.k")
    ax = study_spread.spread_plot(table, "sex").axes[at]
    assert ax.get_title() == "MCL $k$ [N/mm]"
    for group in ("male", "female"):
        of = good & (np.array(table.covariates["sex"]) == group)
        (points,), (middle,) = marked(ax, f"knees {group}"), marked(ax, f"middle {group}")
        assert sorted(y_of(points)) == pytest.approx(sorted(k.median[of]))
        assert y_of(middle) == pytest.approx([np.median(k.median[of])])
        assert sticks(ax, f"range {group}")[0, :, 1] == pytest.approx(np.quantile(k.median[of], (0.05, 0.95)))
        ends = sticks(ax, f"one {group}")[0, :, 1]
        assert ends[1] - ends[0] == pytest.approx(np.median((k.high - k.low)[of]))
    ax = study_spread.spread_plot(table, "age").axes[at]
    (points,) = marked(ax, "knees")
    age = np.array(table.covariates["age"], dtype=float)
    assert (x_of(points), y_of(points)) == (pytest.approx(age[good]), pytest.approx(k.median[good]))
    with pytest.raises(KeyError):
        study_spread.spread_plot(table, "nobody")


def test_which_pictures_there_are() -> None:
    names = [one.name for one in all_of.study_figures(study(12))]
    assert names == [
        "convergence",
        "laxity",
        "forest_mcl.reference_strain",
        "forest_lcl.reference_strain",
        "forest_mcl.k",
        "forest_lcl.k",
        "forest_flex0.laxity_total_10Nm",
        "forest_flex30.laxity_total_10Nm",
        "spread",
        "spread_1_sex",
        "spread_2_age",
    ]
    failed = study_table([made("a", {}, {}, "failed", "no data")], "none")
    assert [one.name for one in all_of.study_figures(failed)] == ["convergence"]
    (figure,) = [one.draw() for one in all_of.study_figures(failed)]
    assert figure.get_suptitle() == "none: 0 of 1 knee converged; 1 failed"
    wild = [made(one.id, dict(one.summary) | fault(2.0, 5.0), status="not converged") for one in knees_of(2)]
    assert not any("spread" in one.name for one in all_of.study_figures(study_table(wild, "none")))
    # A name of each knee's own, more than eight groups, one value: nothing to tell knees apart by.
    odd = [
        made(one.id, one.summary, {"id": one.id, "same": "x", "one": 1.0, "../h": "ab"[i % 2]})
        for i, one in enumerate(knees_of(4))
    ]
    assert [one.name for one in all_of.study_figures(study_table(odd, "odd"))][-2:] == ["spread", "spread_1_h"]


def test_labels_have_units() -> None:
    labels = {one.name: label_of(one) for one in study(2, flexions=(30.0,)).quantities}
    assert labels["mcl.reference_strain"] == r"MCL $\varepsilon_\mathrm{ref}$ [-]"
    assert labels["laxity_total_10Nm"] == "laxity at ±10 N·m [°]"
    assert labels["noise.sigma"] == r"$\sigma$ [N·m]"


def test_hostile_names_are_text_in_pictures() -> None:
    base = knees_of(8, faulty=False)
    hostile = [*HOSTILE, r"$\frac{1}{0}$"]
    states: list[Status] = ["converged", "not converged"] * 4
    knees = [
        made(name, dict(of.summary) | fault(1.2 + i, 5.0**i), {"sex": hostile[i // 4]}, states[i])
        for i, (name, of) in enumerate(zip(hostile, base, strict=True))
    ]
    table = study_table(knees, "$x$\x1b")
    forest, spread = all_of.study_forest_plot(table, "mcl.k"), study_spread.spread_plot(table, "sex")
    for figure in (forest, study_convergence.study_convergence_plot(table), spread):
        for text in texts(figure):
            assert len(text) < 200
            assert not any(letter in text for letter in "\x1b\u202e\x00\ud800")
    forest.draw_without_rendering()
    assert r"$\frac{1}{0}$" in [text.get_text() for text in forest.axes[0].get_yticklabels()]


def test_the_same_study_makes_the_same_bytes(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(all_of, "DPI", 40)
    table = study(4)
    chosen = [one for one in all_of.study_figures(table) if one.name == "forest_mcl.k"]
    first, second = (
        [path.read_bytes() for path in all_of.save_pictures(tmp_path / name, chosen)] for name in ("a", "b")
    )
    assert first == second
