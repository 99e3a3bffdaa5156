"""What parameters are called in pictures: whose they are, their symbol and their unit."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from calibrate.figures.labels import broken, label, labels_of, strand_label


def test_labels_carry_symbol_and_unit() -> None:
    assert label("mcl.k", "N/mm") == "MCL $k$ [N/mm]"
    assert label("lcl.alpha", "") == r"LCL $\alpha$ [-]"
    assert label("mcl.l_0", "mm") == "MCL $l_0$ [mm]"
    assert label("lcl.f_ref", "N") == r"LCL $f_\mathrm{ref}$ [N]"
    assert label("noise.sigma", "N·m") == r"$\sigma$ [N·m]"


@pytest.mark.parametrize(
    ("name", "unit", "wanted"),
    [
        ("flex60.dmcl.l_0", "mm", "flex60: dMCL $l_0$ [mm]"),
        ("mcl.reference_strain", "", r"MCL $\varepsilon_\mathrm{ref}$ [-]"),
        ("pol.f_ref", "N", r"POL $f_\mathrm{ref}$ [N]"),
        ("measurement.angle_offset", "deg", r"$\theta_\mathrm{off}$ [deg]"),
        ("flex60.measurement.load_bias", "N", "flex60: $b$ [N]"),
        ("measurement.hysteresis", "N·m", "$h$ [N·m]"),
        ("flex60.noise.nu", "", r"flex60: $\nu$ [-]"),
        ("noise.angle_sigma", "deg", r"$\sigma_\theta$ [deg]"),
        ("noise.discrepancy.amplitude", "N", r"$a_\mathrm{d}$ [N]"),
        ("knee.mcl.femur.x", "mm", "MCL femur $x$ [mm]"),
        ("flex60.knee.dmcl.tibia.z", "mm", "flex60: dMCL tibia $z$ [mm]"),
        ("knee.lateral_condyle.centre.y", "mm", "lateral condyle $y$ [mm]"),
        ("knee.medial_condyle.radius", "mm", "medial condyle $r$ [mm]"),
        ("knee.rolling", "", r"rolling $\rho$ [-]"),
        ("knee.application_point.x", "mm", "application point $x$ [mm]"),
        ("knee.flexion_axis.z", "mm", "flexion axis $z$ [mm]"),
    ],
)
def test_a_label_says_whose_it_is_what_and_in_which_unit(name: str, unit: str, wanted: str) -> None:
    assert label(name, unit, ("flex60",)) == wanted


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("smcl", "sMCL"),
        ("mcl2", "MCL2"),
        ("pfl", "PFL"),
        ("mcl_deep", "MCL deep"),
        ("pcl_al", "PCL al"),
        ("alcl", "aLCL"),
        ("pf-l", "PF l"),
        ("caps", "CAPS"),
        ("capsu", "capsu"),
        ("Pfl", "Pfl"),
        ("popliteus", "popliteus"),
    ],
)
def test_strands_are_written_as_abbreviations_where_they_are_some(name: str, wanted: str) -> None:
    assert strand_label(name) == wanted


def test_labels_are_broken_between_words_and_formulas_count_as_two_letters() -> None:
    assert broken("lateral condyle $y$ [mm]", 10) == "lateral\ncondyle $y$\n[mm]"
    assert broken("lateral condyle $y$ [mm]", 10, " / ") == "lateral / condyle $y$ / [mm]"
    assert broken("four five", 9) == "four five"  # just room enough
    assert broken("four five", 8) == "four\nfive"
    assert broken("anatomically", 3) == "anatomically"
    assert broken("a b c", 1) == "a\nb\nc"
    assert broken("$k$ $l_0$", 5) == "$k$ $l_0$"
    assert broken("$k$ $l_0$", 4) == "$k$\n$l_0$"
    assert broken(r"MCL $\varepsilon_\mathrm{ref}$ [-]", 10) == r"MCL $\varepsilon_\mathrm{ref}$ [-]"


def test_the_labels_of_a_posterior_are_those_of_its_free_parameters_in_their_order() -> None:
    names, units = ("mcl.k", "flex60.mcl.l_0", "noise.sigma"), ("N/mm", "mm", "N")
    posterior: Any = SimpleNamespace(names=names, units=units, table=SimpleNamespace(tests=("flex60",)))
    assert labels_of(posterior) == ["MCL $k$ [N/mm]", "flex60: MCL $l_0$ [mm]", r"$\sigma$ [N]"]
