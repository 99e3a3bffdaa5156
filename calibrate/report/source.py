"""What a run was made from, and how to make it again: configuration, data, commands, versions, SHA-256."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from calibrate.results import Run

# Characters of a text that are shown; the whole is in the run.
_MOST = 60_000


def shortened(text: str) -> tuple[str, int]:
    """Return a text as far as it is shown, cut at a line's end if it can be, and how many letters are left out."""
    if len(text) <= _MOST:
        return text, 0
    cut = text.rfind("\n", 0, _MOST) + 1 or _MOST
    return text[:cut], len(text) - cut


def texts(run: Run) -> Iterator[dict[str, Any]]:
    """Yield the configuration's text, then that of every test's data, each with its SHA-256."""
    name = run.config.source.name if run.config.source is not None else "knee.toml"
    shown, left = shortened(run.config.text)
    yield {"name": name, "what": "configuration", "text": shown, "left": left, "sha256": _sha(run.config.text)}
    for test, measurement in run.file.measurements.items():
        shown, left = shortened(measurement.text)
        what = f"data of {test}" if test else "data"
        yield {"name": measurement.source, "what": what, "text": shown, "left": left, "sha256": measurement.sha256}


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def commands(run: Run, content: Mapping[str, Any]) -> list[str]:
    """Return the commands that make this run and this page again."""
    version = content["calibrate"]
    name = run.config.source.name if run.config.source is not None else "knee.toml"
    path = shlex.quote(run.path.name)
    held = "".join(f" --hold-out {shlex.quote(test)}" for test in run.config.held_out)
    return [
        f"pip install calibrate=={version}",
        f"calibrate run {shlex.quote(name)} -o {path} --seed {run.config.sampling.seed}{held}",
        f"calibrate resume {path} --until-steps {content['steps']}",
        f"calibrate report {path}",
    ]
