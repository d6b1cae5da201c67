# SPDX-License-Identifier: AGPL-3.0-only
"""The question whether a page keeps anybody out: axe, in narrow and wide windows, light and dark."""

from collections.abc import Iterator
from typing import Any, Final

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

WIDTHS: Final = (1280, 390)
WCAG: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


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
