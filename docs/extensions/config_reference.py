"""`{config-keys}`: the keys of a table of the configuration, each with what its model says of it."""

from __future__ import annotations

from typing import Any, ClassVar

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from calibrate.config.schema import Key, forms, keys

# Stands for the tables that a value may be, which are no keys of one place.
FORMS = "value"


def chosen(table: str) -> list[Key]:
    """Return the keys of a table, like `knee` or `sampling`; those of a value's own tables for `value`."""
    found = list(forms()) if table == FORMS else [key for key in keys() if key.name.split(".")[0] == table]
    if not found:
        raise ValueError(f"there is no table called {table!r} in the configuration")
    return found


def written(key: Key) -> list[str]:
    """Return the lines of MyST that show a key."""
    kind = f"{key.kind} [{key.unit}]" if key.unit else key.kind
    lines = [f"````{{confval}} {key.name}", f":type: {kind}"]
    if key.default:
        lines.append(f":default: {key.default if key.default == 'needed' else f'`{key.default}`'}")
    return [*lines, "", f"{key.text[0].upper()}{key.text[1:]}.", "````", ""]


class ConfigKeys(SphinxDirective):
    """Shows the keys of one table of the configuration."""

    required_arguments = 1
    has_content = False
    option_spec: ClassVar[Any] = {}

    def run(self) -> list[nodes.Node]:
        """Return the keys as a list of definitions that can be linked to."""
        lines = [line for key in chosen(self.arguments[0]) for line in written(key)]
        node = nodes.section()
        node.document = self.state.document
        self.state.nested_parse(StringList(lines, source="calibrate.config"), self.content_offset, node)
        return node.children


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx of the directive."""
    app.add_directive("config-keys", ConfigKeys)
    return {"version": "1", "parallel_read_safe": True}
