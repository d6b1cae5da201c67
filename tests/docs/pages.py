# SPDX-License-Identifier: AGPL-3.0-only
"""The question whether a page of the documentation keeps anybody out, in narrow and wide windows, light and dark."""

from collections.abc import Iterator
from typing import Final

from playwright.sync_api import Page

from tests.accessibility import too_wide, use_colours, violations

WIDTHS: Final = (1280, 390)


def problems(page: Page, name: str, width: int, *, colours: bool) -> Iterator[str]:
    """Yield what is wrong with the page in a window of this width; where asked to, in light and dark."""
    for problem in too_wide(page, width):
        yield f"{name}: {problem}"
    for scheme in ("light", "dark") if colours else ("light",):
        use_colours(page, dark=scheme == "dark")
        rules = {"color-contrast": {"enabled": colours}}
        for problem in violations(page, rules=rules, resultTypes=["violations"], preload=False):
            yield f"{name}, {scheme}: {problem}"
