# SPDX-License-Identifier: AGPL-3.0-only
"""The questions put to a page: is it too wide for its window, and is it against a rule of axe?"""

from collections.abc import Iterator
from typing import Any, Final

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

RULES: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def use_colours(page: Page, *, dark: bool) -> None:
    """Show the page as to somebody who prefers light or dark, and no movement."""
    page.emulate_media(color_scheme="dark" if dark else "light", reduced_motion="reduce")


def too_wide(page: Page, width: int) -> Iterator[str]:
    """Make the window this wide, in pixels, and yield by how much the page is wider."""
    page.set_viewport_size({"width": width, "height": 900})
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if overflow > 0:
        yield f"{overflow} pixels too wide"


def violations(page: Page, context: str | None = None, **options: Any) -> Iterator[str]:
    """
    Yield each rule that the page is against, with the elements.

    :param context: a CSS selector; only this part of the page is looked at
    :param options: what else axe is told
    """
    answer = Axe().run(page, context=context, options={"runOnly": RULES, **options}).response
    for violation in answer["violations"]:
        yield f"{violation['id']}: {[node['html'][:200] for node in violation['nodes']][:5]}"
