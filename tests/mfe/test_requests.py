# SPDX-License-Identifier: AGPL-3.0-only
"""The requests that a learner's page makes in ten minutes of an exam."""

from __future__ import annotations

from collections import Counter
from typing import Final

import pytest
from playwright.sync_api import expect

from tests.mfe.campus import Campus, Exam
from tests.mfe.conftest import SignIn

pytestmark = pytest.mark.mfe

MINUTES: Final = 10
STEP_MILLISECONDS: Final = 5000
# The exam with the attempt, the running attempt, the token for the content, and the timer's first poll.
OPENING: Final = 4
OPENING_SECONDS: Final = 20
STEPS: Final = MINUTES * 60_000 // STEP_MILLISECONDS


def test_a_running_exams_page_asks_once_a_minute(sign_in: SignIn, campus: Campus) -> None:
    """The browser's clock is wound on; each request is a real one, answered by the real service."""
    campus.set_exams(Exam(block="timed", exam_type="timed", minutes=60))
    learner = sign_in("Omar Haddad")
    learner.page.clock.install()
    learner.start_timed("timed")
    learner.requests.clear()
    learner.go_to("timed")
    expect(learner.question()).to_be_visible()
    learner.wait_until(lambda: len(learner.requests) >= OPENING, OPENING_SECONDS)
    print(f"Opened: {[path for _, _, path in learner.requests]}")
    assert len(learner.requests) == OPENING
    learner.requests.clear()
    for _ in range(STEPS):
        learner.page.clock.run_for(STEP_MILLISECONDS)
    expect(learner.question()).to_be_visible()
    asked = Counter(f"{method} {path.partition('?')[0]}" for _, method, path in learner.requests)
    print(f"{asked.total()} requests in {MINUTES} minutes: {dict(asked)}")
    assert set(asked) == {"GET /api/v1/exams/attempt/latest"}
    assert MINUTES - 1 <= asked.total() <= MINUTES + 1
