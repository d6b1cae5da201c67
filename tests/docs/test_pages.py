# SPDX-License-Identifier: AGPL-3.0-only
"""Pages of the documentation for everybody: axe, narrow windows, light and dark."""

from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Page

from tests.docs.pages import WIDTHS, problems

pytestmark = pytest.mark.docs

BUILT: Final = Path(__file__).resolve().parents[2] / "docs" / "_build" / "html"
#: Every kind of thing that has a colour is on one of these. All pages have the same; computing them takes time.
COLOURED: Final = ("index.html", "how-tos/operate.html", "reference/attempts.html", "reference/python.html")
#: Long pages whose parts are of one form: what is left out of them here. The first parts stand for the others.
FORMED_ALIKE: Final = {
    "reference/rest.html": "article section > section > section:nth-of-type(n+3)",
    "reference/python.html": "dl.py:nth-of-type(n+5), dl.py dl.py:nth-of-type(n+3)",
    "performance.html": "tbody tr:nth-child(n+6)",
}


@pytest.mark.parametrize("width", WIDTHS)
def test_no_page_of_the_documentation_keeps_anybody_out(width: int, page: Page) -> None:
    files = sorted(file for file in BUILT.rglob("*.html") if "_static" not in file.parts)
    assert files, "make docs builds the pages"
    found: list[str] = []
    for file in files:
        page.goto(file.as_uri())
        name = str(file.relative_to(BUILT))
        page.eval_on_selector_all(FORMED_ALIKE.get(name, "none"), "parts => parts.forEach(part => part.remove())")
        found += problems(page, name, width, colours=name in COLOURED)
    assert not found, "\n".join(found)
