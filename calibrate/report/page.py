"""The page itself: what it says, put into the templates, every text escaped, and nothing allowed that is not its own.

A policy in the page forbids every request, and every script and style but the two inside it, by their SHA-256.
Whatever a configuration, a file's name or a comment says is text: Jinja escapes it, and letters that steer terminals or
turn the direction of writing are written out.
"""

from __future__ import annotations

import base64
import hashlib
import shlex
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from calibrate import __version__
from calibrate.errors import ExportError
from calibrate.files import check_target, replacing
from calibrate.kinds import REPORT
from calibrate.report import answers, changes, knee, methods, pictures, source, tables
from calibrate.report.words import sentence, unit_after
from calibrate.results import Run
from calibrate.texts import count, printable

_TEMPLATES = "templates"


def report_of(run: Run, *, made: datetime | None = None) -> str:
    """Return a run as a page.

    Parameters
    ----------
    run : Run
        Finished or still going.
    made : datetime, optional
        When it is made, as the page says; now by default.

    Raises
    ------
    ChainError
        If nothing is stored yet.
    """
    return render(contents(run), made or datetime.now(UTC))


def render(said: Mapping[str, Any], made: datetime, name: str = "report") -> str:
    """Put what `contents` returns into the templates: NAME.html, with NAME.js and the style that all pages share."""
    environment = _environment()
    style, script = (_asset(environment, file) for file in ("report.css", f"{name}.js"))
    policy = (
        f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'; "
        "form-action 'none'"
    )
    when = made.strftime("%Y-%m-%d %H:%M UTC")
    return environment.get_template(f"{name}.html").render(
        {**said, "style": style, "script": script, "policy": policy, "made": when, "version": __version__}
    )


def save_report(
    run: Run,
    path: Path,
    *,
    overwrite: bool = False,
    second: pictures.Second | None = None,
) -> None:
    """Write a run's page, whole or not at all.

    Parameters
    ----------
    run : Run
        Finished or still going.
    path : Path
        The page.
    overwrite : bool
        Whether it may replace a page that is there.
    second : Second, optional
        Another process that draws some of the figures meanwhile.

    Raises
    ------
    ExportError
        If the file exists and may not be replaced, or cannot be written.
    ChainError
        If nothing is stored yet.
    """
    check_target(path, ExportError, kind=REPORT, overwrite=overwrite, spare=(run.path,))
    text = render(contents(run, second), datetime.now(UTC))
    with replacing(path, ExportError) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def contents(run: Run, second: pictures.Second | None = None) -> dict[str, Any]:
    """Return all that the page says, by the names that the templates use; for `second` see `save_report`."""
    content = run.summary()
    parameters, derived = tables.all_rows(content)
    grids = changes.grids(run)  # before the figures, of which another process draws some meanwhile
    return {
        "content": content,
        "name": run.path.name,
        "quoted": shlex.quote(run.path.name),
        "converged": content["converged"],
        "verdict": list(answers.verdict(run, content)),
        "checks": list(answers.check_rows(content)),
        "doubts": list(answers.doubts(content)),
        "learnt": list(answers.learnt(content)),
        "combined": list(answers.combined(content)),
        "untold": list(answers.not_learnt(content, run.path.name)),
        "assumes": [sentence(text) for text in content["assumes"]],
        "headline": list(tables.headline(content)),
        "parameters": parameters,
        "derived": derived,
        "pictures": pictures.pictures(run, content, second),
        "knees": knee.moved(run),
        "grids": grids,
        "moment": changes.MOMENT,
        "methods": list(methods.paragraph(run, content)),
        "priors": list(methods.prior_rows(run, content)),
        "references": methods.references(run),
        "texts": list(source.texts(run)),
        "commands": source.commands(run, content),
        "versions": run.file.versions,
    }


def _environment() -> Environment:
    """Return an environment that escapes everything, and fails on a name that nobody gave."""
    environment = Environment(
        loader=PackageLoader("calibrate.report", _TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_plain,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"after": unit_after}
    environment.globals |= {"count": count}
    return environment


def _plain(value: Any) -> Any:
    r"""Write out what steers or turns in texts from outside, like `\x1b`; line ends and tabs stay."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    if value.isprintable():
        return value
    lines = value.replace("\r\n", "\n").split("\n")
    return "\n".join("\t".join(printable(cell) for cell in line.split("\t")) for line in lines)


def _asset(environment: Environment, name: str) -> Markup:
    """Return a style sheet or a script of ours, which stands in the page as it is."""
    assert environment.loader is not None
    text, _, _ = environment.loader.get_source(environment, name)
    return Markup(text)  # a file of this package


def _hash(text: Mapping[str, Any] | str) -> str:
    """Return what a policy calls an inline script or style."""
    digest = hashlib.sha256(str(text).encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
