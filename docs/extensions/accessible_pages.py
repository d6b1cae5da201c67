# SPDX-License-Identifier: AGPL-3.0-only
"""
Completes what Sphinx and its theme leave out of the pages for people who use a keyboard or a screen reader.

Each page is completed once, when all are written; a page that is complete stays as it is.
"""

import re
from pathlib import Path
from typing import Final

from sphinx.application import Sphinx

#: What a page has, and what it gets in its place. None of the results matches its own pattern.
_COMPLETIONS: Final = (
    # A heading has a level.
    (re.compile(r'role="heading">'), r'role="heading" aria-level="2">'),
    # Of two landmarks of a kind each has a name.
    (re.compile(r'<aside class="sidebar-drawer">'), r'<aside class="sidebar-drawer" aria-label="All pages">'),
    (re.compile(r'<aside class="toc-drawer([^"]*)">'), r'<aside class="toc-drawer\1" aria-label="This page">'),
    # A page has a title of its own.
    (re.compile(r'(?<!</h1>\n)<div id="search-results">'), r'<h1>Search</h1>\n<div id="search-results">'),
    # What scrolls sideways can be scrolled by keyboard.
    (re.compile(r"<pre>"), r'<pre tabindex="0">'),
    (
        re.compile(r'<div class="table-wrapper ([^"]*)"((?: id="[^"]*")?)>'),
        r'<div class="table-wrapper \1"\2 tabindex="0" role="group" aria-label="Table">',
    ),
    # A picture says in words what it shows.
    (
        re.compile(r'(<object data="[^"]*" type="image/svg\+xml" class="graphviz")>(\s*<p class="warning">)([^<]*)'),
        r'\1 role="img" aria-label="\3">\2\3',
    ),
)


def completed(page: str) -> str:
    """Return a page with everything that it lacked."""
    for lacking, whole in _COMPLETIONS:
        page = lacking.sub(whole, page)
    return page


def complete_pages(app: Sphinx, exception: Exception | None) -> None:
    """Complete each page that was written, unless building has failed."""
    if exception is not None or app.builder.format != "html":
        return
    for file in Path(app.outdir).rglob("*.html"):
        page = file.read_text(encoding="utf-8")
        if (whole := completed(page)) != page:
            file.write_text(whole, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("build-finished", complete_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
