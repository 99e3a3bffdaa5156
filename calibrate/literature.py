"""Published values of ligament properties: what their sources state, and how a value becomes a prior.

The numbers stand in `literature.toml` beside this file. A 95 % interval or a standard deviation makes a normal prior.
A source that states no spread between knees makes none on its own: whoever uses it adds the spread.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from calibrate.complaints import did_you_mean
from calibrate.priors import LogNormal, Normal, Prior

CONFIDENCE = "95 % CI"
# A normal distribution's central 95 % are as many standard deviations wide.
_WIDTH_OF_CONFIDENCE = 3.92
# Its central 90 % reach so many to either side.
_HALF_OF_90 = 1.645
_EXAMPLES = {"factor or sd": "factor = 1.4", "sd": "sd = 0.02"}


@dataclass(frozen=True)
class Quantity:
    """A property that is published.

    Attributes
    ----------
    unit : str
        Its unit; "" if it has none.
    positive : bool
        It cannot be otherwise, so a factor may be its spread.
    why_not : str
        Why a value is no prior of a parameter, and what to do instead; "" if it is one, of the quantity's own name.
        MEAN and SD stand for the value's numbers.
    """

    unit: str = ""
    positive: bool = True
    why_not: str = ""


_LEFT_TO_THE_USER = "a spread without a value; give it as factor or sd of a prior of your own"
_ATTACHMENT = "measured from the joint line; put it into the knee's own coordinates, as { mean, sd } of an attachment"
QUANTITIES = {
    "k": Quantity("N/mm"),
    "alpha": Quantity(),
    "l_0": Quantity("mm"),
    "reference_strain": Quantity(positive=False),
    "stiffness_per_strain": Quantity(
        "N per strain",
        why_not="k is the stiffness per strain over the slack length, which is another parameter; with your l_0 in mm, "
        "give k = { mean = MEAN / l_0, sd = SD / l_0 }, worked out",
    ),
    "stiffness_relative_sd": Quantity(why_not=_LEFT_TO_THE_USER),
    "slack_length_relative_sd": Quantity(why_not=_LEFT_TO_THE_USER),
    "length": Quantity(
        "mm", why_not="a length in the knee is no slack length: l_0 is length / (1 + strain); give a reference_strain"
    ),
    "ultimate_load": Quantity("N", why_not="no parameter: the law has no failure; for comparison with tensions"),
    "femur_above_joint_line": Quantity("mm", why_not=_ATTACHMENT),
    "tibia_below_joint_line": Quantity("mm", why_not=_ATTACHMENT),
}


@dataclass(frozen=True)
class Source:
    """Where values were published.

    Attributes
    ----------
    key : str
        Like "cho2020".
    authors, title, journal, doi : str
        "" where not known.
    year : int
        Of publication.
    seen : str
        What was read of it, like "the abstract".
    """

    key: str
    authors: str
    year: int
    seen: str
    title: str = ""
    journal: str = ""
    doi: str = ""

    @property
    def citation(self) -> str:
        """Return the source in one line."""
        parts = [self.authors, self.title, self.journal, str(self.year), f"doi:{self.doi}" if self.doi else ""]
        return ". ".join(part.rstrip(".") for part in parts if part)


@dataclass(frozen=True)
class Entry:
    """One published value, as its source states it.

    Attributes
    ----------
    key : str
        SOURCE.STRUCTURE.QUANTITY, like "cho2020.mcl.k".
    source : Source
        Where it was published.
    structure : str
        Which ligament or part of it; "any" if it is not about one.
    quantity : str
        A key of `QUANTITIES`.
    value : float or None
        The central number, a mean unless the note says otherwise; None if only a spread is stated.
    sd, low, high : float or None
        The spread, as far as one is stated.
    spread : str
        What low and high are: "95 % CI"; "range"; "strands", the range over the strands of one knee.
    n : int or None
        How many knees.
    note : str
        What else the source says, or what to mind.
    """

    key: str
    source: Source
    structure: str
    quantity: str
    value: float | None = None
    sd: float | None = None
    low: float | None = None
    high: float | None = None
    spread: str = ""
    n: int | None = None
    note: str = ""

    @property
    def unit(self) -> str:
        """Return the value's unit, "" if it has none."""
        return QUANTITIES[self.quantity].unit

    @property
    def stated_sd(self) -> float | None:
        """Return the standard deviation between knees that follows from what is stated, None if none does."""
        if self.sd is not None or self.spread != CONFIDENCE or self.low is None or self.high is None:
            return self.sd
        return (self.high - self.low) / _WIDTH_OF_CONFIDENCE

    @property
    def why_not(self) -> str:
        """Return why this is no prior of a parameter, whatever spread is added; "" if it can be one."""
        mean, sd = ("SD" if number is None else f"{number:.5g}" for number in (self.value, self.stated_sd))
        return QUANTITIES[self.quantity].why_not.replace("MEAN", mean).replace("SD", sd)

    @property
    def missing(self) -> str:
        """Return what has to be given beside it to make a prior, "" if nothing has."""
        if self.why_not or self.stated_sd is not None:
            return ""
        return "factor or sd" if QUANTITIES[self.quantity].positive else "sd"

    def stated(self) -> str:
        """Return the numbers in a phrase, like "0.03, 95 % CI -0.01 to 0.07"."""
        unit = f" {self.unit}" if self.unit else ""
        parts = [] if self.value is None else [f"{self.value:g}{'' if self.sd is None else f' +- {self.sd:g}'}{unit}"]
        if self.low is not None and self.high is not None:
            parts.append(f"{self.spread} {self.low:g} to {self.high:g}")
        if self.n is not None:
            parts.append("1 knee" if self.n == 1 else f"{self.n} knees")
        return ", ".join(parts)

    def prior(
        self,
        *,
        sd: float | None = None,
        factor: float | None = None,
        lower: float = -math.inf,
        upper: float = math.inf,
    ) -> Prior:
        """Return the prior that the value makes.

        Parameters
        ----------
        sd, factor : float or None
            A spread of the user's, in place of the source's: sd makes a normal prior about the value, factor a
            log-normal one with the value as its median.
        lower, upper : float
            Bounds to truncate it to.

        Raises
        ------
        ValueError
            If the value is no parameter's, no spread is stated nor given, or the numbers make no prior.
        """
        where = f'literature = "{self.key}"'
        if self.why_not or self.value is None:
            raise ValueError(f"{where}: {self.why_not}")
        if sd is not None and factor is not None:
            raise ValueError(f"{where}: give sd or factor, not both")
        if factor is not None:
            if not QUANTITIES[self.quantity].positive:
                raise ValueError(f"{where}: {self.quantity} may be negative, so its spread is an sd, not a factor")
            return LogNormal(self.value, factor, lower, upper)
        spread = self.stated_sd if sd is None else sd
        if spread is None:
            raise ValueError(
                f"{where}: its source states no spread between knees ({self.stated()}); give {self.missing} beside it, "
                f'like {{ literature = "{self.key}", {_EXAMPLES[self.missing]} }}'
            )
        return Normal(self.value, spread, lower, upper)


