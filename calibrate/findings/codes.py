"""The codes that findings have: what each says, what to do, and whether it is a warning or a note.

A warning says that something is wrong, with the chains, the data or the model: on readings that the model itself has
made, each comes in fewer than one run of twenty. A note says what is true of the knee and of what was measured, and
comes as often as it is true. They are shown in this order: first what makes the rest idle.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["warning", "note"]


@dataclass(frozen=True)
class Code:
    """One kind of finding.

    Attributes
    ----------
    kind : {"warning", "note"}
        Whether something is wrong, or only to be known.
    when : str
        When it comes, with its threshold.
    do : str
        What to do.
    """

    kind: Kind
    when: str
    do: str


CODES: dict[str, Code] = {
    "odd-number": Code(
        "warning",
        "a number of the configuration or the data is outside what was ever measured in a knee, or does not fit "
        "others; or readings are copies of others",
        "check the number, its unit and its sign",
    ),
    "not-converged": Code(
        "warning",
        "R-hat, effective samples, length or the error of a standard deviation miss what was asked for",
        "`calibrate resume`",
    ),
    "stragglers": Code(
        "warning",
        "a share of the walkers stays far below all other draws in log-probability",
        "`calibrate resume`, or start anew with another seed",
    ),
    "explains-little": Code(
        "warning",
        "the model explains less than three quarters of what a smooth curve could",
        "check the sign of the loads, the units and the side; bounds come last",
    ),
    "outlying-reading": Code(
        "warning",
        "single readings lie farther off, and from their neighbours, than noise puts one in a thousand tests",
        "look for a slip of the decimal point or of a sign",
    ),
    "residuals-loop": Code(
        "warning",
        "readings on the way up differ from those on the way down (probability below 0.001)",
        "give a column `direction` and `measurement.hysteresis`",
    ),
    "noise-swallows": Code(
        "warning",
        "the inferred sigma is more than 1.5 times what readings at the same angle differ by (probability below 0.001)",
        "the model lacks something: look at the residuals, not at sigma",
    ),
    "residuals-alike": Code(
        "warning",
        "neighbouring residuals are alike, by angle or in the order of the file (correlation above 0.1, probability "
        "below 0.001); an inferred sigma then holds what the model cannot do",
        "free the zero of the angle, look for friction, held steps or a geometry that is not this knee's",
    ),
    "reading-pulls": Code(
        "warning",
        "a reading lies farther from what all others predict than noise puts one in a thousand tests, and moves a "
        "parameter by more than its standard deviation",
        "check that reading; calibrate without it",
    ),
    "residuals-arm": Code(
        "warning",
        "residuals scatter 1.5 times wider on one arm than on the other or more (probability below 0.001)",
        "look at that arm; give each reading its sigma, or `angle_sigma`",
    ),
    "residuals-tails": Code(
        "warning",
        "residuals have heavier tails than Gaussian noise (excess kurtosis above 1, probability below 0.001)",
        "give `noise.nu`",
    ),
    "sigma-too-small": Code(
        "warning",
        "the best fit misses the data by more than a known sigma allows (four standard deviations of chi-square)",
        "infer sigma by giving it bounds or a distribution",
    ),
    "sigma-too-large": Code(
        "warning",
        "the inferred sigma is more than a tenth of the largest load, or than any laxity test has had",
        "look at the residuals: sigma holds what the model cannot do",
    ),
    "condyle-pulls": Code(
        "warning",
        "in more than one of a hundred draws a condyle would have to pull on the tibia",
        "check `f_ref` and the geometry",
    ),
    "prior-conflict": Code(
        "warning",
        "the posterior mean lies more than three prior-predictive standard deviations from the prior's, and the "
        "posterior is sensitive to the prior",
        "look for what differs: the ligament, the unit, the geometry; or widen the prior",
    ),
    "bound-reached": Code(
        "note",
        "a bound cuts a parameter's distribution",
        "if units and side are right, widen the bounds or report them; mend a misfit first",
    ),
    "prior-decides": Code(
        "note",
        "more than 90 % of the standard deviation of a prior that is not uniform is left, by logarithms of a "
        "log-normal one, and the mean has moved by less than one of it",
        "report the prior with it",
    ),
    "region-unvisited": Code(
        "note",
        "in nine of ten draws no reading finds a strand taut, beyond its toe, in its toe, or slack, and what only "
        "such readings tell is free",
        "measure there, or report the prior",
    ),
    "trade-off": Code(
        "note",
        "other parameters tell a parameter that the data do not (multiple correlation 0.95 or more, a quarter of its "
        "prior left)",
        "report them together; inform one of them",
    ),
    "prior-sensitive": Code(
        "note",
        "power-scaling sensitivity to the prior above 0.05, of a parameter, a reference strain or laxity at 10 N·m",
        "report the prior with it",
    ),
    "extrapolated": Code(
        "note",
        "in more than half of the draws a laxity lies beyond the measured angles; or reference strains refer to a "
        "flexion at which nothing was measured",
        "do not report it as measured",
    ),
}

ORDER = {code: place for place, code in enumerate(CODES)}
