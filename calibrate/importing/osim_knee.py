"""Other programs' knees as a configuration's `[knee]` table; `calibrate.osim` reads their files."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from calibrate import __version__
from calibrate.errors import ExportError
from calibrate.files import check_target, replacing
from calibrate.kinds import CONFIGURATION
from calibrate.osim import Attachments, attachments, printable, read_model

# Keys of [knee] that are no strands.
_TAKEN = (
    "lateral_condyle",
    "medial_condyle",
    "rolling",
    "application_point",
    "reference_flexion",
    "flexion_axis",
    "flexion",
)
_NAME = re.compile("[A-Za-z][A-Za-z0-9_-]*")
# Decimals of a millimetre in a table: far below any measurement, and rid of what arithmetic leaves.
_DECIMALS = 9


def knee_from_osim(
    model: str | Path,
    strands: Mapping[str, str | Sequence[str]],
    *,
    side: Literal["r", "l"] | None = None,
    theta_0: float = 0.0,
) -> Attachments:
    """Read where an OpenSim model's ligaments are attached, as far as straight strands go.

    Parameters
    ----------
    model : str or Path
        The .osim file; OpenSim is not needed.
    strands : mapping of str to str or sequence of str
        Names of ligaments in the model by the strand's name in the configuration, like `{"mcl": ["MCL1", "MCL2"],
        "lcl": "LCL"}`. Several become one at their mean, weighted by stiffness.
    side : {"r", "l"}, optional
        Which knee; by default as names or the ligaments' places say.
    theta_0 : float
        The angle [rad] at which the plateau touches both condyles, in which tibial points are turned back. It follows
        from the condyles, which a model without contact surfaces does not have.

    Returns
    -------
    Attachments
        Femoral and tibial points [mm], x lateral, y proximal, z anterior, in the frame of the femoral body; and notes
        on what was left out. `calibrate.osim.attachments` says what is done.

    Raises
    ------
    ExportError
        If the model cannot be read, has no such ligaments, or its pose cannot be computed.
    """
    names = {ours: [theirs] if isinstance(theirs, str) else list(theirs) for ours, theirs in strands.items()}
    if not names:
        raise ExportError("no strands are named; give some, like mcl=MCL1,MCL2 lcl=LCL")
    for ours, theirs in names.items():
        if not _NAME.fullmatch(ours) or ours in _TAKEN:
            raise ExportError(
                f"'{printable(ours)}' cannot be a strand's name in [knee]; use letters, digits and '_', and none of "
                "its other keys"
            )
        if not theirs or not all(theirs):
            raise ExportError(f"'{ours}' is mapped to no name; give names of the model, like {ours}=A,B")
    if side not in (None, "r", "l"):
        raise ExportError(f"side = {side!r}: a knee is 'r' or 'l'")
    if not abs(theta_0) < math.pi / 4:
        raise ExportError(f"theta_0 of {math.degrees(theta_0):g} degrees is none of a knee seen from the front")
    return attachments(read_model(Path(model)), names, side=side, theta_0=theta_0, source=str(model))


def knee_table(found: Attachments, model: str | Path, theta_0: float = 0.0) -> str:
    """Return a configuration's `[knee]` table in TOML.

    Parameters
    ----------
    found : Attachments
        What `knee_from_osim` returns.
    model : str or Path
        Where it is from, for the comment.
    theta_0 : float
        What `knee_from_osim` was given [rad], for the comment.
    """
    side = "right" if found.side == "r" else "left"
    lines = [
        f"# From {printable(Path(model).name)} by calibrate {__version__}: a {side} knee, frame of '{found.frame}';",
        "# [x lateral, y proximal, z anterior] in mm. Tibial points as at the model's default pose, "
        f"for theta_0 = {math.degrees(theta_0):g} degrees.",
        "[knee]",
        "# The condyles have to be measured, in this frame:",
        "# lateral_condyle = { centre = [x, y], radius = r }",
        "# medial_condyle = { centre = [x, y], radius = r }",
    ]
    for strand in found.strands:
        ends = ", ".join(f"{bone} = {_written(point.tolist())}" for bone, point in strand.ends.items())
        lines.append(f"{strand.name} = {{ {ends} }}  # {', '.join(strand.theirs)}")
    return "\n".join(lines) + "\n"


def check_table(output: Path, model: Path) -> None:
    """Refuse a place for the table where something is already, before anything is read.

    Raises
    ------
    ExportError
        If a file is there: it may hold more than can be made again.
    """
    check_target(
        output,
        ExportError,
        kind=CONFIGURATION,
        overwrite=False,
        spare=(model,),
        hint="it may hold what you have added; choose another with -o",
    )


def write_table(text: str, output: Path) -> None:
    """Write the table to a new file, whole or not at all.

    Raises
    ------
    ExportError
        If it cannot be written.
    """
    with replacing(output, ExportError) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _written(point: Sequence[float]) -> str:
    return f"[{', '.join(repr(round(value, _DECIMALS) + 0.0) for value in point)}]"
