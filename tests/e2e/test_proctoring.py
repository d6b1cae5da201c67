# SPDX-License-Identifier: AGPL-3.0-only
"""Across origins: a proctored exam, with platform, service and tool each on its own."""

from __future__ import annotations

import json
import re
import time
from typing import Any, Final
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import COURSE, Look, OpenConsole, SignIn
from tests.e2e.sandbox import RunningSandbox
from tests.e2e.test_sandbox import (
    ATTEMPTS,
    TOLERANCE_SECONDS,
    attempt_row,
    go_to_exam,
    seconds_left,
    start,
    usage_key,
)

pytestmark = pytest.mark.e2e

EXAM: Final = "Final exam"
# A clock that stands is looked at again after this long: several polls of the page.
LOOK_AGAIN_MILLISECONDS: Final = 4000
MINUTES_MORE: Final = 5
SECONDS_FOR_AN_EVENT: Final = 2.0


def set_up_proctoring(learner: Page, name: str) -> None:
    """From the exam's page through the tool's check-in, and back."""
    go_to_exam(learner, EXAM)
    learner.get_by_role("button", name="Set up proctoring").click()
    check_in(learner, name)
    expect(learner.get_by_role("button", name="Start the exam")).to_be_visible()


def check_in(learner: Page, name: str) -> None:
    """Do what the tool wants before it lets a learner go on."""
    expect(learner.get_by_role("heading", name="Show us that it is you")).to_be_visible()
    learner.get_by_label("Your name").fill(name)
    learner.get_by_label("Take the photo").check()
    learner.get_by_label("Show the ID").check()
    learner.get_by_role("button", name="Continue to the exam").click()


def attempt_of(learner: Page, sandbox: RunningSandbox) -> int:
    """The id of the learner's attempt of the proctored exam."""
    latest = f"{sandbox.exams_url}/api/v1/exams/attempt/latest?content_id={quote(usage_key('proctored'))}"
    return int(learner.request.get(latest).json()["attempt_id"])


def hand_in_by_way_of_the_tool(learner: Page) -> None:
    learner.get_by_role("button", name="I'm done").click()
    learner.get_by_role("button", name="Submit the exam").click()
    expect(learner.get_by_role("heading", name="That was it")).to_be_visible()


def watch(proctor: Page, name: str) -> None:
    """Open the newest sitting of a learner in the console."""
    proctor.goto("/")
    proctor.get_by_role("link", name=name).first.click()
    expect(proctor.get_by_role("heading", name=name)).to_be_visible()


def order(proctor: Page, action: str, answer: str) -> None:
    """Press a button of the desk and see what the platform says."""
    proctor.get_by_role("button", name=action, exact=True).click()
    expect(proctor.get_by_text(f"The platform says: {answer}.")).to_be_visible()


def terminate(proctor: Page, severity: str, *, reason: str = "Ended normally") -> None:
    end = proctor.get_by_role("form", name="End")
    end.get_by_label("Reason").select_option(reason)
    end.get_by_label("Severity").fill(severity)
    order(proctor, "Terminate", "terminated")


def refusals_in_console(page: Page) -> list[str]:
    """Collect what a page's console shows in red from now on."""
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    return errors


