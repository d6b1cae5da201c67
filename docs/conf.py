# SPDX-License-Identifier: AGPL-3.0-only
"""Sphinx configuration. The service's own code is imported: the references are made of it, not written beside it."""

import os
import sys
from pathlib import Path

import django
from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(Path(__file__).parent / "extensions")]
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "edx_exams.settings.test")
django.setup()

from edx_exams import __version__  # noqa: E402 - only now can it be found

project = "edx-exams"
author = "the edx-exams authors"
copyright = "the edx-exams authors, AGPL-3.0"
release = version = __version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.graphviz",
    "accessible_pages",
    "attempt_states",
    "rest_reference",
    "settings_reference",
]
graphviz_output_format = "svg"
exclude_patterns = ["_build", "reference/_generated"]
nitpicky = False

autodoc_typehints = "signature"
autodoc_member_order = "bysource"

html_theme = "furo"
html_title = "edx-exams"
html_show_sphinx = False
html_copy_source = html_show_sourcelink = False
html_theme_options: dict[str, list[str]] = {"top_of_page_buttons": []}


def skip_tuple_fields(_app: Sphinx, _what: str, _name: str, member: object, skip: bool, _options: object) -> bool:
    """Leave out what a named tuple says of its fields: "Alias for field number 0"."""
    return skip or type(member).__name__ == "_tuplegetter"


def setup(app: Sphinx) -> None:
    """Register with Sphinx."""
    app.connect("autodoc-skip-member", skip_tuple_fields)
