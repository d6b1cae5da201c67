# SPDX-License-Identifier: AGPL-3.0-only
"""Proctored and practice exams in the learning interface, with the sandbox's tool, which has no browser extension."""

from __future__ import annotations

import re
from typing import Final

import pytest
from playwright.sync_api import FrameLocator, Page, expect

from tests.e2e.conftest import Look
from tests.e2e.test_proctoring import check_in, order, terminate, watch
from tests.mfe.campus import Campus, Exam
from tests.mfe.conftest import SignIn
from tests.mfe.learner import Learner

pytestmark = pytest.mark.mfe

# The library looks for the extension this long, in seconds, before it ends the exam in an error.
LIBRARY_WAITS_SECONDS: Final = 5
TOLERANCE_SECONDS: Final = 6
SUBMITTED: Final = "You have submitted this proctored exam for review"


def set_up(learner: Learner, block: str, name: str) -> FrameLocator:
    """From the exam's entrance by way of the tool's check-in to our ready page, which holds the exam in a frame."""
    learner.go_to(block)
    learner.button("Continue to my").click()
    learner.button("Start System Check").click()
    check_in(learner.page, name)
    return exam_frame(learner)


def exam_frame(learner: Learner) -> FrameLocator:
    """The exam as the ready page of the exam service holds it."""
    expect(learner.page).to_have_url(re.compile(f"^{re.escape(learner.campus.sandbox.exams_url)}/"))
    frame = learner.page.frame_locator("iframe")
    expect(frame.get_by_role("heading").first).to_be_visible()
    return frame


def status_of(campus: Campus, exam_id: int, block: str = "proctored") -> str:
    """The newest attempt's status."""
    return str(campus.attempts(exam_id, block)[0]["attempt_status"])


def test_a_proctored_exam_from_check_in_to_verdict(sign_in: SignIn, proctor: Page, campus: Campus, look: Look) -> None:
    exams = campus.set_exams(Exam(block="proctored", exam_type="proctored", minutes=30))
    learner = sign_in("Amina Diallo")
    page = learner.page
    learner.go_to("proctored")
    expect(page.get_by_text("This exam is proctored")).to_be_visible()
    look(page, "mfe-proctored-entrance")
    learner.button("Continue to my proctored exam.").click()
    expect(learner.button("Start System Check")).to_be_visible()
    look(page, "mfe-proctored-set-up")
    learner.button("Start System Check").click()
    check_in(page, "Amina Diallo")

    frame = exam_frame(learner)
    expect(learner.button("Start exam", where=frame)).to_be_visible()
    look(page, "mfe-proctored-ready")
    learner.button("Start exam", where=frame).click()
    expect(learner.question(frame)).to_be_visible()
    learner.wait(LIBRARY_WAITS_SECONDS + 2)
    assert status_of(campus, exams["proctored"]) == "started"
    look(page, "mfe-proctored-running")

    # Coming back: the library looks for the extension again, and the ready page answers again.
    page.reload()
    frame = exam_frame(learner)
    expect(learner.question(frame)).to_be_visible()
    frame.get_by_role("link", name="Unit 2").click()
    expect(frame.get_by_role("article", name="Unit 2")).to_contain_text("Question 1")
    learner.wait(LIBRARY_WAITS_SECONDS + 2)
    assert status_of(campus, exams["proctored"]) == "started"

    learner.button("End My Exam", where=frame).click()
    expect(frame.get_by_text("Are you sure you want to end your proctored exam?")).to_be_visible()
    look(page, "mfe-proctored-end")
    learner.button("Yes, end my proctored exam", where=frame).click()
    # The tool says good-bye, wherever it was opened.
    learner.wait_until(lambda: status_of(campus, exams["proctored"]) == "submitted", 20)
    learner.wait(2)
    look(page, "mfe-proctored-goodbye")

    learner.go_to("proctored")
    expect(page.get_by_text(SUBMITTED)).to_be_visible()
    look(page, "mfe-proctored-submitted")
    watch(proctor, "Amina Diallo")
    terminate(proctor, "0.1")
    page.reload()
    expect(page.get_by_text("Your proctoring session was reviewed successfully.")).to_be_visible()
    look(page, "mfe-proctored-verified")
    campus.judge(campus.attempts(exams["proctored"], "proctored")[0]["attempt_id"], "reject")
    page.reload()
    expect(page.get_by_text("did not pass all requirements")).to_be_visible()
    look(page, "mfe-proctored-rejected")


