"""A configuration to begin with: valid, commented, and plain about what is another knee's and has to be replaced."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from calibrate.config.knee import MAIN_STRANDS
from calibrate.config.values import check_name
from calibrate.importing.convert import Imported
from calibrate.texts import printable

_KNEE = """\
# THE GEOMETRY IS ANOTHER KNEE'S (Lenhart 2015, one adult's, from MRI): replace it by measurements of yours.
# Radii and centres of the condyles' circles, and attachments, in the frontal plane; a third coordinate is z.
lateral_condyle = { centre = [23.5, -6.0], radius = 15.5 }
medial_condyle = { centre = [-20.4, -6.0], radius = 17.5 }
rolling = 1.0                         # 0 slides, 1 rolls
mcl = { femur = [-40.1, 12.2, 2.1], tibia = [-16.9, -64.9, 10.1] }
lcl = { femur = [36.0, 4.7, -1.2], tibia = [45.1, -50.7, -12.9] }
"""
_PARAMETERS = """\
# Priors from publications (`calibrate priors` has more). The sd of a strain is wide enough for attachments that are
# another knee's; with your own, 0.02 to 0.03 will do.
[parameters.mcl]
k = { literature = "cho2020.mcl.k", factor = 1.7 }                          # N/mm
alpha = { literature = "andreassen2021.any.alpha", factor = 1.4 }           # transition strain
reference_strain = { literature = "smith2016.smcl.reference_strain", sd = 0.06 }

[parameters.lcl]
k = { literature = "cho2020.lcl.k", factor = 1.7 }
alpha = { literature = "andreassen2021.any.alpha", factor = 1.4 }
reference_strain = { literature = "smith2016.lcl.reference_strain", sd = 0.09 }
"""
_OFFSET = "{ mean = 0.0, sd = 2.0 }"
_SIGMA = {"moment": "{ median = 0.3, factor = 2.0 }", "force": "{ median = 1.0, factor = 3.0 }"}

_HYSTERESIS = {"moment": "{ mean = 0.0, sd = 0.5 }", "force": "{ mean = 0.0, sd = 2.0 }"}


def configuration(
    tests: Mapping[str, Imported], files: Mapping[str, str], point: tuple[float, float] | None = None
) -> str:
    """Return a configuration in TOML.

    Parameters
    ----------
    tests : mapping of str to Imported
        The measurements by the name of their test; a single one needs none.
    files : mapping of str to str
        The file of each, relative to the configuration.
    point : (float, float), optional
        Where a force acts, in mm; needed if one is a force.
    """
    sides = sorted({one.side for one in tests.values() if one.side})
    sources = ", ".join(printable(one.source.name) for one in tests.values())
    lines = [
        f"# Made by 'calibrate init' from {sources}. Run it with: calibrate run THIS_FILE",
        "# Units: mm, N, N/mm, degrees of flexion. x points laterally, y proximally, z anteriorly"
        f"{', of a ' + sides[0] + ' knee as of any other' if sides else ''}.",
        "",
        "[knee]",
        _KNEE.rstrip(),
    ]
    if point is not None:
        lines.append(f"application_point = [{point[0]!r}, {point[1]!r}]     # where the force acts")
    lines += ["", _PARAMETERS]
    lines += _single(*next(iter(tests.items())), files) if len(tests) == 1 else _several(tests, files)
    return "\n".join(lines) + "\n[sampling]\nseed = 1\n"


def _single(name: str, one: Imported, files: Mapping[str, str]) -> list[str]:
    lines = [
        "# A rig's zero is hardly ever the model's: degrees, as the file counts.",
        "[measurement]",
        f"angle_offset = {_OFFSET}",
        *_hysteresis("hysteresis", one),
        "",
    ]
    if one.measurement.sigma is None:
        lines += ["[noise]", _sigma("sigma", one), ""]
    else:
        lines += ["# The file has a column with the loads' standard deviations.", ""]
    return [*lines, "[data]", *_test(one, files[name]), ""]


def _several(tests: Mapping[str, Imported], files: Mapping[str, str]) -> list[str]:
    lines = []
    for name, one in tests.items():
        lines += [f"[tests.{name}]", *_test(one, files[name])]
        lines.append(f"measurement.angle_offset = {_OFFSET}     # degrees: the rig's zero, of this test alone")
        lines += _hysteresis("measurement.hysteresis", one)
        if one.measurement.sigma is None:
            lines.append(_sigma("noise.sigma", one))
        lines.append("")
    return lines


def _sigma(key: str, one: Imported) -> str:
    kind = one.measurement.kind
    return f"{key} = {_SIGMA[kind]}     # {one.measurement.unit}, inferred; or a number, if you know the load's error"


def _hysteresis(key: str, one: Imported) -> list[str]:
    """Return what makes use of the column of directions, if there is one: else each run would warn of it."""
    if one.measurement.direction is None:
        return []
    kind, unit = one.measurement.kind, one.measurement.unit
    return [f"{key} = {_HYSTERESIS[kind]}     # {unit}: friction, half the loop's width; uses the column 'direction'"]


def _test(one: Imported, file: str) -> list[str]:
    flexion = 0.0 if one.flexion is None else one.flexion
    return [
        f"file = {quoted(file)}",
        f'positive = "{one.positive}"     # what the file counts as positive, in both columns',
        f"flexion = {float(flexion)!r}",
    ]


def quoted(text: str) -> str:
    """Return a text as a string of TOML."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def name_of_test(stem: str, taken: Mapping[str, object]) -> str:
    """Return a name for a test from a file's, one that is not taken."""
    name = re.sub("[^A-Za-z0-9_-]+", "_", stem).strip("_-")[:40]
    try:
        check_name("", name, MAIN_STRANDS)
    except ValueError:
        name = f"test_{name}".rstrip("_")
    found, number = name, 1
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    return found
