"""`{commands}`: every command with its arguments and options, as `calibrate COMMAND --help` has them."""

from __future__ import annotations

import inspect
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


def commands() -> dict[str, tuple[str, list[tuple[str, str]], str]]:
    """Return for each command what it does, its arguments and options with what is said of them, and an example.

    What all commands have, the page says once.
    """
    import typer

    from calibrate.cli import app
    from calibrate.cli.app import EXAMPLES, MESSAGES
    from calibrate.options import said_of

    group: Any = typer.main.get_command(app)
    found = {}
    for name, command in group.commands.items():
        rows = []
        for parameter in command.params:
            if getattr(parameter, "rich_help_panel", None) == MESSAGES:
                continue
            names = ", ".join(parameter.opts) if parameter.param_type_name == "option" else ""
            shown = "" if getattr(parameter, "is_flag", False) else parameter.metavar or parameter.name.upper()
            rows.append((f"{names} {shown}".strip(), said_of(parameter)))
        found[name] = inspect.cleandoc(command.help or ""), rows, EXAMPLES[name]
    return found


class Commands(SphinxDirective):
    """Shows all commands, each under a heading of its own."""

    def run(self) -> list[nodes.Node]:
        """Return a section for each."""
        sections: list[nodes.Node] = []
        for name, (text, rows, example) in commands().items():
            section = nodes.section("", nodes.title("", "", nodes.literal("", name)), names=[name])
            section.document = self.state.document
            self.state.document.note_implicit_target(section, section)
            section += [nodes.paragraph("", part) for part in text.split("\n\n")]
            section += nodes.literal_block(example, example, language="sh")
            items = nodes.definition_list()
            for names, said in rows:
                definition = nodes.definition("", nodes.paragraph("", said))
                items += nodes.definition_list_item("", nodes.term("", "", nodes.literal("", names)), definition)
            section += items
            sections.append(section)
        return sections


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx of the directive."""
    app.add_directive("commands", Commands)
    return {"version": "1", "parallel_read_safe": True}
