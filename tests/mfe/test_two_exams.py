# SPDX-License-Identifier: AGPL-3.0-only
"""One exam runs while the learner looks at other pages: a finished exam, one never taken, the course."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import Look
from tests.mfe.campus import Campus, Exam
from tests.mfe.conftest import SignIn
from tests.mfe.learner import Learner

pytestmark = pytest.mark.mfe

WATCHED_SECONDS: Final = 10
# A page that has been opened asks for the exam, the running attempt, and polls; once loaded it waits for a minute.
MOST_REQUESTS: Final = 8

FINISHED: Final = Exam(block="timed", exam_type="timed", minutes=20)
RUNNING: Final = Exam(block="bonus", exam_type="timed", minutes=30)

PAGES: Final[dict[str, Callable[[Learner], None]]] = {
    "finished": lambda learner: learner.go_to("timed"),
    "never-taken": lambda learner: learner.go_to("practice"),
    "course": lambda learner: learner.go_home("timed"),
    "running": lambda learner: learner.go_to("bonus"),
}
SHOWN: Final = {
    "finished": "You have submitted your timed exam.",
    "never-taken": "Try a proctored exam",
    "course": "Course home",
    "running": "Five books and a film",
}


def test_every_page_shows_the_running_exams_timer_and_stays_calm(sign_in: SignIn, campus: Campus, look: Look) -> None:
    campus.set_exams(FINISHED, RUNNING, Exam(block="practice", exam_type="practice", minutes=5))
    learner = sign_in("Amina Diallo")
    learner.start_timed("timed")
    learner.button("End My Exam").click()
    learner.button("Yes, submit my timed exam.").click()
    expect(learner.page.get_by_text("You have submitted your timed exam.")).to_be_visible()
    learner.go_to("bonus")
    learner.button("I am ready to start").click()
    expect(learner.timer()).to_be_visible()

    for name, open_page in PAGES.items():
        before = len(learner.requests)
        open_page(learner)
        expect(learner.page.get_by_role("main")).to_contain_text(SHOWN[name])
        learner.wait(WATCHED_SECONDS)
        asked = [f"{method} {path}" for _, method, path in learner.requests[before:]]
        print(f"{name}: {len(asked)} requests in {WATCHED_SECONDS} s: {asked}")
        assert len(asked) <= MOST_REQUESTS, f"{name}: {len(asked)} requests, such as {asked[-1]}"
        expect(learner.page.get_by_role("main")).to_contain_text(SHOWN[name])
        expect(learner.timer()).to_contain_text("Further exam")
        look(learner.page, f"mfe-two-exams-{name}")
