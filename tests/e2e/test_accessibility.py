# SPDX-License-Identifier: AGPL-3.0-only
"""Pages of sandbox and service for everybody: axe, narrow and zoomed windows, the keyboard alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.accessibility import too_wide, use_colours, violations
from tests.e2e.conftest import COURSE, Look, OpenConsole, SignIn
from tests.e2e.sandbox import RunningSandbox
from tests.e2e.test_sandbox import ALLOWANCES, ATTEMPTS, OUTLINE, STUDIO, give, go_to_exam, hand_in, start, usage_key

pytestmark = pytest.mark.e2e

DESKTOP: Final[ViewportSize] = {"width": 1280, "height": 900}
# A telephone, and what a window of 1280 pixels is at 200 % and 400 %.
WIDTHS: Final = {"desktop": 1280, "telephone": 390, "zoom-200": 640, "zoom-400": 320}
WIDTHS_FOR_AXE: Final = ("desktop", "telephone")
VERY_LITTLE_TIME: Final = ("timer--little", "timer--very-little", "timer--paused")

type Visit = Callable[[Page, str], None]


@pytest.fixture
def check(look: Look) -> Iterator[Visit]:
    """Look at a page in every width, light and dark: no violation, nothing to scroll sideways."""
    problems: list[str] = []

    def in_every_width(page: Page, name: str) -> None:
        for scheme in ("light", "dark"):
            use_colours(page, dark=scheme == "dark")
            for title, width in WIDTHS.items():
                found = [*too_wide(page, width)]
                if title in WIDTHS_FOR_AXE:
                    found += violations(page)
                problems.extend(f"{name}, {scheme}, {title}: {problem}" for problem in found)
        page.set_viewport_size({"width": WIDTHS["zoom-400"], "height": 900})
        look(page, f"zoom-400-{name}")
        page.set_viewport_size({"width": WIDTHS["zoom-200"], "height": 900})
        look(page, f"zoom-200-{name}")
        page.set_viewport_size(DESKTOP)

    yield in_every_width
    assert not problems, "\n".join(problems)


def settled(page: Page, place: str) -> Page:
    page.goto(place, wait_until="networkidle")
    return page


def test_a_learners_pages(sign_in: SignIn, check: Visit) -> None:
    learner = sign_in("Amina Diallo")
    check(learner, "courses")
    check(settled(learner, OUTLINE), "outline")
    check(settled(learner, f"{OUTLINE}/{quote(usage_key('welcome'))}"), "section")
    check(settled(learner, "/support/contact_us"), "contact")
    check(settled(learner, "/nowhere"), "not-found")
    go_to_exam(learner, "Midterm exam")
    expect(learner.get_by_role("button", name="Start the exam")).to_be_visible()
    check(learner, "introduction")
    start(learner)
    expect(learner.get_by_text("Question 1")).to_be_visible()
    check(learner, "running")
    for name in VERY_LITTLE_TIME:
        learner.locator(".timer").evaluate("(timer, name) => { timer.className = `timer ${name}`; }", name)
        assert list(violations(learner, ".timer")) == [], name
    learner.context.set_offline(True)
    expect(learner.get_by_text("The connection is lost.")).to_be_visible()
    check(learner, "offline")
    learner.context.set_offline(False)
    expect(learner.get_by_text("The connection is lost.")).to_have_count(0)
    learner.get_by_role("button", name="I'm done").click()
    expect(learner.get_by_role("heading", name="Hand in your exam?")).to_be_visible()
    check(learner, "hand-in")
    learner.get_by_role("button", name="Submit the exam").click()
    expect(learner.get_by_role("heading", name="Submitted")).to_be_visible()
    check(learner, "result")
    learner.get_by_role("button", name="Sign out").click()
    expect(learner.get_by_role("heading", name="Who would you like to be?")).to_be_visible()
    check(learner, "sign-in")


def test_the_course_teams_pages(sign_in: SignIn, check: Visit) -> None:
    learner, staff = sign_in("Bruno Keller"), sign_in("Frida Lindqvist")
    go_to_exam(learner, "Midterm exam")
    start(learner)
    hand_in(learner)
    check(settled(staff, ATTEMPTS), "attempts")
    staff.get_by_role("button", name="Reset").first.click()
    expect(staff.get_by_role("dialog")).to_be_visible()
    check(staff, "reset-dialog")
    staff.keyboard.press("Escape")
    settled(staff, ALLOWANCES)
    give(staff, "nobody, bruno", "Review exception", "Words for the proctor", "May use a calculator.")
    expect(staff.locator("tbody tr")).to_have_count(1)
    expect(staff.get_by_role("alert")).to_be_visible()
    check(staff, "allowances")
    check(settled(staff, STUDIO), "studio")


def test_the_tools_and_the_services_pages(
    sign_in: SignIn, open_console: OpenConsole, check: Visit, sandbox: RunningSandbox
) -> None:
    learner, proctor = sign_in("Chiyo Tanaka"), open_console()
    go_to_exam(learner, "Final exam")
    learner.get_by_role("button", name="Set up proctoring").click()
    expect(learner.get_by_role("heading", name="Show us that it is you")).to_be_visible()
    check(learner, "tool-check-in")
    proctor.reload()
    check(proctor, "tool-console")
    proctor.get_by_role("link", name="Not checked in yet").first.click()
    expect(proctor.get_by_role("button", name="Terminate")).to_be_visible()
    check(proctor, "tool-sitting")
    check(settled(learner, f"{sandbox.exams_url}/browser_lock/"), "browser-lock")
    check(settled(learner, f"{sandbox.exams_url}/lti/lti_consumer/v1/launch/"), "launch-refused")


def press_until(page: Page, name: str, *, key: str = "Tab") -> None:
    """Walk through the page by keyboard until something of this name has the focus, which is seen on the way."""
    for _ in range(60):
        page.keyboard.press(key)
        here = page.evaluate(
            """() => {
              const element = document.activeElement;
              const style = getComputedStyle(element);
              return { name: (element.ariaLabel || element.labels?.[0]?.innerText || element.innerText || "").trim(),
                       isVisible: style.outlineStyle !== "none" || element === document.body };
            }"""
        )
        assert here["isVisible"], f"{here['name']}: the focus is not seen"
        if name in here["name"]:
            return
    raise AssertionError(f"The keyboard does not get to {name}")


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.tagName"))


def test_the_whole_story_by_keyboard(sign_in: SignIn) -> None:
    learner, staff = sign_in("Amina Diallo"), sign_in("Frida Lindqvist")
    learner.goto(OUTLINE)
    press_until(learner, "Midterm exam")
    learner.keyboard.press("Enter")
    expect(learner.get_by_role("button", name="Start the exam")).to_be_visible()
    press_until(learner, "Start the exam")
    learner.keyboard.press("Enter")
    expect(learner.get_by_text("Question 1")).to_be_visible()
    expect(learner.get_by_role("heading", name="Midterm exam")).to_be_focused()
    press_until(learner, "they cannot both happen")
    learner.keyboard.press("ArrowDown")
    expect(learner.get_by_label("one happening tells nothing about the other")).to_be_checked()
    press_until(learner, "I'm done", key="Shift+Tab")
    learner.keyboard.press("Enter")
    expect(learner.get_by_role("heading", name="Hand in your exam?")).to_be_focused()
    press_until(learner, "Submit the exam")
    learner.keyboard.press("Enter")
    expect(learner.get_by_role("heading", name="Submitted")).to_be_focused()

    staff.goto(ATTEMPTS)
    expect(staff.get_by_role("row").filter(has_text="amina")).to_be_visible()
    press_until(staff, "Verify the attempt of amina")
    staff.keyboard.press("Enter")
    expect(staff.get_by_role("row").filter(has_text="amina")).to_contain_text("Verified")
    expect(staff.get_by_role("button", name="Verify")).to_have_count(0)
    assert focused(staff) == "BUTTON"
    press_until(staff, "Reset the attempt of amina")
    staff.keyboard.press("Enter")
    expect(staff.get_by_role("dialog")).to_be_visible()
    staff.keyboard.press("Escape")
    expect(staff.get_by_role("dialog")).to_have_count(0)
    expect(staff.get_by_role("button", name="Reset the attempt of amina")).to_be_focused()
    assert COURSE in staff.url