def test_a_proctored_exam_from_check_in_to_verdict(
    sign_in: SignIn, open_console: OpenConsole, sandbox: RunningSandbox, look: Look
) -> None:
    learner, proctor = sign_in("Amina Diallo"), open_console()
    look(proctor, "tool-console-empty")
    go_to_exam(learner, EXAM)
    expect(learner.get_by_text("A proctor watches over this exam")).to_be_visible()
    look(learner, "proctored-introduction")
    learner.get_by_role("button", name="Set up proctoring").click()

    # In the tool, on its own origin; it was told no name.
    expect(learner.get_by_role("heading", name="Show us that it is you")).to_be_visible()
    assert learner.url.startswith(sandbox.tool_url)
    look(learner, "tool-check-in")
    learner.get_by_text("What the platform told us").click()
    told = learner.get_by_role("group").filter(has_text="message_type")
    expect(told).to_contain_text("LtiStartProctoring")
    assert "Amina" not in learner.content()
    look(learner, "tool-check-in-claims")
    check_in(learner, "Amina Diallo")

    # Back, and the clock has waited for the learner.
    expect(learner.get_by_text("Proctoring is set up.")).to_be_visible()
    assert learner.url.startswith(sandbox.lms_url)
    expect(learner.get_by_role("timer")).to_have_count(0)
    look(learner, "proctored-ready")
    start(learner)
    expect(learner.get_by_text("Question 1")).to_be_visible()
    learner.get_by_label("One that was ruled out").check()

    refusals = refusals_in_console(learner)
    watch(proctor, "Amina Diallo")
    look(proctor, "tool-sitting")
    order(proctor, "Pause", "paused")
    expect(learner.get_by_role("heading", name="The proctor has paused your exam")).to_be_visible()
    expect(learner.get_by_text("Question 1")).to_have_count(0)
    look(learner, "proctored-paused")
    standing = seconds_left(learner)
    learner.wait_for_timeout(LOOK_AGAIN_MILLISECONDS)
    assert seconds_left(learner) == standing
    learner.reload()
    expect(learner.get_by_role("heading", name="The proctor has paused your exam")).to_be_visible()
    assert seconds_left(learner) == standing

    order(proctor, "Resume", "running")
    expect(learner.get_by_label("One that was ruled out")).to_be_checked()
    assert refusals == []
    assert seconds_left(learner) == pytest.approx(standing, abs=TOLERANCE_SECONDS)
    # Twice is once too much, and the platform's words say so.
    proctor.get_by_role("button", name="Resume", exact=True).click()
    expect(proctor.get_by_role("alert")).to_be_visible()
    look(proctor, "tool-sitting-refused")

    before = seconds_left(learner)
    proctor.get_by_label("Minutes").fill(str(MINUTES_MORE))
    order(proctor, "Add minutes", "running")
    deadline = time.monotonic() + TOLERANCE_SECONDS
    while seconds_left(learner) < before + 60 and time.monotonic() < deadline:
        learner.wait_for_timeout(200)
    assert seconds_left(learner) == pytest.approx(before + MINUTES_MORE * 60, abs=TOLERANCE_SECONDS)

    flag = proctor.get_by_role("form", name="Flag")
    flag.get_by_label("Note").fill("Looked out of the window")
    order(proctor, "Flag", "running")
    expect(proctor.get_by_text("Looked out of the window")).to_be_visible()

    hand_in_by_way_of_the_tool(learner)
    assert learner.url.startswith(sandbox.tool_url)
    look(learner, "tool-goodbye")
    learner.get_by_role("link", name="Back to the course").click()
    expect(learner.get_by_role("heading", name="Submitted")).to_be_visible()

    proctor.goto("/")
    over = proctor.get_by_role("region", name="Over").get_by_role("row").filter(has_text="Amina Diallo")
    expect(over.first).to_contain_text("Handed in")
    look(proctor, "tool-console")
    watch(proctor, "Amina Diallo")
    terminate(proctor, "0.1")
    look(proctor, "tool-sitting-terminated")
    # The learner's page hears of it by itself.
    expect(learner.get_by_role("heading", name="Verified")).to_be_visible()

    staff = sign_in("Frida Lindqvist")
    staff.goto(ATTEMPTS)
    row = staff.locator(attempt_row("amina", EXAM))
    expect(row).to_contain_text("Verified")
    expect(row).to_contain_text("Submitted by user", ignore_case=True)
    expect(row).to_contain_text("Severity 0.10")
    row.get_by_text("incidents").click()
    expect(row).to_contain_text("Looked out of the window")
    look(staff, "staff-review")


def test_what_a_proctor_found_suspicious_waits_for_staff(
    sign_in: SignIn, open_console: OpenConsole, look: Look
) -> None:
    learner, proctor, staff = sign_in("Bruno Keller"), open_console(), sign_in("Frida Lindqvist")
    set_up_proctoring(learner, "Bruno Keller")
    start(learner)
    watch(proctor, "Bruno Keller")
    terminate(proctor, "0.5")
    # Terminated while it ran: the exam is over where the learner looks at it.
    expect(learner.get_by_role("heading", name="Under review")).to_be_visible()
    look(learner, "proctored-under-review")

    staff.goto(ATTEMPTS)
    row = staff.locator(attempt_row("bruno", EXAM))
    expect(row).to_contain_text("Under review")
    expect(row).to_contain_text("Severity 0.50")
    look(staff, "staff-second-review")
    row.get_by_role("button", name="Verify").click()
    expect(row).to_contain_text("Verified")
    expect(learner.get_by_role("heading", name="Verified")).to_be_visible()


def test_an_exam_that_a_proctor_broke_off_ended_in_an_error(sign_in: SignIn, open_console: OpenConsole) -> None:
    learner, proctor = sign_in("Chiyo Tanaka"), open_console()
    set_up_proctoring(learner, "Chiyo Tanaka")
    start(learner)
    watch(proctor, "Chiyo Tanaka")
    terminate(proctor, "0.9", reason="Left the exam's page")
    expect(learner.get_by_role("heading", name="Error")).to_be_visible()
    expect(learner.get_by_text("Question 1")).to_have_count(0)


