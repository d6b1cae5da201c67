# SPDX-License-Identifier: AGPL-3.0-only
"""Pages of the documentation, and the API's own, for everybody: axe, narrow windows, light and dark."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, sync_playwright

from tests.docs.conftest import Platform

pytestmark = pytest.mark.docs

BUILT: Final = Path(__file__).resolve().parents[2] / "docs" / "_build" / "html"
WIDTHS: Final = (1280, 390)
WCAG: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
#: Every kind of thing that has a colour is on one of these. All pages have the same; computing them takes time.
COLOURED: Final = ("index.html", "how-tos/operate.html", "reference/attempts.html", "reference/python.html")
#: Long pages whose parts are of one form: what is left out of them here. The first parts stand for the others.
FORMED_ALIKE: Final = {
    "reference/rest.html": "article section > section > section:nth-of-type(n+3)",
    "reference/python.html": "dl.py:nth-of-type(n+5), dl.py dl.py:nth-of-type(n+3)",
    "performance.html": "tbody tr:nth-child(n+6)",
}


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = chromium.new_context(ignore_https_errors=True).new_page()
        page.set_default_timeout(90_000)
        yield page
        chromium.close()


def problems(page: Page, name: str, width: int, *, colours: bool) -> Iterator[str]:
    """Yield what is wrong with the page in a window of this width; where asked to, in light and dark."""
    rules: dict[str, Any] = {
        "runOnly": WCAG,
        "rules": {"color-contrast": {"enabled": colours}},
        "resultTypes": ["violations"],
        "preload": False,
    }
    page.set_viewport_size({"width": width, "height": 900})
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if overflow > 0:
        yield f"{name}: {overflow} pixels too wide"
    for scheme in ("light", "dark") if colours else ("light",):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
        for violation in Axe().run(page, options=rules).response["violations"]:
            nodes = [node["html"][:200] for node in violation["nodes"]][:5]
            yield f"{name}, {scheme}: {violation['id']}: {nodes}"


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


def test_the_apis_page_keeps_nobody_out(page: Page, platform: Platform) -> None:
    page.goto(f"{platform.machine.url}/api-docs/")
    page.wait_for_selector(".opblock")
    page.click(".opblock-put .opblock-summary-control >> nth=0")
    page.wait_for_selector(".opblock-body select")
    found = [problem for width in WIDTHS for problem in problems(page, "/api-docs/", width, colours=True)]
    assert not found, "\n".join(found)
