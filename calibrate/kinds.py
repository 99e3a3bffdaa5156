"""The kinds of files that commands write, told by their content; and what the end of a name promises.

`--overwrite` replaces a file only by one of its own kind, so a slip of the keyboard costs nothing that cannot be made
again by the same command.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# Enough of a file to tell what it is: comments may come first.
_HEAD = 2**16


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes
    ----------
    name : str
        What it is called, with its article, like "a chain file".
    suffixes : tuple of str
        Ends of names that promise it, the usual one first.
    recognises : callable
        Told a path and its first bytes, tells whether that file is of this kind.
    """

    name: str
    suffixes: tuple[str, ...]
    recognises: Callable[[Path, bytes], bool]

    def holds(self, path: Path) -> bool:
        """Tell whether a file is of this kind; nothing is lost with an empty one, so it is of any.

        Raises
        ------
        OSError
            If it cannot be read.
        """
        with path.open("rb") as file:
            head = file.read(_HEAD)
        return not head or self.recognises(path, head)


def _is_run(path: Path, head: bytes) -> bool:
    if not head.startswith(b"\x89HDF\r\n\x1a\n"):
        return False
    import h5py

    try:
        with path.open("rb") as file, h5py.File(file, "r") as f:
            return "calibrate" in f
    except (OSError, RuntimeError, ValueError, KeyError):  # damaged, or still empty: not ours to throw away
        return False


def _is_population(path: Path, head: bytes) -> bool:
    if not head.startswith(b"\x89HDF\r\n\x1a\n"):
        return False
    import h5py

    try:
        with path.open("rb") as file, h5py.File(file, "r") as f:
            return bytes(f.attrs["format"]) == b"calibrate population"
    except (OSError, RuntimeError, ValueError, KeyError, TypeError):
        return False


def _is_measurement(path: Path, head: bytes) -> bool:
    for line in head.decode("utf-8-sig", "replace").splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            cells = {cell.strip().strip('"') for cell in re.split("[,;\t]", line)}
            return bool(cells & {"angle_deg", "angle_rad"} and cells & {"force_N", "moment_Nm"})
    return False


def _is_model(path: Path, head: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        head = head.decode("utf-16", "replace").encode()
    first = re.search(rb"<(?![?!])([^\s/>]*)", re.sub(rb"<!--.*?(-->|$)", b"", head, flags=re.DOTALL))
    return first is not None and first[1] == b"OpenSimDocument"


def _is_prior(path: Path, head: bytes) -> bool:
    return re.search(rb'(?m)^format = "calibrate knees prior"', head) is not None


def _picture(name: str, suffixes: tuple[str, ...], *begins: bytes) -> Kind:
    return Kind(name, suffixes, lambda path, head: head.startswith(begins))


CHAIN = Kind("a chain file", (".h5", ".hdf5", ".hdf"), _is_run)
POPULATION = Kind("a population", (".h5", ".hdf5", ".hdf"), _is_population)
MEASUREMENT = Kind("a measurement", (".csv", ".tsv", ".txt", ".dat"), _is_measurement)
MODEL = Kind("an OpenSim model", (".osim", ".xml"), _is_model)
VALIDATION = Kind("a validation", (".json",), lambda path, head: b'"verdict":' in head)
SCHEMA = Kind("a schema of a configuration", (".json",), lambda path, head: b'"$schema":' in head)
REPORT = Kind(
    "a report", (".html", ".htm"), lambda path, head: b'<meta name="generator" content="calibrate report' in head
)
STUDY_REPORT = Kind(
    "a report of a study",
    (".html", ".htm"),
    lambda path, head: b'<meta name="generator" content="calibrate cohort-summary' in head,
)
CONFIGURATION = Kind(
    "a configuration",
    (".toml",),
    lambda path, head: re.search(rb"(?m)^\[", head) is not None and not _is_prior(path, head),
)
KNEES_PRIOR = Kind("a prior made of knees", (".toml",), _is_prior)
PICTURES = (
    _picture("a PNG picture", (".png",), b"\x89PNG\r\n\x1a\n"),
    _picture("a PDF file", (".pdf",), b"%PDF-"),
    Kind("an SVG picture", (".svg",), lambda path, head: re.search(rb"<svg[\s>]", head) is not None),
    _picture("a JPEG picture", (".jpg", ".jpeg"), b"\xff\xd8\xff"),
    _picture("a PostScript file", (".eps", ".ps"), b"%!PS"),
    _picture("a TIFF picture", (".tif", ".tiff"), b"II*\0", b"MM\0*"),
    Kind("a WebP picture", (".webp",), lambda path, head: head[:4] == b"RIFF" and head[8:12] == b"WEBP"),
)
FILMS = (
    _picture("a GIF picture", (".gif",), b"GIF87a", b"GIF89a"),
    Kind("an MP4 film", (".mp4",), lambda path, head: head[4:8] == b"ftyp"),
)
# Nothing here writes these, so whoever names one means something else.
_OTHERS = {
    "another program's configuration": (".yaml", ".yml", ".ini", ".cfg"),
    "a JSON file": (".json",),
    "a program": (".py", ".sh", ".ipynb", ".m", ".r"),
    "a table or a document": (".xlsx", ".xls", ".ods", ".docx", ".md", ".parquet"),
    "an archive": (".zip", ".gz", ".tar", ".7z"),
    "another program's data": (".npy", ".npz", ".mat", ".nc", ".pkl", ".pickle", ".c3d", ".mot", ".sto", ".trc"),
    "a picture": (".bmp",),
}


def picture_of(path: Path) -> Kind | None:
    """Return the kind of picture that a name promises, or None."""
    return next((kind for kind in PICTURES if path.suffix.lower() in kind.suffixes), None)


def promised(path: Path) -> str | None:
    """Return what the end of a name promises, like "a chain file"; None if it may be anything."""
    ours = (CHAIN, MEASUREMENT, MODEL, CONFIGURATION, REPORT, *PICTURES, *FILMS)
    table = {kind.name: kind.suffixes for kind in ours} | _OTHERS
    return next((name for name, suffixes in table.items() if path.suffix.lower() in suffixes), None)
