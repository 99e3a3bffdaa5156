"""The numbers in the pictures of draws, read back and held against NumPy on planted draws: values, limits, labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from pictures import corner_axes, counted, marked, texts, x_of, y_of
from planted import TRUTH, VARUS_NAMES, constant, plant, varus_draws

from calibrate import figures
from calibrate.results import Run

EVERY = varus_draws()
KEPT = EVERY[:, 15:].reshape(-1, 7)
LABELS = (
    "MCL $k$ [N/mm]",
    r"MCL $\alpha$ [-]",
    "MCL $l_0$ [mm]",
    r"MCL $f_\mathrm{ref}$ [N]",
    r"LCL $\alpha$ [-]",
    "LCL $l_0$ [mm]",
    r"$\sigma$ [N·m]",
)

# --- Corner -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def corner(true: Run) -> np.ndarray:
    return corner_axes(figures.corner_plot(true))


PLACES = {"mcl.k": 1, "mcl.alpha": 3, "mcl.l_0": 1, "mcl.f_ref": 0, "lcl.alpha": 4, "lcl.l_0": 1, "noise.sigma": 2}


@pytest.mark.parametrize("i", range(7), ids=VARUS_NAMES)
def test_a_parameters_own_panel(corner: np.ndarray, true: Run, i: int) -> None:
    ax, name, column = corner[i, i], VARUS_NAMES[i], KEPT[:, i]
    q05, q50, q95 = np.percentile(column, [5, 50, 95])
    n = PLACES[name]
    title = f"${q50:.{n}f}_{{-{q50 - q05:.{n}f}}}^{{+{q95 - q50:.{n}f}}}$"
    assert ax.get_title() == f"{LABELS[i]}\n{title}"
    truth = TRUTH[name]
    upright = [x_of(line)[0] for line in ax.get_lines() if len(x_of(line)) == 2 and np.ptp(x_of(line)) == 0.0]
    assert sorted(upright) == pytest.approx(sorted([q05, q50, q95, truth]))
    for below in corner[i:, i]:
        (line,) = (
            marked(below, "truth") if below is ax else [v for v in marked(below, "truth") if np.ptp(x_of(v)) == 0.0]
        )
        assert x_of(line)[0] == truth
    # Nearly all draws and some air; bounds are out of view.
    low, high = np.percentile(column, [0.3, 99.7])
    air = 0.08 * (high - low)
    limits = (min(low - air, truth - 0.5 * air), max(high + air, truth + 0.5 * air))
    assert low - air <= truth <= high + air
    for panel in corner[i:, i]:
        assert panel.get_xlim() == pytest.approx(limits)
    for panel in corner[i, :i]:
        assert panel.get_ylim() == pytest.approx(limits)
        across = [y_of(line).tolist() for line in marked(panel, "truth") if np.ptp(y_of(line)) == 0.0]
        assert across == [[truth, truth]]
    # All 5088 draws are in the histogram, each in its bin.
    for found, wanted in zip(counted(ax), np.histogram(column, bins=24, range=limits), strict=True):
        np.testing.assert_allclose(found, wanted)
    # The best draw is on top.
    best = EVERY[:, 15:].reshape(-1, 7)[int(np.argmax(true.chains.log_prob[:, 15:].reshape(-1)))]
    (wedge,) = marked(ax, "map")
    assert x_of(wedge)[0] == best[i]


def test_a_bound_in_view_is_drawn_and_cuts_the_view(tmp_path: Path) -> None:
    random = np.random.RandomState(4)
    draws = constant(*[30.0, 0.06, 80.0, 0.0] * 2, steps=400)
    draws[..., 0] = 1.0 + random.exponential(size=draws.shape[:-1])  # piled up at the lower bound, 1
    draws[..., 2] = 300.0 - random.exponential(size=draws.shape[:-1])  # and at the upper one, 300
    axes = corner_axes(figures.corner_plot(plant(tmp_path, draws)))
    assert [x_of(line)[0] for line in marked(axes[0, 0], "bound")] == [1.0]
    assert axes[0, 0].get_xlim()[0] == 1.0
    assert [x_of(line)[0] for line in marked(axes[2, 2], "bound")] == [300.0]
    assert axes[2, 2].get_xlim()[1] == 300.0
    assert axes[1, 1].get_xlim() == pytest.approx((0.06 - 0.0006, 0.06 + 0.0006))  # never moved
    assert axes[3, 3].get_xlim() == (-1.0, 1.0)  # nor this, at zero


# --- Traces -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def traces(true: Run) -> list[Axes]:
    return figures.trace_plot(true).axes


@pytest.mark.parametrize("i", range(8), ids=[*VARUS_NAMES, "log-posterior"])
def test_a_trace_is_of_its_parameter_over_the_steps_taken(traces: list[Axes], true: Run, i: int) -> None:
    """121 stored steps, every third of 363; four walkers of sixteen from each of three ensembles."""
    ax = traces[i]
    values = EVERY[..., i] if i < 7 else np.asarray(true.chains.log_prob[:])
    means, walkers = marked(ax, "mean"), marked(ax, "walker")
    assert (len(means), len(walkers)) == (3, 12)
    for ensemble, line in enumerate(means):
        np.testing.assert_array_equal(x_of(line), np.arange(3, 364, 3))
        np.testing.assert_allclose(y_of(line), values[ensemble].sum(axis=1) / 16.0)
    for j, line in enumerate(walkers):
        np.testing.assert_array_equal(x_of(line), np.arange(3, 364, 3))
        np.testing.assert_array_equal(y_of(line), values[j // 4, :, (0, 5, 10, 15)[j % 4]])
    (shade,) = marked(ax, "burn-in")
    assert (shade.get_x(), shade.get_width()) == (0.0, 45.0)
    assert ax.get_xlim() == (0.0, 364.5)
    if i == 7:
        kept = np.asarray(true.chains.log_prob[:, 15:])
        air = 0.05 * (kept.max() - kept.min())
        lowest = max(true.chains.log_prob[:].min(), kept.min() - 10.0 * air)
        assert ax.get_ylim() == pytest.approx((lowest - air, kept.max() + air))
        assert ax.get_ylabel() == "log-posterior\n[-]"
        return
    found = true.diagnosis
    ess = min(found.ess_bulk[i], found.ess_tail[i])
    verdicts = {rf"$\hat{{R}}$ = {found.rhat[i]:.3f}", f"ESS = {ess:.0f}"}
    verdicts |= {rf"length = {found.autocorrelation_times[i]:.0f} $\tau$"}
    assert verdicts <= set(texts(ax))
    (line,) = marked(ax, "truth")
    assert y_of(line)[0] == TRUTH[VARUS_NAMES[i]]
    assert ax.get_ylabel() == "\n".join(LABELS[i].rsplit(" ", 1))


def test_verdicts_that_do_not_suffice_are_red_each_by_itself(valgus: Run, traces: list[Axes]) -> None:
    """Of the unfinished run R-hat, effective samples and length; of the other all are good enough."""
    red = {
        text.get_text() for ax in figures.trace_plot(valgus).axes for text in ax.texts if text.get_color() != "black"
    }
    found = valgus.diagnosis
    for i in range(3):
        assert f"ESS = {min(found.ess_bulk[i], found.ess_tail[i]):.0f}" in red
        assert (rf"$\hat{{R}}$ = {found.rhat[i]:.3f}" in red) == (found.rhat[i] >= 1.01)
        assert (rf"length = {found.autocorrelation_times[i]:.0f} $\tau$" in red) == (
            found.autocorrelation_times[i] < 10
        )
    assert {text.get_color() for ax in traces for text in ax.texts} == {"black"}
