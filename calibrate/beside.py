"""The configuration and the data that a run was made from, as they lie beside it now: a run goes on without them.

What is said here is for those who have changed a file and expect `resume` to take notice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from calibrate import chain
from calibrate.config import load_config, parse_config
from calibrate.data import Measurement
from calibrate.errors import CalibrateError
from calibrate.texts import printable

_ANOTHER = "is another now than when the run was started"
_GOES_ON = "the run goes on with what is stored in it; for the new one, start a new run"


def changes(path: Path, stored: chain.RunFile) -> Iterator[str]:
    """Yield a sentence for each file of those that a run was made from which is another now.

    Looked for under its own name in the run's folder, the one above, and the working directory.

    Parameters
    ----------
    path : Path
        The run.
    stored : RunFile
        What it says of itself.
    """
    folders = list(dict.fromkeys(place.resolve() for place in (path.parent, path.parent / "..", Path())))
    name = stored.config.source
    named = name is not None and name.name != path.name  # one made in Python has no file, and is called like its run
    config = _first(folder / name.name for folder in folders) if name is not None and named else None
    if config is not None and (differs := _differs(config, stored)):
        yield f"{config}: {differs}; {_GOES_ON}"
    near = [config.parent] if config is not None else folders
    files = stored.config.data_paths  # relative ones: of the configuration's own place only its name is stored
    for test, measurement in stored.measurements.items():
        data = _first(folder / files[test] for folder in near)
        if data is not None and not _same_bytes(data, measurement):
            whose = f" (tests.{test})" if test else ""
            yield f"{data}: has changed since the run was started{whose}; {_GOES_ON}"


def _first(candidates: Iterator[Path]) -> Path | None:
    for candidate in candidates:
        try:
            if candidate.is_file():
                return candidate
        except (OSError, ValueError):  # a name that no file here can have
            continue
    return None


def _differs(path: Path, stored: chain.RunFile) -> str:
    """Say how a configuration differs from the one that a run was started with; nothing if only in its comments."""
    try:
        now, then = load_config(path), parse_config(stored.config.text, path, known=stored.config)
    except CalibrateError:
        # The same text has lost a prior's file, which the run does not need.
        return "" if path.read_text("utf-8", "replace") == stored.config.text else _ANOTHER
    found = chain.differences(then.model_dump(mode="json"), now.model_dump(mode="json"))
    return printable(f"{', '.join(found[:3])}{', ...' if len(found) > 3 else ''}") if found else ""


def _same_bytes(path: Path, stored: Measurement) -> bool:
    try:
        if path.stat().st_size != len(stored.text.encode()):
            return False  # and a huge file need not be read
        return hashlib.sha256(path.read_bytes()).hexdigest() == stored.sha256
    except OSError:
        return True  # what cannot be read says nothing