def test_a_pause_in_the_last_minute_hands_nothing_in(
    sign_in: SignIn, proctor: Page, campus: Campus, look: Look
) -> None:
    exams = campus.set_exams(Exam(block="proctored", exam_type="proctored", minutes=2))
    learner = sign_in("Bruno Keller")
    frame = set_up(learner, "proctored", "Bruno Keller")
    learner.button("Start exam", where=frame).click()
    expect(learner.timer(frame)).to_be_visible()
    watch(proctor, "Bruno Keller")
    # After the page's last poll, at 60 seconds.
    learner.wait_until(lambda: learner.seconds_left(frame) <= 51, 90)
    order(proctor, "Pause", "paused")
    learner.wait(30)
    order(proctor, "Resume", "running")
    # The page's own clock has passed zero when it asks again: with the right clock.
    learner.wait_until(lambda: learner.seconds_left(frame) <= 1, 40)
    learner.wait_until(lambda: learner.seconds_left(frame) > 5, 20)
    assert status_of(campus, exams["proctored"]) == "started"
    look(learner.page, "mfe-pause-in-the-last-minute")
    learner.wait_until(lambda: status_of(campus, exams["proctored"]) == "submitted", 60)
    expect(frame.get_by_text(SUBMITTED)).to_be_visible()


def test_practice_with_a_tool_and_again_after_an_error(
    sign_in: SignIn, proctor: Page, campus: Campus, look: Look
) -> None:
    exams = campus.set_exams(Exam(block="practice", exam_type="practice", minutes=5))
    learner = sign_in("Chiyo Tanaka")
    frame = set_up(learner, "practice", "Chiyo Tanaka")
    look(learner.page, "mfe-practice-ready")
    learner.button("Start exam", where=frame).click()
    expect(learner.question(frame)).to_be_visible()
    look(learner.page, "mfe-practice-running")
    watch(proctor, "Chiyo Tanaka")
    terminate(proctor, "0.9", reason="Left the exam's page")
    learner.go_to("practice")
    expect(learner.page.get_by_text("There was a problem with your practice proctoring session")).to_be_visible()
    look(learner.page, "mfe-practice-error")

    learner.button("Retry my exam").click()
    learner.button("Start System Check").click()
    check_in(learner.page, "Chiyo Tanaka")
    frame = exam_frame(learner)
    learner.button("Start exam", where=frame).click()
    expect(learner.question(frame)).to_be_visible()
    learner.button("End My Exam", where=frame).click()
    learner.button("Yes, end my proctored exam", where=frame).click()
    learner.wait_until(lambda: status_of(campus, exams["practice"], "practice") == "submitted", 20)
    learner.go_to("practice")
    expect(learner.page.get_by_text("You have submitted this practice proctored exam")).to_be_visible()
    look(learner.page, "mfe-practice-submitted")


def test_practice_without_a_tool(sign_in: SignIn, campus: Campus, look: Look) -> None:
    """The course's provider has no tool: the check is passed at once, and the learner is back at the exam."""
    exams = campus.set_exams(Exam(block="quiz", exam_type="practice", minutes=5))
    learner = sign_in("Amina Diallo")
    learner.go_to("quiz")
    learner.button("Continue to my practice exam.").click()
    learner.button("Start System Check").click()
    expect(learner.button("Start exam")).to_be_visible()
    expect(learner.page.get_by_text("You have 5 minutes to complete this exam.")).to_be_visible()
    look(learner.page, "mfe-practice-without-tool-ready")
    learner.button("Start exam").click()
    expect(learner.question()).to_be_visible()
    look(learner.page, "mfe-practice-without-tool-running")
    learner.button("End My Exam").click()
    learner.button("Yes, end my proctored exam").click()
    expect(learner.page.get_by_text("You have submitted this practice proctored exam")).to_be_visible()
    look(learner.page, "mfe-practice-without-tool-submitted")
    assert status_of(campus, exams["quiz"], "quiz") == "submitted"
