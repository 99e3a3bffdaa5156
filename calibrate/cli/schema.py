"""The command that prints the configuration's JSON Schema, which editors check and complete with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from calibrate.texts import printable


def schema(
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE.json", help="File to write; stdout by default."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing schema.")] = False,
) -> None:
    """Print the JSON Schema of a configuration, for editors: they then complete keys, explain them and mark slips.

    Editors with Even Better TOML or Taplo look for the line '#:schema FILE.json' at the top of a TOML file.
    """
    from calibrate.config.schema import json_schema
    from calibrate.errors import ExportError
    from calibrate.files import check_target, replacing
    from calibrate.kinds import SCHEMA

    if output is not None:
        check_target(output, ExportError, kind=SCHEMA, overwrite=overwrite)
    text = json.dumps(json_schema(), indent=2, ensure_ascii=output is None) + "\n"
    if output is None:
        print(text, end="")
        return
    with replacing(output, ExportError) as temporary:
        temporary.write_text(text, encoding="utf-8")
    print(printable(output))
