"""The table of a study: a row for each knee, with what its summary says of it, every knee's signs and units alike.

A test may count either way as positive. Over a study all angles and loads are counted valgus positive, whatever the
files do, so that a column means one thing: intervals of what a varus file says are turned round.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

CONVERGED, NOT_CONVERGED, FAILED = "converged", "not converged", "failed"
# What the study's reports are about, in this order: of each strand its strain and stiffness, then laxity.
HEADLINE = (".reference_strain", ".k", ".stiffness_per_strain", "laxity_total_10Nm")


@dataclass(frozen=True, eq=False)
class Quantity:
    """A parameter or derived quantity over the knees of a study.

    Attributes
    ----------
    name : str
        Like `mcl.k` or `flex60.laxity_total_10Nm`; where knees have it in different units, the unit follows in
        brackets.
    unit : str
        Its unit; `deg` counts valgus positive.
    key, test : str
        The name without its test's and unit, and the test's name.
    low, median, high : ndarray, shape (knees,)
        The 5, 50 and 95 % quantiles of each knee; NaN where unknown.
    beyond : ndarray, shape (knees,)
        In which share of the draws a laxity lies beyond the measured angles; NaN for all else.
    reached : ndarray, shape (knees,)
        In which share of the draws it exists: a moment may not be reached within 20 degrees.
    """

    name: str
    unit: str
    key: str
    test: str
    low: FloatArray
    median: FloatArray
    high: FloatArray
    beyond: FloatArray
    reached: FloatArray

    @property
    def headline(self) -> bool:
        """Whether it is one of those that the study's reports are about."""
        return self.key.endswith(HEADLINE)

    @property
    def known(self) -> BoolArray:
        """Of which knees it is known."""
        return np.isfinite(self.median)


@dataclass(frozen=True, eq=False)
class StudyTable:
    """A study, a row for each knee.

    Attributes
    ----------
    name : str
        What the study is called.
    ids : tuple of str
        The knees.
    covariates : mapping of str to tuple
        What else is known of each knee: a text or a number, None where it is not.
    status : tuple of str
        `converged`, `not converged` or `failed`.
    reasons : tuple of str
        Why a knee is not converged; empty if it is.
    checks : tuple of tuple of str
        Which checks of the verdict each knee missed.
    findings : tuple of tuple of str
        The codes of each knee's findings, the most important first, but for `not-converged`: that is its status.
    rhat, ess : ndarray, shape (knees,)
        The worst R-hat and the smallest effective sample size of each.
    thresholds : mapping of str to float
        What checks hold their numbers against, by the checks' names, as far as all knees agree.
    quantities : tuple of Quantity
        Headline quantities first.
    flexions : mapping of str to ndarray, shape (knees,)
        The flexion [degrees] of each test, by its name; NaN for knees that do not have it.
    assumes : mapping of str to int
        What the model leaves out, and for how many knees.
    versions : mapping of str to int
        Versions of calibrate that made the summaries, and of how many knees.
    about : mapping
        What all knees have in common, as `Cohort.study` has it.
    missing : int
        Knees of the study that nothing is known of yet.
    unfinished : tuple of str
        Where they are missing, in words.
    """

    name: str
    ids: tuple[str, ...]
    covariates: Mapping[str, tuple[str | float | None, ...]]
    status: tuple[str, ...]
    reasons: tuple[str, ...]
    checks: tuple[tuple[str, ...], ...]
    findings: tuple[tuple[str, ...], ...]
    rhat: FloatArray
    ess: FloatArray
    thresholds: Mapping[str, float]
    quantities: tuple[Quantity, ...]
    flexions: Mapping[str, FloatArray]
    assumes: Mapping[str, int] = field(default_factory=dict)
    versions: Mapping[str, int] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)
    missing: int = 0
    unfinished: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def converged(self) -> BoolArray:
        """Which knees have converged."""
        return np.array([one == CONVERGED for one in self.status], dtype=bool)

    @property
    def headline(self) -> tuple[Quantity, ...]:
        """The quantities that reports are about and that any knee knows."""
        return tuple(one for one in self.quantities if one.headline and one.known.any())

    def quantity(self, name: str) -> Quantity:
        """Return a quantity by its name.

        Raises
        ------
        KeyError
            If no knee has it.
        """
        for one in self.quantities:
            if one.name == name:
                return one
        raise KeyError(name)
