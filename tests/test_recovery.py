"""The truth is recovered in simulated knees: a share of `python -m benchmarks.recovery`, and how that judges."""

import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import binom

from benchmarks import recovery
from benchmarks.recovery import HEAD, Answer, Coverage, Ranks, Recovery, measured, quantities
from benchmarks.recovery_cases import CASES
from calibrate.posterior import Posterior

# Strains with flexion, depth and two tests; a zero of the angle is free in `test_misfit.py`.
SHARE = {"flexion, depth, strain": 16}


@pytest.mark.parametrize("name", SHARE)
def test_the_truth_is_recovered_and_the_control_does_not_hold_it(name: str) -> None:
    (answer,) = recovery.answers([name], SHARE[name])
    assert answer.wrong == []
    assert answer.control < 0.6


@pytest.mark.parametrize("name", CASES)
def test_a_control_fits_the_same_data_with_fewer_parameters(name: str) -> None:
    case, rng = CASES[name], np.random.default_rng(1)
    posterior = Posterior.from_config(case.config, case.measurements)
    truth = posterior.prior_sample(rng, 3)
    assert np.isfinite(posterior.log_prob(truth)).all()
    data = measured(case, posterior, truth[:1], rng)
    control = Posterior.from_config(case.control, data)
    assert set(control.names) <= set(posterior.names)
    assert case.without != case.document
    assert {test.name for test in control.tests} == {test.name for test in posterior.tests}
    assert set(case.fails) <= set(quantities(control, truth[:, : control.ndim])) & set(quantities(posterior, truth))
    # The data are the truth's: loads of nought, which the measurements come with, it explains far worse.
    assert Posterior.from_config(case.config, data).log_likelihood(truth[0]) > posterior.log_likelihood(truth[0]) + 20.0


def test_every_extension_of_the_model_has_a_case() -> None:
    names = {name for case in CASES.values() for name in Posterior.from_config(case.config, case.measurements).names}
    assert {name for name in names if name.startswith(("measurement.", "noise."))} == {
        *(f"measurement.{key}" for key in ("angle_offset", "load_bias", "hysteresis")),
        *(f"noise.{key}" for key in ("sigma", "nu", "angle_sigma", "discrepancy.amplitude", "discrepancy.length")),
    }
    assert {"mcl.l_0", "mcl.reference_strain", "knee.mcl.femur.x", "knee.lateral_condyle.radius"} <= names


def test_quantities_are_the_free_parameters_and_the_collaterals_strain_and_stiffness() -> None:
    case = CASES["angle_offset"]
    posterior = Posterior.from_config(case.config, case.measurements)
    q = np.array([[50.0, 80.0, 60.0, 52.0, 1.0, 0.3]])
    found = {name: values.item() for name, values in quantities(posterior, q).items()}
    assert list(found) == [*posterior.names, "mcl.reference_strain", "lcl.reference_strain"]
    assert found["mcl.l_0"] == 80.0
    lengths = posterior.geometry().reference_lengths()
    assert found["mcl.reference_strain"] == pytest.approx(lengths[0] / 80.0 - 1.0, rel=1e-12)
    assert found["lcl.reference_strain"] == pytest.approx(lengths[1] / 52.0 - 1.0, rel=1e-12)


def test_ranks_are_shares_of_the_posterior_below_the_truth() -> None:
    case, rng = CASES["load_bias"], np.random.default_rng(5)
    posterior = Posterior.from_config(case.config, case.measurements)
    drawn = posterior.prior_sample(rng, 1)
    data = measured(case, posterior, drawn, rng)
    truth = {name: float(values[0]) for name, values in quantities(posterior, drawn).items()}
    target = Posterior.from_config(case.config, data)
    found = recovery.ranks(target, truth, recovery.chains, seed=3)
    assert found.converged
    # A longer slack length is a smaller strain.
    assert found.below["mcl.l_0"] == pytest.approx(1.0 - found.below["mcl.reference_strain"], abs=2e-3)
    other = recovery.ranks(target, truth, recovery.pilot, seed=3)
    assert other.below == pytest.approx(found.below, abs=0.1)
    far = recovery.ranks(target, truth | {"mcl.k": 1e3, "lcl.k": 0.0}, recovery.pilot, seed=3)
    assert (far.below["mcl.k"], far.below["lcl.k"]) == (1.0, 0.0)


