"""What to know before believing an answer: findings with code, number, threshold, sentence and advice."""

from calibrate.findings.checks import findings_of
from calibrate.findings.codes import CODES
from calibrate.findings.finding import Finding, Findings

__all__ = ["CODES", "Finding", "Findings", "findings_of"]