@dataclass(frozen=True)
class PublishedLaxity:
    """A published varus-valgus laxity, as its source states it.

    Attributes
    ----------
    source : Source
        Where it was published.
    flexion : float
        Degrees.
    moment : float
        Pure moment [N·m], nominally, either way.
    total : float
        From the varus to the valgus end state [degrees]; a mean unless `n` is 1.
    sd, low, high : float or None
        The spread between knees, as far as one is stated.
    spread : str
        What low and high are, as in `Entry`.
    n : int or None
        How many knees.
    note : str
        What to mind.
    """

    source: Source
    flexion: float
    moment: float
    total: float
    sd: float | None = None
    low: float | None = None
    high: float | None = None
    spread: str = ""
    n: int | None = None
    note: str = ""

    @property
    def band(self) -> tuple[float, float] | None:
        """The 90 % of knees that a stated spread means [degrees]; None if none is stated."""
        if self.sd is not None:
            return self.total - _HALF_OF_90 * self.sd, self.total + _HALF_OF_90 * self.sd
        return None if self.low is None or self.high is None else (self.low, self.high)


@cache
def laxity_band(moment: float = 10.0) -> tuple[PublishedLaxity, ...]:
    """Return the published laxities at a moment [N·m], by flexion; empty if none is stored.

    Examples
    --------
    >>> [(one.flexion, one.total, one.n) for one in laxity_band(10.0)]
    [(5.5, 7.03, 1), (36.0, 9.29, 1), (87.3, 12.47, 1)]
    """
    content = _content()
    sources = {key: Source(key, **fields) for key, fields in content["sources"].items()}
    found = [PublishedLaxity(**{**fields, "source": sources[fields["source"]]}) for fields in content["laxity"]]
    return tuple(sorted((one for one in found if one.moment == moment), key=lambda one: one.flexion))


@cache
def entries() -> tuple[Entry, ...]:
    """Return all published values, in the order of the file."""
    content = _content()
    sources = {key: Source(key, **fields) for key, fields in content["sources"].items()}
    return tuple(_entry(fields, sources) for fields in content["values"])


def prior(
    key: str,
    quantity: str,
    *,
    sd: float | None = None,
    factor: float | None = None,
    lower: float = -math.inf,
    upper: float = math.inf,
) -> Prior:
    """Return the prior of a published value, for a parameter of this quantity.

    Parameters
    ----------
    key : str
        Of the value, like "cho2020.mcl.k".
    quantity : str
        What the parameter is, like "k".
    sd, factor, lower, upper : float
        As for `Entry.prior`.

    Raises
    ------
    ValueError
        If there is no such value, it is one of another quantity, no spread is stated nor given, or the numbers make
        no prior.
    """
    entry = next((entry for entry in entries() if entry.key == key), None)
    if entry is None:
        known = [entry.key for entry in entries() if entry.quantity == quantity and not entry.why_not]
        remedy = did_you_mean(key, known) if known else f"nothing is listed for {quantity}; give a prior of your own"
        raise ValueError(f'literature = "{key}": no such published value; {remedy}')
    if entry.quantity != quantity:
        reason = f"; {entry.why_not}" if entry.why_not else ""
        raise ValueError(f'literature = "{key}": it is {entry.quantity}, not {quantity}{reason}')
    return entry.prior(sd=sd, factor=factor, lower=lower, upper=upper)


def _content() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("literature.toml").read_text(encoding="utf-8"))


def _entry(fields: dict[str, object], sources: dict[str, Source]) -> Entry:
    source, structure, quantity = str(fields["key"]).split(".")
    # The fields of our own table; the tests type each number of it again by hand.
    return Entry(source=sources[source], structure=structure, quantity=quantity, **fields)  # type: ignore[arg-type]
