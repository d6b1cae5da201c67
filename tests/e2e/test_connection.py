# SPDX-License-Identifier: AGPL-3.0-only
"""An exam without a connection: the paper stays, and what was decided offline is done when it can be."""

from __future__ import annotations

from typing import Final

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import COURSE, OTHER_COURSE, Look, SignIn
from tests.e2e.sandbox import RunningSandbox
from tests.e2e.test_sandbox import go_to_exam, hand_in, seconds_left, start

pytestmark = pytest.mark.e2e

SLOW_BYTES_PER_SECOND: Final = 50_000
SLOW_LATENCY_MILLISECONDS: Final = 400
MINUTE: Final = 60


def test_an_exam_goes_on_offline_and_recovers_by_itself(sign_in: SignIn, look: Look) -> None:
    learner = sign_in("Amina Diallo")
    go_to_exam(learner, "Midterm exam")
    start(learner)
    learner.get_by_label("drawn at random").check()

    learner.context.set_offline(True)
    expect(learner.get_by_text("The connection is lost.")).to_be_visible()
    clock = learner.get_by_role("timer")
    expect(learner.get_by_text("The clock runs on.")).to_be_visible()
    expect(learner.get_by_text("Question 1")).to_be_visible()
    learner.get_by_label("Reasons that support it").check()
    expect(clock).not_to_have_text(clock.inner_text())
    look(learner, "offline-running")
    assert learner.get_by_role("button", name="Try again").count() == 0

    learner.context.set_offline(False)
    expect(learner.get_by_text("The connection is lost.")).to_have_count(0)
    expect(learner.get_by_text("The connection is back.")).to_be_visible()
    learner.reload()
    expect(learner.get_by_label("drawn at random")).to_be_checked()
    expect(learner.get_by_label("Reasons that support it")).to_be_checked()
    hand_in(learner)


def test_a_submission_made_offline_is_sent_when_it_can_be(sign_in: SignIn, look: Look) -> None:
    learner = sign_in("Bruno Keller")
    go_to_exam(learner, "Midterm exam")
    start(learner)
    learner.get_by_role("button", name="I'm done").click()
    expect(learner.get_by_role("button", name="Submit the exam")).to_be_visible()
    learner.context.set_offline(True)
    learner.get_by_role("button", name="Submit the exam").click()
    expect(learner.get_by_role("heading", name="Your submission waits for the connection")).to_be_visible()
    look(learner, "offline-submission-waits")
    # Not sent, so it can still be taken back.
    learner.get_by_role("button", name="Back to the exam").click()
    learner.get_by_role("button", name="Submit the exam").click()
    expect(learner.get_by_role("heading", name="Your submission waits for the connection")).to_be_visible()
    learner.context.set_offline(False)
    expect(learner.get_by_role("heading", name="Submitted")).to_be_visible()


def test_time_that_runs_out_offline_says_so(sign_in: SignIn, sandbox: RunningSandbox, look: Look) -> None:
    sandbox.change_exam(OTHER_COURSE, "Projections quiz", time_limit_mins=1)
    learner = sign_in("Chiyo Tanaka")
    learner.goto(f"/learning/course/{OTHER_COURSE}")
    learner.get_by_role("link", name="Projections quiz").click()
    start(learner)
    learner.context.set_offline(True)
    expect(learner.get_by_role("heading", name="Your time is over")).to_be_visible(timeout=75_000)
    expect(learner.get_by_text("It hands the exam in by itself").first).to_be_visible()
    look(learner, "offline-time-is-over")
    learner.context.set_offline(False)
    expect(learner.get_by_role("heading", name="Submitted")).to_be_visible()
    expect(learner.get_by_role("main").get_by_text("Your time is over. The exam has been handed in.")).to_be_visible()
    look(learner, "why-it-ended")
    # Whoever comes back later is told, too.
    learner.reload()
    expect(learner.get_by_role("main").get_by_text("Your time is over. The exam has been handed in.")).to_be_visible()
    sandbox.change_exam(OTHER_COURSE, "Projections quiz", time_limit_mins=10)


def test_a_slow_network_takes_nothing_from_the_page(sign_in: SignIn) -> None:
    learner = sign_in("Amina Diallo")
    connection = learner.context.new_cdp_session(learner)
    connection.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": SLOW_LATENCY_MILLISECONDS,
            "downloadThroughput": SLOW_BYTES_PER_SECOND,
            "uploadThroughput": SLOW_BYTES_PER_SECOND,
        },
    )
    go_to_exam(learner, "Midterm exam")
    start(learner)
    expect(learner.get_by_text("Question 1")).to_be_visible()
    expect(learner.get_by_text("The connection is lost.")).to_have_count(0)
    hand_in(learner)


def test_a_wrong_time_of_day_moves_no_clock(sign_in: SignIn) -> None:
    learner = sign_in("Bruno Keller")
    go_to_exam(learner, "Midterm exam")
    start(learner)
    before = seconds_left(learner)
    set_time_of_day_back(learner, 10 * MINUTE)
    learner.wait_for_timeout(1500)
    assert before - 10 < seconds_left(learner) <= before
    expect(learner.locator("#announcer")).not_to_contain_text("You have been given more time")
    hand_in(learner)


def set_time_of_day_back(page: Page, seconds: int) -> None:
    """As somebody does who sets the computer's clock."""
    page.evaluate("seconds => { const now = Date.now; Date.now = () => now() - seconds * 1000; }", seconds)


def test_who_is_signed_out_in_mid_exam_is_told(sign_in: SignIn, look: Look) -> None:
    learner = sign_in("Chiyo Tanaka")
    go_to_exam(learner, "Midterm exam")
    start(learner)
    learner.context.clear_cookies()
    expect(learner.get_by_text("You were signed out.")).to_be_visible()
    look(learner, "signed-out-in-mid-exam")
    learner.get_by_role("button", name="Chiyo Tanaka").click()
    expect(learner.get_by_text("Question 1")).to_be_visible()
    assert COURSE in learner.url
    hand_in(learner)
