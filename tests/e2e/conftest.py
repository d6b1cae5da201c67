# SPDX-License-Identifier: AGPL-3.0-only
from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.chromium import chromium
from tests.e2e.sandbox import CHECKOUT, RunningSandbox

SCREENSHOTS: Final = CHECKOUT / "var" / "screenshots"
CHROMIUM_FLAGS: Final = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
)

COURSE: Final = "course-v1:Demo+EX101+2026"
OTHER_COURSE: Final = "course-v1:Demo+EX202+2026"
ROUTED_COURSE: Final = "course-v1:Demo+EX303+2026"

# A page asks every 5 seconds how things stand. What a test waits for may need two such questions, on a busy machine.
expect.set_options(timeout=15_000)

type SignIn = Callable[[str], Page]
type OpenConsole = Callable[[], Page]
type Look = Callable[[Page, str], None]


@pytest.fixture(scope="session")
def shared_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    running = RunningSandbox(var=tmp_path_factory.mktemp("sandbox")).start().wait_until_ready()
    yield running
    running.stop()


@pytest.fixture
def sandbox(shared_sandbox: RunningSandbox) -> Iterator[RunningSandbox]:
    """The sandbox with nobody's attempts in it, whose servers have nothing to complain about during the test."""
    shared_sandbox.forget_attempts(COURSE, OTHER_COURSE)
    before = len(shared_sandbox.output)
    yield shared_sandbox
    said = "".join(shared_sandbox.output[before:])
    print(said)
    assert "Traceback" not in said


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium(*CHROMIUM_FLAGS) as browser:
        yield browser


@pytest.fixture
def new_browser(browser: Browser) -> Iterator[Callable[[str, str], Page]]:
    """A browser of one's own, for whom and where; nothing that its pages complain about goes unnoticed."""
    complaints: list[str] = []
    contexts = []

    def open_for(name: str, base_url: str) -> Page:
        context = browser.new_context(base_url=base_url, viewport={"width": 1200, "height": 820})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: complaints.append(f"{name}, {page.url}: {error}"))
        return page

    yield open_for
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def sign_in(new_browser: Callable[[str, str], Page], sandbox: RunningSandbox) -> SignIn:
    def as_person(name: str) -> Page:
        page = new_browser(name, sandbox.lms_url)
        page.goto("/")
        page.get_by_role("button", name=name).click()
        page.get_by_role("heading", name="Courses").wait_for()
        return page

    return as_person


@pytest.fixture
def open_console(new_browser: Callable[[str, str], Page], sandbox: RunningSandbox) -> OpenConsole:
    """The proctors' console, in a browser that knows neither platform nor learner."""

    def as_proctor() -> Page:
        page = new_browser("proctor", sandbox.tool_url)
        page.goto("/")
        page.get_by_role("heading", name="Sittings").wait_for()
        return page

    return as_proctor


@pytest.fixture(scope="session")
def look() -> Look:
    """Keep a picture of a page, for a person to judge."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)

    def save(page: Page, name: str) -> None:
        page.evaluate("scrollTo(0, 0)")
        page.screenshot(path=Path(SCREENSHOTS, f"{name}.png"), full_page=True)

    return save
