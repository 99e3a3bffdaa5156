"""What notebooks show: the one place that makes HTML of tables and sentences, and what each object shows with it.

Everything is escaped with the standard library's `html.escape`: a cell is one table and a paragraph or two, for which
a template language would be longer than what it makes, and would have to be imported whenever an object is shown.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from calibrate.texts import count

if TYPE_CHECKING:
    from calibrate.draws import Draws
    from calibrate.findings.finding import Finding
    from calibrate.knee.geometry import Geometry
    from calibrate.posterior import Posterior

_SUMMARY = ("unit", "median", "q2.5", "q97.5", "mean", "sd", "sd_of_prior", "rhat", "ess_bulk", "prior")


def cell(value: object) -> str:
    """Return what stands in a table's cell: numbers to four digits, nothing for what is unknown, text escaped."""
    if isinstance(value, float):
        return f"{value:.4g}" if math.isfinite(value) else ""
    return "" if value is None else html.escape(str(value))


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table whose rows begin with a name."""
    top = "".join(f"<th>{cell(name)}</th>" for name in head)
    body = [
        f"<tr><th>{cell(name)}</th>{''.join(f'<td>{cell(value)}</td>' for value in rest)}</tr>" for name, *rest in rows
    ]
    return f"<table><tr>{top}</tr>{''.join(body)}</table>"


def paragraph(text: object) -> str:
    """Return a paragraph of text."""
    return f"<p>{cell(text)}</p>"


def of_summary(content: Mapping[str, Any]) -> str:
    """Return a summary: parameters, what follows from them, findings, assumptions."""
    entries = (*content["parameters"].items(), *content["derived"].items())
    rows = [(name, *(entry.get(column) for column in _SUMMARY)) for name, entry in entries]
    sentences = paragraph("; ".join(content["warnings"])) + paragraph("; ".join(content["assumes"]))
    return table(("", *_SUMMARY), rows) + sentences


def of_findings(findings: Sequence[Finding]) -> str:
    """Return findings, one below the other, each with its number and threshold."""
    if not findings:
        return paragraph("no findings")
    head = ("kind", "code", "about", "value", "threshold", "finding", "advice")
    rows = [(one.kind, one.code, one.subject, one.value, one.threshold, one.sentence, one.advice) for one in findings]
    return table(head, rows)


def of_draws(draws: Draws, title: str) -> str:
    """Return what there is of a calibration: how far it is, what it was made from, and what it has freed."""
    posterior, settings = draws.posterior, draws.settings
    ensembles, stored, walkers = draws.chains.log_prob.shape
    rows: list[tuple[object, ...]] = [(f"data{_of(test.name)}", _measured(test)) for test in posterior.tests]
    rows.append(("free parameters", ", ".join(draws.names)))
    taken = f"{draws.steps} steps of {ensembles} ensembles of {walkers} walkers"
    if stored:
        dropped = f"the first {draws.burn_in * settings.thin} dropped, {draws.draws} draws"
        rows += [("sampled", f"{taken}, {dropped}"), ("verdict", draws.verdict.sentence)]
        if draws.verdict.advice:
            rows.append(("advice", draws.verdict.advice))
    else:
        rows.append(("sampled", "nothing is stored yet"))
    return table((title, ""), rows)


def of_posterior(posterior: Posterior) -> str:
    """Return a posterior: its parameters with their priors, fixed numbers and ties, and its tests."""
    rows: list[tuple[object, ...]] = []
    for name, at in posterior.table.roots.items():
        parameter = posterior.table.parameters[at]
        if name != parameter.name:
            rows.append((name, parameter.unit, "tied", f"as {parameter.name}"))
        elif parameter.prior is not None:
            rows.append((name, parameter.unit, "free", parameter.prior.describe(parameter.unit)))
        else:
            rows.append((name, parameter.unit, "fixed", float(parameter.value)))
    tests = [(f"data{_of(test.name)}", _measured(test)) for test in posterior.tests]
    doubts = "".join(paragraph(doubt) for doubt in posterior.warnings)
    return table(("parameter", "unit", "", "prior or value"), rows) + table(("test", ""), tests) + doubts


def of_geometry(knee: Geometry) -> str:
    """Return a knee: its strands' attachments and lengths, and its condyles [mm]."""
    from calibrate.knee.geometry import kinematics

    degrees = math.degrees
    head = ("strand", "femur x, y, z [mm]", "tibia x, y, z [mm]", "length where both condyles touch [mm]")
    strands = [
        (strand.name, _point(strand.femur), _point(strand.tibia), float(length))
        for strand, length in zip(knee.strands, kinematics(knee, knee.theta_0).lengths[:, 0], strict=True)
    ]
    condyles = [
        ("lateral", _point(knee.lateral_centre), float(knee.lateral_radius)),
        ("medial", _point(knee.medial_centre), float(knee.medial_radius)),
    ]
    touch = f"both condyles touch at {degrees(knee.theta_0):.4g} degrees (valgus positive)"
    said = f"{touch}; flexion {degrees(knee.flexion):.4g} degrees; rolling {knee.rolling:g} (0 slides, 1 rolls)"
    return table(head, strands) + table(("condyle", "centre x, y [mm]", "radius [mm]"), condyles) + paragraph(said)


def _measured(test: Any) -> str:
    data = test.measurement
    counted = f"{data.kind} in {data.unit}, {test.positive} positive, {test.flexion:g} degrees of flexion"
    return f"{count(data.angles.size, 'point')} of {data.source} ({counted})"


def _of(test: str) -> str:
    return f" of {test}" if test else ""


def _point(point: Sequence[float]) -> str:
    return ", ".join(f"{number:g}" for number in point)