def planted(knees: int, *, narrow: float = 1.0, shift: float = 0.0, alike: bool = False) -> list[Ranks]:
    """Ranks of four parameters in posteriors that are too narrow by a factor; the last one's is shifted by some sds."""
    z = np.random.default_rng(7).standard_normal((knees, 4))
    if alike:
        z[:] = z[:, :1]
    z[:, -1] += shift
    return [Ranks(dict(zip("abcd", row, strict=True)), True) for row in ndtr(narrow * z).tolist()]


def test_right_intervals_are_not_called_wrong_and_narrow_or_shifted_ones_are() -> None:
    found = Coverage.of(planted(100))
    assert (found.knees, found.wrong) == (100, [])
    assert found.pooled == pytest.approx(0.9, abs=0.04)
    assert found.error == pytest.approx(0.015, abs=0.003)
    (wrong,) = Coverage.of(planted(100, shift=2.0)).wrong[:1]
    assert wrong.startswith("d: ")
    assert "not 78 to 99 %" in wrong
    # No parameter stands out, yet all together are too narrow, or too wide.
    assert [words[:13] for words in Coverage.of(planted(100, narrow=1.25)).wrong] == ["all together:"]
    assert Coverage.of(planted(100, narrow=0.8)).wrong[-1].startswith("all together: 9")


def test_parameters_that_are_wrong_together_count_once() -> None:
    assert Coverage.of(planted(400, alike=True)).error == pytest.approx(2 * Coverage.of(planted(400)).error, rel=0.15)


def test_limits_are_the_binomial_distributions_quantiles_shared_out_to_the_parameters() -> None:
    low, high = Coverage.of(planted(100)).limits
    for count, least in ((round(100 * low), True), (round(100 * high), False)):
        beyond = binom.cdf(count - 1, 100, 0.9) if least else binom.sf(count, 100, 0.9)
        assert beyond <= 1e-3 / 8 < (binom.cdf(count, 100, 0.9) if least else binom.sf(count - 1, 100, 0.9))


def test_only_the_chosen_quantities_count() -> None:
    shifted = planted(100, shift=9.0)
    assert Coverage.of(shifted, ("a", "b")).shares.keys() == {"a", "b"}
    assert Coverage.of(shifted, ("d",)).pooled == 0.0


def knees(count: int, control: float, converged: bool = True) -> list[Recovery]:
    """Recovered knees whose control holds a share of the strains."""
    held = [0.5 if i < control * count else 1.0 for i in range(count)]
    names = ("mcl.reference_strain", "lcl.reference_strain")
    return [
        Recovery("load_bias", Ranks(ranks.below, converged), Ranks(dict.fromkeys(names, u) | {"mcl.k": 0.5}, True), 0.1)
        for ranks, u in zip(planted(count), held, strict=True)
    ]


def test_a_control_that_holds_the_truth_is_a_failure_and_so_are_runs_without_an_end() -> None:
    case = CASES["load_bias"]
    assert Answer(case, knees(100, control=0.59)).wrong == []
    assert Answer(case, knees(100, control=0.6)).wrong == ["load_bias: the control holds reference_strain in 60 %"]
    lost = Answer(case, knees(100, control=0.2, converged=False)).wrong
    assert lost == ["load_bias: 100 of 100 runs did not converge"]
    assert len(Answer(case, knees(100, control=0.5)).row()) == len(HEAD)


@pytest.mark.parametrize(("control", "code"), [(0.3, 0), (0.9, 1)])
def test_the_command_prints_a_table_and_says_what_is_wrong(
    control: float, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = knees(40, control)
    monkeypatch.setattr(recovery, "recover", lambda name, index, seed: made[index])
    monkeypatch.setattr("sys.argv", ["recovery", "load_bias", "--knees", "40"])
    assert recovery.main() == code
    out, err = capsys.readouterr()
    assert "| load_bias | 40 | 4 |" in out
    assert ("load_bias: the control holds reference_strain in 90 %" in err) == bool(code)


def test_an_unknown_case_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["recovery", "angle_ofset"])
    with pytest.raises(SystemExit) as ended:
        recovery.main()
    assert ended.value.code == 2
    assert "no case is called 'angle_ofset'; there are angle_offset, " in capsys.readouterr().err
