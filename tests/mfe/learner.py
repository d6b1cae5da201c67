# SPDX-License-Identifier: AGPL-3.0-only
"""Somebody who takes exams in the learning interface, and what their browser does meanwhile."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from playwright.sync_api import ConsoleMessage, FrameLocator, Locator, Page, Request, expect

from tests.mfe.campus import Campus

# The library asks for the exam access token of whatever it shows, and says so itself when it gets none.
_REFUSED_CONTENT: Final = re.compile(r"/api/v1/access_tokens/|/content/")

_CLOCK: Final = re.compile(r"(\d\d):(\d\d):(\d\d)")

type Place = Page | FrameLocator


@dataclass(kw_only=True)
class Learner:
    """
    A signed-in person's page.

    :param complaints: errors of the page and of its console, but the library's own
    :param requests: to the exam service: seconds of the monotonic clock, method and path with query
    """

    page: Page
    campus: Campus
    complaints: list[str] = field(default_factory=list)
    requests: list[tuple[float, str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("pageerror", lambda error: self.complaints.append(f"{self.page.url}: {error}"))
        self.page.on("console", self._hear)
        self.page.on("request", self._count)

    def _hear(self, message: ConsoleMessage) -> None:
        where = message.location["url"]
        if message.type == "error" and not _REFUSED_CONTENT.search(where):
            self.complaints.append(f"{self.page.url}: {message.text} ({where})")

    def _count(self, request: Request) -> None:
        service = self.campus.sandbox.exams_url
        if request.url.startswith(service) and request.method != "OPTIONS":
            self.requests.append((time.monotonic(), request.method, request.url.removeprefix(service)))

    def go_to(self, block: str) -> None:
        """Open a sequence's page."""
        self.page.goto(self.campus.sequences[block].path)

    def go_home(self, block: str) -> None:
        """Open the home of a sequence's course."""
        self.page.goto(f"/learning/course/{self.campus.sequences[block].course_id}/home")

    def button(self, name: str, *, where: Place | None = None) -> Locator:
        """A button of the page."""
        return (where or self.page).get_by_role("button", name=name)

    def start_timed(self, block: str) -> None:
        """Open an exam and start it."""
        self.go_to(block)
        self.button("I am ready to start").click()
        expect(self.question()).to_be_visible()

    def question(self, where: Place | None = None) -> Locator:
        """The first question of the exam that is shown."""
        return (where or self.page).get_by_text("Question 1")

    def timer(self, where: Place | None = None) -> Locator:
        """The library's timer."""
        return (where or self.page).get_by_test_id("exam-timer")

    def seconds_left(self, where: Place | None = None) -> int:
        """Read the timer."""
        # The library shows a timer before it shows a time.
        expect(self.timer(where)).to_contain_text(_CLOCK)
        found = _CLOCK.search(self.timer(where).inner_text())
        assert found
        hours, minutes, seconds = map(int, found.groups())
        return (hours * 60 + minutes) * 60 + seconds

    def wait(self, seconds: float) -> None:
        """Let time pass, the page going on."""
        self.page.wait_for_timeout(seconds * 1000)

    def wait_until(self, condition: Callable[[], bool], seconds: float) -> None:
        """Let time pass until something holds."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"not within {seconds} seconds"
            self.wait(0.2)
