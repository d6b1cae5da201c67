# SPDX-License-Identifier: AGPL-3.0-only
"""The browser that tests drive."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright


@contextmanager
def chromium(*flags: str) -> Iterator[Browser]:
    """
    Start this machine's Chromium, and end it.

    :param flags: of its command line
    """
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.fail("The browser tests need Chromium: apt-get install chromium.", pytrace=False)
    with sync_playwright() as playwright:
        # Its own sandbox does not work for root.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", *flags])
        try:
            yield browser
        finally:
            browser.close()
