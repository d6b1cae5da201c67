# SPDX-License-Identifier: AGPL-3.0-only
"""A course whose exams the older system keeps: the learning interface asks the exam service, which passes on."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import Look
from tests.mfe.conftest import SignIn

pytestmark = [
    pytest.mark.mfe,
    pytest.mark.skipif(find_spec("edx_exams.apps.router") is None, reason="the service has no router"),
]


def test_an_exam_of_the_older_system_is_taken(sign_in: SignIn, look: Look) -> None:
    learner = sign_in("Omar Haddad")
    learner.go_to("field")
    expect(learner.page.get_by_text("Subsection is a Timed Exam (15 minutes)")).to_be_visible()
    learner.button("I am ready to start").click()
    expect(learner.question()).to_be_visible()
    look(learner.page, "mfe-older-running")
    learner.go_home("timed")
    # Another course's home: the timer goes along.
    expect(learner.timer()).to_contain_text("Field quiz")
    look(learner.page, "mfe-older-other-course")
    learner.go_to("field")
    learner.button("End My Exam").click()
    learner.button("Yes, submit my timed exam.").click()
    expect(learner.page.get_by_text("You have submitted your timed exam.")).to_be_visible()
    look(learner.page, "mfe-older-submitted")
