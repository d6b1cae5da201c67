# SPDX-License-Identifier: AGPL-3.0-only
"""Timed exams in the learning interface, from entrance to result."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import Look
from tests.mfe.campus import Campus, Exam
from tests.mfe.conftest import SignIn

pytestmark = pytest.mark.mfe

SUBMITTED: Final = "You have submitted your timed exam."
# What may pass between reading two clocks on a busy machine.
TOLERANCE_SECONDS: Final = 6
# The library holds at 0:00 this long before it hands in.
GRACE_SECONDS: Final = 5


def test_a_learner_takes_a_timed_exam(sign_in: SignIn, campus: Campus, look: Look) -> None:
    campus.set_exams(Exam(block="timed", exam_type="timed", minutes=20))
    learner = sign_in("Amina Diallo")
    page = learner.page
    learner.go_to("timed")
    expect(page.get_by_text("Subsection is a Timed Exam (20 minutes)")).to_be_visible()
    expect(learner.question()).to_have_count(0)
    look(page, "mfe-timed-entrance")
    learner.button("I am ready to start").click()
    expect(learner.question()).to_be_visible()
    assert 20 * 60 - TOLERANCE_SECONDS <= learner.seconds_left() <= 20 * 60
    look(page, "mfe-timed-running")

    page.reload()
    expect(learner.question()).to_be_visible()
    assert 20 * 60 - 3 * TOLERANCE_SECONDS <= learner.seconds_left() < 20 * 60
    page.get_by_role("link", name="Unit 2").click()
    expect(page.get_by_role("article", name="Unit 2")).to_contain_text("Question 1")
    page.get_by_role("link", name="Course home").click()
    expect(learner.timer()).to_contain_text("Midterm exam")
    look(page, "mfe-timed-course-home")

    learner.timer().get_by_role("link", name="Midterm exam").click()
    expect(learner.question()).to_be_visible()
    learner.button("End My Exam").click()
    expect(page.get_by_text("Are you sure that you want to submit your timed exam?")).to_be_visible()
    expect(learner.question()).to_have_count(0)
    look(page, "mfe-timed-end")
    learner.button("No, I'd like to continue working").click()
    expect(learner.question()).to_be_visible()
    learner.button("End My Exam").click()
    learner.button("Yes, submit my timed exam.").click()
    expect(page.get_by_text(SUBMITTED)).to_be_visible()
    expect(learner.timer()).to_have_count(0)
    look(page, "mfe-timed-submitted")


def test_time_that_is_over_hands_the_exam_in(sign_in: SignIn, campus: Campus, look: Look) -> None:
    exams = campus.set_exams(Exam(block="timed", exam_type="timed", minutes=1))
    learner = sign_in("Bruno Keller")
    learner.start_timed("timed")
    learner.wait_until(lambda: learner.page.get_by_text("The time allotted for this exam has expired").is_visible(), 80)
    look(learner.page, "mfe-timed-out")
    (attempt,) = campus.attempts(exams["timed"], "timed")
    assert attempt["attempt_status"] == "submitted"
    assert ends_after(attempt) == timedelta(minutes=1)


def ends_after(attempt: dict[str, str]) -> timedelta:
    return datetime.fromisoformat(attempt["end_time"]) - datetime.fromisoformat(attempt["start_time"])


def test_minutes_granted_in_the_last_seconds_are_used(sign_in: SignIn, campus: Campus, look: Look) -> None:
    exams = campus.set_exams(Exam(block="timed", exam_type="timed", minutes=1))
    learner = sign_in("Chiyo Tanaka")
    learner.start_timed("timed")
    learner.wait_until(lambda: learner.seconds_left() <= 4, 70)
    campus.give_minutes("timed", exams["timed"], "chiyo", 10)
    # The page knows nothing of it: at its own zero it hands in, is told that all is well, asks again and goes on.
    learner.wait_until(lambda: learner.seconds_left() > 60, 4 + GRACE_SECONDS + TOLERANCE_SECONDS)
    assert learner.seconds_left() == pytest.approx(10 * 60 - GRACE_SECONDS, abs=TOLERANCE_SECONDS)
    expect(learner.question()).to_be_visible()
    look(learner.page, "mfe-late-minutes")
    (attempt,) = campus.attempts(exams["timed"], "timed")
    assert attempt["attempt_status"] == "started"
    assert sum(method == "PUT" for _, method, _ in learner.requests) == 1

    # It still can be handed in, and on purpose.
    learner.button("End My Exam").click()
    learner.button("Yes, submit my timed exam.").click()
    # The library remembers its own zero, and says that time was over.
    expect(learner.page.get_by_text("Your exam has been submitted")).to_be_visible()


def test_a_due_date_moved_under_a_running_attempt_locks_nobody_out(sign_in: SignIn, campus: Campus, look: Look) -> None:
    campus.set_exams(Exam(block="timed", exam_type="timed", minutes=20))
    learner = sign_in("Amina Diallo")
    learner.start_timed("timed")
    past = datetime.now(UTC) - timedelta(days=1)
    campus.set_exams(Exam(block="timed", exam_type="timed", minutes=20, due=past))
    learner.page.reload()
    expect(learner.question()).to_be_visible()
    assert learner.seconds_left() > 20 * 60 - 3 * TOLERANCE_SECONDS
    look(learner.page, "mfe-due-date-moved")
    learner.button("End My Exam").click()
    learner.button("No, I'd like to continue working").click()
    expect(learner.question()).to_be_visible()
    learner.button("End My Exam").click()
    learner.button("Yes, submit my timed exam.").click()
    # Past due and not hidden: the library shows the content again, and the service opens it.
    expect(learner.question()).to_be_visible()
    expect(learner.timer()).to_have_count(0)
    look(learner.page, "mfe-due-date-moved-submitted")


def test_the_entrance_promises_what_the_learner_would_get(sign_in: SignIn, campus: Campus, look: Look) -> None:
    due = datetime.now(UTC) + timedelta(minutes=2, seconds=50)
    exams = campus.set_exams(Exam(block="timed", exam_type="timed", minutes=30, due=due))
    learner = sign_in("Bruno Keller")
    learner.go_to("timed")
    expect(learner.page.get_by_text("Subsection is a Timed Exam (2 minutes)")).to_be_visible()
    look(learner.page, "mfe-entrance-before-due-date")
    learner.button("I am ready to start").click()
    expect(learner.question()).to_be_visible()
    assert learner.seconds_left() <= 2 * 60
    (attempt,) = campus.attempts(exams["timed"], "timed")
    assert attempt["allowed_time_limit_mins"] == 2


@pytest.mark.parametrize("verdict", ["verify", "reject"])
def test_a_verdict_on_a_timed_exam_leaves_no_empty_page(
    verdict: str, sign_in: SignIn, campus: Campus, look: Look
) -> None:
    exams = campus.set_exams(Exam(block="timed", exam_type="timed", minutes=20))
    learner = sign_in("Chiyo Tanaka")
    learner.start_timed("timed")
    learner.button("End My Exam").click()
    learner.button("Yes, submit my timed exam.").click()
    expect(learner.page.get_by_text(SUBMITTED)).to_be_visible()
    (attempt,) = campus.attempts(exams["timed"], "timed")
    campus.judge(attempt["attempt_id"], verdict)
    learner.page.reload()
    expect(learner.page.get_by_text(SUBMITTED)).to_be_visible()
    look(learner.page, f"mfe-timed-{verdict}")
