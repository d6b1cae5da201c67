# SPDX-License-Identifier: AGPL-3.0-only
"""Those of the course team who take an exam of their own course."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import Look
from tests.mfe.campus import Campus, Exam
from tests.mfe.conftest import SignIn

pytestmark = pytest.mark.mfe


def test_course_staff_take_an_exam_of_their_own(sign_in: SignIn, campus: Campus, look: Look) -> None:
    """To the LMS they are a learner here, as somebody is who became staff in mid-exam."""
    exams = campus.set_exams(Exam(block="timed", exam_type="timed", minutes=20))
    staff = sign_in("Frida Lindqvist")
    staff.start_timed("timed")
    look(staff.page, "mfe-staff-running")
    staff.button("End My Exam").click()
    staff.button("Yes, submit my timed exam.").click()
    expect(staff.page.get_by_text("You have submitted your timed exam.")).to_be_visible()
    (attempt,) = campus.attempts(exams["timed"], "timed")
    assert attempt["attempt_status"] == "submitted"


def test_course_staff_read_an_exam_without_taking_it(sign_in: SignIn, campus: Campus, look: Look) -> None:
    exams = campus.set_exams(Exam(block="timed", exam_type="timed", minutes=20))
    staff = sign_in("Frida Lindqvist", is_staff=True)
    staff.go_to("timed")
    expect(staff.question()).to_be_visible()
    expect(staff.button("I am ready to start")).to_have_count(0)
    look(staff.page, "mfe-staff-reading")
    assert campus.attempts(exams["timed"], "timed") == []
