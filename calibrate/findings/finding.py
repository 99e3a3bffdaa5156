"""What a finding is, and what several are."""

from __future__ import annotations

from dataclasses import dataclass

from calibrate.findings.codes import CODES, Kind
from calibrate.notebook_view import of_findings


@dataclass(frozen=True)
class Finding:
    """Something to know before believing an answer.

    Attributes
    ----------
    code : str
        Which kind of finding, for programs: `not-converged`, `bound-reached`, ...
    subject : str
        What it is about: a parameter, a derived quantity or a test; empty if it is the whole.
    value, threshold : float or None
        The number found, and the one that it is held against; None if there is no single one.
    sentence : str
        What was found, with both numbers.
    advice : str
        What to do about it; empty if that goes without saying.
    """

    code: str
    subject: str
    value: float | None
    threshold: float | None
    sentence: str
    advice: str = ""

    @property
    def kind(self) -> Kind:
        """Whether something is wrong, `warning`, or only to be known, `note`; see `calibrate.findings.codes`."""
        return CODES[self.code].kind

    def __str__(self) -> str:
        return f"{self.sentence}; {self.advice}" if self.advice else self.sentence

    def _repr_html_(self) -> str:
        return of_findings((self,))


class Findings(tuple[Finding, ...]):
    """Findings, the most important first: a tuple that notebooks show as a table."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return of_findings(self)
