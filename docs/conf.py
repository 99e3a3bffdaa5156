"""How Sphinx builds these pages, after `pip install .[docs]`: `sphinx-build docs docs/_build`; no network is used."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "extensions"), str(HERE.parent)]

from calibrate import __version__  # noqa: E402  # of this checkout, which is what the pages are about

project = "calibrate"
author = "the calibrate developers"
project_copyright = "2026, the calibrate developers"
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "numpydoc",
    "config_reference",  # the keys of the configuration, from the models
    "command_help",  # what `calibrate COMMAND --help` says
    "pictures",  # drawn by the program when the pages are built
    "mathml",  # formulas that need no script
    "neighbours",  # pages that live elsewhere in the project
]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "_drawn"]
nitpicky = True

myst_enable_extensions = ["deflist", "dollarmath", "amsmath"]
myst_heading_anchors = 3

# Docstrings have the types; as plain words, for most of them are no classes.
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
autosummary_generate = False

html_theme = "furo"
html_title = f"calibrate {release}"
html_static_path = ["_static"]
html_css_files = ["calibrate.css"]
html_show_sphinx = False
html_copy_source = False
pygments_style = "friendly"