def test_a_launch_that_was_broken_off_can_be_begun_again(sign_in: SignIn) -> None:
    learner = sign_in("Amina Diallo")
    go_to_exam(learner, EXAM)
    learner.get_by_role("button", name="Set up proctoring").click()
    expect(learner.get_by_role("heading", name="Show us that it is you")).to_be_visible()
    go_to_exam(learner, EXAM)
    learner.get_by_role("button", name="Go on with the set-up").click()
    expect(learner.get_by_role("heading", name="Show us that it is you")).to_be_visible()


def test_a_launch_needs_no_javascript(sign_in: SignIn, browser: Browser, sandbox: RunningSandbox, look: Look) -> None:
    """Each form of it that goes on by itself has a button, and the last page leads back without one."""
    learner = sign_in("Chiyo Tanaka")
    go_to_exam(learner, EXAM)
    learner.get_by_role("button", name="Set up proctoring").click()
    expect(learner.get_by_role("heading", name="Show us that it is you")).to_be_visible()
    attempt = attempt_of(learner, sandbox)

    plain = browser.new_context(storage_state=learner.context.storage_state(), java_script_enabled=False)
    page = plain.new_page()
    page.goto(f"{sandbox.exams_url}/lti/start_proctoring/{attempt}", referer=f"{sandbox.lms_url}/")
    assert urlsplit(page.url).path == "/lti/lti_consumer/v1/launch/"
    look(page, "launch-without-javascript")
    page.get_by_role("button").click()
    check_in(page, "Chiyo Tanaka")
    page.get_by_role("button", name="To the exam").click()
    expect(page).to_have_url(re.compile(f"^{re.escape(sandbox.lms_url)}/learning/course/"))
    plain.close()
    go_to_exam(learner, EXAM)
    expect(learner.get_by_role("button", name="Start the exam")).to_be_visible()


def test_an_instructor_looks_into_the_tool(sign_in: SignIn, look: Look) -> None:
    learner, staff = sign_in("Amina Diallo"), sign_in("Frida Lindqvist")
    set_up_proctoring(learner, "Amina Diallo")
    staff.goto(ATTEMPTS)
    staff.get_by_role("button", name=EXAM).click()
    expect(staff.get_by_text("You came from the course, as an instructor")).to_be_visible()
    expect(staff.get_by_role("link", name="Amina Diallo").first).to_be_visible()
    look(staff, "tool-instructor")
    staff.get_by_role("link", name="Roster").click()
    roster = json.loads(staff.locator("body").inner_text())
    assert "amina" in [username for _, username in roster]


def test_each_event_is_a_line_on_the_terminal_soon_after_the_click(sign_in: SignIn, sandbox: RunningSandbox) -> None:
    learner = sign_in("Bruno Keller")
    go_to_exam(learner, "Midterm exam")
    start(learner)
    learner.get_by_role("button", name="I'm done").click()
    before = len(sandbox.output)

    def event() -> dict[str, Any] | None:
        lines = [line for line in sandbox.output[before:] if line.lstrip().startswith("relay | {")]
        return json.loads(lines[0].partition("|")[2]) if lines else None

    clicked = time.monotonic()
    learner.get_by_role("button", name="Submit the exam").click()
    sandbox.wait_for(lambda: event() is not None)
    assert time.monotonic() - clicked < SECONDS_FOR_AN_EVENT
    seen = event()
    assert seen is not None
    assert seen["event"] == "org.openedx.learning.exam.attempt.submitted.v1"
    assert seen["course"] == COURSE
    assert seen["lms_user_id"] == 102


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_tools_pages_fit_a_telephone(scheme: str, sign_in: SignIn, open_console: OpenConsole, look: Look) -> None:
    learner, proctor = sign_in("Amina Diallo"), open_console()
    for page in (learner, proctor):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.set_viewport_size({"width": 390, "height": 780})
    go_to_exam(learner, EXAM)
    learner.get_by_role("button", name="Set up proctoring").click()
    expect(learner.get_by_role("heading", name="Show us that it is you")).to_be_visible()
    look(learner, f"telephone-{scheme}-tool-check-in")
    proctor.reload()
    look(proctor, f"telephone-{scheme}-tool-console")
    proctor.get_by_role("link", name="Not checked in yet").first.click()
    expect(proctor.get_by_role("button", name="Terminate")).to_be_visible()
    look(proctor, f"telephone-{scheme}-tool-sitting")
    for page in (learner, proctor):
        overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow == 0, f"{page.url} is {overflow} pixels too wide"
